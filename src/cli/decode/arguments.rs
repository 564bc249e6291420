//! The arguments of `rowtap decode`, which mean what they mean to `mysqlbinlog`.

use std::path::{Path, PathBuf};

use bytesize::ByteSize;
use clap::ValueEnum;
use clap::builder::PossibleValue;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;

use super::super::until::set_of_either_family;
use crate::binlog::GtidSet;
use crate::change::{OnStatement, XaMissing};
use crate::config::{EVENT_MEMORY_MIN, read_secret_file};
use crate::encode::{
    CloudEventsMode, DebeziumOptions, FlatOptions, Format, FormatSections, InvalidText,
    MaxwellOptions,
};
use crate::filter::{
    DdlFilter, HashOptions, MaskOptions, OnComputed, OnMissing, RowMoves, RowRuleOptions,
    RuleSecret, TruncateOptions,
};

/// What to decode, which part of it, and how.
#[derive(Debug, clap::Args)]
pub struct DecodeArguments {
    /// Binlog or relay log files, plain or compressed with gzip or zstd; a server's .index file stands for the files that it
    /// lists, - for the standard input.
    #[arg(value_name = "BINLOG", required = true)]
    pub files: Vec<PathBuf>,
    /// What is printed, json by default. With sql, first drop the triggers of the tables on the server that executes the
    /// statements, or they would fire again.
    #[arg(long, value_enum)]
    pub format: Option<DecodeFormat>,
    /// The settings of --format=debezium, as in a sink's section debezium: schemas_enable=false,time_precision_mode=isostring.
    #[arg(long, value_name = "KEY=VALUE,…", value_parser = settings::<DebeziumOptions>)]
    pub debezium: Option<DebeziumOptions>,
    /// The settings of --format=maxwell, as in a sink's section maxwell: output_binlog_position=true,output_nulls=false.
    #[arg(long, value_name = "KEY=VALUE,…", value_parser = settings::<MaxwellOptions>)]
    pub maxwell: Option<MaxwellOptions>,
    /// The settings of --format=flat, as in a sink's section flat: add_fields=op,table,source.ts_ms. Those of --debezium say how
    /// values are written.
    #[arg(long, value_name = "KEY=VALUE,…", value_parser = settings::<FlatOptions>)]
    pub flat: Option<FlatOptions>,
    /// Puts each message into a CloudEvent (structured).
    #[arg(long)]
    pub cloudevents: bool,
    /// Prints the SQL statements that undo the changes, the last change first; needs binlog_row_image=FULL. Triggers fire
    /// for them, and foreign key cascades of MariaDB and of MySQL before 9.6 are not in the binlog.
    #[arg(long, short = 'B', conflicts_with_all = ["follow", "summary", "verify"])]
    pub flashback: bool,
    /// Begins at this position of the first file.
    #[arg(long, short = 'j', value_name = "POSITION", default_value_t = 4, value_parser = clap::value_parser!(u64).range(4..))]
    pub start_position: u64,
    /// Ends at this position of the last file; a transaction that reaches beyond it is left out.
    #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(u64).range(4..))]
    pub stop_position: Option<u64>,
    /// Skips this many events of the first file.
    #[arg(long, short = 'o', value_name = "COUNT", default_value_t = 0)]
    pub offset: u64,
    /// Begins with the first event at or after this time, such as '2026-11-20 17:00:00' (of this machine) or
    /// 2026-11-20T17:00:00Z.
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub start_datetime: Option<u32>,
    /// Ends before the first event at or after this time.
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub stop_datetime: Option<u32>,
    /// Takes only the transactions whose GTIDs are in this set; a MariaDB set means everything up to its numbers.
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
    pub rules: RuleArguments,
    /// Where table definitions come from if the binlog does not hold column names: a connector's state folder, or its file, or
    /// a file with the CREATE TABLE statements. With the connector's file, the source is asked how the tables are defined now when
    /// the state folder does not know; its rules and other settings are not applied, give them as options. A definition with a line `-- at binlog.000003:1234` before it holds from there on in that
    /// binlog, another one from the top of each; both until a statement on the table. The file of commands that a connector wrote
    /// when it stopped may be given too, with its blanks filled in.
    #[arg(long, value_name = "CONNECTOR.toml|FOLDER|FILE")]
    pub definitions: Option<PathBuf>,
    /// What to do about changes that were logged as statements, whose rows are not in the binlog: fail, or warn and count
    /// them, as --summary and --verify do. [default: fail]
    #[arg(long, value_name = "fail|warn", value_parser = on_statement)]
    pub on_statement: Option<OnStatement>,
    /// What to do about an XA COMMIT whose XA PREPARE is not in the files: fail, or warn and count it.
    #[arg(long, value_name = "fail|warn", default_value = "warn", value_parser = xa_missing)]
    pub xa_missing: XaMissing,
    /// What to do about bytes that are not valid text in their column's character set: fail, replace them with U+FFFD (not in
    /// key columns), or print the value as {"base64": "…"}. Statements hold such bytes as they are.
    #[arg(long, value_name = "fail|replace|base64", default_value = "fail", value_parser = invalid_text)]
    pub invalid_text: InvalidText,
    /// The size above which an event goes to a file in the folder for temporary files, where its checksum is verified before
    /// it is read piece by piece.
    #[arg(long, value_name = "BYTES", default_value = "32MiB", value_parser = event_memory_max)]
    pub event_memory_max: ByteSize,
    /// Follows the last file as its server writes it, until stopped.
    #[arg(long, conflicts_with_all = ["summary", "verify", "stop_position"])]
    pub follow: bool,
    /// Prints what became of the events and how many rows changed in each table, instead of the changes.
    #[arg(long)]
    pub summary: bool,
    /// Checks every checksum, the body of every event to its last byte and every value of its rows, filters notwithstanding, and
    /// prints only the result.
    #[arg(long, conflicts_with = "summary")]
    pub verify: bool,
}

