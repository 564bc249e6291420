//! A folder of a file sink looked at without taking it. Blocks on the disk.

use super::series::data_files;
use super::{FileOptions, manifest};
use super::{avro, lines};
use crate::encode::Format;
use crate::fault::FileRole;
use crate::finding::Finding;
use crate::metrics::one_line;
use crate::sink::SinkError;
use crate::state::{LOCK_NAME, LockFile, WantedFolder, room};

/// What is to be said of the folder of a connector.
pub fn findings(options: &FileOptions, connector: &str) -> Vec<Finding> {
    let folder = &options.folder;
    let is_avro = options.format == Format::Avro;
    let suffix = if is_avro { avro::SUFFIX } else { lines::SUFFIX };
    let mut findings = room::findings(WantedFolder {
        path: folder,
        check: "sink_folder",
        key: "folder",
        bytes: options.rotate_bytes.as_u64(),
    });
    if !room::is_folder(folder) {
        // Nothing can be read there either.
        return findings;
    }
    let place = std::path::absolute(folder).unwrap_or_else(|_| folder.clone());
    let place = place.display().to_string();
    let refused = |check, error: &SinkError| {
        Finding::fatal(check, error.class(), one_line(error)).at(place.clone())
    };
    match LockFile::peek(folder, FileRole::DataLock) {
        Ok(None) => {}
        Ok(Some(_)) => {
            let path = folder.join(LOCK_NAME);
            findings.push(refused("sink_lock", &SinkError::Locked { path }));
        }
        Err(error) => findings.push(refused("sink_lock", &error.into())),
    }
    match manifest::read_of(folder, connector) {
        Ok(Some(contents)) => {
            let at = &contents.checkpoint.coordinates;
            let what = format!("its manifest is whole, and ends at {at}");
            findings.push(Finding::ok("manifest", what).at(place.clone()));
        }
        Ok(None) if folder.is_dir() => findings.extend(match data_files(folder, suffix) {
            Ok(names) => names.first().map(|name| {
                let error = SinkError::ManifestMissing {
                    path: folder.join(manifest::NAME),
                    data_file: name.to_string(),
                };
                refused("manifest", &error)
            }),
            Err(error) => Some(refused("manifest", &error)),
        }),
        Ok(None) => {}
        Err(error) => findings.push(refused("manifest", &error)),
    }
    findings
}
