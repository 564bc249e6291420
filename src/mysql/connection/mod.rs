//! One connection to a server: login, queries, and the dump of a binlog.
//!
//! With the other files of its folder, this is the only one of the room that touches the network and the disk. It never
//! tries again: every failure ends the connection, and `ConnectionError::class` tells the one retry loop what to do.

mod dump;
mod login;
mod password;
mod peer;
mod transport;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::error::Elapsed;

use super::binary_rows::{self, Prepared, WireKind};
use super::command;
use super::error::ConnectionError;
use super::options::ConnectOptions;
use super::packet::PACKET_BYTES_MAX;
use super::response::{self, ServerError};
use super::result_set::{NoResult, Progress, ResultReader, ResultSet};
use peer::Peer;
use transport::{Transport, TransportError};

pub use dump::{Dump, Packets};
pub use peer::Server;

/// Memory a result may take.
const RESULT_BYTES_MAX: usize = 128 << 20;

/// A connection that is logged in.
///
/// A failed call, other than one the server itself answered with an error, leaves it useless, and so does a future
/// of a call that is dropped half-way: later calls fail with [`ConnectionError::Abandoned`]. `Debug` tells whom it
/// leads to and nothing of what was said.
pub struct Connection {
    server: Server,
    transport: Transport,
    peer: Peer,
    read_timeout: Duration,
    is_in_command: bool,
    /// The statement whose rows are being sent.
    statement: Option<u32>,
}

impl Connection {
    /// Connects, encrypts as the options say, and logs in.
    ///
    /// # Errors
    /// Every way this can fail has its variant; see [`ConnectionError`].
    pub async fn connect(options: &ConnectOptions) -> Result<Self, ConnectionError> {
        let limit = options.connect_timeout;
        let password = password::of(options).await?;
        match tokio::time::timeout(limit, login::connect(options, &password)).await {
            Ok(outcome) => {
                let (server, transport, peer) = outcome?;
                Ok(Self {
                    server,
                    transport,
                    peer,
                    read_timeout: options.read_timeout,
                    is_in_command: false,
                    statement: None,
                })
            }
            Err(_) => Err(ConnectionError::Timeout {
                address: options.address(),
                during: "connecting and logging in",
                limit,
            }),
        }
    }

    /// Returns what the server told about itself and the connection.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Runs a statement and returns its result; a statement without one returns an empty set.
    ///
    /// # Errors
    /// [`ConnectionError::Server`] if the server answers with an error, after which the connection goes on.
    pub async fn query(&mut self, sql: &str) -> Result<ResultSet, ConnectionError> {
        self.query_into(ResultReader::new(RESULT_BYTES_MAX), sql)
            .await
    }

    /// The same for a statement whose rows may end before their last columns, whose values are then NULL.
    ///
    /// # Errors
    /// As [`Connection::query`].
    pub async fn query_with_short_rows(&mut self, sql: &str) -> Result<ResultSet, ConnectionError> {
        let reader = ResultReader::new(RESULT_BYTES_MAX).with_short_rows();
        self.query_into(reader, sql).await
    }

    async fn query_into(
        &mut self,
        mut reader: ResultReader,
        sql: &str,
    ) -> Result<ResultSet, ConnectionError> {
        self.begin(&command::query(sql)).await?;
        loop {
            let payload = self.receive("answering a query").await?;
            match reader.read(&payload) {
                Ok(Progress::Unfinished) => {}
                Ok(Progress::Complete(set)) => {
                    self.is_in_command = false;
                    return Ok(set);
                }
                Err(no_result) => return Err(self.no_result(no_result)),
            }
        }
    }

    /// Runs a statement and hands its rows out while they arrive, at most so many at once; the last part may have none.
    ///
    /// # Errors
    /// As [`Connection::query`]; parts may have been handed out before.
    pub async fn query_in_parts(
        &mut self,
        sql: &str,
        rows_max: usize,
        mut take: impl FnMut(ResultSet),
    ) -> Result<(), ConnectionError> {
        self.begin(&command::query(sql)).await?;
        let mut reader = ResultReader::new(RESULT_BYTES_MAX);
        loop {
            let payload = self.receive("answering a query").await?;
            match reader.read(&payload) {
                Ok(Progress::Unfinished) => {
                    if let Some(part) = reader.part(rows_max) {
                        take(part);
                    }
                }
                Ok(Progress::Complete(set)) => {
                    self.is_in_command = false;
                    take(set);
                    return Ok(());
                }
                Err(no_result) => return Err(self.no_result(no_result)),
            }
        }
    }