impl DecodeArguments {
    /// What they say of the format of changes.
    pub(super) fn sections(&self) -> FormatSections<'_> {
        FormatSections {
            format: match self.format {
                Some(DecodeFormat::Changes(format)) => format,
                Some(DecodeFormat::Sql) | None => Format::default(),
            },
            debezium: self.debezium.as_ref(),
            avro: None,
            maxwell: self.maxwell.as_ref(),
            flat: self.flat.as_ref(),
            cloudevents: self.cloudevents.then_some(CloudEventsMode::Structured),
            has_keys: false,
        }
    }
}

/// What is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeFormat {
    /// A message for each change, as in the files of `rowtap run`.
    Changes(Format),
    /// Statements that repeat the changes.
    Sql,
}

impl ValueEnum for DecodeFormat {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self::Changes(Format::Json),
            Self::Changes(Format::Debezium),
            Self::Changes(Format::Maxwell),
            Self::Changes(Format::Flat),
            Self::Changes(Format::Canal),
            Self::Sql,
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let (name, help) = match self {
            Self::Changes(format @ Format::Json) => (
                format.name(),
                "A JSON object a change, as in files of `rowtap run`",
            ),
            Self::Changes(format @ Format::Debezium) => (
                format.name(),
                "What Debezium writes a change, under the settings of --debezium",
            ),
            // Not offered: its messages are no text.
            Self::Changes(format @ Format::Avro) => (format.name(), "Avro"),
            Self::Changes(format @ Format::Maxwell) => (
                format.name(),
                "What Maxwell writes a change, under the settings of --maxwell",
            ),
            Self::Changes(format @ Format::Flat) => (
                format.name(),
                "A row alone, under the settings of --flat and --debezium",
            ),
            Self::Changes(format @ Format::Canal) => {
                (format.name(), "What Canal writes a rows event")
            }
            Self::Sql => ("sql", "Statements that make the changes again"),
        };
        Some(PossibleValue::new(name).help(help))
    }
}

