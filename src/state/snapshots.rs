//! Snapshots of some tables that a person ordered beside the stream: those that wait, the one that is being taken, and why others
//! were given up.
//!
//! They are in the file `snapshot-orders.json`, replaced as a whole. How far one has come is in the checkpoint, which names its
//! order from the moment it is begun; once it no longer does, the order is done.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tracing::info;

use super::durable;
use super::error::StateError;
use super::folder::StateFolder;
use crate::change::{ChosenTables, SnapshotProgress, SnapshotReached};
use crate::fault::FileRole;

/// The file.
pub const SNAPSHOTS_NAME: &str = "snapshot-orders.json";
const BYTES_MAX: u64 = 64 << 20;
const VERSION: u32 = 1;
/// Orders that may wait at once.
const ORDERS_MAX: usize = 1000;
/// Orders that were given up and are still told.
const FAILED_MAX: usize = 20;
/// Tables that are told of an order.
const NAMED_MAX: usize = 5;

/// The snapshots that were ordered of one connector. Its functions block on the disk.
#[derive(Debug)]
pub struct SnapshotOrders {
    folder: PathBuf,
    book: Mutex<Book>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Book {
    version: u32,
    next_id: u64,
    /// Nothing of them is copied meanwhile.
    is_paused: bool,
    orders: Vec<Order>,
    failed: VecDeque<FailedOrder>,
    /// How far the one has come that is being taken.
    #[serde(skip)]
    reached: Option<Arc<SnapshotReached>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    chosen: ChosenTables,
    state: OrderState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OrderState {
    Waiting,
    Begun,
    /// It was begun, and what the checkpoint has of it is to be dropped.
    Cancelled,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FailedOrder {
    order: u64,
    reason: String,
}

/// Why an order was not taken.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotRefusal {
    /// Too many are waiting.
    #[error("{ORDERS_MAX} snapshots are waiting, cancel some by --cancel")]
    TooMany,
    /// There is no such order.
    #[error(
        "there is no snapshot {order} that is waiting or being taken, --status shows those there are"
    )]
    Unknown {
        /// The number that was given.
        order: u64,
    },
}

impl Default for Book {
    fn default() -> Self {
        Self {
            version: VERSION,
            next_id: 1,
            is_paused: false,
            orders: Vec::new(),
            failed: VecDeque::new(),
            reached: None,
        }
    }
}

impl SnapshotOrders {
    /// Reads the orders of a connector's folder.
    ///
    /// # Errors
    /// `StateError::Snapshots` where the file is damaged, `StateError::Io` where it cannot be read.
    pub fn open(folder: &StateFolder) -> Result<Self, StateError> {
        Self::of(folder.path())
    }