    /// Begins a statement without parameters whose rows come by the binary protocol, and returns how the values of each column
    /// come. All rows are to be taken by [`Connection::take_row`] before anything else.
    ///
    /// # Errors
    /// As [`Connection::query`]; a statement without rows is one.
    pub async fn begin_rows(&mut self, sql: &str) -> Result<Vec<WireKind>, ConnectionError> {
        let Prepared {
            id,
            columns,
            parameters,
        } = self.prepare(sql).await?;
        self.begin(&command::execute(id)).await?;
        self.transport.framer.payload_bytes_max = PACKET_BYTES_MAX;
        let head = self.receive("answering a statement").await?;
        if head.first() == Some(&response::ERR) {
            return Err(self.answered_error(&head));
        }
        if parameters != 0 || columns == 0 || head.len() > 3 {
            return Err(self.peer.out_of_turn("no rows", "answering a statement"));
        }
        let kinds = self.descriptions(columns).await?;
        self.statement = Some(id);
        Ok(kinds)
    }

    /// Waits until rows of a statement that was begun have arrived; `false` after the last, which ends the statement.
    ///
    /// # Errors
    /// As [`Connection::query`].
    pub async fn await_rows(&mut self) -> Result<bool, ConnectionError> {
        let Some(statement) = self.statement else {
            return Ok(false);
        };
        self.arrive("sending rows").await?;
        if self.transport.is_of_kind(response::OK) {
            return Ok(true);
        }
        let end = self.receive("sending rows").await?;
        self.statement = None;
        if end.first() == Some(&response::ERR) {
            return Err(self.answered_error(&end));
        }
        let Some(end) = response::eof(&end) else {
            return Err(self.peer.out_of_turn("another packet", "sending rows"));
        };
        end.map_err(|error| self.peer.malformed(error))?;
        self.is_in_command = false;
        self.begin(&command::close_statement(statement)).await?;
        self.is_in_command = false;
        Ok(false)
    }

    /// Takes the next of the rows that have arrived, and says whether it is the last of them; `None` where there is none.
    #[inline]
    pub fn take_row(&mut self) -> Option<(&[u8], bool)> {
        self.transport.take_of_kind(response::OK)
    }

    async fn prepare(&mut self, sql: &str) -> Result<Prepared, ConnectionError> {
        self.begin(&command::prepare(sql)).await?;
        let answer = self.receive("preparing a statement").await?;
        if answer.first() == Some(&response::ERR) {
            return Err(self.answered_error(&answer));
        }
        let prepared = binary_rows::prepared(&answer).map_err(|e| self.peer.malformed(e))?;
        for described in [prepared.parameters, prepared.columns] {
            if described > 0 {
                self.descriptions(described).await?;
            }
        }
        self.is_in_command = false;
        Ok(prepared)
    }

    /// Takes the descriptions of so many columns, and their end.
    async fn descriptions(&mut self, count: u16) -> Result<Vec<WireKind>, ConnectionError> {
        let during = "describing columns";
        let mut kinds = Vec::with_capacity(count.into());
        for _ in 0..count {
            let description = self.receive(during).await?;
            let kind = binary_rows::kind_of(&description);
            kinds.push(kind.map_err(|error| self.peer.malformed(error))?);
        }
        match response::eof(&self.receive(during).await?) {
            Some(end) => end.map_err(|error| self.peer.malformed(error))?,
            None => return Err(self.peer.out_of_turn("another packet", during)),
        }
        Ok(kinds)
    }

    /// The error that the server answered with, after which the connection goes on.
    fn answered_error(&mut self, payload: &[u8]) -> ConnectionError {
        match ServerError::parse(payload) {
            Ok(error) => self.no_result(NoResult::Server(error)),
            Err(malformed) => self.peer.malformed(malformed),
        }
    }

    /// Sends a command that is answered by OK.
    ///
    /// # Errors
    /// [`ConnectionError::Server`] if the server answers with an error, after which the connection goes on.
    pub async fn command(&mut self, payload: &[u8]) -> Result<(), ConnectionError> {
        self.begin(payload).await?;
        let answer = self.receive("answering a command").await?;
        if answer.first() == Some(&response::ERR) {
            return Err(self.answered_error(&answer));
        }
        response::ok(&answer).map_err(|e| self.peer.malformed(e))?;
        self.is_in_command = false;
        Ok(())
    }

