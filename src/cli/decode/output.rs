//! The standard output, which holds data only.

use std::io::{self, Write as _};

use super::error::DecodeError;

/// Writes bytes; a reader that went away is told apart from an output that fails.
pub(super) fn print(bytes: &[u8]) -> Result<(), DecodeError> {
    let mut output = io::stdout().lock();
    let written = output.write_all(bytes).and_then(|()| output.flush());
    written.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => DecodeError::OutputClosed,
        _other => DecodeError::Output(error),
    })
}
