//! Groups that a person ordered to pass over: the orders that are not carried out yet, and the record of all groups that were.
//!
//! | file | what it holds |
//! |---|---|
//! | `skip-orders.json` | the orders, and the number of the next one, which no other had; replaced as a whole |
//! | `skipped.jsonl` | a line a group, each with a checksum; appended to and never removed |
//!
//! The record is durable before a checkpoint passes the group. After a crash the group may be passed over once more, and has
//! its line already.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tracing::warn;
use uuid::Uuid;

use super::checked_line;
use super::durable::{self, DurableFile};
use super::error::StateError;
use super::folder::StateFolder;
use crate::binlog::{Coordinates, Gtid, XaId};
use crate::change::{Checkpoint, Lineage, PassedOver, SkipOrder, SkipOrders, SkipTarget};
use crate::fault::FileRole;

/// The file of the orders.
pub const ORDERS_NAME: &str = "skip-orders.json";
/// The file of the groups that were passed over.
pub const RECORD_NAME: &str = "skipped.jsonl";
const ORDERS_BYTES_MAX: u64 = 64 << 20;
const RECORD_BYTES_MAX: u64 = 1 << 30;
/// Orders that may wait at once.
const ORDERS_MAX: usize = 1000;

/// The orders and the record of one connector. Its functions block on the disk.
#[derive(Debug)]
pub struct SkipStore {
    folder: PathBuf,
    books: Mutex<Books>,
}

#[derive(Debug)]
struct Books {
    next_id: u64,
    orders: Vec<KeptOrder>,
    record: Vec<Recorded>,
}

/// An order, and the binlogs whose coordinates it names.
#[derive(Clone, Debug)]
struct KeptOrder {
    order: SkipOrder,
    lineage: Lineage,
}

/// What is remembered of a line of the record.
#[derive(Debug)]
struct Recorded {
    order: u64,
    begin: Coordinates,
    lineage: Lineage,
    gtid: Option<Gtid>,
    xa: Option<XaId>,
}

/// How an order fared that is not carried out.
#[derive(Debug, thiserror::Error)]
pub enum SkipRefusal {
    /// The groups were delivered before.
    #[error("{gtids} was delivered already, there is nothing left to pass over")]
    Delivered {
        /// Their GTIDs.
        gtids: String,
    },
    /// The place was passed before.
    #[error(
        "the group at {at} lies before the checkpoint at {checkpoint} and was delivered already, there is nothing left to pass over"
    )]
    Passed {
        /// The place.
        at: Coordinates,
        /// The checkpoint.
        checkpoint: Coordinates,
    },
    /// The same was ordered before.
    #[error(
        "order {id} says the same and is not carried out yet, start the connector to have it carried out"
    )]
    Again {
        /// The number of the order.
        id: u64,
    },
    /// The source has GTIDs of another form.
    #[error("{gtids} is no GTID of this source's family, give one as the source prints it")]
    OtherFamily {
        /// What was given.
        gtids: String,
    },
    /// Too many are waiting.
    #[error("{ORDERS_MAX} orders are not carried out yet, cancel some by --cancel")]
    TooMany,
    /// There is no such order.
    #[error(
        "there is no order {id} that is not carried out, rowtap skip --list shows those there are"
    )]
    Unknown {
        /// The number that was given.
        id: u64,
    },
}

impl SkipStore {
    /// Reads the orders and the record of a connector's folder. A line at the record's end that a crash left unfinished is cut
    /// off: no checkpoint has passed its group. The other lines are durable on return, as the groups in them are not recorded
    /// again.
    ///
    /// # Errors
    /// `StateError::Skips` where a file is damaged, `StateError::Io` where it cannot be read or made durable.
    pub fn open(folder: &StateFolder) -> Result<Self, StateError> {
        let record = read_record(folder.path())?;
        if !record.groups.is_empty() || record.torn_at.is_some() {
            let path = folder.path().join(RECORD_NAME);
            let mut file = DurableFile::open(&path, FileRole::SkippedGroups)?;
            if let Some(length) = record.torn_at {
                file.cut(length)?;
            }
            file.sync_data()?;
            durable::sync_folder(folder.path(), FileRole::StateFolder)?;
        }
        Self::of(folder.path(), record.groups)
    }

