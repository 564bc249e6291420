//! Binlog files as a connector's source: whose they are, where the stream begins, and the stream.
//!
//! The time at which the present file was begun shows that the files are
//! still those of the checkpoint.

use std::path::Path;

use super::joined::Joined;
use super::listing::{Described, Listing, describe, size};
use super::options::FilesOptions;
use super::stream::FileStream;
use super::walk::FileWalk;
use crate::binlog::{Coordinates, FIRST_POSITION, GtidSet};
use crate::change::{Checkpoint, Choice};
use crate::mysql::Flavour;
use crate::source::backup;
use crate::source::budget::Budget;
use crate::source::error::SourceError;
use crate::source::identity::{FILES, is_of};
use crate::source::start::Start;
use crate::source::walk::BoundarySearch;
use crate::state::off_the_runtime;

/// Files that can be read.
#[derive(Debug)]
pub struct Archive {
    /// The family of the server that wrote them.
    pub flavour: Flavour,
    /// Its `server_id`, as the file in which the stream begins has it.
    pub server_id: u32,
    /// Where the stream begins: the given checkpoint, or the one that the start resolves to. To be saved before the first
    /// event is read.
    pub checkpoint: Checkpoint,
    /// The groups to leave out, wherever they stand: those of a start by GTID set.
    pub choice: Choice,
    listing: Listing,
}

impl Archive {
    /// Reads as much of the files as it takes to find where to begin: at the checkpoint, which must be one of these files, or where the
    /// `start` option says.
    ///
    /// # Errors
    /// What is wrong with a file, or when there is no way to begin there.
    pub async fn open(
        options: &FilesOptions,
        from: Option<Checkpoint>,
    ) -> Result<Self, SourceError> {
        let options = options.clone();
        off_the_runtime(move || Self::find(&options, from)).await
    }

    fn find(options: &FilesOptions, from: Option<Checkpoint>) -> Result<Self, SourceError> {
        let listing = Listing::new(&options.files, options.index.as_deref())?;
        let start = match &options.start {
            Start::From { from: file } => {
                start_from(file).map_err(|error| error.named_at(options.start_place.as_deref()))?
            }
            start => start.clone(),
        };
        let excluded = |flavour| match &start {
            Start::After { gtid_set } => parse(flavour, gtid_set).map(|set| vec![set]),
            Start::Earliest
            | Start::Latest
            | Start::Snapshot
            | Start::At { .. }
            | Start::From { .. } => Ok(Vec::new()),
        };
        let (checkpoint, described) = match from {
            Some(checkpoint) => {
                let described = resume(&listing, &checkpoint)?;
                (checkpoint, described)
            }
            None => begin(&listing, &start)?,
        };
        Ok(Self {
            flavour: described.flavour,
            server_id: described.server_id,
            choice: Choice {
                exclude: excluded(described.flavour)?,
                ..chosen(options, described.flavour)?
            },
            checkpoint,
            listing,
        })
    }

    /// Begins to read: to the end of the files as they are now, or with `follow` on and on as their server writes them.
    /// Events of more than `whole_bytes_max` bytes come in pieces.
    ///
    /// # Errors
    /// None so far; what is wrong with a file comes with its events.
    pub fn stream(
        self,
        budget: &Budget,
        whole_bytes_max: usize,
        follow: bool,
    ) -> Result<FileStream, SourceError> {
        let from = &self.checkpoint.coordinates;
        let series = self.listing.series(from)?;
        let awaited = match self.listing.path(&from.file) {
            Some(_) => None,
            None => self.listing.awaited(&from.file),
        };
        let series = match (follow, awaited) {
            (false, _) => series.ending_where_written(),
            (true, None) => series.following(),
            (true, Some(path)) => series.awaiting(path),
        };
        let series = series.cutting_beyond(whole_bytes_max);
        Ok(FileStream::new(series, budget.clone()))
    }
}

