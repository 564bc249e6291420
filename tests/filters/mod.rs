//! The `replicate-*` rules against real replicas: the same rules on a replica of the same server version that holds every
//! table, and the rows that it applied, by its own binary log.
//!
//! Both the rules alone and the program, streaming to files, are held to them. Statements are judged as a replica does where
//! the rules are generated; elsewhere rowtap judges them by the objects they name, and only those on databases are compared.
//! System databases are rowtap's own rule, see [`judge`].

mod agreement;
mod canaries;
mod columns;
mod generated;
#[cfg(feature = "kafka")]
mod kafka;
mod likes;
mod lineage;
mod mistakes;
mod replica;
mod rows;
mod statements;
mod stream;
mod traffic;

use std::collections::{BTreeMap, BTreeSet};

use rowtap::filter::{FilterOptions, Rules};
use rowtap::mysql::Flavour as Family;

use crate::support::{Flavour, Server};
use replica::Replica;
use stream::Streamed;
use traffic::{Change, changes};

const CASES: &str = include_str!("cases.txt");
/// How many cases a run takes without `ROWTAP_TEST_FULL`.
const SAMPLE: usize = 14;
const SAMPLE_SEED: u64 = 20_260_419;
/// How many generated sets a run takes, without and with `ROWTAP_TEST_FULL`.
const GENERATED: u64 = 50;
const GENERATED_FULL: u64 = 1_000;
/// How many of them are compared at once.
const ROUND: usize = 50;

#[test]
fn mysql_keeps_the_rows_that_a_replica_applies() {
    compare(Flavour::MySql97, &[], SAMPLE);
}

#[test]
fn mariadb_keeps_the_rows_that_a_replica_applies() {
    compare(Flavour::MariaDb1011, &[], SAMPLE);
}

#[test]
fn mariadb_with_lower_case_names_keeps_the_rows_that_a_replica_applies() {
    let options = ["--lower-case-table-names=1"];
    compare(Flavour::MariaDb1011, &options, SAMPLE / 2);
}

#[test]
fn mysql_keeps_the_statements_and_rows_that_a_replica_applies() {
    compare_generated(Flavour::MySql97);
}

#[test]
fn mariadb_keeps_the_statements_and_rows_that_a_replica_applies() {
    compare_generated(Flavour::MariaDb1011);
}

/// Generated rules, a seed each: rows and statements that the replica applied against those that the program wrote.
fn compare_generated(server: Flavour) {
    // Each connector has connections of its own, and so have those that ended a moment ago.
    let source = Server::start(server, &["--max-connections=1000"]);
    let skips_errors = match server.family() {
        Family::MySql => "--replica-skip-errors=all",
        Family::MariaDb => "--slave-skip-errors=all",
    };
    let replica = Replica::of(&source, &[skips_errors]);
    for server in [&source, replica.server()] {
        traffic::create_tables(server);
        statements::reset(server);
    }
    let begin = source.coordinates();
    statements::run(&source);
    traffic::run(&source);
    let end = source.coordinates();
    let all = (
        changes(&source, &begin),
        statements::logged(&source, &begin),
    );

    let (mut kept, mut questions) = ((0, 0), 0);
    let seeds = generated_seeds();
    // Each round is compared before the next, so that a long run tells early what is wrong.
    for round in seeds.chunks(ROUND) {
        let sets: Vec<FilterOptions> = round.iter().copied().map(generated::rules).collect();
        let mut applied = Vec::new();
        for options in &sets {
            statements::reset(replica.server());
            replica.replay(options, &begin, &end);
            let beginning = replica.beginning();
            let rows = changes(replica.server(), &beginning);
            applied.push((rows, statements::logged(replica.server(), &beginning)));
        }
        let streamed = stream::changes(&source, &begin, &sets);
        for (options, (found, applied)) in sets.iter().zip(streamed.iter().zip(applied)) {
            kept.0 += assert_applied(replica.server(), options, &all.0, found, &applied);
            kept.1 += applied.1.len();
            questions += assert_explained(&generated::named(options), &all.0, found);
        }
        println!(
            "{server:?}: sets {} to {} are as the replica had them",
            round[0],
            round[round.len() - 1]
        );
    }
    let seeds = seeds.len();
    println!(
        "{server:?}: {seeds} generated rule sets over {} row changes and {} statements, {} and {} kept as the replica did; \
         {questions} tables and statements explained as they were streamed",
        all.0.len(),
        all.1.len(),
        kept.0,
        kept.1,
    );
}