/// The rules of `[filter]`, under the same names.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Filters")]
pub struct RuleArguments {
    /// Takes only these databases.
    #[arg(long, value_name = "DATABASE")]
    pub replicate_do_db: Vec<String>,
    /// Leaves out these databases.
    #[arg(long, value_name = "DATABASE")]
    pub replicate_ignore_db: Vec<String>,
    /// Takes these tables.
    #[arg(long, value_name = "DATABASE.TABLE")]
    pub replicate_do_table: Vec<String>,
    /// Leaves out these tables.
    #[arg(long, value_name = "DATABASE.TABLE")]
    pub replicate_ignore_table: Vec<String>,
    /// Takes tables that match the pattern.
    #[arg(long, value_name = "PATTERN")]
    pub replicate_wild_do_table: Vec<String>,
    /// Leaves out tables that match the pattern.
    #[arg(long, value_name = "PATTERN")]
    pub replicate_wild_ignore_table: Vec<String>,
    /// Takes only tables whose `database.table` the regular expression matches as a whole.
    #[arg(long, value_name = "EXPRESSION")]
    pub tables_include: Vec<String>,
    /// Leaves out tables whose `database.table` the regular expression matches as a whole.
    #[arg(long, value_name = "EXPRESSION")]
    pub tables_exclude: Vec<String>,
    /// Takes only the rows of some tables that meet a condition, as in 'shop\.orders WHERE total >= 10 and status != ''new'''.
    #[arg(long, value_name = "TABLES WHERE CONDITION", value_parser = row_rule)]
    pub rows: Vec<RowRuleOptions>,
    /// What becomes of an update of a row that meets its condition on one side only: an insert or a delete, or what it is. [default:
    /// convert, with statements keep]
    #[arg(long, value_name = "convert|keep", value_parser = row_moves)]
    pub row_filter_moves: Option<RowMoves>,
    /// Leaves out updates that change nothing that is printed.
    #[arg(long)]
    pub skip_unchanged: bool,
    /// Prints only columns whose `database.table.column` the regular expression matches as a whole.
    #[arg(long, value_name = "EXPRESSION")]
    pub columns_include: Vec<String>,
    /// Leaves out columns whose `database.table.column` the regular expression matches as a whole.
    #[arg(long, value_name = "EXPRESSION")]
    pub columns_exclude: Vec<String>,
    /// Replaces the values of columns by a text, or each character of them by one character.
    #[arg(long, value_name = "EXPRESSION->with=TEXT|each=CHARACTER", value_parser = mask)]
    pub columns_mask: Vec<MaskOptions>,
    /// Replaces the values of columns by their SHA-256 hash with a salt, or by their HMAC; the salt or key is in the file.
    #[arg(long, value_name = "EXPRESSION->salt_file=FILE|hmac_key_file=FILE", value_parser = hash)]
    pub columns_hash: Vec<HashOptions>,
    /// Cuts the text of columns after so many characters.
    #[arg(long, value_name = "EXPRESSION->LENGTH", value_parser = truncate)]
    pub columns_truncate: Vec<TruncateOptions>,
    /// What to do about a rule that has lost the column that it matched: stop, or warn.
    #[arg(long, value_name = "stop|warn", default_value = "stop", value_parser = columns_missing)]
    pub columns_missing: OnMissing,
    /// What to do about a column that is computed from one whose values a rule hides: stop, or publish its values.
    #[arg(long, value_name = "stop|publish", default_value = "stop", value_parser = columns_computed)]
    pub columns_computed: OnComputed,
    /// Gives a database another name before the other rules apply.
    #[arg(long, visible_alias = "rewrite-db", value_name = "FROM->TO")]
    pub replicate_rewrite_db: Vec<String>,
    /// How statements are judged: by the objects they name, or as a replica does.
    #[arg(long, value_name = "WAY", default_value = "by_object", value_parser = ddl_filter)]
    pub ddl_filter: DdlFilter,
}

impl RuleArguments {
    /// Whether there are rules on rows or columns.
    pub fn change_rows(&self) -> bool {
        self.are_on_columns() || self.skip_unchanged || !self.rows.is_empty()
    }

    /// Whether there are rules on columns.
    pub fn are_on_columns(&self) -> bool {
        !(self.columns_include.is_empty()
            && self.columns_exclude.is_empty()
            && self.columns_mask.is_empty()
            && self.columns_hash.is_empty()
            && self.columns_truncate.is_empty())
    }
}

/// The expression of a rule on columns, and the key and the value that follow its arrow; the value may have an arrow of its own.
fn arrow<'a>(
    text: &'a str,
    keys: [&'static str; 2],
    expected: &str,
) -> Result<(String, &'static str, &'a str), String> {
    let mut arrows = text.match_indices("->").filter_map(|(at, arrow)| {
        let (columns, rest) = (text.get(..at)?, text.get(at + arrow.len()..)?);
        let (key, value) = rest.split_once('=')?;
        let key = keys.into_iter().find(|known| *known == key)?;
        Some((columns.to_owned(), key, value))
    });
    arrows
        .next()
        .ok_or_else(|| format!("expected EXPRESSION->{expected}"))
}