/// The start that a file names, where its server is not there to be asked: its coordinates, if it has any. Groups of its set
/// are left out wherever they stand, and so it is read at each start.
fn start_from(file: &Path) -> Result<Start, SourceError> {
    let found = backup::read(file).map_err(Box::new)?;
    Ok(match (found.coordinates, found.gtid_set) {
        (Some(at), _) => Start::At {
            file: at.file.to_string(),
            position: at.position,
        },
        (None, Some(set)) => Start::After {
            gtid_set: set.to_string(),
        },
        (None, None) => Start::Earliest,
    })
}

/// Which groups the options leave; the files' server must have what they name.
fn chosen(options: &FilesOptions, flavour: Flavour) -> Result<Choice, SourceError> {
    let choice = options.choice();
    match choice.never_in(flavour) {
        Some(what) => Err(SourceError::NeverThere { flavour, what }),
        None => Ok(choice),
    }
}

/// Makes sure that a group begins at a place in the files, or will begin there.
///
/// # Errors
/// A place inside a group, or one that cannot be looked at.
pub(in crate::source) fn begins_group(
    options: &FilesOptions,
    at: &Coordinates,
) -> Result<(), SourceError> {
    let listing = Listing::new(&options.files, options.index.as_deref())?;
    let described = describe(path_of(&listing, &at.file)?)?;
    prefix(&listing, at, described.flavour).map(drop)
}

/// Makes sure that the checkpoint is one of these files.
fn resume(listing: &Listing, checkpoint: &Checkpoint) -> Result<Described, SourceError> {
    let at = &checkpoint.coordinates;
    let path = match listing.path(&at.file) {
        Some(path) => path,
        // The server said that it goes on there, and has yet to begin.
        None if at.position == FIRST_POSITION && listing.awaited(&at.file).is_some() => {
            path_of(listing, &listing.last())?
        }
        None if at.is_in_file_before(&listing.first()) => {
            return Err(SourceError::Purged {
                at: at.clone(),
                first: listing.first().to_string(),
            });
        }
        None => {
            return Err(SourceError::Diverged {
                message: format!(
                    "there is no {}, the newest file is {}",
                    at.file,
                    listing.last()
                ),
            });
        }
    };
    let described = describe(path)?;
    is_of(
        checkpoint,
        described.flavour,
        Some(FILES),
        described.server_id,
    )?;
    let begun = checkpoint.format_description_timestamp;
    if begun != 0 && begun != described.begun && listing.path(&at.file).is_some() {
        return Err(SourceError::Rebuilt {
            file: at.file.to_string(),
            expected: begun,
            found: described.begun,
        });
    }
    match size(path)? {
        Some(size) if listing.path(&at.file).is_some() && size < at.position => {
            Err(SourceError::Shortened {
                at: at.clone(),
                size,
            })
        }
        Some(_) | None => Ok(described),
    }
}

fn path_of<'a>(listing: &'a Listing, file: &str) -> Result<&'a Path, SourceError> {
    listing.path(file).ok_or_else(|| SourceError::UnknownFile {
        file: file.to_owned(),
        first: listing.first().to_string(),
        last: listing.last().to_string(),
    })
}

