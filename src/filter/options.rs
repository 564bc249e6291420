//! The `[filter]` section of a connector file, spelled as the server's options.

use super::columns::{HashOptions, MaskOptions, OnComputed, OnMissing, TruncateOptions};
use super::lists::one_or_many;
use super::places::RulePlaces;
use super::row_options::{RowMoves, RowRuleOptions};
use super::verdict::RuleKey;

/// The rules as written. A list is an array of strings, one rule each; a single string is one rule, and a comma in it is
/// part of the name, as on a server's command line.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct FilterOptions {
    /// Databases to publish; all others are rejected.
    #[serde(deserialize_with = "one_or_many")]
    pub replicate_do_db: Vec<String>,
    /// Databases to reject; not consulted where `replicate-do-db` has rules.
    #[serde(deserialize_with = "one_or_many")]
    pub replicate_ignore_db: Vec<String>,
    /// Tables to publish, as `database.table`.
    #[serde(deserialize_with = "one_or_many")]
    pub replicate_do_table: Vec<String>,
    /// Tables to reject, as `database.table`.
    #[serde(deserialize_with = "one_or_many")]
    pub replicate_ignore_table: Vec<String>,
    /// Patterns of tables to publish.
    #[serde(deserialize_with = "one_or_many")]
    pub replicate_wild_do_table: Vec<String>,
    /// Patterns of tables to reject.
    #[serde(deserialize_with = "one_or_many")]
    pub replicate_wild_ignore_table: Vec<String>,
    /// Regular expressions of tables to publish, each for the whole of `database.table`; all others are rejected.
    #[serde(alias = "tables_include", deserialize_with = "one_or_many")]
    pub tables_include: Vec<String>,
    /// Regular expressions of tables to reject, whatever `tables-include` says of them.
    #[serde(alias = "tables_exclude", deserialize_with = "one_or_many")]
    pub tables_exclude: Vec<String>,
    /// Regular expressions of columns to publish, each for the whole of `database.table.column`; all others are left out.
    #[serde(alias = "columns_include", deserialize_with = "one_or_many")]
    pub columns_include: Vec<String>,
    /// Regular expressions of columns to leave out, whatever `columns-include` says of them.
    #[serde(alias = "columns_exclude", deserialize_with = "one_or_many")]
    pub columns_exclude: Vec<String>,
    /// Columns whose values are replaced by a text.
    #[serde(alias = "columns_mask")]
    pub columns_mask: Vec<MaskOptions>,
    /// Columns whose values are replaced by a hash.
    #[serde(alias = "columns_hash")]
    pub columns_hash: Vec<HashOptions>,
    /// Columns of whose text the beginning is published.
    #[serde(alias = "columns_truncate")]
    pub columns_truncate: Vec<TruncateOptions>,
    /// What is done about a rule that has lost the column that it matched.
    #[serde(alias = "columns_missing")]
    pub columns_missing: OnMissing,
    /// What is done about a column that is computed from one whose values a rule hides.
    #[serde(alias = "columns_computed")]
    pub columns_computed: OnComputed,
    /// Conditions on rows, each for some tables.
    pub rows: Vec<RowRuleOptions>,
    /// What becomes of an update of a row that meets its condition on one side only.
    #[serde(alias = "row_filter_moves")]
    pub row_filter_moves: RowMoves,
    /// Whether updates are left out that change nothing that is published.
    #[serde(alias = "skip_unchanged")]
    pub skip_unchanged: bool,
    /// Databases to publish under another name, as `from->to`; the first that matches counts.
    #[serde(deserialize_with = "one_or_many")]
    pub replicate_rewrite_db: Vec<String>,
    /// Whether events that carry the connector's own `server_id` are published.
    #[serde(alias = "replicate-same-server-id")]
    pub same_server_id: bool,
    /// How statements are judged.
    #[serde(alias = "ddl_filter")]
    pub ddl_filter: DdlFilter,
    /// When two names are the same.
    pub case: Case,
    /// What becomes of the tables that tools for changing tables work with.
    #[serde(alias = "shadow_tables")]
    pub shadow_tables: ShadowTables,
    /// Where the rules on columns are written.
    #[serde(skip)]
    pub places: RulePlaces,
}

