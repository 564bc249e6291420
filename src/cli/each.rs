//! What the commands about the connectors of one file share: they read it, act on each, and end with what an error means.

use std::error::Error;
use std::path::PathBuf;

use super::environment::variables;
use super::{Exit, LogFormat};
use crate::config;
use crate::failure::Class;
use crate::pipeline::Connector;

/// Why a command does not do what it was asked for.
pub(super) trait Refused: Error + 'static {
    /// What it means.
    fn class(&self) -> Class;
}

/// Acts on each connector of a file until one refuses.
pub(super) fn each_connector<R: Refused>(
    path: &PathBuf,
    log: LogFormat,
    act: impl Fn(&Connector) -> Result<(), R>,
) -> Exit {
    let connectors = match config::load(std::slice::from_ref(path), &variables()) {
        Ok(connectors) => connectors,
        Err(error) => {
            log.fail_each(&error);
            return error.class().into();
        }
    };
    for connector in &connectors {
        if let Err(refusal) = act(connector) {
            if !refusal.class().is_clean_end() {
                log.fail(Some(&connector.name), &refusal);
            }
            return refusal.class().into();
        }
    }
    Exit::Done
}
