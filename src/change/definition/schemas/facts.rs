//! What a statement's outcome depends on besides its text.

use crate::binlog::Query;
use crate::change::statement::StatementContext;
use crate::mysql::Flavour;
use crate::row::name_of_collation;

/// A connection on a server that wrote to the source's binlog: the source, or one whose changes it repeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Connection {
    /// The server's `server_id`.
    pub server_id: u32,
    /// The connection's number there, of the query event.
    pub thread_id: u32,
}

/// What a statement's outcome depends on besides itself. What is not known may be left out: what needs it turns stale.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// What its text depends on.
    pub context: StatementContext,
    /// Who sent it. Temporary tables belong to it.
    pub connection: Connection,
    /// The session's default database, of the query event.
    pub default_database: Option<&'a str>,
    /// The character set of the session's `collation_connection`, of the query event; `None` for utf8mb4.
    pub connection_charset: Option<&'a str>,
    /// The character set of the session's `collation_server`, of the query event.
    pub server_charset: Option<&'a str>,
    /// The source's `default_storage_engine`.
    pub default_engine: Option<&'a str>,
    /// The session's `explicit_defaults_for_timestamp`; without it, the default of the source's version.
    pub explicit_defaults_for_timestamp: Option<bool>,
    /// Whether `utf8` means `utf8mb4`: on MariaDB without `UTF8_IS_UTF8MB3` in its `old_mode`.
    pub utf8_is_utf8mb4: bool,
    /// Whether the query event holds a storage engine's transaction: what a statement makes that says `IF NOT EXISTS` was not
    /// there before.
    pub in_engine_transaction: bool,
}

/// From this version on MySQL's databases are kept by an engine with transactions.
const MYSQL_8: u32 = 80_011;
/// The flag of MariaDB's query events for `explicit_defaults_for_timestamp`.
const MARIADB_EXPLICIT_DEFAULTS: u32 = 1 << 24;

impl<'a> Facts<'a> {
    /// What a query event tells.
    pub fn of(query: &Query<'a>, context: StatementContext) -> Self {
        let explicit_defaults = match context.flavour {
            Flavour::MySql => query.explicit_defaults_for_timestamp,
            Flavour::MariaDb => query
                .flags
                .map(|flags| flags & MARIADB_EXPLICIT_DEFAULTS != 0),
        };
        let charset = |collation: Option<u16>| {
            collation.and_then(|collation| name_of_collation(u32::from(collation)))
        };
        Self {
            context,
            connection: Connection {
                server_id: 0,
                thread_id: query.thread_id,
            },
            default_database: std::str::from_utf8(query.database)
                .ok()
                .filter(|name| !name.is_empty()),
            connection_charset: charset(query.connection_collation),
            server_charset: charset(query.server_collation),
            default_engine: None,
            explicit_defaults_for_timestamp: explicit_defaults,
            utf8_is_utf8mb4: false,
            in_engine_transaction: query.ddl_xid.is_some_and(|id| id != 0),
        }
    }

    /// Whether a database that `CREATE DATABASE IF NOT EXISTS` names was made by it; `None` where the binlog does not tell.
    pub(super) fn makes_database(&self) -> Option<bool> {
        let tells = self.context.flavour == Flavour::MySql && self.context.version >= MYSQL_8;
        tells.then_some(self.in_engine_transaction)
    }

    /// The same of a connection to the server with this `server_id`.
    #[must_use]
    pub fn on_server(mut self, server_id: u32) -> Self {
        self.connection.server_id = server_id;
        self
    }

    /// The same with the source's `default_storage_engine`.
    #[must_use]
    pub fn with_default_engine(self, default_engine: Option<&'a str>) -> Self {
        Self {
            default_engine,
            ..self
        }
    }
}