/// The seeds of the generated sets: `ROWTAP_TEST_SEED` and `ROWTAP_TEST_SEEDS`, the first and how many, ask for others.
fn generated_seeds() -> Vec<u64> {
    let number = |name: &str, or: u64| {
        std::env::var(name).map_or(or, |text| text.parse().expect("a number"))
    };
    let count = match std::env::var_os("ROWTAP_TEST_FULL") {
        None => GENERATED,
        Some(_) => GENERATED_FULL,
    };
    let first = number("ROWTAP_TEST_SEED", 0);
    (first..first + number("ROWTAP_TEST_SEEDS", count)).collect()
}

/// Makes sure that the program kept the rows and statements that the replica applied; returns how many rows.
#[track_caller]
fn assert_applied(
    replica: &Server,
    options: &FilterOptions,
    all: &[Change],
    found: &Streamed,
    (rows, logged): &(Vec<Change>, Vec<usize>),
) -> usize {
    let family = replica.flavour().family();
    let case = generated::named(options);
    let rules = Rules::compile(options, family, 0).unwrap();
    let (_, rows) = judge(&rules, all, rows.clone());
    assert_same(&case, &found.rows, &rows);
    let others = |list: &[usize], other: &[usize]| -> Vec<String> {
        let missing = list.iter().filter(|number| !other.contains(number));
        missing
            .map(|number| statements::text(family, *number))
            .collect()
    };
    // The replica's rules keep it, and the replica passes over its error.
    let is_passed_over = |number: &usize| {
        !logged.contains(number) && statements::names_a_table_twice(replica, &rules, *number)
    };
    let mut kept = found.statements.clone();
    kept.retain(|number| !is_passed_over(number));
    assert!(
        kept == *logged,
        "under {case:?} rowtap alone kept {:#?}, the replica alone {:#?}",
        others(&kept, logged),
        others(logged, &kept),
    );
    rows.len()
}

/// Makes sure that each table and statement of the binary log came out or did not, as it is explained; returns how many there
/// are.
#[track_caller]
fn assert_explained(case: &str, all: &[Change], found: &Streamed) -> usize {
    let table = |change: &Change| (change.database.clone(), change.table.clone());
    // A value is used by one table only.
    let mut by_values = BTreeMap::new();
    let mut rows: BTreeMap<(String, String), u64> = BTreeMap::new();
    for change in all {
        by_values.insert(&change.values, table(change));
        *rows.entry(table(change)).or_default() += 1;
    }
    let kept: BTreeSet<&(String, String)> = found
        .rows
        .iter()
        .map(|change| &by_values[&change.values])
        .collect();
    let expected: Vec<(String, String, bool, u64)> = rows
        .iter()
        .map(|(table, rows)| {
            let (database, name) = table.clone();
            (database, name, kept.contains(table), *rows)
        })
        .collect();
    let explained = &found.explained;
    let mut tables = explained.tables.clone();
    tables.sort();
    assert_eq!(tables, expected, "tables under {case:?}");
    let published: Vec<usize> = explained
        .statements
        .iter()
        .filter_map(|(number, is_published)| is_published.then_some(*number))
        .collect();
    assert_eq!(published, found.statements, "statements under {case:?}");
    tables.len() + explained.statements.len()
}

