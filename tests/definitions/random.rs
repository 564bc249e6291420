//! Random statements on definitions between the rows: rowtap from the first file, from `latest`, over times in which it is
//! down, and killed at random; and from a place in the middle when all is over, with and without the files before it.
//!
//! The default run samples; `ROWTAP_TEST_FULL=1` asks for 200 statements on every server, with its default metadata and
//! with all of it.

use std::collections::BTreeMap;
use std::time::Instant;

use rowtap::mysql::Flavour as Family;

use super::catalogue::{self, Catalogue, DATABASES};
use super::traffic::Traffic;
use super::{changes, stopped};
use crate::support::checker::{
    Check, Connector, Ended, Findings, Moment, Random, files, rebuild,
    stream::{self, Group},
};
use crate::support::{Flavour, Server};

const OUTPUT: &str = "output";
/// What rowtap logs when it asks for a definition that nothing it has seen tells.
const HEALED: &str = "asked the source for a definition";

/// What is run.
#[derive(Clone, Copy, Debug)]
struct Case {
    flavour: Flavour,
    /// Whether the binlog tells names.
    full: bool,
    seed: u64,
    /// Statements on definitions.
    statements: u64,
    kills: u64,
}

#[test]
fn random_definitions_on_mysql_make_no_wrong_name_or_value() {
    check(Flavour::MySql97, 701);
}

#[test]
fn random_definitions_on_mariadb_make_no_wrong_name_or_value() {
    check(Flavour::MariaDb1011, 702);
}

#[test]
fn random_definitions_on_other_versions_make_no_wrong_name_or_value() {
    if super::is_full() {
        check(Flavour::MySql57, 703);
        check(Flavour::MySql80, 704);
        check(Flavour::MariaDb118, 705);
    }
}

#[track_caller]
fn check(flavour: Flavour, seed: u64) {
    let (statements, kills) = if super::is_full() { (200, 6) } else { (30, 2) };
    let mut case = Case {
        flavour,
        full: false,
        seed,
        statements,
        kills,
    };
    case.run().assert_clean();
    // MySQL 5.7 has no names to tell.
    if super::is_full() && flavour != Flavour::MySql57 {
        case.full = true;
        case.seed += 100;
        case.run().assert_clean();
    }
}

/// A connector and what its runs left.
struct Tapped {
    connector: Connector,
    heals: usize,
    stops: Vec<String>,
    /// Definitions that its printed commands were given.
    told: usize,
}

impl Case {
    fn run(self) -> Findings {
        let begun = Instant::now();
        let server = Server::start(self.flavour, self.options());
        let traffic = Traffic::start(&server, self.seed);
        let part = |fifths: u64| self.statements * fifths / 5;
        let mut first = Tapped::new(&server, "'earliest'");
        let mut latest = Tapped::new(&server, "'latest'");
        let mut random = Random::new(self.seed, 3);

        // Before rowtap is there at all.
        traffic.allow(part(1));
        traffic.rest();
        first.killed(&traffic, part(2), self.kills, &mut random);
        // From here on without what came before.
        server.execute("FLUSH BINARY LOGS");
        let since = server.coordinates();
        let mut behind = Tapped::new(&server, &stopped::from_here(&server));
        let mut run = latest.connector.run(&[]);
        run.wait_until_ready();
        traffic.allow(part(3));
        traffic.rest();
        latest.note(&run.stop(), true);
        // While rowtap is down.
        traffic.allow(part(4));
        traffic.rest();
        latest.killed(&traffic, part(5), self.kills, &mut random);
        first.killed(&traffic, part(5) + 1, self.kills, &mut random);

        let counts = traffic.counts();
        let after = traffic.finish();
        for tapped in [&mut first, &mut latest] {
            let ended = stopped::once(&tapped.connector);
            tapped.note(&ended, true);
        }
        let mut findings = Findings::default();
        let groups = first.groups(&mut findings);
        let definitions = Definitions::read(&first, &after);
        behind.cured(&definitions);
        server.purge_to(&since.0);
        let mut purged = Tapped::new(&server, "'earliest'");
        purged.cured(&definitions);
        for tapped in [&latest, &behind, &purged] {
            compare_rest(
                &groups,
                &tapped.groups(&mut findings),
                &since,
                &mut findings,
            );
        }
        let streams = [&first, &latest, &behind, &purged];
        let told = check_told(&streams, &server, &after, &mut findings);
        for tapped in [&first, &latest, &behind] {
            for stop in &tapped.stops {
                findings.complain(Check::Run, stop.clone());
            }
        }
        let stops_max = usize::try_from(self.statements / 50).unwrap().max(1);
        if purged.stops.len() > stops_max {
            let text = format!("more than {stops_max} stops: {:?}", purged.stops);
            findings.complain(Check::Run, text);
        }
        self.rebuild(&server, &groups, &mut findings);
        println!(
            "{self:?}: {} statements on definitions and {} on rows in {:.1?}; {findings}  from the first file: {}\n  from \
             latest: {}\n  from a place in the middle when all was over: {}\n  and once the files before it were gone: {}",
            counts.0,
            counts.1,
            begun.elapsed(),
            told[0],
            told[1],
            told[2],
            told[3]
        );
        findings
    }

