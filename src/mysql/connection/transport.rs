//! The socket, plain or under TLS, and the packets on it.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::Bytes;
use secrecy::zeroize::Zeroizing;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use crate::mysql::compression::{self, Inflater};
use crate::mysql::options::Compression;
use crate::mysql::packet::{self, Framed, PacketError, PacketFramer};

/// A socket, plain or under TLS.
pub(super) enum Socket {
    Plain(Wire),
    Tls(Box<TlsStream<Wire>>),
}

/// What bytes go over.
pub(super) type Wire = Either<TcpStream, UnixStream>;

/// Why bytes could not be moved.
#[derive(Debug)]
pub(super) enum TransportError {
    Closed,
    Io(io::Error),
    Packet(PacketError),
}

impl From<PacketError> for TransportError {
    fn from(error: PacketError) -> Self {
        Self::Packet(error)
    }
}

impl From<io::Error> for TransportError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Packets over a socket.
pub(super) struct Transport {
    pub(super) socket: Socket,
    inflater: Option<Inflater>,
    pub(super) framer: PacketFramer,
    /// Bytes that came off the socket, to tell a slow peer from a silent one.
    pub(super) received_bytes: u64,
    /// Packets that arrived together with the one that was asked for.
    waiting: Framed,
    next: usize,
}

impl Transport {
    pub(super) fn new(socket: Socket, payload_bytes_max: usize) -> Self {
        Self {
            socket,
            inflater: None,
            framer: PacketFramer::new(payload_bytes_max),
            received_bytes: 0,
            waiting: Framed::default(),
            next: 0,
        }
    }

    /// Begins to take packets from compressed envelopes.
    pub(super) fn compress(&mut self, compression: Compression) {
        if compression != Compression::None {
            self.inflater = Some(Inflater::new(compression));
            self.framer.trust_sequence();
        }
    }

    /// Whether nothing has arrived that was not read.
    pub(super) fn is_idle(&self) -> bool {
        self.next == self.waiting.payloads.len()
            && self.framer.is_empty()
            && self.inflater.as_ref().is_none_or(Inflater::is_empty)
    }

    /// Sends a command; the numbers of packets start again.
    pub(super) async fn send_command(&mut self, payload: &[u8]) -> Result<(), TransportError> {
        self.framer.expect_sequence(0);
        self.send(payload).await
    }

    /// Sends two commands at once. The answer to the first is one packet, and what follows it answers the second.
    pub(super) async fn send_two_commands(
        &mut self,
        first: &[u8],
        second: &[u8],
    ) -> Result<(), TransportError> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(first.len() + second.len() + 32));
        let (packet, envelope) = self.pack(first, 0, &mut bytes);
        let (packet_after, envelope_after) = self.pack(second, 0, &mut bytes);
        self.framer.expect_two_answers(packet, packet_after);
        if let Some(inflater) = &mut self.inflater {
            inflater.expect_two_answers(envelope, envelope_after);
        }
        self.socket.write_all(&bytes).await?;
        self.socket.flush().await?;
        Ok(())
    }

    /// Sends a payload under the next number. Not cancel-safe.
    pub(super) async fn send(&mut self, payload: &[u8]) -> Result<(), TransportError> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(payload.len() + 32));
        let (packet, envelope) = self.pack(payload, self.framer.sequence(), &mut bytes);
        self.framer.expect_sequence(packet);
        if let Some(inflater) = &mut self.inflater {
            inflater.expect_sequence(envelope);
        }
        self.socket.write_all(&bytes).await?;
        self.socket.flush().await?;
        Ok(())
    }

    /// Appends a payload as it goes over the socket; returns the numbers of the next packet and the next envelope.
    fn pack(&self, payload: &[u8], sequence: u8, out: &mut Vec<u8>) -> (u8, u8) {
        if self.inflater.is_none() {
            return (packet::encode(payload, sequence, out), 0);
        }
        let mut packets = Zeroizing::new(Vec::with_capacity(payload.len() + 16));
        let packet = packet::encode(payload, sequence, &mut packets);
        (packet, compression::envelop(&packets, out))
    }

    /// Returns the next packet if it has arrived.
    pub(super) fn receive_now(&mut self) -> Result<Option<Bytes>, TransportError> {
        if !self.has_packet()? {
            return Ok(None);
        }
        let payload = self.waiting.payloads.get(self.next);
        let payload = payload.map(|payload| self.waiting.slice(payload));
        self.next += 1;
        Ok(payload)
    }

    /// Whether a packet has arrived that was not taken.
    pub(super) fn has_packet(&mut self) -> Result<bool, TransportError> {
        if self.next < self.waiting.payloads.len() {
            return Ok(true);
        }
        self.framer.frame()?;
        self.waiting = self.framer.take().unwrap_or_default();
        self.next = 0;
        Ok(!self.waiting.payloads.is_empty())
    }

    /// Whether the first of the packets that have arrived begins with this byte.
    pub(super) fn is_of_kind(&self, kind: u8) -> bool {
        self.kind_at(self.next) == Some(kind)
    }

    /// Takes the first of the packets that have arrived if it begins with this byte; lends its bytes, and says whether it is the
    /// last such one.
    #[inline]
    pub(super) fn take_of_kind(&mut self, kind: u8) -> Option<(&[u8], bool)> {
        if !self.is_of_kind(kind) {
            return None;
        }
        self.next += 1;
        let is_last = !self.is_of_kind(kind);
        let payload = self.waiting.payloads.get(self.next - 1)?;
        Some((self.waiting.bytes(payload), is_last))
    }

    #[inline]
    fn kind_at(&self, index: usize) -> Option<u8> {
        let payload = self.waiting.payloads.get(index)?;
        self.waiting.bytes(payload).first().copied()
    }

    /// Waits for the next packet. Cancel-safe.
    pub(super) async fn receive(&mut self) -> Result<Bytes, TransportError> {
        loop {
            if let Some(payload) = self.receive_now()? {
                return Ok(payload);
            }
            self.fill().await?;
        }
    }

    /// Waits for more bytes. Cancel-safe.
    pub(super) async fn fill(&mut self) -> Result<(), TransportError> {
        if self.inflate()? {
            return Ok(());
        }
        loop {
            let input = match &mut self.inflater {
                Some(inflater) => inflater.input(),
                None => self.framer.input(),
            };
            let read = self.socket.read_buf(input).await?;
            if read == 0 {
                return Err(TransportError::Closed);
            }
            self.received_bytes += read as u64;
            if self.inflater.is_none() || self.inflate()? {
                return Ok(());
            }
        }
    }

    /// Takes more bytes if they are here; `false` if it would have to wait.
    pub(super) async fn fill_now(&mut self) -> Result<bool, TransportError> {
        let mut fill = pin!(self.fill());
        poll_fn(|cx| match fill.as_mut().poll(cx) {
            Poll::Ready(outcome) => Poll::Ready(outcome.map(|()| true)),
            Poll::Pending => Poll::Ready(Ok(false)),
        })
        .await
    }

    fn inflate(&mut self) -> Result<bool, PacketError> {
        match &mut self.inflater {
            Some(inflater) => inflater.inflate(self.framer.input()),
            None => Ok(false),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
