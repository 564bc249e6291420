//! The arguments of `rowtap decode`, which mean what they mean to `mysqlbinlog`.

use std::path::PathBuf;

use bytesize::ByteSize;
use clap::ValueEnum;

use super::settings::{event_memory_max, gtid_set, invalid_text, on_statement, seconds};
use crate::binlog::GtidSet;
use crate::change::OnStatement;
use crate::encode::InvalidText;

/// What to decode, which part of it, and how.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Binlog or relay log files, plain or compressed by gzip or zstd; a server's .index file stands for the files in it, -
    /// for the standard input.
    #[arg(value_name = "BINLOG", required = true)]
    pub files: Vec<PathBuf>,
    /// What comes out, json by default. For sql: drop the triggers of the tables on the server that executes it, they would
    /// fire again.
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Prints the SQL statements that take the changes back, the last change first; needs binlog_row_image=FULL.
    /// Triggers fire for them, and foreign key cascades of MariaDB and of MySQL before 9.6 are not in the binlog.
    #[arg(long, short = 'B', conflicts_with_all = ["follow", "summary", "verify"])]
    pub flashback: bool,
    /// Begins at this position of the first file.
    #[arg(long, short = 'j', value_name = "POSITION", default_value_t = 4, value_parser = clap::value_parser!(u64).range(4..))]
    pub start_position: u64,
    /// Ends at this position of the last file; a transaction that reaches beyond it is left out.
    #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(u64).range(4..))]
    pub stop_position: Option<u64>,
    /// Passes over so many events of the first file.
    #[arg(long, short = 'o', value_name = "COUNT", default_value_t = 0)]
    pub offset: u64,
    /// Begins with the first event of this time or later, such as '2026-11-20 17:00:00' (of this machine) or
    /// 2026-11-20T17:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub start_datetime: Option<u32>,
    /// Ends before the first event of this time or later.
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub stop_datetime: Option<u32>,
    /// Takes only the transactions whose GTIDs are in this set; one of MariaDB is everything up to its numbers.
    #[arg(long, value_name = "GTID_SET", value_parser = gtid_set)]
    pub include_gtids: Option<GtidSet>,
    /// Leaves out the transactions whose GTIDs are in this set, which is read in the same way.
    #[arg(long, value_name = "GTID_SET", value_parser = gtid_set)]
    pub exclude_gtids: Option<GtidSet>,
    /// Takes only the transactions that were first executed on these servers, by their server_id.
    #[arg(
        long,
        visible_alias = "do-server-ids",
        value_name = "ID,…",
        value_delimiter = ','
    )]
    pub server_id: Vec<u32>,
    /// Leaves out the transactions that were first executed on these servers.
    #[arg(
        long,
        value_name = "ID,…",
        value_delimiter = ',',
        conflicts_with = "server_id"
    )]
    pub ignore_server_ids: Vec<u32>,
    /// Takes only the transactions of these replication domains (MariaDB).
    #[arg(long, value_name = "ID,…", value_delimiter = ',')]
    pub do_domain_ids: Vec<u32>,
    /// Leaves out the transactions of these replication domains (MariaDB).
    #[arg(
        long,
        value_name = "ID,…",
        value_delimiter = ',',
        conflicts_with = "do_domain_ids"
    )]
    pub ignore_domain_ids: Vec<u32>,
    /// Takes only this database, by the name that --rewrite-db gives it.
    #[arg(
        long,
        short = 'd',
        value_name = "DATABASE",
        conflicts_with = "replicate_do_db"
    )]
    pub database: Option<String>,
    /// The replication filters.
    #[command(flatten)]
    pub rules: Rules,
    /// Where tables' definitions come from, if the binlog does not hold column names: a connector's state folder, or its
    /// file; with the file, its source is asked how the tables are defined now where the state folder does not know.
    #[arg(long, value_name = "CONNECTOR.toml|FOLDER")]
    pub definitions: Option<PathBuf>,
    /// What to do about changes that were logged as statements, so that their rows are not in the binlog: fail, or warn and
    /// count them, as --summary and --verify do. [default: fail]
    #[arg(long, value_name = "fail|warn", value_parser = on_statement)]
    pub on_statement: Option<OnStatement>,
    /// What to do about bytes that are no text in their column's character set: fail, replace them by U+FFFD (not in key
    /// columns), or print the value as {"base64": "…"}. Statements hold such bytes as they are.
    #[arg(long, value_name = "fail|replace|base64", default_value = "fail", value_parser = invalid_text)]
    pub invalid_text: InvalidText,
    /// The size of an event beyond which its checksum is verified first and it is then read piece by piece, from a file in
    /// the folder for temporary files.
    #[arg(long, value_name = "BYTES", default_value = "32MiB", value_parser = event_memory_max)]
    pub event_memory_max: ByteSize,
    /// Goes on at the end of the last file as its server writes it, until stopped.
    #[arg(long, conflicts_with_all = ["summary", "verify", "stop_position"])]
    pub follow: bool,
    /// Prints what became of the events, and the row changes of each table, instead of the changes.
    #[arg(long)]
    pub summary: bool,
    /// Checks every event and checksum, and prints the result only.
    #[arg(long, conflicts_with = "summary")]
    pub verify: bool,
}

/// What comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A JSON object a change, as in files of `rowtap run`.
    Json,
    /// Statements that make the changes again.
    Sql,
}

/// The rules of `[filter]`, under the same names.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Filters")]
pub struct Rules {
    /// Takes only these databases.
    #[arg(long, value_name = "DATABASE")]
    pub replicate_do_db: Vec<String>,
    /// Leaves these databases out.
    #[arg(long, value_name = "DATABASE")]
    pub replicate_ignore_db: Vec<String>,
    /// Takes these tables.
    #[arg(long, value_name = "DATABASE.TABLE")]
    pub replicate_do_table: Vec<String>,
    /// Leaves these tables out.
    #[arg(long, value_name = "DATABASE.TABLE")]
    pub replicate_ignore_table: Vec<String>,
    /// Takes tables that match the pattern.
    #[arg(long, value_name = "PATTERN")]
    pub replicate_wild_do_table: Vec<String>,
    /// Leaves tables out that match the pattern.
    #[arg(long, value_name = "PATTERN")]
    pub replicate_wild_ignore_table: Vec<String>,
    /// Gives a database another name before the other rules are asked.
    #[arg(long, visible_alias = "rewrite-db", value_name = "FROM->TO")]
    pub replicate_rewrite_db: Vec<String>,
}
