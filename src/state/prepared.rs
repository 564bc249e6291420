//! Prepared XA transactions: their events, kept until the transaction is committed or rolled back.
//!
//! A transaction is a file of the folder `prepared`, named after the place where its group begins. It is synced before a
//! checkpoint passes it, and removed once a checkpoint has passed the group that decided. `rowtap decode`, which remembers
//! nothing, keeps them in files without a name.
//!
//! | part | bytes | what it is |
//! |---|---|---|
//! | events | n | as [`Spill`] has them: position, length, bytes |
//! | description | m | JSON: the transaction's id, and its [`PreparedGroup`] |
//! | length of the events | 8 | little-endian, as all numbers here |
//! | length of the description | 4 | |
//! | checksum | 4 | CRC32 of all before it |
//! | mark | 8 | `rowtapXA` |

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use super::durable::{self, DurableFile};
use super::error::StateError;
use super::passing::{PassingSpill, PassingSpills};
use super::spill::Spill;
use crate::binlog::{Coordinates, XaId};
use crate::change::{Checkpoint, HeldGroups, OldestHeld, PreparedGroup};
use crate::fault::FileRole;

/// The folder's name in a connector's state folder.
pub const FOLDER_NAME: &str = "prepared";
const MARK: &[u8; 8] = b"rowtapXA";
const FOOTER_BYTES: u64 = 24;
/// Bytes of a description at most.
const DESCRIPTION_BYTES_MAX: u64 = 1 << 30;
const PIECE_BYTES: u64 = 1 << 20;
/// How many transactions of one place are told apart: one a server that was the source.
const PLACES_MAX: u32 = 8;
/// Files that are synced at once.
const SYNCS_MAX: usize = 16;

/// The prepared XA transactions of one connector, or of one run of `rowtap decode`. Its functions block on the disk.
#[derive(Debug)]
pub struct PreparedStore {
    home: PreparedHome,
    books: Mutex<Books>,
}

#[derive(Debug)]
enum PreparedHome {
    /// Files that outlive the process.
    Folder(PathBuf),
    /// Nothing outlives the process.
    Passing(Mutex<PassingSpills>),
}

#[derive(Debug, Default)]
struct Books {
    kept: BTreeMap<XaId, Kept>,
    /// Those that were decided on by the group that ends there, and not yet by what is durable.
    decided: Vec<(Coordinates, PathBuf)>,
    /// The files of both.
    paths: HashSet<PathBuf>,
}

#[derive(Debug)]
struct Kept {
    begin: Coordinates,
    prepared_us: i64,
    /// The events of its group.
    events: u64,
    file: KeptFile,
    event_bytes: u64,
    is_synced: bool,
}

#[derive(Debug)]
enum KeptFile {
    Named(PathBuf),
    /// `None` once it was given back.
    Passing(Option<PassingSpill>),
}

/// A prepared XA transaction whose events are being written.
#[derive(Debug)]
pub struct PreparedFile {
    begin: Coordinates,
    spill: Spill,
    path: Option<PathBuf>,
    checksum: crc32fast::Hasher,
}

/// What is said of a transaction after its events.
#[derive(Serialize, Deserialize)]
struct Description {
    id: String,
    group: PreparedGroup,
}

impl PreparedStore {
    /// Keeps transactions in a connector's state folder. Those in the folder are not looked at before
    /// [`Self::find`] or [`Self::forget_others`].
    pub fn in_folder(state_folder: &Path) -> Self {
        Self::new(PreparedHome::Folder(state_folder.join(FOLDER_NAME)))
    }

    /// Keeps transactions for as long as the process lives, those that are large in files without a name in a folder.
    pub fn passing(folder: PathBuf) -> Self {
        Self::new(PreparedHome::Passing(Mutex::new(PassingSpills::new(
            folder,
        ))))
    }

    fn new(home: PreparedHome) -> Self {
        Self {
            home,
            books: Mutex::default(),
        }
    }

    // ---- writing ---------------------------------------------------------------------------------------------------

