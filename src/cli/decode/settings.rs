//! The arguments, checked against each other and turned into what the decoding works with.

use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::arguments::{DecodeArguments, DecodeFormat};
use super::definitions::ToldDefinitions;
use super::error::DecodeError;
use crate::binlog::FIRST_POSITION;
use crate::change::{Choice, Ids, OnStatement, XaMissing};
use crate::encode::sql::Direction;
use crate::filter;
use crate::source::{BinlogExtent, BinlogSeries, EVENT_BYTES_MAX, InputPath};

/// What a decoding works with.
#[derive(Debug)]
pub(in crate::cli) struct DecodeSettings {
    pub(super) series: BinlogSeries,
    /// Ends the reading of a file that is followed.
    pub(super) stop: CancellationToken,
    pub(super) told: ToldDefinitions,
    pub(super) file: FileSettings,
}

/// How each file is read.
#[derive(Debug)]
pub(super) struct FileSettings {
    pub(super) choice: Choice,
    pub(super) filter: filter::FilterOptions,
    pub(super) on_statement: OnStatement,
    /// Whether what is printed holds the statements that changed rows.
    pub(super) keeps_queries: bool,
    /// Whether a statement that empties a table comes with the table.
    pub(super) keeps_emptied: bool,
    pub(super) xa_missing: XaMissing,
    pub(super) event_bytes_max: u64,
    /// Which statements are printed, if any: they name columns, and may give generated ones no values.
    pub(super) statements: Option<Direction>,
    /// Whether every body is checked.
    pub(super) checks_all: bool,
    /// Where the reading begins in the first file.
    pub(super) start: u64,
}

impl DecodeSettings {
    /// Takes the arguments; index files are read here.
    pub(super) fn new(arguments: &DecodeArguments) -> Result<Self, DecodeError> {
        let places = places(&arguments.files);
        if let Some(contradiction) = contradiction(arguments, &places) {
            return Err(DecodeError::Usage(contradiction));
        }
        let extent = BinlogExtent {
            start: arguments.start_position,
            offset: arguments.offset,
            start_time: arguments.start_datetime,
            stop: arguments.stop_position,
            stop_time: arguments.stop_datetime,
        };
        let event_bytes_max = arguments.event_memory_max.as_u64();
        let series = BinlogSeries::new(places, extent, EVENT_BYTES_MAX, arguments.follow)?;
        for (file, next) in series.out_of_order() {
            warn!(
                %file,
                %next,
                "by its number the second file is the older one, or the same, and its changes come out after those of the first; \
                 give the files in the order in which the server wrote them"
            );
        }
        for (file, next) in series.gaps() {
            warn!(
                %file,
                %next,
                "files between these two are missing, and the changes in them: give them too if the server still has them"
            );
        }
        let statements = match arguments.format {
            _either if arguments.summary || arguments.verify => None,
            _either if arguments.flashback => Some(Direction::Undo),
            Some(DecodeFormat::Sql) => Some(Direction::Redo),
            Some(DecodeFormat::Changes(_)) | None => None,
        };
        let told = match &arguments.definitions {
            Some(path) => ToldDefinitions::open(path)?,
            None => ToldDefinitions::default(),
        };
        Ok(Self {
            series: series.cutting_beyond(usize::try_from(event_bytes_max).unwrap_or(usize::MAX)),
            stop: CancellationToken::new(),
            told: told.needing_names(statements.is_some()),
            file: FileSettings {
                choice: choice(arguments),
                filter: filter(arguments),
                on_statement: on_statement(arguments),
                keeps_queries: arguments.sections().queries().is_some(),
                keeps_emptied: arguments.sections().tells_emptied(),
                xa_missing: arguments.xa_missing,
                event_bytes_max,
                statements,
                checks_all: arguments.verify,
                start: arguments.start_position,
            },
        })
    }
}

impl DecodeSettings {
    /// Whole files with the events that a choice and a filter let pass, of which larger ones than so many bytes are read piece by
    /// piece; what is not known of tables is assumed without a word.
    ///
    /// # Errors
    /// An index file that cannot be read.
    pub(in crate::cli) fn of_all(
        files: &[PathBuf],
        choice: Choice,
        filter: filter::FilterOptions,
        event_bytes_max: u64,
    ) -> Result<Self, DecodeError> {
        let extent = BinlogExtent {
            start: FIRST_POSITION,
            ..BinlogExtent::default()
        };
        let series = BinlogSeries::new(places(files), extent, EVENT_BYTES_MAX, false)?;
        let whole_bytes_max = usize::try_from(event_bytes_max).unwrap_or(usize::MAX);
        Ok(Self {
            series: series.cutting_beyond(whole_bytes_max),
            stop: CancellationToken::new(),
            told: ToldDefinitions::default().quietly(),
            file: FileSettings {
                choice,
                filter,
                on_statement: OnStatement::Warn,
                keeps_queries: false,
                keeps_emptied: false,
                xa_missing: XaMissing::Warn,
                event_bytes_max,
                statements: None,
                checks_all: false,
                start: FIRST_POSITION,
            },
        })
    }
}

fn places(files: &[PathBuf]) -> Vec<InputPath> {
    let place = |path: &PathBuf| match path.as_path() {
        path if path == Path::new("-") => InputPath::Stdin,
        path => InputPath::File(path.to_owned()),
    };
    files.iter().map(place).collect()
}

