//! Several binlogs, one after the other, each from its format description on.
//!
//! A file whose name ends in `.index` is a server's list of its binlogs or relay logs and stands for the files in it. The
//! last file may be one that a server still writes: then its end is no end, and the file that the server goes on in
//! follows.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracing::warn;

use super::splitter::{BinlogExtent, Splitter, StopReason};
use crate::binlog::{FileName, Header};
use crate::metrics::one_line;
use crate::source::chunk::Chunk;
use crate::source::file_error::BinlogFileError;
use crate::source::input::{ENDINGS, InputPath};

/// How often an index file is looked for that a server may be replacing.
const INDEX_LOOKS_MAX: usize = 100;

/// What a series holds next.
#[derive(Debug)]
pub enum SeriesPart {
    /// A file begins.
    Begin {
        /// Where it is.
        place: InputPath,
        /// The name that coordinates give it.
        name: Arc<str>,
        /// Its first event, alone.
        description: Chunk,
    },
    /// Events of the file that began last.
    Events {
        /// Where the first of them begins.
        position: u64,
        /// The events.
        chunk: Chunk,
    },
    /// A file holds not even a format description: its server died before it wrote one, or the file was emptied.
    Empty {
        /// Where it is.
        place: InputPath,
    },
    /// A file that is followed has nothing more at this moment.
    Idle,
}

/// What the end of the last file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tail {
    /// The end, and right only between events.
    End,
    /// The end, wherever the server that still writes the file has come to.
    Written,
    /// No end: the server goes on there, or in the next file.
    Followed,
}

/// Reads binlogs one after the other. After an error it is of no more use.
#[derive(Debug)]
pub struct BinlogSeries {
    places: VecDeque<InputPath>,
    extent: BinlogExtent,
    event_bytes_max: u32,
    whole_bytes_max: usize,
    tail: Tail,
    /// The first file may not be there yet.
    awaits: bool,
    /// The server that writes the present file has not closed it.
    is_in_use: bool,
    current: Option<Splitter>,
    /// The file that the server goes on in was seen, so that the present one no longer grows.
    is_complete: bool,
}

impl BinlogSeries {
    /// Prepares to read these places in order; each is opened when its turn comes, index files at once. Events of more
    /// than `event_bytes_max` bytes are refused. With `follow` the last file is read as a server writes it.
    ///
    /// # Errors
    /// An index file that cannot be read or names nothing.
    pub fn new(
        places: Vec<InputPath>,
        extent: BinlogExtent,
        event_bytes_max: u32,
        follow: bool,
    ) -> Result<Self, BinlogFileError> {
        let mut listed = VecDeque::new();
        for place in places {
            match place {
                InputPath::File(path)
                    if path.extension().is_some_and(|ending| ending == "index") =>
                {
                    listed.extend(read_index(&path)?.into_iter().map(InputPath::File));
                }
                place => listed.push_back(place),
            }
        }
        let series = Self::of(listed, extent, event_bytes_max);
        Ok(if follow { series.following() } else { series })
    }

    /// As [`BinlogSeries::new`] without `follow`, for places none of which is an index file.
    pub(super) fn of(
        places: VecDeque<InputPath>,
        extent: BinlogExtent,
        event_bytes_max: u32,
    ) -> Self {
        Self {
            places,
            extent,
            event_bytes_max,
            whole_bytes_max: usize::MAX,
            tail: Tail::End,
            awaits: false,
            is_in_use: false,
            current: None,
            is_complete: false,
        }
    }

    /// Reads the last file as a server writes it.
    #[must_use]
    pub(in crate::source) fn following(mut self) -> Self {
        self.tail = Tail::Followed;
        self
    }

    /// Ends where the server that still writes the last file has come to, were it within an event. A last file that was
    /// closed and then cut off remains an error.
    #[must_use]
    pub(in crate::source) fn ending_where_written(mut self) -> Self {
        self.tail = Tail::Written;
        self
    }

    /// Waits for the one file that is followed, if it is not there yet.
    #[must_use]
    pub(in crate::source) fn awaiting(mut self, path: PathBuf) -> Self {
        self.places = VecDeque::from([InputPath::File(path)]);
        self.awaits = true;
        self.following()
    }

    /// Gives events of more than so many bytes in pieces, each in a part of its own.
    #[must_use]
    pub fn cutting_beyond(mut self, bytes: usize) -> Self {
        self.whole_bytes_max = bytes;
        self
    }

