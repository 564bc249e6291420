//! Where a stream begins: the first time as the connector's `start` says, later at its checkpoint.

use std::sync::Arc;

use tracing::info;

use super::consistent::{TableViews, takes_gtids};
use super::dump::{self, DumpReader, DumpStart};
use super::from_file::ToldStart;
use super::options::ServerOptions;
use super::preflight::SourceFacts;
use super::receiver::{ExpectedFile, Live};
use super::relation::{Lack, Relation};
use super::session::Session;
use super::standing::{HeldGroups, Standing};
use super::statements::{LogFile, Status};
use super::undecided::{Decided, SettledEnd, await_decided};
use super::walk::AfterSet;
use super::{preflight, statements, walk};
use crate::binlog::{Coordinates, FIRST_POSITION, Gtid, GtidSet};
use crate::change::{Checkpoint, LeftOut};
use crate::mysql::Flavour;
use crate::row::{TableName, text_literal};
use crate::source::budget::Budget;
use crate::source::error::SourceError;
use crate::source::identity::{self, is_of};
use crate::source::start::Start;
use crate::state::ReplicaIdentity;

/// A source that can be read.
#[derive(Debug)]
pub struct Checked {
    /// What the source is.
    pub facts: SourceFacts,
    pub(super) session: Session,
    /// A start in a file is replaced by what the file says, unless it could not be read.
    options: ServerOptions,
    told: Option<Result<ToldStart, SourceError>>,
    replica: DumpReader,
}

/// A source that was checked, and where the stream will begin.
#[derive(Debug)]
pub struct Resolved {
    /// Where it begins: the given checkpoint, or the one that the start resolves to. To be saved before the first event
    /// is asked for.
    pub checkpoint: Checkpoint,
    /// What the source is.
    pub facts: SourceFacts,
    /// Whether the stream is asked for by GTID set: the source then leaves out the groups of the set, wherever they
    /// stand, and positions jump.
    pub skips_groups: bool,
    session: Session,
    options: ServerOptions,
    replica: DumpReader,
}

/// Connects and makes sure that the source can be read: that its binlog is on and in rows, that the account may do what a
/// replica does, and that no other replica has this one's `server_id`.
///
/// # Errors
/// Everything that a person must change, or whatever breaks on the way.
pub async fn check(
    options: &ServerOptions,
    identity: &ReplicaIdentity,
) -> Result<Checked, SourceError> {
    options.refuse_problems()?;
    let mut session = Session::open_as(options, identity).await?;
    let facts = preflight::check(&mut session, options, identity).await?;
    Ok(Checked::of(session, facts, options, identity).await)
}

impl Checked {
    /// Makes one of a server that was checked over this connection.
    pub(super) async fn of(
        session: Session,
        facts: SourceFacts,
        options: &ServerOptions,
        identity: &ReplicaIdentity,
    ) -> Self {
        let mut options = options.clone();
        let told = match &options.start {
            Start::From { from } => {
                let told = ToldStart::read(from, &facts).await;
                Some(told.map_err(|error| error.named_at(options.start_place.as_deref())))
            }
            Start::Earliest
            | Start::Latest
            | Start::Snapshot
            | Start::At { .. }
            | Start::After { .. } => None,
        };
        if let Some(Ok(told)) = &told {
            options.start = told.start.clone();
        }
        Self {
            facts,
            session,
            told,
            replica: DumpReader::Replica {
                server_id: preflight::server_id(&options, identity),
                host: options.report_host(identity.server_uuid),
            },
            options,
        }
    }

    /// The options, with the host and the port of this server.
    pub fn options(&self) -> &ServerOptions {
        &self.options
    }

    /// Whether its binlogs are those that a checkpoint is of, as far as its identity tells.
    pub fn is_of(&self, checkpoint: &Checkpoint) -> bool {
        let facts = &self.facts;
        is_of(
            checkpoint,
            facts.flavour,
            facts.server_uuid,
            facts.server_id,
        )
        .is_ok()
    }

