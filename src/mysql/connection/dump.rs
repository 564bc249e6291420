//! The stream of packets that answers a dump command.
//!
//! The hot path of the receiver: packets leave as ranges of the buffer they were read into, uncopied.

use std::fmt;
use std::ops::Range;

use bytes::Bytes;

use super::peer::{Peer, Server};
use super::transport::{Transport, TransportError};
use crate::mysql::error::ConnectionError;
use crate::mysql::packet::{Framed, Portion};
use crate::mysql::response::{self, ServerError};

/// Every whole packet that was at hand. `Debug` tells sizes, since the bytes are what people store.
#[derive(Clone)]
pub struct Packets {
    /// The bytes the payloads lie in. Their memory lives as long as a handle to them; a caller who charges it to a
    /// budget wraps it by `Bytes::from_owner`.
    pub buffer: Bytes,
    /// Each payload in the order they came: the status byte 0, then the event.
    pub payloads: Vec<Range<u32>>,
    /// Whether the payloads are whole, or the only one is a piece of a larger one.
    pub part: Portion,
    /// Whether no further whole packet had arrived at that moment.
    pub drained: bool,
}

/// A dump under way.
pub struct Dump {
    server: Server,
    transport: Transport,
    peer: Peer,
    state: DumpState,
    /// Whether the first packet answers a command that was sent before the dump's.
    is_answer_due: bool,
}

enum DumpState {
    Running,
    /// The connection failed, after packets that are still at hand.
    Failed(ConnectionError),
    /// The server ended the dump after the packets handed out: by EOF, or by an error.
    Ended(Option<ConnectionError>),
    /// The end was told.
    Over,
}

const DURING: &str = "sending the binlog";
/// Reads that look for another whole packet after those at hand.
const PROBES_MAX: usize = 8;

impl Dump {
    pub(super) fn new(server: Server, transport: Transport, peer: Peer) -> Self {
        Self {
            server,
            transport,
            peer,
            state: DumpState::Running,
            is_answer_due: false,
        }
    }

    /// Where another command went with the dump's, whose answer comes first.
    pub(super) fn after_command(server: Server, transport: Transport, peer: Peer) -> Self {
        Self {
            is_answer_due: true,
            ..Self::new(server, transport, peer)
        }
    }

    /// Returns what the server told about itself and the connection.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Hands out payloads of more than so many bytes piece by piece, as they arrive.
    pub fn cut_beyond(&mut self, bytes: usize) {
        self.transport.framer.whole_bytes_max = bytes;
    }

    /// Returns how many bytes have come off the network, also of packets that are not yet whole.
    pub fn received_bytes(&self) -> u64 {
        self.transport.received_bytes
    }

    /// Waits for the next packets; `None` where a dump that does not wait has reached the end. Cancel-safe.
    ///
    /// About 256 KiB at most come at once, except for a single packet that is larger. It has no time limit: how long
    /// a silent server is believed is the caller's to know, who asked for heartbeats.
    ///
    /// # Errors
    /// Whatever ended the dump, once every packet before it was returned; `None` when asked again.
    pub async fn receive(&mut self) -> Result<Option<Packets>, ConnectionError> {
        loop {
            if let DumpState::Ended(_) | DumpState::Over = self.state {
                return self.finish();
            }
            self.gather().await;
            if let Some(framed) = self.transport.framer.take() {
                if let Some(packets) = self.sort_out(framed).await {
                    return Ok(Some(packets));
                }
                continue;
            }
            if let DumpState::Failed(_) = self.state {
                return self.finish();
            }
            if let Err(error) = self.transport.fill().await {
                self.fail(error);
            }
        }
    }

    fn finish(&mut self) -> Result<Option<Packets>, ConnectionError> {
        match std::mem::replace(&mut self.state, DumpState::Over) {
            DumpState::Failed(error) | DumpState::Ended(Some(error)) => Err(error),
            DumpState::Running | DumpState::Ended(None) | DumpState::Over => Ok(None),
        }
    }