    /// The orders that are not carried out, one a line, and how many groups were passed over; without the folder's lock.
    ///
    /// # Errors
    /// As [`SkipStore::open`].
    pub fn peek(state_dir: &Path, connector: &str) -> Result<(Vec<String>, u64), StateError> {
        let folder = state_dir.join(connector);
        let record = read_record(&folder)?.groups;
        let count = record.len() as u64;
        Ok((Self::of(&folder, record)?.orders(), count))
    }

    /// The texts of both files of a folder, the orders' where there is one.
    ///
    /// # Errors
    /// `StateError::Io` where one cannot be read.
    pub fn texts(folder: &StateFolder) -> Result<(Option<Vec<u8>>, Vec<u8>), StateError> {
        let folder = folder.path();
        let orders = durable::read(
            &folder.join(ORDERS_NAME),
            FileRole::SkipOrders,
            ORDERS_BYTES_MAX,
        )?;
        Ok((orders, record_text(folder)?))
    }

    /// Replaces both by those that were kept with a checkpoint, durably. Orders that were given here stay beside them if the
    /// folder is new.
    ///
    /// # Errors
    /// A text that is damaged, or a file that cannot be written; or else the orders that were given here and are not among
    /// those kept: whoever delivered meanwhile may have carried them out, or they may have been cancelled there.
    pub fn adopt(
        &self,
        orders: Option<&[u8]>,
        record: &[u8],
        checkpoint: &Checkpoint,
        is_new: bool,
    ) -> Result<Result<(), Vec<String>>, StateError> {
        let mut books = self.books();
        let (path, record_path) = (self.folder.join(ORDERS_NAME), self.folder.join(RECORD_NAME));
        let (next_id, kept_orders) = orders.map_or(Ok((1, Vec::new())), |text| {
            orders_of(text).map_err(|reason| StateError::Skips { path, reason })
        })?;
        let groups = record_of(&record_path, record)?.groups;
        let mut adopted = Books::of(next_id, kept_orders, groups);
        let is_kept = |own: &&KeptOrder| {
            let mut kept = adopted.orders.iter();
            kept.any(|kept| {
                kept.order.target == own.order.target && kept.order.after == own.order.after
            })
        };
        let own: Vec<&KeptOrder> = books.orders.iter().filter(|own| !is_kept(own)).collect();
        if is_new {
            let own: Vec<KeptOrder> = own.into_iter().cloned().collect();
            for mut own in own {
                own.order.id = adopted.next_id;
                adopted.next_id += 1;
                adopted.orders.push(own);
            }
        } else {
            let left = own.iter().filter(|own| !adopted.is_over(own, checkpoint));
            let left: Vec<String> = left.map(|own| own.text()).collect();
            if !left.is_empty() {
                return Ok(Err(left));
            }
        }
        let folder = (&*self.folder, FileRole::StateFolder);
        if !record.is_empty() {
            durable::replace(folder, RECORD_NAME, FileRole::SkippedGroups, record)?;
        }
        if !adopted.orders.is_empty() || !books.orders.is_empty() || orders.is_some() {
            write_orders(&self.folder, &adopted)?;
        }
        *books = adopted;
        Ok(Ok(()))
    }