    /// The names of each two files of one folder and name, one after the other, of which the second has the smaller
    /// number, or the same.
    pub fn out_of_order(&self) -> Vec<(Arc<str>, Arc<str>)> {
        let (former, latter) = (self.places.iter(), self.places.iter().skip(1));
        former
            .zip(latter)
            .filter(|(one, next)| is_before(next, one))
            .map(|(one, next)| (one.name(), next.name()))
            .collect()
    }

    /// The names of each two files of one folder and name, one after the other, between whose numbers there are others.
    pub fn gaps(&self) -> Vec<(Arc<str>, Arc<str>)> {
        let (former, latter) = (self.places.iter(), self.places.iter().skip(1));
        former
            .zip(latter)
            .filter(|(one, next)| is_before(one, next) && !next.succeeds(one))
            .map(|(one, next)| (one.name(), next.name()))
            .filter(|(one, next)| one != next)
            .collect()
    }

    /// The path of the file that is read or comes next, for messages.
    pub(super) fn path(&self) -> &Path {
        let next = self.places.front();
        let place = self.current.as_ref().map(Splitter::place).or(next);
        place.map_or(Path::new(""), InputPath::path)
    }

    /// The next part; `None` at the end. Blocks on the disk, or on the standard input.
    ///
    /// # Errors
    /// What is wrong with a file, told when what stands before it was returned.
    pub fn read(&mut self) -> Result<Option<SeriesPart>, BinlogFileError> {
        loop {
            let Some(mut splitter) = self.current.take() else {
                let Some(place) = self.places.pop_front() else {
                    return Ok(None);
                };
                match self.begin(place)? {
                    Some(part) => return Ok(Some(part)),
                    None => continue,
                }
            };
            let piece = match splitter.read() {
                Ok(piece) => piece,
                Err(BinlogFileError::Torn { .. }) if self.is_followed() && !self.is_complete => {
                    None
                }
                Err(error @ BinlogFileError::Torn { .. })
                    if self.ends_anywhere() && self.is_in_use =>
                {
                    warn!(
                        error = one_line(&error),
                        "the last file ends within an event: its server is writing it, or died while it did, or the file was \
                         copied meanwhile; what is there ends before that event"
                    );
                    None
                }
                Err(error) => return Err(error),
            };
            if let Some(piece) = piece {
                self.current = Some(splitter);
                return Ok(Some(SeriesPart::Events {
                    position: piece.position,
                    chunk: piece.chunk,
                }));
            }
            let is_followed = splitter.stopped().is_none() && self.is_followed();
            if splitter.stopped() == Some(StopReason::Time) {
                self.places.clear();
            }
            if is_followed {
                if !self.follow_on(splitter)? {
                    return Ok(Some(SeriesPart::Idle));
                }
            } else if splitter.stopped().is_none() {
                splitter.has_passed_all()?;
            }
        }
    }

    fn begin(&mut self, place: InputPath) -> Result<Option<SeriesPart>, BinlogFileError> {
        let extent = BinlogExtent {
            stop: self.extent.stop.filter(|_| self.places.is_empty()),
            ..self.extent
        };
        let mut splitter = Splitter::new(place, extent, self.event_bytes_max);
        splitter.cut_beyond(self.whole_bytes_max);
        let first = match splitter.read() {
            Ok(first) => first,
            Err(BinlogFileError::Io { source, .. })
                if self.awaits && source.kind() == io::ErrorKind::NotFound =>
            {
                self.places.push_front(splitter.place().clone());
                return Ok(Some(SeriesPart::Idle));
            }
            Err(BinlogFileError::Torn { .. } | BinlogFileError::Magic { .. })
                if self.ends_anywhere() && is_young(splitter.place()) =>
            {
                return Ok(None);
            }
            // A file that a server has just made may not yet hold its first event.
            Err(BinlogFileError::Torn { .. } | BinlogFileError::Magic { .. })
                if self.is_followed() && is_young(splitter.place()) =>
            {
                self.places.push_front(splitter.place().clone());
                return Ok(Some(SeriesPart::Idle));
            }
            Err(error) => return Err(error),
        };
        let Some(first) = first else {
            return Ok(match splitter.stopped() {
                Some(StopReason::Time) => {
                    self.places.clear();
                    None
                }
                Some(StopReason::Position) => None,
                None if self.is_followed() => {
                    self.places.push_front(splitter.place().clone());
                    Some(SeriesPart::Idle)
                }
                None if self.ends_anywhere() => None,
                None => Some(SeriesPart::Empty {
                    place: splitter.place().clone(),
                }),
            });
        };
        self.extent.start = 0;
        self.extent.offset = 0;
        self.awaits = false;
        self.is_in_use = Header::parse(&first.chunk.buffer).is_ok_and(|header| header.is_in_use());
        let (place, name) = (splitter.place().clone(), Arc::clone(splitter.name()));
        self.current = Some(splitter);
        Ok(Some(SeriesPart::Begin {
            place,
            name,
            description: first.chunk,
        }))
    }