    /// Takes what is here without waiting, until the buffer is full.
    async fn gather(&mut self) {
        loop {
            if let Err(error) = self.transport.framer.frame() {
                return self.fail(error.into());
            }
            let framer = &self.transport.framer;
            if !framer.is_ready() || framer.is_full() || !self.read_now().await {
                return;
            }
        }
    }

    /// Looks whether another whole packet is here, and keeps it for the next call.
    async fn has_more(&mut self) -> bool {
        for _ in 0..PROBES_MAX {
            if let Err(error) = self.transport.framer.frame() {
                self.fail(error.into());
                return true;
            }
            if self.transport.framer.is_ready() {
                return true;
            }
            if !self.read_now().await {
                return !matches!(self.state, DumpState::Running);
            }
        }
        true
    }

    /// Reads what is here; `false` if nothing is, or the connection failed.
    async fn read_now(&mut self) -> bool {
        if !matches!(self.state, DumpState::Running) {
            return false;
        }
        match self.transport.fill_now().await {
            Ok(has_read) => has_read,
            Err(error) => {
                self.fail(error);
                false
            }
        }
    }

    fn fail(&mut self, error: TransportError) {
        if let DumpState::Running = self.state {
            self.state = DumpState::Failed(self.peer.lost(DURING, error));
        }
    }

    /// Separates events from what ends the dump.
    async fn sort_out(&mut self, mut framed: Framed) -> Option<Packets> {
        if std::mem::take(&mut self.is_answer_due) {
            self.take_answer(&mut framed);
            if framed.payloads.is_empty() {
                return None;
            }
        }
        let is_rest = matches!(framed.part, Portion::Next { .. });
        let is_event = |payload: &Range<u32>| {
            to_usize(payload.start).and_then(|start| framed.buffer.get(start))
                == Some(&response::OK)
        };
        let end = framed.payloads.iter().position(|p| !is_event(p));
        if let Some(index) = end.filter(|_| !is_rest) {
            let end = framed.payloads.get(index).map(|p| framed.slice(p));
            self.state = DumpState::Ended(self.end(&end.unwrap_or_default()));
            framed.payloads.truncate(index);
            if index == 0 {
                return None;
            }
        }
        let drained = !framed.part.goes_on()
            && !matches!(self.state, DumpState::Ended(_))
            && !self.has_more().await;
        Some(Packets {
            part: framed.part,
            buffer: framed.buffer,
            payloads: framed.payloads,
            drained,
        })
    }

    /// Takes the answer to the command before the dump's off the packets. A refusal ends the dump.
    fn take_answer(&mut self, framed: &mut Framed) {
        let answer = framed.payloads.remove(0);
        let answer = framed.slice(&answer);
        let refused = match answer.first() {
            Some(&response::ERR) => self.end(&answer),
            Some(_) | None => response::ok(&answer)
                .err()
                .map(|malformed| self.peer.malformed(malformed)),
        };
        if let Some(error) = refused {
            framed.payloads.clear();
            self.state = DumpState::Ended(Some(error));
        }
    }

    /// Reads the packet that is no event.
    fn end(&self, payload: &[u8]) -> Option<ConnectionError> {
        if payload.first() == Some(&response::ERR) {
            return Some(match ServerError::parse(payload) {
                Ok(error) => self.peer.answered(error),
                Err(malformed) => self.peer.malformed(malformed),
            });
        }
        match response::eof(payload) {
            Some(Ok(())) => None,
            Some(Err(malformed)) => Some(self.peer.malformed(malformed)),
            None => Some(self.peer.out_of_turn("an unknown packet", DURING)),
        }
    }
}

impl fmt::Debug for Packets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packets")
            .field("bytes", &self.buffer.len())
            .field("count", &self.payloads.len())
            .field("drained", &self.drained)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dump")
            .field("address", &self.peer.address)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

fn to_usize(n: u32) -> Option<usize> {
    usize::try_from(n).ok()
}
