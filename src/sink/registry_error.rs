//! What a schema registry can refuse, with the fix as the last clause.

use crate::failure::Class;

/// Why schemas cannot be made known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// No address answers, or not now.
    #[error(
        "schema {subject} cannot be made known, since no schema registry answers at {urls} ({reason}), check sink.registry.urls and that it runs"
    )]
    Silent {
        /// The subject.
        subject: String,
        /// Where it was asked.
        urls: String,
        /// What happened at the last one.
        reason: String,
    },
    /// The registry does not let the connector in.
    #[error(
        "the schema registry at {url} refuses to take schema {subject} from this connector ({reason}), correct username and password, or token, of \
         sink.registry, or grant it the right to register schemas"
    )]
    NotLetIn {
        /// The subject.
        subject: String,
        /// Who refuses.
        url: String,
        /// What it says.
        reason: String,
    },
    /// What answers is no registry.
    #[error("what answers at {url} is no schema registry ({reason}), correct sink.registry.urls")]
    NotARegistry {
        /// Who answers.
        url: String,
        /// What it says.
        reason: String,
    },
    /// The registry does not take the schema.
    #[error(
        "the schema registry at {url} refuses schema {subject} ({reason}), leave the table out or correct the registry's rules"
    )]
    Refused {
        /// The subject.
        subject: String,
        /// Who refuses.
        url: String,
        /// What it says.
        reason: String,
    },
    /// The schema is not compatible with the one before it.
    #[error(
        "the new schema {subject} is not compatible with the last one at {url} ({reason}), lower the subject's compatibility there, or set \
         sink.registry.on_incompatible = \"force\""
    )]
    Incompatible {
        /// The subject.
        subject: String,
        /// Who refuses.
        url: String,
        /// What it says, with the field.
        reason: String,
    },
    /// The schema is not there, and is not to be registered.
    #[error(
        "schema {subject} is not at {url}, register it there, or set sink.registry.register = true"
    )]
    NotRegistered {
        /// The subject.
        subject: String,
        /// Who was asked.
        url: String,
    },
    /// Two tables would have the same subject.
    #[error(
        "schemas of {first} and {second} would both be subject {subject}, set sink.registry.subject_name_strategy = \"topic_record\""
    )]
    SubjectCollision {
        /// The subject.
        subject: String,
        /// The table that has it.
        first: String,
        /// The table that would have it too.
        second: String,
    },
}

impl RegistryError {
    /// What it means.
    pub fn class(&self) -> Class {
        match self {
            Self::Silent { .. } => Class::Transient,
            Self::NotLetIn { .. }
            | Self::Refused { .. }
            | Self::Incompatible { .. }
            | Self::NotRegistered { .. } => Class::Refused,
            Self::NotARegistry { .. } | Self::SubjectCollision { .. } => Class::Configuration,
        }
    }
}
