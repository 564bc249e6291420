//! Takes the events of a binlog as they pass and keeps what [`Stretch`]es hold.

use std::collections::HashSet;
use std::sync::Arc;

use super::effects::DefinitionEffects;
use super::stretch::{EventMark, KeptEvent, KeptWhat, Sighting, Stretch};
use crate::binlog::{EventKind, FormatDescription, Frame, Query, TableMap, compressed};
use crate::change::definition::draft::draft;
use crate::row::TableName;

/// Keeps what a binlog tells of definitions; begins between groups. The events come in order.
#[derive(Debug, Default)]
pub struct Sieve {
    notes_tables: bool,
    /// Groups may have been left out.
    has_gaps: bool,
    /// Of the file that was described last.
    begun: u32,
    format: Option<Arc<FormatDescription>>,
    open: Option<OpenStretch>,
    done: Vec<Stretch>,
    /// Tables that were sighted, and no kept event since may have changed them. In lower case.
    seen: HashSet<TableName>,
}

/// A framed event, and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct SievedEvent<'a> {
    /// Its file.
    pub file: &'a Arc<str>,
    /// Its frame.
    pub frame: &'a Frame,
    /// Its body; `None` for one that is too large to be whole in memory.
    pub body: Option<&'a [u8]>,
    /// The layout of its file, as of this event.
    pub format: &'a FormatDescription,
    /// Whether no group is open after it.
    pub is_between: bool,
}

/// A stretch that may go on.
#[derive(Debug)]
struct OpenStretch {
    /// Up to the last place between groups.
    stretch: Stretch,
    /// Where the event ended that was taken last.
    reached: u64,
    /// Of the group that is open.
    events: Vec<KeptEvent>,
    /// Of the group that is open.
    tables: Vec<(TableName, Box<str>)>,
}

impl Sieve {
    /// Notes which tables have rows, too.
    #[must_use]
    pub fn noting_tables(self) -> Self {
        Self {
            notes_tables: true,
            ..self
        }
    }

    /// Takes a stream out of which the source leaves groups.
    #[must_use]
    pub fn with_gaps(self) -> Self {
        Self {
            has_gaps: true,
            ..self
        }
    }

    /// Takes the next event. What cannot be read is kept as a doubt.
    pub fn take(&mut self, event: &SievedEvent<'_>) {
        let SievedEvent { file, frame, .. } = *event;
        if frame.header.kind == EventKind::FormatDescription {
            self.begun = frame.header.timestamp;
            if self.format.as_deref() != Some(event.format) {
                self.format = Some(Arc::new(event.format.clone()));
            }
        }
        let Some(format) = self.format.clone() else {
            return;
        };
        if frame.artificial {
            // A stream that begins inside a file is told its layout; there may be no event more in the file.
            if frame.header.kind == EventKind::FormatDescription && self.open.is_none() {
                let open = OpenStretch::new(file, self.begun, format, frame.start);
                self.open = Some(open);
            }
            return;
        }
        let is_next =
            |open: &OpenStretch| open.stretch.file == *file && open.reached == frame.start;
        let mut open = match self.open.take() {
            Some(open) if is_next(&open) => open,
            earlier => {
                if let Some(open) = earlier {
                    // What was left out may be the rest of the file.
                    let went_on = open.stretch.file != *file && !self.has_gaps;
                    open.end(went_on, &mut self.done);
                }
                OpenStretch::new(file, self.begun, format, frame.start)
            }
        };
        self.keep(&mut open, event);
        open.reached = frame.end;
        if event.is_between {
            open.settle(EventMark::of(frame, event.body));
        }
        match frame.header.kind {
            EventKind::Rotate => open.end(true, &mut self.done),
            _other => self.open = Some(open),
        }
    }

    /// Takes that the stream goes on in a file; if it was in another one, nothing follows there.
    pub fn go_on_in(&mut self, file: &str) {
        if let Some(open) = self.open.take_if(|open| *open.stretch.file != *file) {
            open.end(true, &mut self.done);
        }
    }

    /// Hands out what was kept up to the last place between groups; of each file a stretch, if there is anything new.
    pub fn hand_out(&mut self) -> Vec<Stretch> {
        if let Some(open) = &mut self.open {
            self.done.extend(open.cut());
        }
        std::mem::take(&mut self.done)
    }

