//! What the statements in the retained files say of definitions at some coordinates, where neither the stream nor a reading
//! does.
//!
//! A stream that begins in the past has not passed the statements before it. They are followed here from the top of a file on,
//! and that begins with what is certain: the tables that no statement from there on touches, as they are defined now. The
//! files nearest to the place come first, so that no more of them is read than the definition needs; what was begun further
//! back tells no less. Where that yields no definition either, a person must tell it. Then all that is missing in the rest of
//! the files is named at once.

use std::ops::Range;

use tracing::{info, warn};

use super::catalogue::Reading;
use super::reader::DefinitionReader;
use crate::binlog::{Coordinates, FIRST_POSITION};
use crate::change::definition::{Belief, Schemas};
use crate::change::{Follower, Lacking, Point};
use crate::failure::Class;
use crate::filter::Rules;
use crate::row::TableName;
use crate::source::error::SourceError;
use crate::source::server::statements::{self, LogFile};

/// Bytes of files that are read at a time, going back: a source that is told to stop has sent some megabytes too many.
const PIECE_BYTES_MIN: u64 = 256 << 20;

/// What was found.
#[derive(Debug)]
pub struct Retained {
    /// What is known at the place that was asked for.
    pub schemas: Schemas,
    /// Where the table's definition is not among that: every table that has rows there or later and no known definition, each
    /// with the end of its first such group.
    pub lacking: Vec<Lacking>,
}

/// What came of following the retained files.
#[derive(Debug)]
pub enum Followed {
    /// They tell this.
    Upto(Box<Retained>),
    /// More of them would have to be read than scans may.
    OutOfLimits,
    /// They do not reach back to the group, or cannot be read.
    Nothing,
}

/// A table whose definition is wanted for a group.
#[derive(Clone, Copy, Debug)]
pub struct WantedBefore<'a> {
    /// The table.
    pub table: &'a TableName,
    /// Where the group begins; `None` where that is not known.
    pub begin: Option<&'a Coordinates>,
    /// Where it ends.
    pub at: &'a Point,
}

/// What the source has and shows now.
struct Present {
    files: Vec<LogFile>,
    /// The number of the file that is asked about.
    file: usize,
    folding: u8,
}

impl DefinitionReader {
    /// Follows the statements of retained files up to a group that has rows of a table.
    ///
    /// # Errors
    /// When the source cannot be reached or does not answer.
    pub async fn follow_retained(
        &mut self,
        wanted: &WantedBefore<'_>,
        rules: &Rules,
    ) -> Result<Followed, SourceError> {
        match self.follow(wanted, rules).await {
            Err(error)
                if error.class() == Class::Data || matches!(error, SourceError::Purged { .. }) =>
            {
                warn!(
                    error = &error as &dyn std::error::Error,
                    "the statements of the retained files could not be followed"
                );
                Ok(Followed::Nothing)
            }
            followed => followed,
        }
    }

    async fn follow(
        &mut self,
        wanted: &WantedBefore<'_>,
        rules: &Rules,
    ) -> Result<Followed, SourceError> {
        let WantedBefore { table, at, .. } = *wanted;
        let Some(present) = self.present(at).await? else {
            return Ok(Followed::Nothing);
        };
        let known = self.known_at(at).await?;
        if known.end.is_before(at) != Some(false) {
            return Ok(Followed::Nothing);
        }
        info!(to = %at, %table, "following the statements of retained files");
        let begin = wanted
            .begin
            .map(|begin| Point::new(&at.lineage, begin.clone()));
        // By itself, so that what is kept names all tables of the group.
        let parts = [
            begin.as_ref().map(|begin| (begin, at)),
            Some((at, &known.end)),
        ];
        for (from, to) in parts.into_iter().flatten() {
            if !self.history.cover(&self.options, from, to).await? {
                return Ok(Followed::OutOfLimits);
            }
        }
        let Some(mut follower) = self.follow_back(table, at, &present, &known, rules).await? else {
            return Ok(Followed::OutOfLimits);
        };
        let schemas = follower.believed().clone();
        if is_known(&schemas, table) {
            let lacking = Vec::new();
            return Ok(Followed::Upto(Box::new(Retained { schemas, lacking })));
        }
        follower.watch(table, &at.coordinates);
        self.go_on(
            &mut follower,
            &(at.coordinates.clone()..known.end.coordinates.clone()),
        );
        let is_served = |Lacking {
                             table: other, end, ..
                         }: &Lacking| {
            let end = Point::new(&at.lineage, end.clone());
            other != table
                && known.tables.contains_key(other)
                && self.history.spares_table(other, &end, &known.end)
        };
        let mut lacking = follower.lacking();
        lacking.retain(|missing| !is_served(missing));
        Ok(Followed::Upto(Box::new(Retained { schemas, lacking })))
    }