    /// What is ordered, a line an order, without the folder's lock.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn peek(state_dir: &Path, connector: &str) -> Result<Vec<String>, StateError> {
        Ok(Self::of(&state_dir.join(connector))?.told())
    }

    fn of(folder: &Path) -> Result<Self, StateError> {
        let path = folder.join(SNAPSHOTS_NAME);
        let book = match durable::read(&path, FileRole::SnapshotOrders, BYTES_MAX)? {
            None => Book::default(),
            Some(bytes) => {
                let damaged = |reason| StateError::Snapshots {
                    path: path.clone(),
                    reason,
                };
                let read = serde_json::from_slice::<Book>(&bytes);
                let book = read.map_err(|error| damaged(error.to_string()))?;
                if book.version != VERSION {
                    return Err(damaged(format!("it has version {}", book.version)));
                }
                book
            }
        };
        Ok(Self {
            folder: folder.to_owned(),
            book: Mutex::new(book),
        })
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, book: &Book) -> Result<(), StateError> {
        let mut text = serde_json::to_vec_pretty(book).expect("orders have string keys only");
        text.push(b'\n');
        let folder = (&*self.folder, FileRole::StateFolder);
        durable::replace(folder, SNAPSHOTS_NAME, FileRole::SnapshotOrders, &text)?;
        Ok(())
    }

    /// Takes an order, whose number is given to it, and returns that.
    ///
    /// # Errors
    /// Too many orders, or a file that cannot be written.
    pub fn order(&self, chosen: ChosenTables) -> Result<Result<u64, SnapshotRefusal>, StateError> {
        let mut book = self.book();
        if book.orders.len() >= ORDERS_MAX {
            return Ok(Err(SnapshotRefusal::TooMany));
        }
        let order = book.next_id;
        book.next_id += 1;
        book.orders.push(Order {
            chosen: ChosenTables { order, ..chosen },
            state: OrderState::Waiting,
        });
        self.write(&book)?;
        Ok(Ok(order))
    }

    /// Takes an order back. What of it was published stays so.
    ///
    /// # Errors
    /// No such order, or a file that cannot be written.
    pub fn cancel(&self, order: u64) -> Result<Result<(), SnapshotRefusal>, StateError> {
        let mut book = self.book();
        let is_it = |it: &Order| it.chosen.order == order && it.state != OrderState::Cancelled;
        let Some(place) = book.orders.iter().position(is_it) else {
            return Ok(Err(SnapshotRefusal::Unknown { order }));
        };
        match book.orders.get_mut(place) {
            Some(found) if found.state == OrderState::Begun => found.state = OrderState::Cancelled,
            Some(_) | None => drop(book.orders.remove(place)),
        }
        self.write(&book)?;
        Ok(Ok(()))
    }

    /// Pauses the copying of what is ordered, or goes on with it.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn pause(&self, is_paused: bool) -> Result<(), StateError> {
        let mut book = self.book();
        book.is_paused = is_paused;
        self.write(&book)
    }

    /// Whether nothing of what is ordered is copied.
    pub fn is_paused(&self) -> bool {
        self.book().is_paused
    }

    /// The order that is being carried out.
    pub fn current(&self) -> Option<u64> {
        let book = self.book();
        let chosen = book.reached.as_ref()?.chosen.as_ref()?;
        Some(chosen.order)
    }

    /// What a run begins with whose checkpoint says this of snapshots: the next order, where none is being taken and `may_begin`
    /// allows it.
    pub fn next(&self, progress: &SnapshotProgress, may_begin: bool) -> SnapshotProgress {
        let book = self.book();
        let number = progress.begun();
        let progress = match progress.chosen() {
            Some(chosen) if book.is_cancelled(chosen.order) => SnapshotProgress::after(number),
            Some(_) | None => progress.clone(),
        };
        let is_none = !matches!(progress, SnapshotProgress::Copying { .. });
        let mut waiting = book.orders.iter();
        let next = waiting.find(|order| order.state == OrderState::Waiting);
        match next {
            Some(next) if is_none && may_begin && !book.is_paused => {
                let reached = SnapshotReached::of(next.chosen.clone());
                SnapshotProgress::copying(number, Some(Arc::new(reached)))
            }
            Some(_) | None => progress,
        }
    }

    /// Takes what the checkpoint says now that a run begins with: orders that were begun and are not in it are done.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn settled(&self, progress: &SnapshotProgress) -> Result<(), StateError> {
        let mut book = self.book();
        let chosen = progress.chosen();
        book.reached = match progress {
            SnapshotProgress::Copying { reached, .. } if chosen.is_some() => reached.clone(),
            SnapshotProgress::Copying { .. }
            | SnapshotProgress::None
            | SnapshotProgress::Over { .. } => None,
        };
        let now = chosen.map(|chosen| chosen.order);
        let mut is_changed = false;
        book.orders.retain_mut(|order| {
            let is_it = Some(order.chosen.order) == now;
            if is_it && order.state == OrderState::Waiting {
                order.state = OrderState::Begun;
                is_changed = true;
            }
            let is_over = !is_it && order.state != OrderState::Waiting;
            if is_over && order.state == OrderState::Begun {
                info!(
                    order = order.chosen.order,
                    "a snapshot that was ordered is done"
                );
            }
            is_changed |= is_over;
            !is_over
        });
        // The folder may be younger than the checkpoint.
        if let Some(chosen) =
            chosen.filter(|_| !book.orders.iter().any(|it| Some(it.chosen.order) == now))
        {
            book.next_id = book.next_id.max(chosen.order + 1);
            book.orders.insert(
                0,
                Order {
                    chosen: chosen.clone(),
                    state: OrderState::Begun,
                },
            );
            is_changed = true;
        }
        match is_changed {
            true => self.write(&book),
            false => Ok(()),
        }
    }

    /// Gives an order up.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn fail(&self, order: u64, reason: String) -> Result<(), StateError> {
        let mut book = self.book();
        let cancelled = book.orders.iter_mut().find(|it| it.chosen.order == order);
        if let Some(cancelled) = cancelled {
            cancelled.state = OrderState::Cancelled;
        }
        book.failed.push_back(FailedOrder { order, reason });
        if book.failed.len() > FAILED_MAX {
            book.failed.pop_front();
        }
        self.write(&book)
    }

    /// What is ordered, a line an order.
    pub fn told(&self) -> Vec<String> {
        let book = self.book();
        let mut lines: Vec<String> = book
            .orders
            .iter()
            .filter_map(|order| book.told(order))
            .collect();
        if lines.is_empty() {
            lines.push("no snapshot is waiting or being taken".to_owned());
        } else if book.is_paused {
            lines.push("snapshots are paused, --resume goes on with them".to_owned());
        }
        lines.extend(book.failed.iter().map(|FailedOrder { order, reason }| {
            format!("snapshot {order} was given up: {reason}")
        }));
        lines
    }
}

impl Book {
    fn is_cancelled(&self, order: u64) -> bool {
        let is_it = |it: &Order| it.chosen.order == order && it.state == OrderState::Cancelled;
        self.orders.iter().any(is_it)
    }