impl FilterOptions {
    /// The first key whose rules keep values or rows from being published that a logged statement would show in clear.
    pub fn hides(&self) -> Option<&'static str> {
        let keys = [
            ("columns-include", self.columns_include.is_empty()),
            ("columns-exclude", self.columns_exclude.is_empty()),
            ("columns-mask", self.columns_mask.is_empty()),
            ("columns-hash", self.columns_hash.is_empty()),
            ("columns-truncate", self.columns_truncate.is_empty()),
            ("rows", self.rows.is_empty()),
        ];
        let mut set = keys.into_iter().filter(|(_, is_empty)| !is_empty);
        set.next().map(|(key, _)| key)
    }

    /// The rules on databases.
    pub(super) fn database_lists(&self) -> [(RuleKey, &[String]); 2] {
        [
            (RuleKey::DoDb, &self.replicate_do_db),
            (RuleKey::IgnoreDb, &self.replicate_ignore_db),
        ]
    }

    /// The rules on tables, each `database.table`.
    pub(super) fn table_lists(&self) -> [(RuleKey, &[String]); 4] {
        [
            (RuleKey::DoTable, &self.replicate_do_table),
            (RuleKey::IgnoreTable, &self.replicate_ignore_table),
            (RuleKey::WildDoTable, &self.replicate_wild_do_table),
            (RuleKey::WildIgnoreTable, &self.replicate_wild_ignore_table),
        ]
    }

    /// The regular expressions of tables.
    pub(super) fn pattern_lists(&self) -> [(RuleKey, &[String]); 2] {
        [
            (RuleKey::TablesInclude, &self.tables_include),
            (RuleKey::TablesExclude, &self.tables_exclude),
        ]
    }
}

/// What becomes of the shadow tables of gh-ost and pt-online-schema-change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShadowTables {
    /// Their rows and the statements on them alone are rejected, unless `replicate-do-table` names them.
    #[default]
    Drop,
    /// They are tables as all others.
    Keep,
}

/// How statements are judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DdlFilter {
    /// By the objects they name, as rows are: kept if any named table is kept.
    #[default]
    ByObject,
    /// As a replica does: by their default database, then by all the tables they change together.
    AsMysqld,
}

/// When two names are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Case {
    /// As on a replica of the source's flavour with the source's `lower_case_table_names`.
    #[default]
    Server,
    /// As on MySQL with `lower_case_table_names=0`: names are bytes.
    Sensitive,
    /// As on MySQL with `lower_case_table_names=1`: case does not count, accents do.
    Insensitive,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<FilterOptions, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_section_reads_as_the_servers_spell_it() {
        let options = parse(
            r#"
            replicate-do-db = ["a", "b,c"]
            replicate-ignore-table = "a.t"
            replicate-rewrite-db = ["a->b"]
            replicate-same-server-id = true
            ddl-filter = "as_mysqld"
            case = "insensitive"
            shadow-tables = "keep"
            "#,
        )
        .unwrap();
        assert_eq!(options.replicate_do_db, ["a", "b,c"]);
        assert_eq!(options.replicate_ignore_table, ["a.t"]);
        assert_eq!(options.replicate_rewrite_db, ["a->b"]);
        assert!(options.same_server_id);
        assert_eq!(options.ddl_filter, DdlFilter::AsMysqld);
        assert_eq!(options.case, Case::Insensitive);
        assert_eq!(options.shadow_tables, ShadowTables::Keep);
        assert_eq!(parse("").unwrap(), FilterOptions::default());
    }

    #[test]
    fn unknown_keys_and_wrong_types_are_refused_by_name() {
        for (text, fragment) in [
            ("replicate-do-database = 'a'", "replicate-do-database"),
            ("replicate-do-db = { a = 1 }", "a rule or an array of rules"),
            ("case = 'upper'", "upper"),
            ("ddl-filter = 'by_name'", "by_name"),
            ("replicate-do-db = [['a']]", "string"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(fragment), "{text}: {error}");
        }
    }
}
