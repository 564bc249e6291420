//! A live source: checked, asked where to begin, and read as a replica reads it.

mod address;
mod columns;
mod consistent;
mod copy_rights;
pub(super) mod dump;
mod from_file;
mod hosts;
mod options;
mod preflight;
mod receiver;
mod refusal;
mod relation;
mod remedy;
mod retention;
pub(super) mod session;
mod settings;
mod snapshot_options;
mod standing;
mod start;
pub(super) mod statements;
mod survey;
mod tables;
mod undecided;
pub(super) mod walk;

pub use address::HostAddress;
pub use columns::refuse_computed;
pub use consistent::TableView;
pub use hosts::choose;
pub use options::{OptionProblem, ServerOptions};
pub(super) use options::{choice, domains_problem};
pub use preflight::SourceFacts;
pub use receiver::Live;
pub use snapshot_options::{Locking, SnapshotOptions, SnapshotWhen};
pub use start::{Checked, Resolved, check};
pub use survey::{Survey, Wanted, survey};
pub use tables::SurveyedTable;
