//! What the commands share that order something of a connector, which mostly runs.

use std::io;

use super::each::Refused;
use crate::failure::Class;
use crate::state::{Answer, ControlError, StateError};

/// Why an order was not carried out.
#[derive(Debug, thiserror::Error)]
pub(super) enum OrderRefusal {
    #[error("state folder")]
    State(#[from] StateError),
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error("{message}")]
    Answered { class: Class, message: String },
    #[error("cannot start")]
    Runtime(#[source] io::Error),
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
}

impl Refused for OrderRefusal {
    fn class(&self) -> Class {
        match self {
            Self::State(error) => error.class(),
            Self::Control(error) => error.class(),
            Self::Answered { class, .. } => *class,
            Self::Runtime(_) => Class::Bug,
            // Whoever reads has seen enough.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Class::CleanEnd,
            Self::Output(_) => Class::CannotWrite,
        }
    }
}

/// What a connector said to an order that it has carried out.
pub(super) fn told(answer: Answer) -> Result<String, OrderRefusal> {
    match answer {
        Answer::Done(text) => Ok(text),
        Answer::Refused { class, message } => Err(OrderRefusal::Answered { class, message }),
    }
}
