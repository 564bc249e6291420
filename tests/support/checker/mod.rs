//! The checker: a workload on a real source, rowtap as a process, a reader of its output, and checks by name.
//!
//! | module | what it is for |
//! |---|---|
//! | `workload` | clients whose transactions can be told from what they leave |
//! | `scenario` | puts the others together: a source, rowtap, a target, crashes, and all checks |
//! | `rowtap`, `crash` | run the binary, kill it, wait for what it says of itself |
//! | `files`, `topics` | read the output, and nothing but the output |
//! | `stream` | the output as groups in the source's order |
//! | `verify` | the checks that need the output alone |
//! | `rebuild` | the output applied to an empty server, and that compared with the source |

mod crash;
pub mod files;
mod findings;
mod json;
mod output;
pub mod rebuild;
mod rowtap;
mod scenario;
pub mod stream;
pub mod topics;
mod verify;
mod workload;

use super::random;

#[allow(unused_imports, reason = "a suite takes of the checker what it needs")]
pub use {
    crash::Moment,
    findings::{Check, Findings},
    json::Json,
    output::{Change, Output, Row, TableName},
    random::Random,
    rowtap::{Connector, Ended, Run},
    scenario::{Scenario, Sink, hold_against},
    verify::{Truth, check_output},
    workload::{NOISE, Running, Tally, Workload},
};