    /// Looks at the source; `None` where it has not the place that is asked about.
    async fn present(&self, at: &Point) -> Result<Option<Present>, SourceError> {
        const FOLDING: &str = "lower_case_table_names";
        let mut asked = self.open().await?;
        if !at.is_of_lineage(&asked.lineage) {
            return Ok(None);
        }
        let files = statements::log_files(&mut asked.session).await?;
        let variables = statements::variables(&mut asked.session, &[FOLDING]).await?;
        let folding = variables.get(FOLDING).and_then(|value| value.parse().ok());
        let file = files
            .iter()
            .position(|file| *file.name == *at.coordinates.file);
        Ok(file.map(|file| Present {
            files,
            file,
            folding: folding.unwrap_or_default(),
        }))
    }

    /// Follows up to the place that is asked about, from as far back as it takes to know the table, or else from the oldest
    /// file; `None` where the limits of scans do not let that be read.
    async fn follow_back(
        &mut self,
        table: &TableName,
        at: &Point,
        present: &Present,
        known: &Reading,
        rules: &Rules,
    ) -> Result<Option<Follower>, SourceError> {
        let top_of = |number: usize| {
            let name = present.files.get(number).map(|file| file.name.as_str());
            Coordinates::new(name.unwrap_or_default(), FIRST_POSITION)
        };
        let (mut number, mut bytes) = (present.file, 0);
        // What is kept costs nothing: it is begun as far back as all is, if only in the middle of a file.
        let mut top = self.history.known_since(&at.coordinates);
        let mut followed_count = None;
        loop {
            let between = top.clone()..at.coordinates.clone();
            let parts = self.history.parts(&between);
            let count: usize = parts.map(|(part, _)| part.events.len()).sum();
            // Each try follows all again, so that the next one waits until there is some more to follow.
            let is_worth_it = followed_count.is_none_or(|followed| count > followed + followed / 4);
            let is_oldest = top <= top_of(0);
            if is_worth_it || is_oldest {
                followed_count = Some(count);
                let from = Point::new(&at.lineage, top.clone());
                let believed = self.untouched_since(known, &from, present.folding);
                let mut follower = Follower::new(believed, rules.clone());
                self.go_on(&mut follower, &between);
                if is_oldest || is_known(follower.believed(), table) {
                    info!(%from, to = %at, %table, statements = count, "followed the statements of retained files");
                    return Ok(Some(follower));
                }
            }
            while number > 0 && top_of(number) >= top {
                number -= 1;
            }
            // The rest of a file first, then as many files as are worth a dump.
            if top.position == FIRST_POSITION {
                let size_of = |number: usize| present.files.get(number).map_or(0, |file| file.size);
                let end = bytes + PIECE_BYTES_MIN.max(bytes / 8);
                bytes += size_of(number);
                while number > 0 && bytes < end {
                    number -= 1;
                    bytes += size_of(number);
                }
            }
            let from = Point::new(&at.lineage, top_of(number));
            if !self.history.cover(&self.options, &from, at).await? {
                return Ok(None);
            }
            let known_since = self.history.known_since(&at.coordinates);
            if known_since >= top {
                return Err(SourceError::Unsettled { at: top });
            }
            top = known_since;
        }
    }

    /// What has not changed since `place`, as it was read later.
    fn untouched_since(&self, known: &Reading, place: &Point, folding: u8) -> Schemas {
        let mut schemas = Schemas::new(folding);
        for (table, definition) in &known.tables {
            if self.history.spares_table(table, place, &known.end) {
                schemas.put(table, definition.table.clone());
            }
        }
        for (database, charset) in &known.databases {
            if self.history.spares_default(database, place, &known.end) {
                schemas.put_database(database, Some(charset));
            }
        }
        schemas
    }

    /// Follows what is kept between two places.
    fn go_on(&self, follower: &mut Follower, between: &Range<Coordinates>) {
        for (stretch, positions) in self.history.parts(between) {
            follower.take(stretch, positions.start, positions.end);
        }
    }
}

fn is_known(schemas: &Schemas, table: &TableName) -> bool {
    match schemas.get(table) {
        Some(Belief::Known(known)) => known.unsettled().is_none(),
        Some(Belief::Stale(_)) => false,
        None => schemas.left_behind(table).is_some(),
    }
}