    /// Finds out what the server is to a checkpoint.
    ///
    /// # Errors
    /// When it is no server to go on at whatever it gets, or whatever breaks on the way.
    pub(super) async fn relation_to(
        &mut self,
        checkpoint: &Checkpoint,
    ) -> Result<Relation, SourceError> {
        self.starting().relation_to(checkpoint).await
    }

    /// Begins at the coordinates of a checkpoint, which are of this server, whatever the options say.
    ///
    /// # Errors
    /// When the source has not what stands there, or whatever breaks on the way.
    pub async fn resolve_at(mut self, checkpoint: Checkpoint) -> Result<Resolved, SourceError> {
        let checkpoint = self.starting().resume_at(checkpoint).await?;
        Ok(self.resolved(checkpoint, false))
    }

    fn resolved(self, checkpoint: Checkpoint, skips_groups: bool) -> Resolved {
        Resolved {
            checkpoint,
            skips_groups,
            facts: self.facts,
            session: self.session,
            options: self.options,
            replica: self.replica,
        }
    }

    fn starting(&mut self) -> Starting<'_> {
        Starting {
            session: &mut self.session,
            options: &self.options,
            facts: &self.facts,
        }
    }

    /// Finds where to begin: at the checkpoint, which must be one of this source or of one whose place it takes, or where
    /// the `start` option says.
    ///
    /// # Errors
    /// When there is no way to begin there, or whatever breaks on the way.
    pub async fn resolve(mut self, from: Option<Checkpoint>) -> Result<Resolved, SourceError> {
        let checkpoint = match from {
            Some(checkpoint) if self.is_of(&checkpoint) => {
                self.starting().resume(checkpoint).await?
            }
            Some(checkpoint) => self.starting().take_over(checkpoint).await?,
            None => {
                if let Some(told) = self.told.take() {
                    told?.tell();
                }
                self.starting().begin().await?
            }
        };
        let skips_groups = is_by_gtid(&self.options, &self.facts, &checkpoint)?;
        Ok(self.resolved(checkpoint, skips_groups))
    }

    /// Opens views of these tables, as they are at the end of the binlog as of now.
    ///
    /// # Errors
    /// When there is no way to have one, or whatever breaks on the way.
    pub async fn views(
        &mut self,
        tables: &[TableName],
        since: &Checkpoint,
    ) -> Result<TableViews, SourceError> {
        let known = Some(since).filter(|since| self.is_of(since));
        await_decided(&mut self.session, &self.options, known).await?;
        TableViews::of_rest(&self.options, self.facts.flavour, tables).await
    }

    /// Opens views of MySQL without a lock, which show what is before a checkpoint.
    ///
    /// # Errors
    /// As [`Self::views`].
    pub async fn views_without_lock(
        &mut self,
        since: &Checkpoint,
    ) -> Result<TableViews, SourceError> {
        let known = Some(since).filter(|since| self.is_of(since));
        await_decided(&mut self.session, &self.options, known).await?;
        TableViews::unlocked(&self.options, &self.facts, &since.gtid_set).await
    }

    /// Begins at the end of the binlog as of now, with views of these tables as they are there.
    ///
    /// # Errors
    /// When there is no way to have one, or whatever breaks on the way.
    pub async fn resolve_with_views(
        mut self,
        tables: &[TableName],
    ) -> Result<(Resolved, TableViews), SourceError> {
        takes_gtids(&self.options, &self.facts)?;
        let decided = Decided::wait(&mut self.session, &self.options).await?;
        let views = TableViews::open(&self.options, self.facts.flavour, tables).await?;
        let settled = decided.until(&self.options, views.status.clone()).await?;
        let checkpoint = self.starting().settled(settled).await?;
        Ok((self.resolved(checkpoint, false), views))
    }
}

impl Resolved {
    /// Which groups the source leaves out.
    pub fn left_out(&self) -> LeftOut {
        let is_own_set = matches!(self.options.start, Start::After { .. } | Start::From { .. });
        match self.skips_groups {
            false => LeftOut::Nothing,
            true if self.checkpoint.epoch > 0 && !is_own_set => LeftOut::Delivered,
            true => LeftOut::Unread,
        }
    }

