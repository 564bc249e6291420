//! What a failure means: whether trying again may help, whose fault it is, and the exit code of a process that ends with it.
//!
//! Every error that can end a run or a command has a method `class`. The retry loop and the command line look at that class
//! and at nothing else. An error that nobody has classified is permanent.

/// What a failure means for whoever must deal with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// No failure: the reader of the standard output had enough and went away.
    CleanEnd,
    /// The network, a server or a disk is not ready now; starting again from the checkpoint may help.
    Transient,
    /// A disk is full; starting again from the checkpoint helps once there is room.
    DiskFull,
    /// A bug in rowtap, or something that nobody foresaw.
    Bug,
    /// The command line is wrong.
    Arguments,
    /// The data cannot be decoded or trusted.
    Data,
    /// The source or the target refuses until a person changes something there.
    Refused,
    /// A folder, a file or the standard output of this machine cannot be written.
    CannotWrite,
    /// Transient failures followed each other until the last try was used up.
    GaveUp,
    /// Another process holds what this one needs.
    Fenced,
    /// A connector's configuration is wrong.
    Configuration,
}

impl Class {
    /// Whether starting again from the checkpoint may succeed.
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Transient | Self::DiskFull)
    }

    /// Whether the process ends as it was meant to.
    pub fn is_clean_end(self) -> bool {
        self == Self::CleanEnd
    }

    /// The exit code of a process that ends with such a failure, as `sysexits.h` numbers it where it has a name for it.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::CleanEnd => 0,
            Self::Bug => 1,
            Self::Arguments => 2,
            Self::Data => 65,
            Self::Refused => 69,
            Self::CannotWrite | Self::DiskFull => 73,
            Self::Transient | Self::GaveUp => 75,
            Self::Fenced => 76,
            Self::Configuration => 78,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_the_exit_code_that_the_manual_promises() {
        for (class, code) in [
            (Class::CleanEnd, 0),
            (Class::Bug, 1),
            (Class::Arguments, 2),
            (Class::Data, 65),
            (Class::Refused, 69),
            (Class::CannotWrite, 73),
            (Class::DiskFull, 73),
            (Class::Transient, 75),
            (Class::GaveUp, 75),
            (Class::Fenced, 76),
            (Class::Configuration, 78),
        ] {
            assert_eq!(class.exit_code(), code, "{class:?}");
            let is_transient = matches!(class, Class::Transient | Class::DiskFull);
            assert_eq!(class.is_transient(), is_transient);
            assert_eq!(class.is_clean_end(), code == 0);
        }
    }
}
