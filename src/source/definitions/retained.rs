//! What the statements in all retained files say of definitions at some coordinates, where neither the stream nor a reading
//! does.
//!
//! A stream that begins in the past has not passed the statements before it. They are followed here from the oldest file on,
//! and the walk begins with what is certain: the tables that no statement in the retained files touches, as they are defined
//! now. Where that yields no definition either, a person must tell it. Then the rest of the files is read too, so that
//! everything that is missing is named at once.

use tracing::{info, warn};

use super::catalogue::Reading;
use super::reader::DefinitionReader;
use crate::binlog::{Coordinates, FIRST_POSITION};
use crate::change::definition::{Belief, Schemas};
use crate::change::{Follower, Point};
use crate::failure::Class;
use crate::filter::Rules;
use crate::row::TableName;
use crate::source::error::SourceError;
use crate::source::server::dump::DumpStart;
use crate::source::server::statements;
use crate::source::server::walk::DumpWalk;
use crate::source::walk::unreadable;

/// What was found.
#[derive(Debug)]
pub struct Retained {
    /// What is known at the place that was asked for.
    pub schemas: Schemas,
    /// Where the table's definition is not among that: every table that has rows there or later and no known definition, each
    /// with the end of its first such group.
    pub lacking: Vec<(TableName, Coordinates)>,
}

impl DefinitionReader {
    /// Follows the statements of all retained files up to a group that ends at `at` and has rows of `table`; `None` where the
    /// files do not reach back to it, or cannot be read.
    ///
    /// # Errors
    /// When the source cannot be reached or does not answer.
    pub async fn follow_retained(
        &mut self,
        table: &TableName,
        at: &Point,
        rules: &Rules,
    ) -> Result<Option<Retained>, SourceError> {
        match self.follow(table, at, rules).await {
            Err(error) if error.class() == Class::Data => {
                warn!(
                    error = &error as &dyn std::error::Error,
                    "the statements of the retained files could not be followed"
                );
                Ok(None)
            }
            followed => followed,
        }
    }

    async fn follow(
        &mut self,
        table: &TableName,
        at: &Point,
        rules: &Rules,
    ) -> Result<Option<Retained>, SourceError> {
        let mut asked = self.open().await?;
        if !at.is_of_lineage(&asked.lineage) {
            return Ok(None);
        }
        let files = statements::log_files(&mut asked.session).await?;
        let folding =
            statements::variables(&mut asked.session, &["lower_case_table_names"]).await?;
        drop(asked);
        let oldest = match files.first() {
            Some(first) if files.iter().any(|file| *file.name == *at.coordinates.file) => {
                let top = Coordinates::new(first.name.as_str(), FIRST_POSITION);
                Point::new(&at.lineage, top)
            }
            Some(_) | None => return Ok(None),
        };
        let known = self.read_all().await?;
        if known.end.is_before(at) != Some(false) {
            return Ok(None);
        }
        info!(from = %oldest, to = %at, %table, "following the statements of all retained files");
        let history = &mut self.history;
        history.cover(&self.options, &oldest, &known.end).await?;
        let folding = folding
            .get("lower_case_table_names")
            .and_then(|value| value.parse().ok());
        let believed = self.untouched_since(&known, &oldest, folding.unwrap_or_default());
        let begin = DumpStart::At(&oldest.coordinates);
        let mut walk = DumpWalk::of(&at.lineage, &self.options, begin).await?;
        let mut follower = Follower::new(walk.flavour(), believed, rules.clone());
        go_on(&mut walk, &mut follower, &at.coordinates).await?;
        let schemas = follower.believed().clone();
        if let Some(Belief::Known(_)) = schemas.get(table) {
            let lacking = Vec::new();
            return Ok(Some(Retained { schemas, lacking }));
        }
        follower.watch(table, &at.coordinates);
        go_on(&mut walk, &mut follower, &known.end.coordinates).await?;
        let is_served = |(other, end): &(TableName, Coordinates)| {
            other != table
                && known.tables.contains_key(other)
                && self
                    .history
                    .is_unchanged_since(other, &Point::new(&at.lineage, end.clone()))
        };
        let mut lacking = follower.lacking();
        lacking.retain(|missing| !is_served(missing));
        Ok(Some(Retained { schemas, lacking }))
    }

    /// What has not changed since `place`, as it was read later.
    fn untouched_since(&self, known: &Reading, place: &Point, folding: u8) -> Schemas {
        let mut schemas = Schemas::new(folding);
        for (table, definition) in &known.tables {
            if self.history.is_unchanged_since(table, place) {
                schemas.put(table, definition.table.clone());
            }
        }
        for (database, charset) in &known.databases {
            if self.history.keeps_default_since(database, place) {
                schemas.put_database(database, Some(charset));
            }
        }
        schemas
    }
}

/// Follows up to a place; the source must have all that stands before it.
async fn go_on(
    walk: &mut DumpWalk,
    follower: &mut Follower,
    until: &Coordinates,
) -> Result<(), SourceError> {
    while *walk.framer().next() < *until {
        let Some(event) = walk.next().await? else {
            return Err(SourceError::Unsettled { at: until.clone() });
        };
        let body = event.body.as_deref();
        follower
            .take(walk.framer(), &event.frame, body)
            .map_err(|error| unreadable(&event.at, error))?;
    }
    Ok(())
}