    /// Registers as a replica and starts the dump. If the source objects, that arrives with the first chunk.
    ///
    /// # Errors
    /// When the account may not do what a replica does, or the connection breaks.
    pub async fn stream(self, budget: &Budget) -> Result<Live, SourceError> {
        let checkpoint = &self.checkpoint;
        let begin = if self.skips_groups {
            DumpStart::After(&checkpoint.gtid_set)
        } else {
            DumpStart::At(&checkpoint.coordinates)
        };
        let begun = checkpoint.format_description_timestamp;
        let expected = (!self.skips_groups && begun != 0).then(|| ExpectedFile {
            name: checkpoint.coordinates.file.to_string(),
            begun,
        });
        let stream = dump::start(self.session, &self.options, begin, self.replica).await?;
        Ok(Live::new(stream, budget.clone(), expected))
    }
}

/// Whether the dump is asked for by GTID set.
///
/// A start by GTID set may leave out groups that stand after others it takes, so only the set says where the stream is.
/// And coordinates cannot name positions of 4 GiB and more.
fn is_by_gtid(
    options: &ServerOptions,
    facts: &SourceFacts,
    checkpoint: &Checkpoint,
) -> Result<bool, SourceError> {
    let by_set = match options.start {
        Start::After { .. } => true,
        // The file is gone by now. The set lacks nothing, however the stream began.
        Start::From { .. } => facts.serves_gtids(),
        Start::Earliest | Start::Latest | Start::Snapshot | Start::At { .. } => false,
    };
    let by_set = by_set
        || checkpoint.coordinates.file.is_empty()
        // The server took another's place: what was delivered may stand in its files after what was not.
        || checkpoint.epoch > 0;
    let out_of_reach = u32::try_from(checkpoint.coordinates.position).is_err();
    match (by_set || out_of_reach, facts.serves_gtids()) {
        (false, _) => Ok(false),
        (true, true) => Ok(true),
        (true, false) if by_set => Err(facts.gtid_mode_off()),
        (true, false) => Err(SourceError::OutOfReach {
            at: checkpoint.coordinates.clone(),
        }),
    }
}

struct Starting<'a> {
    session: &'a mut Session,
    options: &'a ServerOptions,
    facts: &'a SourceFacts,
}