    /// Sends a command that is answered by a dump. What the server has against it arrives with the first packet.
    ///
    /// # Errors
    /// If the command cannot be sent.
    pub async fn dump(mut self, payload: &[u8]) -> Result<Dump, ConnectionError> {
        self.begin(payload).await?;
        self.transport.framer.payload_bytes_max = PACKET_BYTES_MAX;
        Ok(Dump::new(self.server, self.transport, self.peer))
    }

    /// Sends a command that is answered by OK together with one that is answered by a dump, so that the server has the second
    /// whenever it has the first. What it has against either arrives with the first packet.
    ///
    /// # Errors
    /// If the commands cannot be sent.
    pub async fn command_and_dump(
        mut self,
        command: &[u8],
        dump: &[u8],
    ) -> Result<Dump, ConnectionError> {
        self.ready_for_command()?;
        let sent = self.transport.send_two_commands(command, dump);
        let sent = tokio::time::timeout(self.read_timeout, sent).await;
        self.sent(sent)?;
        self.transport.framer.payload_bytes_max = PACKET_BYTES_MAX;
        Ok(Dump::after_command(self.server, self.transport, self.peer))
    }

    /// Says goodbye, so that the server does not count the connection as aborted. What fails no longer matters.
    pub async fn close(mut self) {
        if !self.is_in_command {
            let goodbye = command::quit();
            let _unheard =
                tokio::time::timeout(self.read_timeout, self.transport.send_command(&goodbye))
                    .await;
        }
    }

    async fn begin(&mut self, payload: &[u8]) -> Result<(), ConnectionError> {
        self.ready_for_command()?;
        let sent = self.transport.send_command(payload);
        let sent = tokio::time::timeout(self.read_timeout, sent).await;
        self.sent(sent)
    }

    /// Makes sure that no answer is due, and that none has come uncalled-for.
    fn ready_for_command(&mut self) -> Result<(), ConnectionError> {
        if self.is_in_command {
            return Err(ConnectionError::Abandoned {
                address: self.peer.address.clone(),
            });
        }
        self.is_in_command = true;
        match self.transport.is_idle() {
            true => Ok(()),
            false => Err(self.peer.out_of_turn("a packet", "waiting for a command")),
        }
    }

    fn sent(
        &self,
        sent: Result<Result<(), TransportError>, Elapsed>,
    ) -> Result<(), ConnectionError> {
        let during = "taking a command";
        match sent {
            Ok(outcome) => outcome.map_err(|error| self.peer.lost(during, error)),
            Err(_) => Err(self.timed_out(during)),
        }
    }

    async fn receive(&mut self, during: &'static str) -> Result<Bytes, ConnectionError> {
        loop {
            let ready = self.transport.receive_now();
            if let Some(payload) = ready.map_err(|error| self.peer.lost(during, error))? {
                return Ok(payload);
            }
            self.fill(during).await?;
        }
    }

    /// Waits until a packet has arrived.
    async fn arrive(&mut self, during: &'static str) -> Result<(), ConnectionError> {
        loop {
            let has_packet = self.transport.has_packet();
            if has_packet.map_err(|error| self.peer.lost(during, error))? {
                return Ok(());
            }
            self.fill(during).await?;
        }
    }

    async fn fill(&mut self, during: &'static str) -> Result<(), ConnectionError> {
        let fill = tokio::time::timeout(self.read_timeout, self.transport.fill());
        match fill.await {
            Ok(outcome) => outcome.map_err(|error| self.peer.lost(during, error)),
            Err(_) => Err(self.timed_out(during)),
        }
    }

    fn no_result(&mut self, no_result: NoResult) -> ConnectionError {
        match no_result {
            NoResult::Server(error) => {
                self.is_in_command = false;
                self.peer.answered(error)
            }
            NoResult::LocalInfile => ConnectionError::LocalInfile {
                address: self.peer.address.clone(),
            },
            NoResult::TooLarge => ConnectionError::ResultTooLarge {
                address: self.peer.address.clone(),
                max: RESULT_BYTES_MAX,
            },
            NoResult::Malformed(malformed) => self.peer.malformed(malformed),
        }
    }

    fn timed_out(&self, during: &'static str) -> ConnectionError {
        ConnectionError::Timeout {
            address: self.peer.address.clone(),
            during,
            limit: self.read_timeout,
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("address", &self.peer.address)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}