    /// Begins to keep a transaction whose group begins there.
    ///
    /// # Errors
    /// `StateError::Io` where the file cannot be made.
    pub fn create(&self, begin: &Coordinates) -> Result<PreparedFile, StateError> {
        let (spill, path) = match &self.home {
            PreparedHome::Passing(spills) => (Spill::nameless(locked(spills).folder()), None),
            PreparedHome::Folder(folder) => {
                durable::create_folder(folder, FileRole::PreparedFolder)?;
                let path = self.unused(folder, begin);
                // The same group may have been kept by a run that ended before a checkpoint passed it.
                durable::remove_if_there(&path, FileRole::PreparedGroup)?;
                let file = DurableFile::create(&path, FileRole::PreparedGroup)?;
                (Spill::in_file(file), Some(path))
            }
        };
        Ok(PreparedFile {
            begin: begin.clone(),
            spill,
            path,
            checksum: crc32fast::Hasher::new(),
        })
    }

    /// Completes a file with what is known of the transaction, which can be given back from now on.
    ///
    /// # Errors
    /// `StateError::Io` where the file cannot be written.
    pub fn keep(
        &self,
        mut file: PreparedFile,
        id: XaId,
        group: &PreparedGroup,
    ) -> Result<(), StateError> {
        let event_bytes = file.spill.len();
        file.describe(&id, group)?;
        let kept = Kept {
            begin: file.begin,
            prepared_us: group.prepared_us,
            events: group.event_count(),
            event_bytes,
            is_synced: false,
            file: match (file.path, &self.home) {
                (Some(path), _) => {
                    file.spill.flush()?;
                    KeptFile::Named(path)
                }
                (None, PreparedHome::Passing(spills)) => {
                    KeptFile::Passing(Some(locked(spills).keep(file.spill)?))
                }
                (None, PreparedHome::Folder(_)) => unreachable!("a file in the folder has a path"),
            },
        };
        self.books().keep(id, kept);
        Ok(())
    }

    /// Makes durable what a checkpoint leaves undecided; to be called before it is stored anywhere.
    ///
    /// # Errors
    /// `StateError::Io` where the disk fails.
    pub fn sync(&self, upto: &Checkpoint) -> Result<(), StateError> {
        let PreparedHome::Folder(folder) = &self.home else {
            return Ok(());
        };
        let is_new = |(id, kept): &(&XaId, &mut Kept)| {
            !kept.is_synced && upto.undecided.get(*id) == Some(&kept.begin)
        };
        let mut paths = Vec::new();
        for (_, kept) in self.books().kept.iter_mut().filter(is_new) {
            if let KeptFile::Named(path) = &kept.file {
                paths.push(path.clone());
                kept.is_synced = true;
            }
        }
        if paths.is_empty() {
            return Ok(());
        }
        sync_all(&paths)?;
        Ok(durable::sync_folder(folder, FileRole::PreparedFolder)?)
    }

    // ---- reading ---------------------------------------------------------------------------------------------------

    /// The events of a kept transaction, and where they end in the file that they are in.
    ///
    /// # Errors
    /// `StateError::Io` where the file cannot be read.
    pub fn events(&self, id: &XaId) -> Result<(Spill, u64), StateError> {
        let mut books = self.books();
        let kept = books
            .kept
            .get_mut(id)
            .expect("the events of a transaction are wanted once, after it was kept");
        let spill = match &mut kept.file {
            KeptFile::Named(path) => {
                let file = DurableFile::open(path, FileRole::PreparedGroup)?;
                Spill::of_file(file)?
            }
            KeptFile::Passing(passing) => {
                let passing = passing.take();
                self.taken(passing.expect("the events of a transaction are wanted once"))?
            }
        };
        Ok((spill, kept.event_bytes))
    }

    /// Looks for a transaction that an earlier run kept; `None` if its file is missing, or is not whole.
    ///
    /// # Errors
    /// `StateError::Io` where the file cannot be read.
    pub fn find(
        &self,
        id: &XaId,
        begin: &Coordinates,
    ) -> Result<Option<PreparedGroup>, StateError> {
        let PreparedHome::Folder(folder) = &self.home else {
            return Ok(None);
        };
        for number in 0..PLACES_MAX {
            let path = folder.join(name_of(begin, number));
            if durable::length(&path, FileRole::PreparedGroup)?.is_none() {
                continue;
            }
            let file = DurableFile::open_to_read(&path, FileRole::PreparedGroup)?;
            let Some((event_bytes, description)) = checked(&file)? else {
                continue;
            };
            let Ok(Description { id: named, group }) = serde_json::from_slice(&description) else {
                continue;
            };
            if named != id.to_string() || group.begin != *begin {
                continue;
            }
            let kept = Kept {
                begin: begin.clone(),
                prepared_us: group.prepared_us,
                events: group.event_count(),
                file: KeptFile::Named(path),
                event_bytes,
                is_synced: true,
            };
            self.books().keep(id.clone(), kept);
            return Ok(Some(group));
        }
        Ok(None)
    }