fn begin(listing: &Listing, start: &Start) -> Result<(Checkpoint, Described), SourceError> {
    let top = |file| Coordinates::new(file, FIRST_POSITION);
    let (at, set) = match start {
        Start::Earliest => {
            let at = top(listing.first());
            let described = describe(path_of(listing, &at.file)?)?;
            let set = prefix(listing, &at, described.flavour)?;
            (at, set)
        }
        Start::At { file, position } => {
            let path = path_of(listing, file)?;
            let at = Coordinates::new(file.as_str(), *position);
            if let Some(size) = size(path)?.filter(|size| *size < at.position) {
                return Err(SourceError::StartAfterEnd { at, size });
            }
            let set = prefix(listing, &at, describe(path)?.flavour)?;
            (at, set)
        }
        Start::Latest | Start::Snapshot | Start::From { .. } => {
            let from = top(listing.last());
            let mut walk = walk_of(listing, &from)?;
            while walk.next()?.is_some() {}
            (walk.boundary, walk.groups.gtid_set)
        }
        Start::After { gtid_set } => {
            let from = top(listing.first());
            let flavour = describe(path_of(listing, &from.file)?)?.flavour;
            let set = parse(flavour, gtid_set)?;
            (first_after(listing, from, &set)?, set)
        }
    };
    // A last file that ends with a rotation is settled up to the beginning of the next, which may not be there yet.
    let file = listing.path(&at.file).or(listing.path(&listing.last()));
    let described = describe(file.map_or_else(|| path_of(listing, &at.file), Ok)?)?;
    let begun = match listing.path(&at.file) {
        Some(_) => described.begun,
        None => 0,
    };
    let checkpoint = Checkpoint::new(at, set, Some(FILES), described.server_id, begun);
    Ok((checkpoint, described))
}

fn walk_of(listing: &Listing, from: &Coordinates) -> Result<FileWalk, SourceError> {
    let flavour = describe(path_of(listing, &from.file)?)?.flavour;
    let series = listing.series(from)?.ending_where_written();
    Ok(FileWalk::new(Joined::new(series), from.clone(), flavour))
}

/// Makes sure that a group may begin at a position, and returns the GTIDs of all groups before it.
fn prefix(listing: &Listing, at: &Coordinates, flavour: Flavour) -> Result<GtidSet, SourceError> {
    let from = Coordinates::new(at.file.clone(), FIRST_POSITION);
    let series = listing.series_of_one(&from)?.ending_where_written();
    let mut walk = FileWalk::new(Joined::new(series), from, flavour);
    let mut search = BoundarySearch::new(at);
    while let Some((event, step)) = walk.next()? {
        search.take(&event, &step)?;
        // The groups of earlier files are named after the position of a start at the top of a file.
        if search.is_found() && walk.groups.is_past_header {
            break;
        }
    }
    match search.missing() {
        Some(error) => Err(error),
        None if search.is_found() => Ok(walk.groups.gtid_set),
        None => Err(search.torn()),
    }
}

/// Where the first group begins that is not in the set, or where the files end if there is none.
fn first_after(
    listing: &Listing,
    from: Coordinates,
    set: &GtidSet,
) -> Result<Coordinates, SourceError> {
    let mut walk = walk_of(listing, &from)?;
    let mut earlier = Some(GtidSet::empty(set.flavour()));
    while let Some((event, step)) = walk.next()? {
        let Some(gtid) = step.opens else {
            if let Some(earlier) = &mut earlier {
                earlier.clone_from(&walk.groups.gtid_set);
            }
            continue;
        };
        if let Some(earlier) = earlier.take() {
            holds_all(&earlier, set)?;
        }
        match gtid {
            None => {
                return Err(SourceError::GtidModeOff {
                    found: format!("a group without a GTID at {}", event.at),
                });
            }
            Some(gtid) if !set.contains(&gtid) => return Ok(event.at),
            Some(_) => {}
        }
    }
    holds_all(&earlier.unwrap_or_else(|| set.clone()), set)?;
    Ok(walk.boundary)
}

/// Makes sure that no group of earlier files is wanted.
fn holds_all(earlier: &GtidSet, set: &GtidSet) -> Result<(), SourceError> {
    if earlier.is_subset(set) {
        return Ok(());
    }
    let mut missing = earlier.clone();
    missing.subtract(set);
    Err(SourceError::PurgedGroups {
        detail: missing.to_string(),
    })
}

fn parse(flavour: Flavour, text: &str) -> Result<GtidSet, SourceError> {
    GtidSet::parse(flavour, text).map_err(|source| SourceError::GtidSet {
        text: text.to_owned(),
        flavour: flavour.name(),
        source,
    })
}
