//! How the process ends, for whoever started it.

use std::process::{ExitCode, Termination};

use crate::failure::Class;

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, or stopped as asked.
    Done,
    /// With a failure.
    Failed(Class),
}

impl From<Class> for Exit {
    fn from(class: Class) -> Self {
        match class.is_clean_end() {
            true => Self::Done,
            false => Self::Failed(class),
        }
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        match self {
            Self::Done => ExitCode::SUCCESS,
            Self::Failed(class) => ExitCode::from(class.exit_code()),
        }
    }
}