    fn told(&self, order: &Order) -> Option<String> {
        let ChosenTables {
            order: number,
            tables,
            condition,
            ..
        } = &order.chosen;
        let mut names: Vec<String> = tables
            .iter()
            .take(NAMED_MAX)
            .map(ToString::to_string)
            .collect();
        if tables.len() > NAMED_MAX {
            names.push(format!("and {} more", tables.len() - NAMED_MAX));
        }
        let names = names.join(", ");
        let rows = condition.as_ref().map(|it| format!(" where {it}"));
        let rows = rows.unwrap_or_default();
        let state = match order.state {
            OrderState::Cancelled => return None,
            OrderState::Waiting => "waiting".to_owned(),
            OrderState::Begun => match &self.reached {
                Some(reached) => {
                    let done = tables.iter().filter(|table| !reached.lacks(table)).count();
                    let partly = reached.partly.as_ref();
                    let partly = partly.map(|(table, key)| {
                        format!(", {table} up to the key {}", key.0.join(", "))
                    });
                    format!(
                        "being taken, {done} of {} tables done{}",
                        tables.len(),
                        partly.unwrap_or_default()
                    )
                }
                None => "begun".to_owned(),
            },
        };
        Some(format!("snapshot {number}: {names}{rows}: {state}"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::row::TableName;

    fn chosen(table: &str) -> ChosenTables {
        ChosenTables {
            order: 0,
            tables: BTreeSet::from([TableName::new("a", table)]),
            condition: None,
            lacks_keys: false,
        }
    }

    #[test]
    fn orders_are_taken_one_after_the_other_and_outlive_the_process() {
        let dir = tempfile::tempdir().unwrap();
        let folder = StateFolder::open(dir.path(), "shop").unwrap();
        let orders = SnapshotOrders::open(&folder).unwrap();
        let none = SnapshotProgress::None;
        assert_eq!(orders.next(&none, true), none);
        for (table, order) in [("t", 1), ("u", 2), ("v", 3)] {
            assert_eq!(orders.order(chosen(table)).unwrap().unwrap(), order);
        }
        assert_eq!(orders.next(&none, false), none);
        let first = orders.next(&none, true);
        assert_eq!(first.chosen().unwrap().order, 1);
        orders.settled(&first).unwrap();
        let orders = SnapshotOrders::open(&folder).unwrap();
        // It is in the checkpoint, and stays so.
        assert_eq!(orders.next(&first, true), first);
        orders.settled(&first).unwrap();
        orders.cancel(2).unwrap().unwrap();
        orders.cancel(2).unwrap().unwrap_err();
        let over = SnapshotProgress::after(7);
        let third = orders.next(&over, true);
        assert_eq!((third.chosen().unwrap().order, third.begun()), (3, 7));
        orders.settled(&third).unwrap();
        orders.cancel(1).unwrap().unwrap_err();
        orders.cancel(3).unwrap().unwrap();
        let orders = SnapshotOrders::open(&folder).unwrap();
        assert_eq!(orders.next(&third, true), over);
        orders.settled(&over).unwrap();
        assert_eq!(orders.told(), ["no snapshot is waiting or being taken"]);
    }

    #[test]
    fn orders_wait_while_they_are_paused_and_tell_why_they_failed() {
        let dir = tempfile::tempdir().unwrap();
        let folder = StateFolder::open(dir.path(), "shop").unwrap();
        let orders = SnapshotOrders::open(&folder).unwrap();
        let none = SnapshotProgress::None;
        orders.order(chosen("t")).unwrap().unwrap();
        orders.pause(true).unwrap();
        assert_eq!(orders.next(&none, true), none);
        orders.pause(false).unwrap();
        let begun = orders.next(&none, true);
        orders.settled(&begun).unwrap();
        orders.fail(1, "it is gone".to_owned()).unwrap();
        assert_eq!(orders.next(&begun, true), none);
        orders.settled(&none).unwrap();
        let told = SnapshotOrders::peek(dir.path(), "shop").unwrap();
        assert_eq!(told[1], "snapshot 1 was given up: it is gone");
    }

    #[test]
    fn an_order_of_the_checkpoint_is_known_where_the_folder_is_new() {
        let dir = tempfile::tempdir().unwrap();
        let folder = StateFolder::open(dir.path(), "shop").unwrap();
        let orders = SnapshotOrders::open(&folder).unwrap();
        let reached = SnapshotReached::of(ChosenTables {
            order: 9,
            ..chosen("t")
        });
        let progress = SnapshotProgress::copying(4, Some(Arc::new(reached)));
        assert_eq!(orders.next(&progress, true), progress);
        orders.settled(&progress).unwrap();
        assert_eq!(orders.order(chosen("u")).unwrap().unwrap(), 10);
        orders.cancel(9).unwrap().unwrap();
    }
}
