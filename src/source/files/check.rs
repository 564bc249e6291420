//! Binlog files looked at before a connector reads them.

use super::archive::Archive;
use super::options::{DefinedBy, FilesOptions};
use crate::change::Checkpoint;
use crate::finding::Finding;
use crate::metrics::one_line;
use crate::source::definitions::writer_of;
use crate::source::error::SourceError;
use crate::source::server::Survey;

/// What is to be said of a source of files, of which the connector goes on at `from`.
pub async fn survey_files(options: &FilesOptions, from: Option<Checkpoint>) -> Survey {
    let fatal = |check, error: &SourceError| Finding::fatal(check, error.class(), one_line(error));
    let archive = match Archive::open(options, from).await {
        Ok(archive) => archive,
        Err(error) => {
            return Survey {
                findings: vec![fatal("files", &error)],
                tables: None,
            };
        }
    };
    let at = &archive.checkpoint.coordinates;
    let name = archive.flavour.name();
    let mut findings = vec![Finding::ok(
        "files",
        format!("the files are {name}'s, and the stream begins at {at}"),
    )];
    findings.push(match &options.definitions {
        Some(DefinedBy::Server(server)) => match writer_of(server, archive.server_id).await {
            Ok(_) => Finding::ok("definitions", "the server that wrote the files answers"),
            Err(error) => fatal("definitions", &error),
        },
        Some(DefinedBy::Journal(path)) => Finding::note(
            "definitions",
            format!("definitions are those of the state folder {}", path.display()),
        ),
        None => Finding::note(
            "definitions",
            "nobody tells definitions: tables must be created in the files, or named in their metadata",
        ),
    });
    Survey {
        findings,
        tables: None,
    }
}