fn compare(server: Flavour, server_options: &[&str], sample: usize) {
    let flavour = server.family();
    let source = Server::start(server, server_options);
    let setting = source.query_one("SELECT @@lower_case_table_names");
    let setting: u8 = setting.unwrap().parse().unwrap();
    let replica = Replica::of(&source, server_options);
    traffic::create_tables(&source);
    traffic::create_tables(replica.server());
    let begin = source.coordinates();
    traffic::run(&source);
    let end = source.coordinates();
    let all = changes(&source, &begin);

    let cases = cases(flavour, sample);
    let mut applied = Vec::new();
    for case in &cases {
        let options = options(case);
        replica.replay(&options, &begin, &end);
        let rows = changes(replica.server(), &replica.beginning());
        let rules = Rules::compile(&options, flavour, setting).unwrap();
        let (judged, expected) = judge(&rules, &all, rows);
        assert_same(case, &judged, &expected);
        // A replica leaves the names in statements as they are.
        if options.replicate_rewrite_db.is_empty() {
            let passed = traffic::databases_passed(replica.server(), &replica.beginning());
            assert_eq!(
                traffic::databases_kept(&rules),
                passed,
                "databases under {case:?}"
            );
        }
        applied.push(expected);
    }
    traffic::assert_empty(replica.server());
    let sets: Vec<FilterOptions> = cases.iter().map(|case| options(case)).collect();
    let streamed = stream::changes(&source, &begin, &sets);
    for (case, (found, expected)) in cases.iter().zip(streamed.iter().zip(&applied)) {
        assert_same(case, &found.rows, expected);
    }

    // A comparison that always found nothing, or all, would show here.
    let some = |rows: &&Vec<Change>| !rows.is_empty() && rows.len() < all.len();
    assert!(applied.iter().filter(some).count() >= cases.len() / 2);
    println!(
        "{flavour:?}, lower_case_table_names {setting}: {} rule sets over {} row changes, {} kept as the replica did",
        cases.len(),
        all.len(),
        applied.iter().map(Vec::len).sum::<usize>(),
    );
}

/// What the rules keep of all changes, beside what the replica applied.
///
/// A replica also applies rows of the database `mysql` that no rule names; rowtap does not, so these are taken out of the
/// replica's rows, recognised by their values, when the rules reject them for that reason alone.
fn judge(rules: &Rules, all: &[Change], mut applied: Vec<Change>) -> (Vec<Change>, Vec<Change>) {
    let mut judged = Vec::new();
    let mut held_back = BTreeSet::new();
    for change in all {
        let verdict = rules.table(&change.database, &change.table);
        if verdict.keep {
            judged.push(Change {
                database: verdict.published.database.into(),
                ..change.clone()
            });
        } else if change.database == "mysql" && verdict.rule().is_none() {
            held_back.insert(change.values.clone());
        }
    }
    applied.retain(|change| !held_back.contains(&change.values));
    (judged, applied)
}

#[track_caller]
fn assert_same(case: &str, found: &[Change], expected: &[Change]) {
    let different = found
        .iter()
        .zip(expected)
        .position(|(one, other)| one != other);
    let index = different.unwrap_or(found.len().min(expected.len()));
    assert!(
        different.is_none() && found.len() == expected.len(),
        "under {case:?} {} changes were kept, the replica applied {}; the first that differs is {index}: {:?} \
         against {:?}",
        found.len(),
        expected.len(),
        found.get(index),
        expected.get(index),
    );
}

/// The cases of a flavour: all, or a sample that is the same in every run.
fn cases(flavour: Family, sample: usize) -> Vec<&'static str> {
    let mut cases: Vec<&str> = CASES
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("//"))
        .filter_map(|line| match (line.strip_prefix("MySQL: "), flavour) {
            (None, _) => Some(line),
            (Some(case), Family::MySql) => Some(case),
            (Some(_), Family::MariaDb) => None,
        })
        .collect();
    assert!(cases.len() >= 60, "{} cases", cases.len());
    if std::env::var_os("ROWTAP_TEST_FULL").is_none() {
        let mut random = Random(SAMPLE_SEED);
        cases.sort_by_cached_key(|_| random.next());
        cases.truncate(sample);
    }
    cases
}

fn options(case: &str) -> FilterOptions {
    let mut options = FilterOptions::default();
    for rule in case.split("; ").filter(|rule| *rule != "no rules") {
        let (key, value) = rule.split_once('=').unwrap();
        let list = match key {
            "do-db" => &mut options.replicate_do_db,
            "ignore-db" => &mut options.replicate_ignore_db,
            "do-table" => &mut options.replicate_do_table,
            "ignore-table" => &mut options.replicate_ignore_table,
            "wild-do-table" => &mut options.replicate_wild_do_table,
            "wild-ignore-table" => &mut options.replicate_wild_ignore_table,
            "rewrite-db" => &mut options.replicate_rewrite_db,
            other => panic!("no such rule: {other}"),
        };
        list.push(value.to_owned());
    }
    options
}

/// The SplitMix64 generator, the same numbers in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }
}