impl Starting<'_> {
    async fn begin(&mut self) -> Result<Checkpoint, SourceError> {
        match self.options.start.clone() {
            Start::Earliest => {
                let files = statements::log_files(self.session).await?;
                let file = files
                    .first()
                    .map(|file| file.name.clone())
                    .unwrap_or_default();
                self.at_boundary(Coordinates::new(file, FIRST_POSITION))
                    .await
            }
            Start::Latest | Start::Snapshot | Start::From { .. } => self.latest().await,
            Start::At { file, position } => {
                let at = Coordinates::new(file, position);
                self.has(&at).await?;
                self.at_boundary(at).await
            }
            Start::After { gtid_set } => self.after(&gtid_set).await,
        }
    }

    /// The end of the binlog as of now.
    async fn latest(&mut self) -> Result<Checkpoint, SourceError> {
        let settled = SettledEnd::find(self.session, self.options).await?;
        self.settled(settled).await
    }

    async fn settled(&mut self, settled: SettledEnd) -> Result<Checkpoint, SourceError> {
        let SettledEnd { status, undecided } = settled;
        let checkpoint = self.end(status).await?;
        Ok(Checkpoint {
            undecided: Arc::new(undecided),
            ..checkpoint
        })
    }

    async fn end(&mut self, status: Status) -> Result<Checkpoint, SourceError> {
        let end = status.coordinates;
        let executed = status
            .executed_gtid_set
            .filter(|_| self.facts.flavour == Flavour::MySql);
        match executed {
            Some(executed) if self.facts.serves_gtids() && u32::try_from(end.position).is_ok() => {
                let prefix = walk::settled(self.options, self.parse(&executed)?, &end).await?;
                Ok(self.checkpoint(end, prefix.gtid_set, prefix.begun))
            }
            Some(executed) => {
                let begun = self.begun(&end).await?;
                Ok(self.checkpoint(end, self.parse(&executed)?, begun))
            }
            None => {
                let begun = self.begun(&end).await?;
                let set = self.mariadb_set(&end).await?;
                Ok(self.checkpoint(end, set, begun))
            }
        }
    }

    /// A position that must be a group boundary.
    async fn at_boundary(&mut self, at: Coordinates) -> Result<Checkpoint, SourceError> {
        let prefix = walk::prefix(self.options, &at).await?;
        let set = match self.facts.flavour {
            Flavour::MySql => {
                // What was purged without ever having been in these binlogs is named nowhere in them.
                let mut set = prefix.gtid_set;
                set.union(&self.parse(self.facts.gtid_purged.as_deref().unwrap_or_default())?);
                set
            }
            Flavour::MariaDb => self.mariadb_set(&at).await?,
        };
        Ok(self.checkpoint(at, set, prefix.begun))
    }

    async fn after(&mut self, text: &str) -> Result<Checkpoint, SourceError> {
        if !self.facts.serves_gtids() {
            return Err(self.facts.gtid_mode_off());
        }
        let set = self.parse(text)?;
        let set = self.held_of(set).await?;
        self.is_not_purged(&set).await?;
        let after = walk::first_after(self.options, &set).await?;
        Ok(self.checkpoint(after.at, set, after.begun))
    }

    /// The groups of a start's set that the source has. A replica's set may have groups of its own, which were never there; that
    /// the source lacks some of those that it wrote itself, it says when it is asked for what follows them. One that has none is
    /// another server's.
    async fn held_of(&mut self, set: GtidSet) -> Result<GtidSet, SourceError> {
        if set.is_empty() {
            return Ok(set);
        }
        let GtidSet::MySql(_) = &set else {
            return match self.standing(&set).await?.is_related {
                true => Ok(set),
                false => Err(SourceError::StrangeSet { gtid_set: set }),
            };
        };
        let executed = statements::value(self.session, "@@global.gtid_executed").await?;
        let executed = self.parse(&executed.unwrap_or_default().replace('\n', ""))?;
        let mut foreign = set.clone();
        foreign.subtract(&executed);
        if foreign == set {
            return Err(SourceError::StrangeSet { gtid_set: set });
        }
        let has_own = match (&foreign, self.facts.server_uuid) {
            (GtidSet::MySql(sources), Some(own)) => sources.keys().any(|(uuid, _)| *uuid == own),
            (GtidSet::MySql(_) | GtidSet::MariaDb(_), _) => false,
        };
        if has_own || foreign.is_empty() {
            return Ok(set);
        }
        info!(gtid_set = %foreign, "groups of the start's set that the source never had are left out of it");
        let mut held = set;
        held.subtract(&foreign);
        Ok(held)
    }

    /// What the server is to a checkpoint.
    async fn relation_to(&mut self, checkpoint: &Checkpoint) -> Result<Relation, SourceError> {
        let facts = self.facts;
        let of = is_of(
            checkpoint,
            facts.flavour,
            facts.server_uuid,
            facts.server_id,
        );
        let delivered = &checkpoint.gtid_set;
        let mut is_unrelated = None;
        let is_source = match of {
            // The server says itself what it has of its files.
            Ok(()) if !is_by_gtid(self.options, facts, checkpoint)? => return Ok(Relation::Source),
            Ok(()) => true,
            // Files know their server by its number only, so that nobody can tell whose place is taken.
            Err(another)
                if delivered.flavour() != facts.flavour
                    || checkpoint.server_uuid == Some(identity::FILES) =>
            {
                return Err(another);
            }
            Err(_) if delivered.is_empty() || !facts.serves_gtids() => {
                return Err(SourceError::AnotherWithoutGtids {
                    expected: identity::name_of(checkpoint),
                    found: facts.name(),
                    gtid_mode: facts.gtid_mode.clone(),
                });
            }
            Err(another) => {
                // It shares no history with the checkpoint.
                is_unrelated = Some(another);
                false
            }
        };
        let standing = self.standing(delivered).await?;
        if let Some(another) = is_unrelated.filter(|_| !standing.is_related) {
            return Err(another);
        }
        let Some(missing) = standing.missing else {
            self.is_not_purged(delivered).await?;
            return Ok(match is_source {
                true => Relation::Source,
                false => Relation::Successor,
            });
        };
        Ok(Relation::Lacks(Lack {
            missing,
            is_source,
            has_written: standing.has_written,
            replicates: statements::replicates(self.session).await?,
        }))
    }

    /// Compares the server's groups with those that were delivered.
    async fn standing(&mut self, delivered: &GtidSet) -> Result<Standing, SourceError> {
        let facts = self.facts;
        let held = match facts.flavour {
            Flavour::MySql => {
                let executed = statements::value(self.session, "@@global.gtid_executed").await?;
                HeldGroups::MySql(self.parse(&executed.unwrap_or_default().replace('\n', ""))?)
            }
            Flavour::MariaDb => {
                let mut texts = Vec::new();
                for variable in ["@@global.gtid_binlog_state", "@@global.gtid_slave_pos"] {
                    let text = statements::value(self.session, variable).await?;
                    texts.push(text.unwrap_or_default());
                }
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                HeldGroups::mariadb(&texts).map_err(|source| SourceError::GtidSet {
                    text: texts.join(","),
                    flavour: facts.flavour.name(),
                    source,
                })?
            }
        };
        Ok(held.compare(delivered, facts.server_uuid, facts.server_id))
    }

    /// Goes on at this server after all that was delivered before a checkpoint of another one. The checkpoint becomes this
    /// server's, in a lineage of its own.
    async fn take_over(&mut self, checkpoint: Checkpoint) -> Result<Checkpoint, SourceError> {
        if let Relation::Lacks(lack) = self.relation_to(&checkpoint).await? {
            return Err(lack.refusal(&self.options.address(), true));
        }
        let status = statements::status(self.session).await?;
        let end = status.ok_or(SourceError::BinlogOff)?.coordinates;
        let set = checkpoint.gtid_set.clone();
        let after = walk::first_after(self.options, &set).await?;
        self.is_in_order(&set, &after).await?;
        let (coordinates, begun) = match after.group {
            // All that stood before the end was delivered.
            None if after.at.file == end.file => (end, after.begun),
            Some(_) | None => (after.at, after.begun),
        };
        let facts = self.facts;
        info!(
            from = identity::name_of(&checkpoint),
            to = facts.name(),
            host = %self.options.address(),
            at = %coordinates,
            gtid_set = %set,
            "another server takes the source's place, it has all that was delivered"
        );
        Ok(Checkpoint {
            coordinates,
            server_uuid: facts.server_uuid,
            server_id: facts.server_id,
            format_description_timestamp: begun,
            epoch: checkpoint.epoch + 1,
            ..checkpoint
        })
    }

    /// Makes sure that the source still has what follows a checkpoint of its own.
    async fn resume(&mut self, checkpoint: Checkpoint) -> Result<Checkpoint, SourceError> {
        if is_by_gtid(self.options, self.facts, &checkpoint)? {
            if let Relation::Lacks(lack) = self.relation_to(&checkpoint).await? {
                return Err(lack.refusal(&self.options.address(), true));
            }
            if self.facts.flavour == Flavour::MariaDb && checkpoint.epoch > 0 {
                let set = &checkpoint.gtid_set;
                let after = walk::first_after(self.options, set).await?;
                self.is_in_order(set, &after).await?;
            }
            return Ok(checkpoint);
        }
        self.resume_at(checkpoint).await
    }

    /// Makes sure that the first group which MariaDB sends after a set is one that was not delivered: it follows the set's last
    /// of its domain. Where numbers are out of order, it may be one before that.
    async fn is_in_order(&mut self, set: &GtidSet, after: &AfterSet) -> Result<(), SourceError> {
        let (GtidSet::MariaDb(delivered), Some(Some(gtid))) = (set, &after.group) else {
            return Ok(());
        };
        let Gtid::MariaDb { domain, .. } = gtid else {
            return Ok(());
        };
        let before = self.mariadb_set(&after.at).await?;
        let GtidSet::MariaDb(before) = &before else {
            return Ok(());
        };
        let name = |(server, sequence): &(u32, u64)| format!("{domain}-{server}-{sequence}");
        match (before.get(domain), delivered.get(domain)) {
            (Some(before), Some(last)) if before != last => Err(SourceError::OutOfOrder {
                gtid: gtid.to_string(),
                before: name(before),
                last: name(last),
            }),
            (_, _) => Ok(()),
        }
    }

    /// As [`Self::resume`], at the checkpoint's coordinates.
    async fn resume_at(&mut self, checkpoint: Checkpoint) -> Result<Checkpoint, SourceError> {
        let at = &checkpoint.coordinates;
        let files = statements::log_files(self.session).await?;
        match files.iter().find(|file| *file.name == *at.file) {
            Some(file) if file.size < at.position => Err(SourceError::Shortened {
                at: at.clone(),
                size: file.size,
            }),
            Some(_) => Ok(checkpoint),
            None if at.is_in_file_before(oldest(&files)) => Err(purged(at, &files)),
            None => {
                let newest = newest(&files).to_owned();
                if self.goes_on_after(&checkpoint.gtid_set).await? {
                    return Err(SourceError::Renumbered {
                        at: at.clone(),
                        newest,
                        gtid_set: checkpoint.gtid_set.to_string(),
                    });
                }
                Err(SourceError::Diverged {
                    message: format!("it has no {}, its newest file is {newest}", at.file),
                })
            }
        }
    }

    /// Whether the server has all groups of a set, and still all that came after them.
    async fn goes_on_after(&mut self, delivered: &GtidSet) -> Result<bool, SourceError> {
        if delivered.is_empty() || !self.facts.serves_gtids() {
            return Ok(false);
        }
        if self.standing(delivered).await?.missing.is_some() {
            return Ok(false);
        }
        if self.facts.flavour == Flavour::MariaDb {
            // Only a dump tells what is left.
            let after = walk::first_after(self.options, delivered).await;
            return match after {
                Ok(_) => Ok(true),
                Err(error) if error.class().is_transient() => Err(error),
                Err(_) => Ok(false),
            };
        }
        match self.is_not_purged(delivered).await {
            Ok(()) => Ok(true),
            Err(SourceError::PurgedGroups { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes sure that a start's file is there and long enough.
    async fn has(&mut self, at: &Coordinates) -> Result<(), SourceError> {
        let files = statements::log_files(self.session).await?;
        match files.iter().find(|file| *file.name == *at.file) {
            Some(file) if file.size < at.position => Err(SourceError::StartAfterEnd {
                at: at.clone(),
                size: file.size,
            }),
            Some(_) => Ok(()),
            None if at.is_in_file_before(oldest(&files)) => Err(purged(at, &files)),
            None => Err(SourceError::UnknownFile {
                file: at.file.to_string(),
                first: oldest(&files).to_owned(),
                last: newest(&files).to_owned(),
            }),
        }
    }

    /// Makes sure that MySQL still has every group that is not in the set; MariaDB says so itself when asked for them.
    async fn is_not_purged(&mut self, set: &GtidSet) -> Result<(), SourceError> {
        if self.facts.flavour == Flavour::MariaDb {
            return Ok(());
        }
        let missing = statements::value(
            self.session,
            &format!("GTID_SUBTRACT(@@global.gtid_purged, '{set}')"),
        )
        .await?;
        match missing {
            Some(missing) if !missing.is_empty() => {
                Err(SourceError::PurgedGroups { detail: missing })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The GTIDs of MariaDB's groups before a position.
    async fn mariadb_set(&mut self, at: &Coordinates) -> Result<GtidSet, SourceError> {
        let file = text_literal(&at.file);
        let text = statements::value(
            self.session,
            &format!("BINLOG_GTID_POS({file}, {})", at.position),
        )
        .await?;
        match text {
            Some(text) => self.parse(&text),
            // It was a group boundary a moment ago; the server has moved on.
            None => Err(SourceError::Unsettled { at: at.clone() }),
        }
    }

    async fn begun(&self, at: &Coordinates) -> Result<u32, SourceError> {
        let top = Coordinates::new(at.file.clone(), FIRST_POSITION);
        Ok(walk::prefix(self.options, &top).await?.begun)
    }

    fn parse(&self, text: &str) -> Result<GtidSet, SourceError> {
        GtidSet::parse(self.facts.flavour, text).map_err(|source| SourceError::GtidSet {
            text: text.to_owned(),
            flavour: self.facts.flavour.name(),
            source,
        })
    }

    fn checkpoint(&self, coordinates: Coordinates, gtid_set: GtidSet, begun: u32) -> Checkpoint {
        Checkpoint::new(
            coordinates,
            gtid_set,
            self.facts.server_uuid,
            self.facts.server_id,
            begun,
        )
    }
}

fn oldest(files: &[LogFile]) -> &str {
    files.first().map_or("", |file| &file.name)
}

fn newest(files: &[LogFile]) -> &str {
    files.last().map_or("", |file| &file.name)
}

fn purged(at: &Coordinates, files: &[LogFile]) -> SourceError {
    SourceError::Purged {
        at: at.clone(),
        first: oldest(files).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(flavour: Flavour, gtid_mode: Option<&str>) -> SourceFacts {
        SourceFacts {
            flavour,
            version: "9.7.0".to_owned(),
            server_uuid: None,
            server_id: 1,
            row_image: "FULL".to_owned(),
            row_metadata: None,
            checksum: "CRC32".to_owned(),
            gtid_mode: gtid_mode.map(str::to_owned),
            gtid_purged: None,
            lower_case_table_names: 0,
            replicas_visible: true,
            tls: None,
            clock_ahead_s: 0,
        }
    }

    fn is_by_gtid_at(
        start: &str,
        flavour: Flavour,
        gtid_mode: Option<&str>,
        position: u64,
    ) -> Result<bool, u8> {
        let json = format!(r#"{{"host":"h","user":"u","start":{start}}}"#);
        let options: ServerOptions = serde_json::from_str(&json).unwrap();
        let checkpoint = Checkpoint::new(
            Coordinates::new("binlog.000001", position),
            GtidSet::empty(flavour),
            None,
            1,
            0,
        );
        is_by_gtid(&options, &facts(flavour, gtid_mode), &checkpoint)
            .map_err(|error| error.class().exit_code())
    }

    #[test]
    fn a_dump_is_by_position_unless_only_a_set_can_say_where() {
        const FAR: u64 = 1 << 32;
        let (mysql, mariadb) = (Flavour::MySql, Flavour::MariaDb);
        let after = r#"{"gtid_set":""}"#;
        for (start, flavour, gtid_mode, position, expected) in [
            (r#""latest""#, mysql, Some("ON"), FAR - 1, Ok(false)),
            (r#""latest""#, mysql, Some("OFF"), FAR - 1, Ok(false)),
            (r#""latest""#, mysql, Some("ON"), FAR, Ok(true)),
            (r#""latest""#, mariadb, None, FAR, Ok(true)),
            (r#""latest""#, mysql, Some("OFF"), FAR, Err(69)),
            (after, mysql, Some("ON"), 4, Ok(true)),
            (after, mariadb, None, 4, Ok(true)),
            (after, mysql, Some("ON_PERMISSIVE"), 4, Err(69)),
            (after, mysql, None, 4, Err(69)),
        ] {
            let found = is_by_gtid_at(start, flavour, gtid_mode, position);
            assert_eq!(
                found, expected,
                "{start} {flavour:?} {gtid_mode:?} {position}"
            );
        }
    }

    #[test]
    fn a_file_was_purged_if_it_is_older_under_the_same_name() {
        let files: Vec<LogFile> = ["binlog.000009", "binlog.000010"]
            .map(|name| LogFile {
                name: name.to_owned(),
                size: 4,
            })
            .to_vec();
        for (file, expected) in [
            ("binlog.000008", true),
            ("binlog.000011", false),
            ("mysql-bin.000001", false),
            ("binlog", false),
        ] {
            assert_eq!(
                Coordinates::new(file, 4).is_in_file_before(oldest(&files)),
                expected,
                "{file}"
            );
        }
    }
}
