//! The server that answers questions about definitions.
//!
//! Each connection asks whose binlogs the answers go with: another server may answer at the same address by then.

use std::sync::Arc;

use crate::change::{Lineage, Point};
use crate::source::error::SourceError;
use crate::source::identity;
use crate::source::server::session::Session;
use crate::source::server::{ServerOptions, statements};

/// A connection to a server, and the lineage of the binlogs that it writes.
#[derive(Debug)]
pub(in crate::source) struct AnsweringServer {
    pub(in crate::source) session: Session,
    pub(in crate::source) lineage: Arc<Lineage>,
}

impl AnsweringServer {
    /// Connects. The lineage is the wanted one where this is its server, else the first one of whoever answers.
    ///
    /// # Errors
    /// When the server cannot be reached or does not answer.
    pub(in crate::source) async fn connect(
        options: &ServerOptions,
        wanted: Option<&Arc<Lineage>>,
    ) -> Result<Self, SourceError> {
        let mut session = Session::open(options).await?;
        session.ask("SET NAMES utf8mb4").await?;
        show_generated_keys(&mut session).await?;
        let (server_uuid, server_id) = statements::identity(&mut session).await?;
        let lineage = match wanted.filter(|it| identity::writes(server_uuid, server_id, it)) {
            Some(wanted) => Arc::clone(wanted),
            None => Arc::new(Lineage {
                server_uuid,
                server_id,
                incarnation: 0,
            }),
        };
        Ok(Self { session, lineage })
    }

    /// Where the server's binlog ends now.
    ///
    /// # Errors
    /// When it does not answer or writes no binlog.
    pub(in crate::source) async fn end_of_binlog(&mut self) -> Result<Point, SourceError> {
        let status = statements::status(&mut self.session).await?;
        let end = status.ok_or(SourceError::BinlogOff)?.coordinates;
        Ok(Point::new(&self.lineage, end))
    }
}

/// Generated invisible primary keys are in every row image, yet a server may be set to leave them out of
/// information_schema.
async fn show_generated_keys(session: &mut Session) -> Result<(), SourceError> {
    const VARIABLE: &str = "show_gipk_in_create_table_and_information_schema";
    if statements::variables(session, &[VARIABLE])
        .await?
        .is_empty()
    {
        return Ok(());
    }
    session
        .ask(&format!("SET SESSION {VARIABLE} = ON"))
        .await
        .map(drop)
}
