//! Exit codes: what became of the process, for whoever started it. They follow `sysexits.h` where it has one.

use std::process::{ExitCode, Termination};

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, or stopped as asked.
    Done,
    /// A bug, or something without a class.
    Bug,
    /// Wrong arguments.
    Usage,
    /// Data that cannot be decoded or trusted.
    Data,
    /// The source or the target refuses.
    Refused,
    /// A folder cannot be written.
    CannotWrite,
    /// The source or the target stayed out of reach.
    GaveUp,
    /// Another instance runs the connector.
    Fenced,
    /// The configuration is wrong.
    Configuration,
}

impl Exit {
    const ALL: [Self; 9] = [
        Self::Done,
        Self::Bug,
        Self::Usage,
        Self::Data,
        Self::Refused,
        Self::CannotWrite,
        Self::GaveUp,
        Self::Fenced,
        Self::Configuration,
    ];

    /// The number that the parent process sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Bug => 1,
            Self::Usage => 2,
            Self::Data => 65,
            Self::Refused => 69,
            Self::CannotWrite => 73,
            Self::GaveUp => 75,
            Self::Fenced => 76,
            Self::Configuration => 78,
        }
    }

    /// The end with that number; a bug for a number that none has.
    pub fn of(code: u8) -> Self {
        let found = Self::ALL.into_iter().find(|exit| exit.code() == code);
        found.unwrap_or(Self::Bug)
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_has_a_number_of_its_own() {
        for exit in Exit::ALL {
            assert_eq!(Exit::of(exit.code()), exit);
        }
        assert_eq!(Exit::of(99), Exit::Bug);
    }
}