    fn options(self) -> &'static [&'static str] {
        if self.full {
            return &[];
        }
        stopped::default_metadata(self.flavour)
    }

    /// Applies what came out to an empty server and compares it with the source.
    fn rebuild(self, server: &Server, groups: &[Group], findings: &mut Findings) {
        let rebuilt = rebuild::empty_server(self.flavour);
        // It reads what the source wrote, in the source's way.
        if self.flavour.family() == Family::MariaDb {
            rebuilt.execute("SET GLOBAL innodb_strict_mode = OFF");
        }
        rebuild::apply(groups, &rebuilt, findings);
        for database in DATABASES {
            rebuild::compare(server, &rebuilt, database, &[], findings);
        }
    }
}

impl Tapped {
    #[track_caller]
    fn new(server: &Server, start: &str) -> Self {
        Self {
            connector: stopped::connector(server, "root", start),
            heals: 0,
            stops: Vec::new(),
            told: 0,
        }
    }

    /// Runs to the end, and wherever it stops for want of a definition, does what it says.
    fn cured(&mut self, definitions: &Definitions<'_>) {
        loop {
            let ended = stopped::once(&self.connector);
            self.note(&ended, true);
            if ended.status.success() {
                return;
            }
            let wanted = stopped::wanted_all(&ended.log);
            assert!(
                !wanted.is_empty(),
                "it stopped and told no cure: {}",
                ended.log
            );
            for (table, at) in wanted {
                let definition = definitions.of(&table, &at);
                stopped::define(&self.connector, &table, &at, definition);
                self.told += 1;
            }
        }
    }

    /// Runs and is killed, so many times while the clients go on to `until`.
    fn killed(&mut self, traffic: &Traffic, until: u64, kills: u64, random: &mut Random) {
        let (done, _) = traffic.counts();
        for kill in 1..=kills {
            traffic.allow(done + until.saturating_sub(done) * kill / kills);
            let run = self.connector.run(&[]);
            let ended = Moment::choose(random, 4_000).kill(&self.connector, run);
            self.note(&ended, false);
        }
        traffic.rest();
    }

    /// Notes what a run healed, and whether it stopped by itself.
    fn note(&mut self, ended: &Ended, to_end: bool) {
        self.heals += ended.log.matches(HEALED).count();
        let stopped = match to_end {
            true => !ended.status.success(),
            false => ended.status.code().is_some(),
        };
        if stopped {
            let word = ended
                .log
                .lines()
                .rev()
                .find(|line| line.starts_with("rowtap: "));
            let word = word.unwrap_or(&ended.log);
            self.stops.push(format!("{}: {word}", ended.status));
        }
    }