    /// A file for the group at a place, which is none of those that are kept: servers that took each other's place have
    /// different groups at one.
    fn unused(&self, folder: &Path, begin: &Coordinates) -> PathBuf {
        let books = self.books();
        let mut paths = (0..PLACES_MAX).map(|number| folder.join(name_of(begin, number)));
        let unused = paths.find(|path| !books.paths.contains(path));
        unused.unwrap_or_else(|| folder.join(name_of(begin, PLACES_MAX)))
    }

    /// What is kept and undecided now.
    pub fn held(&self) -> HeldGroups {
        let books = self.books();
        let oldest = books.kept.iter().min_by_key(|(_, kept)| kept.prepared_us);
        HeldGroups {
            count: books.kept.len() as u64,
            events: books.kept.values().map(|kept| kept.events).sum(),
            oldest: oldest.map(|(id, kept)| OldestHeld {
                id: id.clone(),
                begin: kept.begin.clone(),
                prepared_us: kept.prepared_us,
            }),
        }
    }

    // ---- removing --------------------------------------------------------------------------------------------------

    /// Notes that a transaction was decided on by the group that ends there.
    ///
    /// # Errors
    /// `StateError::Io` where the disk fails.
    pub fn decided(&self, id: &XaId, at: Coordinates) -> Result<(), StateError> {
        let mut books = self.books();
        let Some(kept) = books.kept.remove(id) else {
            return Ok(());
        };
        match kept.file {
            KeptFile::Named(path) => books.decided.push((at, path)),
            KeptFile::Passing(Some(passing)) => drop(self.taken(passing)?),
            KeptFile::Passing(None) => {}
        }
        Ok(())
    }

    /// Removes transactions that were decided on before a checkpoint that is durable.
    ///
    /// # Errors
    /// `StateError::Io` where a file cannot be removed.
    pub fn forget(&self, durable: &Checkpoint) -> Result<(), StateError> {
        let mut books = self.books();
        let is_passed = |(at, _): &(Coordinates, PathBuf)| *at <= durable.coordinates;
        let decided = std::mem::take(&mut books.decided).into_iter();
        let (passed, ahead): (Vec<_>, Vec<_>) = decided.partition(is_passed);
        books.decided = ahead;
        for (_, path) in &passed {
            books.paths.remove(path);
        }
        drop(books);
        for (_, path) in passed {
            durable::remove_if_there(&path, FileRole::PreparedGroup)?;
        }
        Ok(())
    }

    /// Keeps these transactions alone, and removes all other files of earlier runs.
    ///
    /// # Errors
    /// `StateError::Io` where the folder cannot be read, or a file cannot be removed.
    pub fn forget_others(&self, undecided: &BTreeMap<XaId, Coordinates>) -> Result<(), StateError> {
        let PreparedHome::Folder(folder) = &self.home else {
            return Ok(());
        };
        let mut books = self.books();
        let all = std::mem::take(&mut *books);
        let is_undecided = |(id, kept): &(XaId, Kept)| undecided.get(id) == Some(&kept.begin);
        for (id, kept) in all.kept.into_iter().filter(is_undecided) {
            books.keep(id, kept);
        }
        for name in durable::names(folder, FileRole::PreparedFolder)? {
            let path = folder.join(name);
            if !books.paths.contains(&path) {
                durable::remove_if_there(&path, FileRole::PreparedGroup)?;
            }
        }
        Ok(())
    }

    fn taken(&self, passing: PassingSpill) -> Result<Spill, StateError> {
        match &self.home {
            PreparedHome::Passing(spills) => locked(spills).take(passing),
            PreparedHome::Folder(_) => unreachable!("what is in the folder has a path"),
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        locked(&self.books)
    }
}

impl Books {
    fn keep(&mut self, id: XaId, kept: Kept) {
        if let KeptFile::Named(path) = &kept.file {
            self.paths.insert(path.clone());
        }
        self.kept.insert(id, kept);
    }
}

impl PreparedFile {
    /// Adds bytes at the end of the events.
    ///
    /// # Errors
    /// `StateError::Io`, also when the disk is full.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        self.checksum.update(bytes);
        self.spill.append(bytes).map(drop)
    }