/// Reads `--columns-mask`.
fn mask(text: &str) -> Result<MaskOptions, String> {
    const EXPECTED: &str = "with=TEXT or EXPRESSION->each=CHARACTER";
    let (columns, key, value) = arrow(text, ["with", "each"], EXPECTED)?;
    let value = Some(value.to_owned());
    let (with, each) = match key {
        "with" => (value, None),
        _each => (None, value),
    };
    Ok(MaskOptions {
        columns,
        with,
        each,
    })
}

/// Reads `--columns-hash` and the file that it names.
fn hash(text: &str) -> Result<HashOptions, String> {
    const EXPECTED: &str = "salt_file=FILE or EXPRESSION->hmac_key_file=FILE";
    let (columns, key, file) = arrow(text, ["salt_file", "hmac_key_file"], EXPECTED)?;
    let secret = read_secret_file(Path::new(file));
    let secret = secret.map_err(|message| format!("{file} {message}"))?;
    let secret = Some(RuleSecret::from(secret));
    let (salt, hmac_key) = match key {
        "salt_file" => (secret, None),
        _hmac_key_file => (None, secret),
    };
    Ok(HashOptions {
        columns,
        salt,
        hmac_key,
    })
}

/// Reads `--columns-truncate`.
fn truncate(text: &str) -> Result<TruncateOptions, String> {
    let (columns, length) = text
        .rsplit_once("->")
        .ok_or("expected EXPRESSION->LENGTH")?;
    let length = length.parse();
    let length = length.map_err(|_| "expected a number of characters after ->".to_owned())?;
    Ok(TruncateOptions {
        columns: columns.to_owned(),
        length: Some(length),
    })
}

/// Reads `--columns-missing`.
fn columns_missing(text: &str) -> Result<OnMissing, String> {
    match text {
        "stop" => Ok(OnMissing::Stop),
        "warn" => Ok(OnMissing::Warn),
        other => Err(format!("expected stop or warn, found {other}")),
    }
}

/// Reads `--columns-computed`.
fn columns_computed(text: &str) -> Result<OnComputed, String> {
    match text {
        "stop" => Ok(OnComputed::Stop),
        "publish" => Ok(OnComputed::Publish),
        other => Err(format!("expected stop or publish, found {other}")),
    }
}

/// Reads `--event-memory-max`, which may be no less than a connector's.
fn event_memory_max(text: &str) -> Result<ByteSize, String> {
    let size: ByteSize = text
        .parse()
        .map_err(|_| "expected a size such as 32MiB".to_owned())?;
    if size < EVENT_MEMORY_MIN {
        return Err(format!("expected at least {EVENT_MEMORY_MIN}"));
    }
    Ok(size)
}

/// Reads `--ddl-filter`.
fn ddl_filter(text: &str) -> Result<DdlFilter, String> {
    match text {
        "by_object" => Ok(DdlFilter::ByObject),
        "as_mysqld" => Ok(DdlFilter::AsMysqld),
        other => Err(format!("expected by_object or as_mysqld, found {other}")),
    }
}

/// Reads `--rows`.
fn row_rule(text: &str) -> Result<RowRuleOptions, String> {
    const WHERE: &str = " where ";
    let at = text.to_ascii_lowercase().find(WHERE);
    let at =
        at.ok_or("expected TABLES WHERE CONDITION, such as 'shop\\.orders WHERE total >= 10'")?;
    let (tables, condition) = text.split_at(at);
    Ok(RowRuleOptions {
        tables: vec![tables.trim().to_owned()],
        condition: condition.get(WHERE.len()..).map(str::to_owned),
        ..RowRuleOptions::default()
    })
}

/// Reads `--row-filter-moves`.
fn row_moves(text: &str) -> Result<RowMoves, String> {
    match text {
        "convert" => Ok(RowMoves::Convert),
        "keep" => Ok(RowMoves::Keep),
        other => Err(format!("expected convert or keep, found {other}")),
    }
}