    fn groups(&self, findings: &mut Findings) -> Vec<Group> {
        match files::read(&self.connector.folder().join(OUTPUT)) {
            Ok(output) => {
                let groups = stream::groups(output, findings);
                findings.groups += groups.len();
                findings.row_changes += groups
                    .iter()
                    .map(|group| group.rows().count())
                    .sum::<usize>();
                findings.statements += groups.iter().filter(|group| group.has_ddl()).count();
                groups
            }
            Err(error) => {
                findings.complain(Check::Format, error);
                Vec::new()
            }
        }
    }
}

/// Holds what each stream said of tables against the server; returns it in words.
fn check_told(
    streams: &[&Tapped],
    server: &Server,
    after: &BTreeMap<u64, Catalogue>,
    findings: &mut Findings,
) -> Vec<String> {
    let tables = catalogue::read(&mut server.connect());
    let told = streams.iter().map(|tapped| {
        let folder = tapped.connector.folder();
        let messages = changes::check_messages(&folder.join(OUTPUT), after, findings);
        let file = folder.join("checked.toml");
        let tables = changes::check_journal(&file, &tables, findings);
        let reasons = changes::reasons(&folder.join("state/checked"));
        format!(
            "{messages:?}, {tables} tables in the journal, {} heals, {} stops {:?}, {} definitions told, not followed \
             {reasons:?}",
            tapped.heals,
            tapped.stops.len(),
            tapped.stops,
            tapped.told
        )
    });
    told.collect()
}

/// How tables were defined at any place.
struct Definitions<'a> {
    /// Behind each statement that could be told by its number, by file and position.
    after: BTreeMap<(String, u64), &'a Catalogue>,
}

impl<'a> Definitions<'a> {
    /// Takes the places of the statements from what came out.
    fn read(whole: &Tapped, after: &'a BTreeMap<u64, Catalogue>) -> Self {
        let messages = changes::messages(&whole.connector.folder().join(OUTPUT));
        let places = messages.iter().filter_map(|message| {
            let tables = after.get(&changes::number(message["ddl"].as_str()?)?)?;
            let source = &message["source"];
            let file = source["file"].as_str()?.to_owned();
            Some(((file, source["pos"].as_u64()?), tables))
        });
        Self {
            after: places.collect(),
        }
    }

    /// The definition that a table had in the group that ends there.
    #[track_caller]
    fn of(&self, table: &str, at: &str) -> &'a str {
        let (file, position) = at.rsplit_once(':').expect("file:position");
        let at = (file.to_owned(), position.parse().expect("a position"));
        let before = self.after.range(..at.clone()).next_back();
        // A table of whose making nothing could be told is there behind the next statement.
        let states = before.into_iter().chain(self.after.range(at..));
        let found = states.into_iter().find_map(|(_, tables)| tables.get(table));
        &found.expect("the table was there").definition
    }
}

/// Whether what came out from a place on is what came out of the whole stream from there on.
fn compare_rest(whole: &[Group], rest: &[Group], since: &(String, u64), findings: &mut Findings) {
    let place = |group: &Group| {
        let (file, position) = group.name.rsplit_once(':').expect("file:position");
        (file.to_owned(), position.parse().expect("a position"))
    };
    let expected: Vec<&Group> = whole.iter().filter(|it| place(it) >= *since).collect();
    if expected.len() != rest.len() {
        let text = format!(
            "{} groups came out behind {since:?}, expected {}",
            rest.len(),
            expected.len()
        );
        findings.complain(Check::State, text);
    }
    for (expected, found) in expected.into_iter().zip(rest) {
        let (expected, found) = (format!("{expected:?}"), format!("{found:?}"));
        if expected != found {
            findings.complain(Check::State, format!("{found}, expected {expected}"));
        }
    }
}