    fn describe(&mut self, id: &XaId, group: &PreparedGroup) -> Result<(), StateError> {
        if self.path.is_none() {
            return Ok(());
        }
        let event_bytes = self.spill.len();
        let description = Description {
            id: id.to_string(),
            group: group.clone(),
        };
        let json = serde_json::to_vec(&description).expect("a description is plain data");
        let length = u32::try_from(json.len()).unwrap_or(u32::MAX);
        self.append(&json)?;
        self.append(&event_bytes.to_le_bytes())?;
        self.append(&length.to_le_bytes())?;
        let checksum = self.checksum.clone().finalize();
        self.append(&checksum.to_le_bytes())?;
        self.append(MARK)
    }
}

/// Syncs files, several at once: a file system with a journal makes what is synced together durable together.
fn sync_all(paths: &[PathBuf]) -> Result<(), StateError> {
    let sync_some = |paths: &[PathBuf]| {
        paths.iter().try_for_each(|path| {
            let file = DurableFile::open(path, FileRole::PreparedGroup)?;
            Ok(file.sync_all()?)
        })
    };
    let (here, others) = paths.split_at(paths.len().div_ceil(SYNCS_MAX));
    std::thread::scope(|scope| {
        let share = here.len().max(1);
        let others: Vec<_> = others
            .chunks(share)
            .map(|paths| scope.spawn(move || sync_some(paths)))
            .collect();
        let mut done: Result<(), StateError> = sync_some(here);
        for other in others {
            let other = other.join();
            let other = other.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            done = done.and(other);
        }
        done
    })
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The length of the events in a file, and its description; `None` if the file is not whole.
fn checked(file: &DurableFile) -> Result<Option<(u64, Vec<u8>)>, StateError> {
    let length = file.length()?;
    let Some(footer_at) = length.checked_sub(FOOTER_BYTES) else {
        return Ok(None);
    };
    let mut event_bytes = [0; 8];
    let mut description_bytes = [0; 4];
    let mut stored = [0; 4];
    let mut mark = [0; 8];
    file.read_exact_at(&mut event_bytes, footer_at)?;
    file.read_exact_at(&mut description_bytes, footer_at + 8)?;
    file.read_exact_at(&mut stored, footer_at + 12)?;
    file.read_exact_at(&mut mark, footer_at + 16)?;
    let event_bytes = u64::from_le_bytes(event_bytes);
    let description_bytes = u64::from(u32::from_le_bytes(description_bytes));
    let is_whole = &mark == MARK
        && description_bytes <= DESCRIPTION_BYTES_MAX
        && event_bytes.checked_add(description_bytes) == Some(footer_at);
    if !is_whole || checksum(file, footer_at + 12)? != u32::from_le_bytes(stored) {
        return Ok(None);
    }
    let mut description = vec![0; usize::try_from(description_bytes).unwrap_or(0)];
    file.read_exact_at(&mut description, event_bytes)?;
    Ok(Some((event_bytes, description)))
}

/// The checksum of a file's first bytes.
fn checksum(file: &DurableFile, end: u64) -> Result<u32, StateError> {
    let mut hasher = crc32fast::Hasher::new();
    let mut piece = Vec::new();
    let mut at = 0;
    while at < end {
        let count = PIECE_BYTES.min(end - at);
        piece.resize(usize::try_from(count).unwrap_or(0), 0);
        file.read_exact_at(&mut piece, at)?;
        hasher.update(&piece);
        at += count;
    }
    Ok(hasher.finalize())
}

/// The name of a transaction's file; the number tells files of one place apart. A binlog's name is a file's, but it comes
/// from the network.
fn name_of(begin: &Coordinates, number: u32) -> String {
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let file = begin.file.chars();
    let file: String = file.map(|c| if is_plain(&c) { c } else { '_' }).collect();
    match number {
        0 => format!("{file}-{}.xa", begin.position),
        number => format!("{file}-{}.{number}.xa", begin.position),
    }
}