    fn is_followed(&self) -> bool {
        self.tail == Tail::Followed && self.places.is_empty()
    }

    fn ends_anywhere(&self) -> bool {
        self.tail == Tail::Written && self.places.is_empty()
    }

    /// Goes on at the end of a file that is followed; `false` if there is nothing more yet.
    fn follow_on(&mut self, splitter: Splitter) -> Result<bool, BinlogFileError> {
        let InputPath::File(path) = splitter.place() else {
            return Ok(true);
        };
        let Some(next) = successors(path).into_iter().find(|path| path.exists()) else {
            splitter.is_still_there()?;
            self.current = Some(splitter);
            return Ok(false);
        };
        // What the server wrote before it began the next file is read first.
        if !std::mem::replace(&mut self.is_complete, true) {
            self.current = Some(splitter);
            return Ok(true);
        }
        self.is_complete = false;
        self.places.push_back(InputPath::File(next));
        Ok(true)
    }
}

/// Whether a file is one that its server wrote before another, or the same.
fn is_before(one: &InputPath, other: &InputPath) -> bool {
    let (name, other_name) = (one.name(), other.name());
    let (name, other_name) = (FileName(&name), FileName(&other_name));
    one.path().parent() == other.path().parent()
        && name.is_of_series(other_name)
        && name
            .number()
            .zip(other_name.number())
            .is_some_and(|(number, other)| number <= other)
}

impl InputPath {
    /// Whether it is the file that a server went on in after another one, by their folder and names.
    pub fn succeeds(&self, former: &Self) -> bool {
        let (Self::File(former), Self::File(latter)) = (former, self) else {
            return false;
        };
        former.parent() == latter.parent()
            && successor(former).is_some_and(|next| Self::File(next).name() == self.name())
    }
}

/// Whether a file is too short for its first event.
fn is_young(place: &InputPath) -> bool {
    const FIRST_EVENT_BYTES_MAX: u64 = 512;
    fs::metadata(place.path()).is_ok_and(|file| file.len() < FIRST_EVENT_BYTES_MAX)
}

/// Where the file may be that a server goes on in: as it wrote it, or compressed since.
fn successors(path: &Path) -> Vec<PathBuf> {
    let Some(next) = successor(path) else {
        return Vec::new();
    };
    let compressed = ENDINGS.map(|ending| next.with_added_extension(ending));
    [vec![next], compressed.to_vec()].concat()
}

/// The file that a server goes on in.
pub(super) fn successor(path: &Path) -> Option<PathBuf> {
    let name = InputPath::File(path.to_owned()).name();
    FileName(&name).next().map(|next| path.with_file_name(next))
}

/// The files that an index file names. A name without a folder, or in one that is not here, is looked for beside the index
/// file: servers write names relative to their data folder, and backups are moved.
pub(super) fn read_index(path: &Path) -> Result<Vec<PathBuf>, BinlogFileError> {
    let io = |source| BinlogFileError::Io {
        path: path.to_owned(),
        source,
    };
    let text = index_text(path).map_err(io)?;
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let file = |line: &str| {
        let named = Path::new(line);
        let relative = folder.join(named);
        let beside = named.file_name().map(|name| folder.join(name));
        if relative.exists() {
            return relative;
        }
        beside.filter(|path| path.exists()).unwrap_or(relative)
    };
    let files: Vec<PathBuf> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(file)
        .collect();
    if files.is_empty() {
        return Err(BinlogFileError::EmptyIndex {
            path: path.to_owned(),
        });
    }
    Ok(files)
}

