//! A look at what stands in the source's binlog, beside the stream: the events of a dump of its own, one by one, each with its
//! frame. It ends at the binlog's end and throws no replica out.
//!
//! Of an event of more than `event_memory_max` bytes only the frame is given; its bytes are checked as they pass.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::dump::{self, DumpReader, DumpStart, EventStream};
use super::options::ServerOptions;
use super::session::Session;
use crate::binlog::{BinlogError, Checksum, Coordinates, FIRST_POSITION, Frame, Framer, Header};
use crate::mysql::{Flavour, Portion};
use crate::source::error::SourceError;

/// A look that goes on.
pub(in crate::source) struct Look {
    flavour: Flavour,
    stream: EventStream,
    framer: Framer,
    buffer: Bytes,
    events: std::vec::IntoIter<Range<u32>>,
}

/// An event.
pub(in crate::source) struct Looked {
    pub(in crate::source) frame: Frame,
    /// Where it begins.
    pub(in crate::source) at: Coordinates,
    /// The body; `None` of a large event.
    pub(in crate::source) body: Option<Bytes>,
}

impl Look {
    /// Begins to look.
    ///
    /// # Errors
    /// When the source cannot be reached or does not let rowtap look there.
    pub(in crate::source) async fn open(
        options: &ServerOptions,
        begin: DumpStart<'_>,
    ) -> Result<Self, SourceError> {
        let session = Session::open(options).await?;
        let flavour = session.server().flavour;
        // A position of 4 GiB or more cannot be asked for; the file's beginning can.
        let top;
        let begin = match begin {
            DumpStart::At(at) if u32::try_from(at.position).is_err() => {
                top = Coordinates::new(Arc::clone(&at.file), FIRST_POSITION);
                DumpStart::At(&top)
            }
            begin => begin,
        };
        let framer = match begin {
            DumpStart::At(at) => Framer::new(at.clone()),
            DumpStart::Behind(_) => Framer::skipping(),
        };
        let mut stream = dump::start(session, options, begin, DumpReader::Look).await?;
        stream.cut_beyond(usize::try_from(options.event_bytes_max).unwrap_or(usize::MAX));
        Ok(Self {
            flavour,
            stream,
            framer,
            buffer: Bytes::new(),
            events: Vec::new().into_iter(),
        })
    }

    /// The source's family.
    pub(in crate::source) fn flavour(&self) -> Flavour {
        self.flavour
    }

    /// The place that was reached, and the layout of its file.
    pub(in crate::source) fn framer(&self) -> &Framer {
        &self.framer
    }

    /// The next event; `None` at the binlog's end.
    ///
    /// # Errors
    /// When the connection breaks, or what arrives is no event that can stand there.
    pub(in crate::source) async fn next(&mut self) -> Result<Option<Looked>, SourceError> {
        loop {
            if let Some(range) = self.events.next() {
                let event = self.buffer.slice(range.start as usize..range.end as usize);
                return self.whole(&event).map(Some);
            }
            let Some(arrived) = self.stream.next().await? else {
                return Ok(None);
            };
            if arrived.part != Portion::Whole {
                let first = arrived.events.first().cloned().unwrap_or_default();
                let first = arrived
                    .buffer
                    .slice(first.start as usize..first.end as usize);
                return self.large(&first).await.map(Some);
            }
            self.buffer = arrived.buffer;
            self.events = arrived.events.into_iter();
        }
    }

    fn whole(&mut self, event: &Bytes) -> Result<Looked, SourceError> {
        let before = self.framer.next().clone();
        let frame = self
            .framer
            .frame(event)
            .map_err(|error| unreadable(&before, error))?;
        Ok(Looked {
            at: Coordinates::new(before.file, frame.start),
            body: Some(event.slice(frame.body.clone())),
            frame,
        })
    }

    async fn large(&mut self, first: &[u8]) -> Result<Looked, SourceError> {
        let before = self.framer.next().clone();
        let wrong = |error| unreadable(&before, error);
        let header = Header::parse(first).map_err(wrong)?;
        let (frame, mut checksum) = self.framer.begin(header).map_err(wrong)?;
        let mut passed = 0;
        let mut pass = |bytes: &[u8], checksum: &mut Option<Checksum>| {
            passed += bytes.len() as u64;
            if let Some(checksum) = checksum {
                checksum.update(bytes);
            }
            passed
        };
        let mut found = pass(first, &mut checksum);
        loop {
            let Some(arrived) = self.stream.next().await? else {
                break;
            };
            for range in &arrived.events {
                let bytes = arrived.buffer.get(range.start as usize..range.end as usize);
                found = pass(bytes.unwrap_or_default(), &mut checksum);
            }
            if !arrived.part.goes_on() {
                break;
            }
        }
        let stated = frame.header.event_size;
        if found != u64::from(stated) {
            let found = usize::try_from(found).unwrap_or(usize::MAX);
            return Err(wrong(BinlogError::EventSize { stated, found }));
        }
        checksum.map_or(Ok(()), Checksum::verify).map_err(wrong)?;
        Ok(Looked {
            at: Coordinates::new(Arc::clone(&before.file), frame.start),
            body: None,
            frame,
        })
    }
}

/// What cannot be read, and where.
pub(in crate::source) fn unreadable(
    at: &Coordinates,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> SourceError {
    SourceError::Unreadable {
        at: at.clone(),
        source: error.into(),
    }
}