/// How arguments that are right one by one contradict each other, with the fix.
fn contradiction(arguments: &DecodeArguments, places: &[InputPath]) -> Option<String> {
    let inputs = places.iter().filter(|place| **place == InputPath::Stdin);
    let inputs = inputs.count();
    if inputs > 1 {
        return Some("- stands for the standard input, which can be read only once".to_owned());
    }
    if inputs == 1 && arguments.follow {
        return Some(
            "--follow takes a file, not -, which cannot be followed past its end".to_owned(),
        );
    }
    if let Some(DecodeFormat::Changes(format)) = arguments.format
        && arguments.flashback
    {
        return Some(format!(
            "--flashback prints SQL statements, leave out --format={format} or give --format=sql"
        ));
    }
    if prints_statements(arguments) && arguments.cloudevents {
        let why = "--cloudevents wraps messages, and statements are none, leave it out or print another format";
        return Some(why.to_owned());
    }
    let mut unused = arguments.sections().unused();
    if let Some((section, _)) = unused.next() {
        return Some(format!("--{section} needs --format={section}"));
    }
    if let Some((path, reason)) = arguments.sections().problems().next() {
        return Some(format!("--{} {reason}", path.join("=")));
    }
    if let Some(key) = filter(arguments).hides()
        && let Some([section, told_by]) = arguments.sections().queries()
    {
        return Some(format!(
            "--{section}={told_by}=true prints statements, which show the rows and values that --{key} hides, leave out one \
             of the two"
        ));
    }
    if arguments.flashback && arguments.rules.row_filter_moves == Some(filter::RowMoves::Convert) {
        let why = "--flashback undoes whole updates, leave out --row-filter-moves=convert: an update that became an insert \
                   would be undone by a DELETE of a row that was there before";
        return Some(why.to_owned());
    }
    if prints_statements(arguments) && arguments.rules.are_on_columns() {
        let why = "statements hold whole rows as they were, leave out the rules on columns or print another format";
        return Some(why.to_owned());
    }
    if arguments.verify && arguments.rules.change_rows() {
        let why = "--verify checks every row and column, whatever the rules say, leave out the rules on rows and columns";
        return Some(why.to_owned());
    }
    if let (Some(start), Some(stop)) = (arguments.start_datetime, arguments.stop_datetime)
        && start > stop
    {
        let why = "--start-datetime is later than --stop-datetime, give the earlier time first";
        return Some(why.to_owned());
    }
    let is_index = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "index");
    match (arguments.files.as_slice(), arguments.stop_position) {
        ([file], Some(stop)) if !is_index(file) && arguments.start_position > stop => {
            Some(format!(
                "--start-position {} is after --stop-position {stop} of the same file, give the smaller one as the start",
                arguments.start_position
            ))
        }
        (_, _) => None,
    }
}

fn on_statement(arguments: &DecodeArguments) -> OnStatement {
    arguments.on_statement.unwrap_or({
        if arguments.summary || arguments.verify {
            OnStatement::Warn
        } else {
            OnStatement::Fail
        }
    })
}

fn choice(arguments: &DecodeArguments) -> Choice {
    Choice {
        include: arguments.include_gtids.iter().cloned().collect(),
        exclude: arguments.exclude_gtids.iter().cloned().collect(),
        servers: Ids {
            include: arguments.server_id.clone(),
            exclude: arguments.ignore_server_ids.clone(),
        },
        domains: Ids {
            include: arguments.do_domain_ids.clone(),
            exclude: arguments.ignore_domain_ids.clone(),
        },
    }
}

fn prints_statements(arguments: &DecodeArguments) -> bool {
    arguments.flashback || arguments.format == Some(DecodeFormat::Sql)
}

fn filter(arguments: &DecodeArguments) -> filter::FilterOptions {
    let rules = &arguments.rules;
    let mut do_db = rules.replicate_do_db.clone();
    do_db.extend(arguments.database.clone());
    filter::FilterOptions {
        replicate_do_db: do_db,
        replicate_ignore_db: rules.replicate_ignore_db.clone(),
        replicate_do_table: rules.replicate_do_table.clone(),
        replicate_ignore_table: rules.replicate_ignore_table.clone(),
        replicate_wild_do_table: rules.replicate_wild_do_table.clone(),
        replicate_wild_ignore_table: rules.replicate_wild_ignore_table.clone(),
        tables_include: rules.tables_include.clone(),
        tables_exclude: rules.tables_exclude.clone(),
        rows: rules.rows.clone(),
        row_filter_moves: rules
            .row_filter_moves
            .unwrap_or(match prints_statements(arguments) {
                // Statements are for a server that may hold the row on the other side of the condition too.
                true => filter::RowMoves::Keep,
                false => filter::RowMoves::Convert,
            }),
        skip_unchanged: rules.skip_unchanged,
        columns_include: rules.columns_include.clone(),
        columns_exclude: rules.columns_exclude.clone(),
        columns_mask: rules.columns_mask.clone(),
        columns_hash: rules.columns_hash.clone(),
        columns_truncate: rules.columns_truncate.clone(),
        columns_missing: rules.columns_missing,
        columns_computed: rules.columns_computed,
        replicate_rewrite_db: rules.replicate_rewrite_db.clone(),
        ddl_filter: rules.ddl_filter,
        // A file has no replica of its own: no event in it comes from this program.
        same_server_id: true,
        // Everything in a file is shown.
        shadow_tables: filter::ShadowTables::Keep,
        ..filter::FilterOptions::default()
    }
}