    fn keep(&mut self, open: &mut OpenStretch, event: &SievedEvent<'_>) {
        let SievedEvent {
            frame,
            body,
            format,
            ..
        } = *event;
        let doubt = |reason: &str| (KeptWhat::Doubt(reason.into()), DefinitionEffects::unknown());
        let kind = frame.header.kind;
        let kept = match (kind, body) {
            (EventKind::FormatDescription, _) if format.created() != 0 => {
                (KeptWhat::Started(true), DefinitionEffects::default())
            }
            (EventKind::Query, Some(body)) => match statement(body, format) {
                Some(kept) => kept,
                None => return,
            },
            (EventKind::QueryCompressed, Some(body)) => {
                match compressed::plain_body(kind, body, format)
                    .map(|body| statement(&body, format))
                {
                    Ok(Some(kept)) => kept,
                    Ok(None) => return,
                    Err(_) => doubt("a statement could not be unpacked"),
                }
            }
            (EventKind::Query | EventKind::QueryCompressed, None) => {
                doubt("a statement is larger than event_memory_max")
            }
            (EventKind::Incident, _) => doubt("the source reports lost events"),
            (EventKind::Unknown(_), _) if !frame.header.is_ignorable() => {
                doubt("an event is of a kind that rowtap does not know")
            }
            (EventKind::TableMap, Some(body)) if self.notes_tables => {
                return self.sight(open, body, format);
            }
            _rows_and_context => return,
        };
        let (what, effects) = kept;
        self.forget(&effects);
        let at = frame.start;
        open.events.push(KeptEvent { at, what });
    }

    /// Notes that a table has rows, unless it is known to be the same as before.
    fn sight(&mut self, open: &mut OpenStretch, body: &[u8], format: &FormatDescription) {
        let Ok(map) = TableMap::parse(body, format, format.flavour()) else {
            return;
        };
        let names = (
            std::str::from_utf8(map.database),
            std::str::from_utf8(map.table),
        );
        let (Ok(database), Ok(table)) = names else {
            return;
        };
        let tells_names = || {
            let columns = map.columns();
            columns.is_ok_and(|columns| columns.iter().all(|column| column.name.is_some()))
        };
        let folded = TableName::new(database.to_lowercase(), table.to_lowercase());
        if !self.seen.contains(&folded) && !tells_names() {
            self.seen.insert(folded);
            let table = TableName::new(database, table);
            let draft = draft(&table, &map.columns().unwrap_or_default());
            open.tables.push((table, draft.into()));
        }
    }

    fn forget(&mut self, effects: &DefinitionEffects) {
        if effects.all {
            self.seen.clear();
        }
        for table in &effects.tables {
            self.seen.remove(table);
        }
        if let Some(dropped) = &effects.dropped {
            self.seen.retain(|table| table.database != *dropped);
        }
    }
}

/// What is kept of a statement; `None` if it does nothing to definitions.
fn statement(body: &[u8], format: &FormatDescription) -> Option<(KeptWhat, DefinitionEffects)> {
    let Ok(query) = Query::parse(body, format) else {
        let reason = "a statement could not be read".into();
        return Some((KeptWhat::Doubt(reason), DefinitionEffects::unknown()));
    };
    let effects = DefinitionEffects::of(&query, format);
    (!effects.is_none()).then(|| (KeptWhat::Statement(body.into()), effects))
}

impl EventMark {
    /// The mark of an event.
    pub fn of(frame: &Frame, body: Option<&[u8]>) -> Self {
        Self {
            at: frame.start,
            timestamp: frame.header.timestamp,
            size: frame.header.event_size,
            crc32: body.map(crc32fast::hash).unwrap_or_default(),
        }
    }
}

impl OpenStretch {
    fn new(file: &Arc<str>, begun: u32, format: Arc<FormatDescription>, from: u64) -> Self {
        Self {
            stretch: Stretch {
                file: Arc::clone(file),
                begun,
                from,
                to: from,
                is_last: false,
                format,
                mark: EventMark::default(),
                events: Vec::new(),
                tables: Vec::new(),
            },
            reached: from,
            events: Vec::new(),
            tables: Vec::new(),
        }
    }

    /// No group is open where it has come to, after this event.
    fn settle(&mut self, mark: EventMark) {
        let end = self.reached;
        self.stretch.to = end;
        self.stretch.mark = mark;
        self.stretch.events.append(&mut self.events);
        let tables = self.tables.drain(..);
        self.stretch
            .tables
            .extend(tables.map(|(table, draft)| Sighting { table, end, draft }));
    }

    /// Takes out what is complete; `None` if there is nothing new.
    fn cut(&mut self) -> Option<Stretch> {
        if self.stretch.to == self.stretch.from {
            return None;
        }
        let rest = self.stretch.rest();
        Some(std::mem::replace(&mut self.stretch, rest))
    }

    /// Ends it where the stream leaves it; `went_on` if that is because the server did, whatever group it left unfinished.
    fn end(mut self, went_on: bool, done: &mut Vec<Stretch>) {
        if went_on {
            self.stretch.events.append(&mut self.events);
            self.stretch.is_last = true;
        }
        if self.stretch.is_last || self.stretch.to != self.stretch.from {
            done.push(self.stretch);
        }
    }
}
