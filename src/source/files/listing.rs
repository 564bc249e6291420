//! The binlog files of a connector, in the order in which their server wrote them.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::joined::is_no_relay_log;
use super::series::BinlogSeries;
use super::series::{read_index, successor};
use super::splitter::{BinlogExtent, EVENT_BYTES_MAX, Splitter};
use crate::binlog::{Coordinates, FormatDescription, Header};
use crate::mysql::Flavour;
use crate::source::file_error::BinlogFileError;
use crate::source::input::InputPath;

/// Files whose names have one number after the other.
#[derive(Clone, Debug)]
pub(in crate::source) struct Listing {
    files: Vec<PathBuf>,
}

/// What a file's first event tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::source) struct Described {
    pub(in crate::source) flavour: Flavour,
    pub(in crate::source) server_id: u32,
    /// When the file was begun, in seconds since 1970.
    pub(in crate::source) begun: u32,
}

impl Listing {
    /// Lists the files, or those that an index file names, and makes sure that none is missing between two of them.
    pub(in crate::source) fn new(
        files: &[PathBuf],
        index: Option<&Path>,
    ) -> Result<Self, BinlogFileError> {
        let files = match index {
            Some(index) => read_index(index)?,
            None => files.to_vec(),
        };
        for pair in files.windows(2) {
            let [one, next] = pair else { continue };
            let (expected, found) = (name_behind(one), name(next));
            if expected.as_deref() != Some(&*found) {
                return Err(BinlogFileError::Gap {
                    after: name(one).to_string(),
                    expected: expected.unwrap_or_else(|| "a number after a dot".to_owned()),
                    found: found.to_string(),
                });
            }
        }
        for path in &files {
            let metadata = fs::metadata(path).map_err(|source| BinlogFileError::Io {
                path: path.clone(),
                source,
            })?;
            if !metadata.is_file() {
                return Err(BinlogFileError::NotAFile { path: path.clone() });
            }
        }
        Ok(Self { files })
    }

    pub(in crate::source) fn first(&self) -> Arc<str> {
        self.files
            .first()
            .map_or_else(|| "".into(), |path| name(path))
    }

    pub(in crate::source) fn last(&self) -> Arc<str> {
        self.files
            .last()
            .map_or_else(|| "".into(), |path| name(path))
    }

    /// The file of that name.
    pub(in crate::source) fn path(&self, file: &str) -> Option<&Path> {
        let found = self.files.iter().find(|path| *name(path) == *file);
        found.map(PathBuf::as_path)
    }

    /// The file that the server will go on in, if it has that name.
    pub(in crate::source) fn awaited(&self, file: &str) -> Option<PathBuf> {
        let last = self.files.last()?;
        let next = successor(last)?;
        (next.file_name()?.to_str()? == file).then_some(next)
    }

    /// The files from that one on, to be read from its position on; none if there is no such file.
    pub(in crate::source) fn series(
        &self,
        from: &Coordinates,
    ) -> Result<BinlogSeries, BinlogFileError> {
        let files = self
            .files
            .iter()
            .skip_while(|path| *name(path) != *from.file);
        self.series_of(files.cloned().collect(), from.position)
    }

    /// The one file, from its position on.
    pub(in crate::source) fn series_of_one(
        &self,
        from: &Coordinates,
    ) -> Result<BinlogSeries, BinlogFileError> {
        let file = self.path(&from.file).map(Path::to_owned);
        self.series_of(file.into_iter().collect(), from.position)
    }

    fn series_of(
        &self,
        files: VecDeque<PathBuf>,
        start: u64,
    ) -> Result<BinlogSeries, BinlogFileError> {
        let extent = BinlogExtent {
            start,
            ..BinlogExtent::default()
        };
        Ok(BinlogSeries::of(
            files.into_iter().map(InputPath::File).collect(),
            extent,
            EVENT_BYTES_MAX,
        ))
    }
}

/// Reads what a file's first event tells.
pub(in crate::source) fn describe(path: &Path) -> Result<Described, BinlogFileError> {
    let place = InputPath::File(path.to_owned());
    let mut splitter = Splitter::new(place.clone(), BinlogExtent::default(), EVENT_BYTES_MAX);
    let damaged = || BinlogFileError::NoDescription {
        path: path.to_owned(),
    };
    let first = splitter.read()?.ok_or_else(damaged)?;
    let event = &*first.chunk.buffer;
    is_no_relay_log(&place, event)?;
    let header = Header::parse(event).map_err(|_| damaged())?;
    let format = FormatDescription::parse(event.get(Header::LEN..).unwrap_or_default());
    let format = format.map_err(|_| damaged())?;
    Ok(Described {
        flavour: format.flavour(),
        server_id: header.server_id,
        begun: header.timestamp,
    })
}

/// The size of a file, where it tells how many bytes the binlog in it has.
pub(in crate::source) fn size(path: &Path) -> Result<Option<u64>, BinlogFileError> {
    let metadata = fs::metadata(path).map_err(|source| BinlogFileError::Io {
        path: path.to_owned(),
        source,
    })?;
    let is_plain = path.file_name().and_then(|name| name.to_str()) == Some(&*name(path));
    Ok(is_plain.then_some(metadata.len()))
}

fn name(path: &Path) -> Arc<str> {
    InputPath::File(path.to_owned()).name()
}

fn name_behind(path: &Path) -> Option<String> {
    let next = successor(path)?;
    next.file_name()?.to_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_missing_between_two_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["b.000001.gz", "b.000002", "b.000003.zst", "b.000005"]
            .map(|name| folder.path().join(name));
        for path in &paths {
            fs::write(path, "").unwrap();
        }
        let [.., third, _] = &paths;
        let listing = Listing::new(paths.get(..3).unwrap(), None).unwrap();
        assert_eq!(
            (&*listing.first(), &*listing.last()),
            ("b.000001", "b.000003")
        );
        assert_eq!(listing.path("b.000003"), Some(third.as_path()));
        assert_eq!(
            listing.awaited("b.000004"),
            Some(folder.path().join("b.000004"))
        );
        assert_eq!(listing.awaited("b.000005"), None);
        let error = Listing::new(&paths, None).unwrap_err().to_string();
        assert!(error.contains("b.000004"), "{error}");
        let error = Listing::new(&[folder.path().to_owned()], None).unwrap_err();
        assert!(matches!(error, BinlogFileError::NotAFile { .. }), "{error}");
    }
}