/// The text of an index file. MySQL removes the file before it gives its name to the next one, which is whole by then.
fn index_text(path: &Path) -> io::Result<String> {
    let next = path.with_extension("index_crash_safe");
    for _look in 0..INDEX_LOOKS_MAX {
        match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            read => return read,
        }
        let text = fs::read_to_string(&next);
        // Only while there is no other.
        if text.is_ok() && !path.exists() {
            return text;
        }
    }
    fs::read_to_string(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_that_is_being_replaced_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let index = folder.path().join("binlog.index");
        let next = folder.path().join("binlog.index_crash_safe");
        let written = folder.path().join("written");
        fs::write(&next, "./binlog.000001\n").unwrap();
        assert_eq!(read_index(&index).unwrap().len(), 1);
        let replaced = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..2_000 {
                    fs::write(&written, "./binlog.000001\n").unwrap();
                    fs::rename(&written, &next).unwrap();
                    let _ = fs::remove_file(&index);
                    fs::rename(&next, &index).unwrap();
                }
                replaced.store(true, std::sync::atomic::Ordering::Relaxed);
            });
            while !replaced.load(std::sync::atomic::Ordering::Relaxed) {
                read_index(&index).unwrap();
            }
        });
        fs::remove_file(&index).unwrap();
        let error = read_index(&index).unwrap_err();
        let expected = "binlog.index, there is no such file, check its name and folder";
        assert!(error.to_string().ends_with(expected), "{error}");
    }

    #[test]
    fn the_next_file_has_the_next_number() {
        for (path, next) in [
            ("binlog.000001", Some("binlog.000002")),
            ("d/a.b.000099", Some("d/a.b.000100")),
            ("binlog.999999", Some("binlog.1000000")),
            ("binlog", None),
            ("binlog.gz", None),
            ("binlog.000007.gz", Some("binlog.000008")),
        ] {
            assert_eq!(
                successor(Path::new(path)),
                next.map(PathBuf::from),
                "{path}"
            );
        }
    }

    #[test]
    fn a_file_succeeds_another_by_its_number() {
        for (former, latter, expected) in [
            ("d/relay.000009", "d/relay.000010", true),
            ("d/relay.000009.gz", "d/relay.000010.zst", true),
            ("d/relay.000009", "d/relay.000011", false),
            ("d/relay.000009", "e/relay.000010", false),
            ("d/relay.000009", "d/binlog.000010", false),
        ] {
            let [former, latter] = [former, latter].map(|path| InputPath::File(path.into()));
            assert_eq!(latter.succeeds(&former), expected, "{former:?} {latter:?}");
        }
        assert!(!InputPath::Stdin.succeeds(&InputPath::File("relay.000009".into())));
    }

    #[test]
    fn files_out_of_their_order_are_found() {
        for (paths, expected) in [
            (&["d/b.000001", "d/b.000002", "d/b.000004.gz"][..], 0),
            (&["d/b.000002", "d/b.000001", "d/b.000003"], 1),
            (&["b.000001", "b.000001.zst"], 1),
            (&["d/b.000002", "e/b.000001", "e/a.000001", "e/a"], 0),
        ] {
            let places = paths.iter().map(|path| InputPath::File(path.into()));
            let series = BinlogSeries::of(places.collect(), BinlogExtent::default(), 100);
            assert_eq!(series.out_of_order().len(), expected, "{paths:?}");
        }
    }

    #[test]
    fn files_that_are_missing_between_others_are_found() {
        for (paths, expected) in [
            (&["d/b.000001", "d/b.000002.gz", "d/b.000003"][..], 0),
            (&["d/b.000001", "d/b.000003", "d/b.000007"], 2),
            (&["d/b.000003", "d/b.000001"], 0),
            (&["d/b.000001", "d/b.000001"], 0),
            (
                &["d/b.999999", "d/b.1000000", "e/b.1000004", "e/c.1000009"],
                0,
            ),
        ] {
            let places = paths.iter().map(|path| InputPath::File(path.into()));
            let series = BinlogSeries::of(places.collect(), BinlogExtent::default(), 100);
            assert_eq!(series.gaps().len(), expected, "{paths:?}");
        }
    }

    #[test]
    fn a_file_without_an_event_is_told_of_and_a_followed_one_awaited() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("binlog.000001");
        fs::write(&path, b"\xfebin").unwrap();
        let series = |follow| {
            let places = vec![InputPath::File(path.clone())];
            BinlogSeries::new(places, BinlogExtent::default(), 100, follow).unwrap()
        };
        let mut closed = series(false);
        assert!(matches!(closed.read(), Ok(Some(SeriesPart::Empty { .. }))));
        assert!(matches!(closed.read(), Ok(None)));
        let mut followed = series(true);
        for _ in 0..2 {
            assert!(matches!(followed.read(), Ok(Some(SeriesPart::Idle))));
        }
    }

    #[test]
    fn an_index_names_files_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let index = folder.path().join("binlog.index");
        for name in ["binlog.000001", "binlog.000002"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        fs::write(
            &index,
            "./binlog.000001\n/nonexistent/binlog.000002\n\n./gone.000003\n",
        )
        .unwrap();
        let files = read_index(&index).unwrap();
        let expected = ["./binlog.000001", "binlog.000002", "./gone.000003"];
        assert_eq!(files, expected.map(|name| folder.path().join(name)));
        fs::write(&index, "\n").unwrap();
        assert!(matches!(
            read_index(&index),
            Err(BinlogFileError::EmptyIndex { .. })
        ));
    }
}