/// Reads the settings of a format.
fn settings<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let mut keys = serde_json::Map::new();
    let mut last = String::new();
    for part in text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        let Some((key, value)) = part.split_once('=') else {
            // A value may be a list.
            match keys.get_mut(&last) {
                Some(serde_json::Value::String(list)) => {
                    list.push(',');
                    list.push_str(part);
                }
                Some(_) | None => return Err(format!("expected KEY=VALUE, found {part}")),
            }
            continue;
        };
        key.clone_into(&mut last);
        let value = match value {
            "true" => true.into(),
            "false" => false.into(),
            text => text.into(),
        };
        keys.insert(key.to_owned(), value);
    }
    serde_json::from_value(keys.into()).map_err(|error| error.to_string())
}

/// Reads `--invalid-text`.
fn invalid_text(text: &str) -> Result<InvalidText, String> {
    match text {
        "fail" => Ok(InvalidText::Fail),
        "replace" => Ok(InvalidText::Replace),
        "base64" => Ok(InvalidText::Base64),
        other => Err(format!("expected fail, replace or base64, found {other}")),
    }
}

/// Reads `--on-statement`.
fn on_statement(text: &str) -> Result<OnStatement, String> {
    match text {
        "fail" => Ok(OnStatement::Fail),
        "warn" => Ok(OnStatement::Warn),
        other => Err(format!("expected fail or warn, found {other}")),
    }
}

/// Reads `--xa-missing`.
fn xa_missing(text: &str) -> Result<XaMissing, String> {
    match text {
        "fail" => Ok(XaMissing::Fail),
        "warn" => Ok(XaMissing::Warn),
        other => Err(format!("expected fail or warn, found {other}")),
    }
}

/// `--start-datetime` and `--stop-datetime`: seconds since 1970.
fn seconds(text: &str) -> Result<u32, String> {
    const EXPECTED: &str =
        "expected a time such as '2026-11-20 17:00:00' (of this machine) or 2026-11-20T17:00:00Z";
    let local = || {
        let local = text.parse::<DateTime>().ok()?;
        Some(local.to_zoned(TimeZone::system()).ok()?.timestamp())
    };
    let at = text.parse::<Timestamp>().ok().or_else(local);
    let seconds = at.ok_or(EXPECTED)?.as_second();
    u32::try_from(seconds)
        .map_err(|_| format!("{text} is outside of what binlogs can hold, 1970 to 2106"))
}

/// `--include-gtids` and `--exclude-gtids`: a set of either family.
fn gtid_set(text: &str) -> Result<GtidSet, String> {
    const EXPECTED: &str = "expected a GTID set such as 3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5 or \
                            0-1-270, that of MariaDB being everything up to its numbers";
    set_of_either_family(text).ok_or(EXPECTED.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_of_the_machine_unless_they_name_a_zone() {
        assert_eq!(seconds("2026-11-20T17:00:00Z"), Ok(1_795_194_000));
        assert_eq!(seconds("2026-11-20 17:00:00+01:00"), Ok(1_795_190_400));
        for local in ["2026-11-20 17:00:00", "2026-11-20T17:00:00", "2026-11-20"] {
            seconds(local).expect(local);
        }
        for wrong in ["", "yesterday", "17:00", "1900-01-01T00:00:00Z"] {
            seconds(wrong).expect_err(wrong);
        }
    }

    #[test]
    fn an_event_may_always_have_some_memory() {
        assert_eq!(event_memory_max("1MiB"), Ok(ByteSize::mib(1)));
        for (wrong, expected) in [
            ("0", "at least 1.0 MiB"),
            ("20", "at least 1.0 MiB"),
            ("1023KiB", "at least 1.0 MiB"),
            ("-5", "a size such as 32MiB"),
            ("much", "a size such as 32MiB"),
        ] {
            let error = event_memory_max(wrong).unwrap_err();
            assert!(error.contains(expected), "{wrong}: {error}");
        }
    }

    #[test]
    fn sets_of_both_families_are_read() {
        let uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
        for text in [
            format!("{uuid}:1-5,{uuid}:tag:7"),
            "0-1-270,5-9-3".to_owned(),
        ] {
            gtid_set(&text).expect(&text);
        }
        for wrong in ["", "1-5", uuid] {
            gtid_set(wrong).expect_err(wrong);
        }
    }
}