    fn of(folder: &Path, record: Vec<Recorded>) -> Result<Self, StateError> {
        let (next_id, orders) = read_orders(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            books: Mutex::new(Books::of(next_id, orders, record)),
        })
    }

    /// The orders that are not carried out, as text.
    pub fn orders(&self) -> Vec<String> {
        self.books().orders.iter().map(KeptOrder::text).collect()
    }

    /// How many groups were passed over.
    pub fn passed_over(&self) -> u64 {
        self.books().record.len() as u64
    }

    /// Takes an order, which is durable on return; groups are counted from `after`, or else from the checkpoint on.
    ///
    /// # Errors
    /// `StateError::Io` where it cannot be written; else why it is not taken.
    pub fn order(
        &self,
        target: SkipTarget,
        checkpoint: &Checkpoint,
        after: Option<Coordinates>,
    ) -> Result<Result<SkipOrder, SkipRefusal>, StateError> {
        let mut books = self.books();
        if let Err(refusal) = books.allows(&target, checkpoint) {
            return Ok(Err(refusal));
        }
        let order = SkipOrder {
            id: books.next_id,
            target,
            after: after.unwrap_or_else(|| checkpoint.coordinates.clone()),
        };
        let same = books.orders.iter().find(|kept| {
            let counts = matches!(order.target, SkipTarget::Groups(_));
            kept.order.target == order.target && (!counts || kept.order.after == order.after)
        });
        if let Some(same) = same {
            let id = same.order.id;
            return Ok(Err(SkipRefusal::Again { id }));
        }
        let kept = KeptOrder {
            order: order.clone(),
            lineage: checkpoint.lineage(),
        };
        books.orders.push(kept);
        books.next_id = order.id + 1;
        match write_orders(&self.folder, &books) {
            Ok(()) => Ok(Ok(order)),
            Err(error) => {
                books.orders.pop();
                Err(error)
            }
        }
    }

    /// Takes an order back.
    ///
    /// # Errors
    /// As [`SkipStore::order`].
    pub fn cancel(&self, id: u64) -> Result<Result<(), SkipRefusal>, StateError> {
        let mut books = self.books();
        let Some(index) = books.orders.iter().position(|kept| kept.order.id == id) else {
            return Ok(Err(SkipRefusal::Unknown { id }));
        };
        let cancelled = books.orders.remove(index);
        match write_orders(&self.folder, &books) {
            Ok(()) => Ok(Ok(())),
            Err(error) => {
                books.orders.insert(index, cancelled);
                Err(error)
            }
        }
    }

    /// What a stream is to carry out that begins at a checkpoint.
    pub fn for_stream(&self, checkpoint: &Checkpoint) -> SkipOrders {
        let books = self.books();
        let mut orders = SkipOrders::default();
        for kept in &books.orders {
            let mut order = kept.order.clone();
            let is_here = kept.lineage == checkpoint.lineage();
            let passed = books.passed(kept, checkpoint);
            match &order.target {
                // A place in other binlogs is none in these.
                SkipTarget::At(_) if !is_here => continue,
                SkipTarget::Groups(_) if !is_here => {
                    order.after.clone_from(&checkpoint.coordinates);
                }
                SkipTarget::At(_) | SkipTarget::Groups(_) | SkipTarget::Gtids(_) => {}
            }
            orders.add(order, passed);
        }
        orders.dropped = books.record.iter().filter_map(|it| it.xa.clone()).collect();
        orders
    }

    /// Puts groups on the record, in stream order; durable on return.
    ///
    /// # Errors
    /// `StateError::Io` where the file cannot be written.
    pub fn record(&self, groups: &[PassedOver], lineage: &Lineage) -> Result<(), StateError> {
        let mut books = self.books();
        let mut lines = Vec::new();
        let mut fresh = Vec::new();
        for group in groups {
            let is_there = books.record.iter().rev().any(|known| {
                known.order == group.order
                    && known.begin == group.begin
                    && known.lineage == *lineage
            });
            if is_there {
                continue;
            }
            checked_line::write(&Line::of(group, lineage), &mut lines);
            fresh.push(Recorded {
                order: group.order,
                begin: group.begin.clone(),
                lineage: lineage.clone(),
                gtid: group.gtid.clone(),
                xa: group.xa.clone(),
            });
        }
        if fresh.is_empty() {
            return Ok(());
        }
        let path = self.folder.join(RECORD_NAME);
        let is_new = durable::length(&path, FileRole::SkippedGroups)?.is_none();
        let mut file = DurableFile::open_or_create(&path, FileRole::SkippedGroups)?;
        let length = file.length()?;
        let written = file
            .write_at(&lines, length)
            .and_then(|()| file.sync_data());
        if let Err(error) = written {
            // Half a line would hide those after it.
            let _ = file.cut(length);
            return Err(error.into());
        }
        if is_new {
            durable::sync_folder(&self.folder, FileRole::StateFolder)?;
        }
        books.record.append(&mut fresh);
        Ok(())
    }

    /// Removes the orders that a checkpoint shows to be carried out, or that can never be.
    ///
    /// # Errors
    /// `StateError::Io` where the file cannot be written.
    pub fn settle(&self, checkpoint: &Checkpoint) -> Result<(), StateError> {
        let mut books = self.books();
        if books.orders.is_empty() {
            return Ok(());
        }
        let is_over = |kept: &KeptOrder| books.is_over(kept, checkpoint);
        let (over, left): (Vec<KeptOrder>, Vec<KeptOrder>) =
            books.orders.iter().cloned().partition(is_over);
        if over.is_empty() {
            return Ok(());
        }
        for KeptOrder { order, .. } in &over {
            let is_empty = !books.record.iter().any(|group| group.order == order.id);
            if is_empty {
                warn!(
                    order = order.id,
                    "a skip order came to nothing, no group was as it said: {order}"
                );
            }
        }
        books.orders = left;
        write_orders(&self.folder, &books)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeptOrder {
    fn text(&self) -> String {
        format!("{}: {}", self.order.id, self.order)
    }
}

impl Books {
    fn of(next_id: u64, orders: Vec<KeptOrder>, record: Vec<Recorded>) -> Self {
        // A person may have taken the file of the orders away, and a number is never used twice.
        let used = record.iter().map(|group| group.order).max();
        Self {
            next_id: next_id.max(used.map_or(1, |used| used.saturating_add(1))),
            orders,
            record,
        }
    }

    fn allows(&self, target: &SkipTarget, checkpoint: &Checkpoint) -> Result<(), SkipRefusal> {
        if self.orders.len() >= ORDERS_MAX {
            return Err(SkipRefusal::TooMany);
        }
        match target {
            SkipTarget::Gtids(gtids) if gtids.flavour() != checkpoint.gtid_set.flavour() => {
                let gtids = gtids.to_string();
                Err(SkipRefusal::OtherFamily { gtids })
            }
            SkipTarget::Gtids(gtids) => match gtids.seen(&checkpoint.gtid_set) {
                seen if seen.is_empty() => Ok(()),
                gtids => Err(SkipRefusal::Delivered { gtids }),
            },
            SkipTarget::At(at) if *at < checkpoint.coordinates => Err(SkipRefusal::Passed {
                at: at.clone(),
                checkpoint: checkpoint.coordinates.clone(),
            }),
            SkipTarget::At(_) | SkipTarget::Groups(_) => Ok(()),
        }
    }

    /// How many groups before a checkpoint were passed over by an order. One that counts groups counts those too that another
    /// order took, or it would take a later one in their place.
    fn passed(&self, kept: &KeptOrder, checkpoint: &Checkpoint) -> u64 {
        let lineage = checkpoint.lineage();
        let order = &kept.order;
        let counts = |group: &Recorded| {
            matches!(order.target, SkipTarget::Groups(_))
                && group.lineage == kept.lineage
                && group.begin >= order.after
        };
        let groups = self.record.iter();
        let groups = groups.filter(|group| group.order == order.id || counts(group));
        let before = groups.filter(|group| match &group.gtid {
            Some(gtid) => checkpoint.gtid_set.contains(gtid),
            None => group.lineage != lineage || group.begin < checkpoint.coordinates,
        });
        before.count() as u64
    }

    fn is_over(&self, kept: &KeptOrder, checkpoint: &Checkpoint) -> bool {
        let order = &kept.order;
        match &order.target {
            SkipTarget::Gtids(gtids) => gtids.are_seen(&checkpoint.gtid_set),
            SkipTarget::Groups(count) => self.passed(kept, checkpoint) >= *count,
            SkipTarget::At(at) => {
                kept.lineage != checkpoint.lineage() || *at < checkpoint.coordinates
            }
        }
    }
}

// ---- the orders as a file ------------------------------------------------------------------------------------------

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OrdersFile {
    version: u32,
    next_id: u64,
    orders: Vec<OrderText>,
}

const ORDERS_VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct OrderText {
    id: u64,
    #[serde(flatten)]
    place: PlaceText,
    after: Coordinates,
    #[serde(flatten)]
    lineage: LineageText,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PlaceText {
    Gtids(String),
    Groups(u64),
    At(Coordinates),
}

#[derive(Serialize, Deserialize)]
struct LineageText {
    server_uuid: Option<Uuid>,
    server_id: u32,
    epoch: u64,
}

impl From<&Lineage> for LineageText {
    fn from(lineage: &Lineage) -> Self {
        Self {
            server_uuid: lineage.server_uuid,
            server_id: lineage.server_id,
            epoch: lineage.incarnation,
        }
    }
}

impl From<LineageText> for Lineage {
    fn from(text: LineageText) -> Self {
        Self {
            server_uuid: text.server_uuid,
            server_id: text.server_id,
            incarnation: text.epoch,
        }
    }
}

fn write_orders(folder: &Path, books: &Books) -> Result<(), StateError> {
    let orders = books
        .orders
        .iter()
        .map(|KeptOrder { order, lineage }| OrderText {
            id: order.id,
            place: match &order.target {
                SkipTarget::Gtids(gtids) => PlaceText::Gtids(gtids.to_string()),
                SkipTarget::Groups(count) => PlaceText::Groups(*count),
                SkipTarget::At(at) => PlaceText::At(at.clone()),
            },
            after: order.after.clone(),
            lineage: lineage.into(),
        });
    let file = OrdersFile {
        version: ORDERS_VERSION,
        next_id: books.next_id,
        orders: orders.collect(),
    };
    let mut text = serde_json::to_vec_pretty(&file).expect("orders have string keys only");
    text.push(b'\n');
    let folder = (folder, FileRole::StateFolder);
    durable::replace(folder, ORDERS_NAME, FileRole::SkipOrders, &text)?;
    Ok(())
}

fn read_orders(folder: &Path) -> Result<(u64, Vec<KeptOrder>), StateError> {
    let path = folder.join(ORDERS_NAME);
    let Some(bytes) = durable::read(&path, FileRole::SkipOrders, ORDERS_BYTES_MAX)? else {
        return Ok((1, Vec::new()));
    };
    orders_of(&bytes).map_err(|reason| StateError::Skips { path, reason })
}

fn orders_of(text: &[u8]) -> Result<(u64, Vec<KeptOrder>), String> {
    let file: OrdersFile = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if file.version != ORDERS_VERSION {
        return Err(format!("it has version {}", file.version));
    }
    let orders: Result<Vec<KeptOrder>, String> = file.orders.into_iter().map(kept).collect();
    Ok((file.next_id, orders?))
}

fn kept(text: OrderText) -> Result<KeptOrder, String> {
    let target = match text.place {
        PlaceText::Gtids(gtids) => SkipTarget::Gtids(gtids.parse()?),
        PlaceText::Groups(count) => SkipTarget::Groups(count),
        PlaceText::At(at) => SkipTarget::At(at),
    };
    Ok(KeptOrder {
        order: SkipOrder {
            id: text.id,
            target,
            after: text.after,
        },
        lineage: text.lineage.into(),
    })
}

// ---- the record as a file ------------------------------------------------------------------------------------------

#[derive(Serialize, Deserialize)]
struct Line {
    order: u64,
    gtid: Option<String>,
    begin: Coordinates,
    end: Coordinates,
    #[serde(flatten)]
    lineage: LineageText,
    /// When it was committed on the source.
    committed: Option<jiff::Timestamp>,
    events: u64,
    /// Statements in it whose effects on tables were followed.
    statements: u64,
    /// Whether every definition was in doubt after it.
    definitions_in_doubt: bool,
    /// An XA transaction whose changes never come.
    xa: Option<String>,
}

impl Line {
    fn of(group: &PassedOver, lineage: &Lineage) -> Self {
        Self {
            order: group.order,
            gtid: group.gtid.as_ref().map(ToString::to_string),
            begin: group.begin.clone(),
            end: group.end.clone(),
            lineage: lineage.into(),
            committed: jiff::Timestamp::from_microsecond(group.commit_us).ok(),
            events: group.events,
            statements: group.statements,
            definitions_in_doubt: group.doubts_definitions,
            xa: group.xa.as_ref().map(ToString::to_string),
        }
    }
}

#[derive(Default)]
struct Record {
    groups: Vec<Recorded>,
    /// Where the last line begins, if it is not whole.
    torn_at: Option<u64>,
}

fn record_text(folder: &Path) -> Result<Vec<u8>, StateError> {
    let path = folder.join(RECORD_NAME);
    let bytes = durable::read(&path, FileRole::SkippedGroups, RECORD_BYTES_MAX)?;
    Ok(bytes.unwrap_or_default())
}

fn read_record(folder: &Path) -> Result<Record, StateError> {
    record_of(&folder.join(RECORD_NAME), &record_text(folder)?)
}

fn record_of(path: &Path, bytes: &[u8]) -> Result<Record, StateError> {
    let mut record = Record::default();
    let mut at = 0;
    for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let is_last = at + line.len() == bytes.len();
        match read_line(line) {
            Ok(group) => record.groups.push(group),
            Err(_) if is_last => record.torn_at = Some(at as u64),
            Err(reason) => {
                let reason = format!("line {}: {reason}", index + 1);
                let path = path.to_owned();
                return Err(StateError::Skips { path, reason });
            }
        }
        at += line.len();
    }
    Ok(record)
}

fn read_line(line: &[u8]) -> Result<Recorded, String> {
    let line = line.strip_suffix(b"\n").ok_or("it does not end")?;
    checked_line::verify(line)?;
    let line: Line = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let gtid = line.gtid.map(|text| text.parse::<Gtid>()).transpose();
    Ok(Recorded {
        order: line.order,
        begin: line.begin,
        lineage: line.lineage.into(),
        gtid: gtid.map_err(|error| error.to_string())?,
        xa: line.xa.as_deref().and_then(XaId::parse),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binlog::GtidSet;
    use crate::mysql::Flavour;

    #[test]
    fn a_group_that_another_order_takes_counts_for_one_that_counts_groups() {
        let dir = tempfile::tempdir().unwrap();
        let folder = StateFolder::open(dir.path(), "shop").unwrap();
        let skips = SkipStore::open(&folder).unwrap();
        let at = |position| Coordinates::new("binlog.000001", position);
        let set = GtidSet::empty(Flavour::MariaDb);
        let mut checkpoint = Checkpoint::new(at(4), set, None, 1, 7);
        let first = SkipTarget::At(at(4));
        skips.order(first, &checkpoint, None).unwrap().unwrap();
        let next = SkipTarget::Groups(1);
        skips.order(next, &checkpoint, None).unwrap().unwrap();
        let group = PassedOver {
            order: 1,
            gtid: None,
            begin: at(4),
            end: at(100),
            commit_us: 0,
            events: 1,
            xa: None,
            statements: 0,
            doubts_definitions: false,
        };
        skips.record(&[group], &checkpoint.lineage()).unwrap();
        checkpoint.coordinates = at(100);
        // A stream that begins anew behind it has nothing left to pass over.
        let taken = skips.for_stream(&checkpoint).take(None, &at(100));
        assert_eq!(taken, None);
        skips.settle(&checkpoint).unwrap();
        assert_eq!(skips.orders(), [""; 0]);
    }

    #[test]
    fn an_order_that_cannot_be_taken_back_is_still_kept() {
        let dir = tempfile::tempdir().unwrap();
        let folder = StateFolder::open(dir.path(), "shop").unwrap();
        let skips = SkipStore::open(&folder).unwrap();
        let at = Coordinates::new("binlog.000001", 4);
        let checkpoint = Checkpoint::new(at, GtidSet::empty(Flavour::MySql), None, 1, 7);
        for count in [1, 2] {
            let ordered = skips.order(SkipTarget::Groups(count), &checkpoint, None);
            ordered.unwrap().unwrap();
        }
        let orders = skips.orders();
        let in_the_way = folder
            .path()
            .join(format!("{ORDERS_NAME}.{}", durable::TEMPORARY));
        std::fs::create_dir(&in_the_way).unwrap();
        skips.cancel(1).unwrap_err();
        assert_eq!(skips.orders(), orders);
        std::fs::remove_dir(&in_the_way).unwrap();
        skips.cancel(1).unwrap().unwrap();
        assert_eq!(skips.orders(), orders[1..]);
        let (peeked, _) = SkipStore::peek(dir.path(), "shop").unwrap();
        assert_eq!(peeked, orders[1..]);
    }
}
