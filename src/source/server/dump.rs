//! A dump of the binlog: the session variables that a replica sets, the command, and the events that follow.
//!
//! Every variable is set under its old and its new name: a server reads the one it knows, and the other is only a user
//! variable.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::options::ServerOptions;
use super::refusal::refusal;
use super::session::Session;
use super::{preflight, statements};
use crate::binlog::{Coordinates, GtidSet};
use crate::mysql::{Dump, DumpFlags, Flavour, Portion, Server, command, version_numbers};
use crate::source::error::SourceError;

/// Where a dump begins.
#[derive(Clone, Copy, Debug)]
pub(in crate::source) enum DumpStart<'a> {
    /// At coordinates; positions of 4 GiB and more cannot be asked for.
    At(&'a Coordinates),
    /// After the groups of a set.
    After(&'a GtidSet),
}

/// Who asked for a dump.
#[derive(Clone, Debug)]
pub(in crate::source) enum DumpReader {
    /// A replica, which waits for more at the end and shows among the source's replicas.
    Replica {
        /// Its id.
        server_id: u32,
        /// What the source lists as its host.
        host: String,
    },
    /// A walk over what is there: it ends at the binlog's end and throws no replica out.
    Walk,
}

/// The events of a dump.
#[derive(Debug)]
pub(in crate::source) struct EventStream {
    dump: Dump,
    /// The account as which the source knows this connection.
    account: String,
    silence_max: Duration,
    waiting_since: Option<Instant>,
}

/// Events as they arrived, uncharged.
#[derive(Debug)]
pub(in crate::source) struct Arrived {
    pub(in crate::source) buffer: Bytes,
    pub(in crate::source) events: Vec<Range<u32>>,
    pub(in crate::source) part: Portion,
    pub(in crate::source) drained: bool,
}

/// How long the source waits for rowtap to read on while its sink is slow, before it gives the connection up. Groups that
/// are not delivered before their time are waited for on top of that.
pub(super) const NET_WRITE_TIMEOUT: Duration = Duration::from_secs(3600);
/// The longest that a server takes, a year.
const NET_WRITE_TIMEOUT_MAX: Duration = Duration::from_secs(31_536_000);
const STATUS_BYTES: u32 = 1;
/// A version of MySQL at which every series that is still maintained strikes off replicas that left; some did before.
const STRIKES_OFF_EVERYWHERE: [u32; 3] = [8, 0, 22];

/// Prepares the session as a replica does and sends the command.
pub(in crate::source) async fn start(
    mut session: Session,
    options: &ServerOptions,
    begin: DumpStart<'_>,
    reader: DumpReader,
) -> Result<EventStream, SourceError> {
    let flavour = session.server().flavour;
    prepare(&mut session, options, flavour).await?;
    let (server_id, non_block) = match &reader {
        DumpReader::Replica { server_id, .. } => (*server_id, false),
        DumpReader::Walk => (0, true),
    };
    // To MySQL the bit means heartbeats of another form, which nothing here needs.
    let flags = DumpFlags {
        non_block,
        annotate_rows: flavour == Flavour::MariaDb,
    };
    let packet = match (begin, flavour) {
        (DumpStart::At(at), _) => {
            let position = u32::try_from(at.position)
                .map_err(|_| SourceError::OutOfReach { at: at.clone() })?;
            command::binlog_dump(server_id, &at.file, position, flags)
        }
        (DumpStart::After(set), Flavour::MySql) => {
            command::binlog_dump_gtid(server_id, &set.encode(), flags)
        }
        (DumpStart::After(set), Flavour::MariaDb) => {
            session
                .ask(&format!("SET @slave_connect_state = '{set}'"))
                .await?;
            session
                .ask("SET @slave_gtid_strict_mode = 1, @slave_gtid_ignore_duplicates = 0")
                .await?;
            command::binlog_dump(server_id, "", 4, flags)
        }
    };
    let account = statements::account(&mut session).await?;
    let dump = match &reader {
        DumpReader::Replica { server_id, host } => {
            let registration = command::register_replica(*server_id, host, 0);
            match keeps_who_left(session.server()) {
                true => {
                    let connection = session.into_connection();
                    connection.command_and_dump(&registration, &packet).await?
                }
                false => {
                    let registered = session.command("COM_REGISTER_SLAVE", &registration).await;
                    registered.map_err(|error| preflight::denied(error, &account))?;
                    session.into_connection().dump(&packet).await?
                }
            }
        }
        DumpReader::Walk => session.into_connection().dump(&packet).await?,
    };
    Ok(EventStream {
        dump,
        account,
        silence_max: options.replica_net_timeout,
        waiting_since: None,
    })
}

/// Whether the server strikes a replica off its list when its dump ends, and not when its connection ends without one: listing
/// the replicas then reads memory that was freed, and can bring the server down (MySQL's bug 29915479). Both commands go at
/// once there, so that a process that is killed in between, or a line that breaks, leaves no such entry.
fn keeps_who_left(server: &Server) -> bool {
    server.flavour == Flavour::MySql && version_numbers(&server.version) < STRIKES_OFF_EVERYWHERE
}

async fn prepare(
    session: &mut Session,
    options: &ServerOptions,
    flavour: Flavour,
) -> Result<(), SourceError> {
    // Tells that this side knows checksums; events come as they are in the file.
    session
        .ask(
            "SET @master_binlog_checksum = @@global.binlog_checksum, \
             @source_binlog_checksum = @@global.binlog_checksum",
        )
        .await?;
    let heartbeat = options.heartbeat_period().as_nanos();
    session
        .ask(&format!(
            "SET @master_heartbeat_period = {heartbeat}, @source_heartbeat_period = {heartbeat}"
        ))
        .await?;
    let write_timeout = options.source_delay.saturating_add(NET_WRITE_TIMEOUT);
    session
        .ask(&format!(
            "SET SESSION net_write_timeout = {}",
            write_timeout.min(NET_WRITE_TIMEOUT_MAX).as_secs()
        ))
        .await?;
    if flavour == Flavour::MariaDb {
        // Below 4 the server rewrites what it thinks a replica does not know, and sizes no longer add up.
        session.ask("SET @mariadb_slave_capability = 4").await?;
    }
    Ok(())
}

impl EventStream {
    /// Gives events of more than so many bytes piece by piece.
    pub(in crate::source) fn cut_beyond(&mut self, bytes: usize) {
        self.dump.cut_beyond(bytes);
    }

    /// Waits for the next events; `None` at the end of a walk. Cancel-safe.
    ///
    /// # Errors
    /// [`SourceError::Silent`] when not a byte arrives for too long; a large event on a slow line may take its time.
    pub(in crate::source) async fn next(&mut self) -> Result<Option<Arrived>, SourceError> {
        let received = loop {
            let before = self.dump.received_bytes();
            let since = *self.waiting_since.get_or_insert_with(Instant::now);
            let limit = since + self.silence_max;
            match tokio::time::timeout_at(limit, self.dump.receive()).await {
                Ok(received) => break received,
                Err(_elapsed) if self.dump.received_bytes() == before => {
                    return Err(SourceError::Silent(self.silence_max));
                }
                Err(_elapsed) => self.waiting_since = None,
            }
        };
        self.waiting_since = None;
        let Some(packets) = received.map_err(|error| ended(error, &self.account))? else {
            return Ok(None);
        };
        let status_bytes = match packets.part {
            Portion::Whole | Portion::First => STATUS_BYTES,
            Portion::Next { .. } => 0,
        };
        let events = packets
            .payloads
            .into_iter()
            .map(|payload| payload.start + status_bytes..payload.end)
            .collect();
        Ok(Some(Arrived {
            buffer: packets.buffer,
            events,
            part: packets.part,
            drained: packets.drained,
        }))
    }
}

fn ended(error: crate::mysql::ConnectionError, account: &str) -> SourceError {
    let meaning = error
        .server_error()
        .and_then(|said| refusal(said.code, &said.message));
    meaning.unwrap_or_else(|| preflight::denied(SourceError::Connection(error), account))
}
