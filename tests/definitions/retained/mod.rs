//! Random statements of every kind on servers with their default metadata, from databases that are made to databases that
//! are dropped: what comes out while they are executed, over kills, from a place in the middle, and again from the first
//! file when nothing of it is left on the server. The source keeps all files, so no reading has a reason to stop.
//!
//! | file | what is there |
//! |---|---|
//! | `kinds` | the kinds of statements |
//! | `columns`, `values` | columns, and values for them |
//! | `style` | what differs from session to session |
//! | `script` | executes statements and keeps what the source shows before and after each |
//! | `cells` | a value as the source shows it and as it came out |
//! | `judge` | what came out against what the source showed |
//!
//! The default run samples with fixed seeds; `ROWTAP_TEST_FULL=1` asks for ten seeds of 500 statements on every server.
//! `ROWTAP_TEST_SEED`, `ROWTAP_TEST_SEEDS`, `ROWTAP_TEST_STATEMENTS`, `ROWTAP_TEST_SERVER` (such as `mysql-9.7`) and
//! `ROWTAP_TEST_WITHOUT` (kinds, with commas between them) ask for others.

mod cells;
mod columns;
mod judge;
mod kinds;
mod script;
mod style;
mod values;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rowtap::mysql::Flavour as Family;

use self::judge::Steps;
use self::kinds::DATABASES;
use self::script::{Place, Script, Step};
use self::style::split;
use super::catalogue::Catalogue;
use super::{changes, stopped};
use crate::support::checker::stream::{self, Group};
use crate::support::checker::{Connector, Ended, Findings, Moment, Random, files};
use crate::support::{Flavour, Server, number_or};

/// Servers and seeds of the default run.
const SAMPLE: [(Flavour, u64); 5] = [
    (Flavour::MySql97, 1),
    (Flavour::MySql80, 6),
    (Flavour::MySql57, 1),
    (Flavour::MariaDb1011, 1),
    (Flavour::MariaDb118, 1),
];
const OUTPUT: &str = "output";
/// Bytes that are no text, such as labels that a conversion left so, go out as they are.
const INVALID_TEXT: &str = "invalid_text = 'base64'";
/// What rowtap logs when it asks for a definition that nothing it has seen tells.
const HEALED: &str = "asked the source for a definition";
/// What rowtap says of tables that are gone, since an account may lack a privilege.
const HIDDEN: &str =
    ", and the source shows no such table now: it is gone, or the account lacks SELECT on it";
/// Stops of one reading after which it is given up.
const STOPS_MAX: usize = 60;
/// Wrong rows of one reading that are printed, and letters of each.
const WRONG_MAX: usize = 4;
const COMPLAINT_MAX: usize = 2_500;
/// Statements that are printed of a table that a reading stopped at.
const HISTORY_MAX: usize = 8;
/// Letters of a reason that tell it from others.
const REASON_MAX: usize = 140;
/// The only stops that are allowed, since nothing in the binlog tells who wrote a statement: a server that doubles backslashes,
/// or a client that means them.
const ALLOWED: [&str; 1] = ["the server may have doubled the backslashes of its labels"];
/// Cases that run at the same time: they mostly wait for their servers.
const CASES_AT_ONCE: usize = 4;

/// What is run.
#[derive(Clone, Copy, Debug)]
struct Case<'a> {
    flavour: Flavour,
    seed: u64,
    statements: u64,
    /// Kinds that are left out.
    without: &'a [&'a str],
}

#[test]
fn databases_that_are_gone_are_read_from_retained_files() {
    let sample = |(flavour, seed)| Case {
        flavour,
        seed,
        statements: 40,
        without: &[],
    };
    run_all(&SAMPLE.map(sample));
}

#[test]
fn databases_that_are_gone_are_read_from_retained_files_on_every_server() {
    if !super::is_full() {
        return;
    }
    let (first, seeds) = (
        number_or("ROWTAP_TEST_SEED", 100),
        number_or("ROWTAP_TEST_SEEDS", 10),
    );
    let statements = number_or("ROWTAP_TEST_STATEMENTS", 500);
    let only = std::env::var("ROWTAP_TEST_SERVER").ok();
    let without = std::env::var("ROWTAP_TEST_WITHOUT").unwrap_or_default();
    let without: Vec<&str> = without.split(',').collect();
    let mut cases: Vec<Case<'_>> = Vec::new();
    for seed in first..first + seeds {
        for flavour in Flavour::EVERY {
            if only.as_deref().is_none_or(|name| name == flavour.name()) {
                cases.push(Case {
                    flavour,
                    seed,
                    statements,
                    without: &without,
                });
            }
        }
    }
    run_all(&cases);
}

/// Runs cases a few at a time, adds them up, and complains of all.
#[track_caller]
fn run_all(cases: &[Case<'_>]) {
    let next = AtomicUsize::new(0);
    let totals = Mutex::new(Totals::default());
    std::thread::scope(|scope| {
        for _ in 0..CASES_AT_ONCE {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let outcome = case.run();
                    totals.lock().expect("no case panics here").add(outcome);
                }
            });
        }
    });
    let totals = totals.into_inner().expect("no case panics here");
    println!("{} cases: {totals:#?}", cases.len());
    let mut stops = totals.stops.keys();
    let are_allowed = stops.all(|stop| ALLOWED.iter().any(|allowed| stop.contains(allowed)));
    assert!(totals.wrong == 0 && are_allowed, "see above");
}

/// A connector, and what its runs left.
struct Reading {
    name: &'static str,
    connector: Connector,
    heals: usize,
    stops: Vec<String>,
    /// Whether the last run came to the source's end.
    is_whole: bool,
}

/// Says when it goes that all is over.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// What a case came to, or all of them.
#[derive(Debug, Default)]
struct Totals {
    statements: u64,
    steps: usize,
    cells: usize,
    definitions: usize,
    heals: usize,
    /// Stops by reason, names and numbers left out.
    stops: BTreeMap<String, usize>,
    wrong: usize,
    /// Statements on definitions that were executed, and those that were refused, by kind.
    kinds: BTreeMap<&'static str, (u64, u64)>,
}

impl Totals {
    fn add(&mut self, other: Self) {
        self.statements += other.statements;
        self.steps += other.steps;
        self.cells += other.cells;
        self.definitions += other.definitions;
        self.heals += other.heals;
        self.wrong += other.wrong;
        for (reason, count) in other.stops {
            *self.stops.entry(reason).or_default() += count;
        }
        for (kind, (executed, refused)) in other.kinds {
            let counts = self.kinds.entry(kind).or_default();
            *counts = (counts.0 + executed, counts.1 + refused);
        }
    }
}

/// Why a reading stopped, without what differs from stop to stop.
fn reason(stop: &str) -> String {
    let reason = stop.rsplit("for certain there: ").next().unwrap_or(stop);
    let letters = reason
        .chars()
        .map(|c| if c.is_ascii_digit() { '#' } else { c });
    letters.take(REASON_MAX).collect()
}

impl Case<'_> {
    /// The server's defaults; MySQL has GTIDs with every second seed only, since it refuses some statements with them.
    fn options(self) -> Vec<&'static str> {
        let mut options = stopped::default_metadata(self.flavour).to_vec();
        let is_mysql = self.flavour.family() == Family::MySql;
        if is_mysql && self.seed.is_multiple_of(2) {
            options.extend(["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"]);
        }
        options
    }

    /// Runs it; one that panics, as when its server dies, counts as wrong, and the others go on.
    fn run(self) -> Totals {
        let server = Server::start(self.flavour, &self.options());
        let outcome = catch_unwind(AssertUnwindSafe(|| self.run_on(&server)));
        outcome.unwrap_or_else(|_told| {
            let death = server.death().unwrap_or("it lives".to_owned());
            println!("{self:?}: given up; of the server: {death}");
            Totals {
                wrong: 1,
                ..Totals::default()
            }
        })
    }

    fn run_on(self, server: &Server) -> Totals {
        let begun = Instant::now();
        let first = server.coordinates();
        let mut live = Reading::new(server, "live", "'earliest'");
        let mut killed = Reading::new(server, "killed", "'earliest'");
        let mut running = live.connector.run(&[]);
        running.wait_until_ready();
        let is_over = AtomicBool::new(false);
        let mut script = Script::new(server, self.seed, self.without);
        let middle = std::thread::scope(|scope| {
            let (killed, is_over) = (&mut killed, &is_over);
            scope.spawn(move || killed.kill(self.seed, is_over));
            // However this ends, whoever kills has to end too.
            let _over = Over(is_over);
            script.go_on(self.statements / 2);
            assert_eq!(script.died_of, None, "the server died of it");
            let middle = script.place();
            script.go_on(self.statements);
            middle
        });
        assert_eq!(script.died_of, None, "the server died of it");
        live.note(&running.stop());
        let from = format!("{{ file = '{}', position = {} }}", middle.0, middle.1);
        let mut behind = Reading::new(server, "from the middle", &from);
        let mut findings = Findings::default();
        for reading in [&mut live, &mut killed, &mut behind] {
            reading.finish(server, &script.steps);
            reading.check_journal(script.tables(), &mut findings);
        }
        drop_all(server);
        let mut gone = Reading::new(server, "when all is gone", "'earliest'");
        let mut gone_behind = Reading::new(server, "from the middle when all is gone", &from);
        for reading in [&mut live, &mut gone, &mut gone_behind] {
            reading.finish(server, &script.steps);
            reading.check_journal(&Catalogue::new(), &mut findings);
        }
        let steps = Steps::new(&script.steps, self.flavour);
        let mut report = format!(
            "{:?}, seed {}: {} statements on definitions in {} steps, {:.1?}\n",
            self.flavour,
            self.seed,
            script.done,
            script.steps.len(),
            begun.elapsed()
        );
        let mut totals = Totals {
            statements: script.done,
            steps: script.steps.len(),
            kinds: script.kinds,
            ..Totals::default()
        };
        for (reading, since) in [
            (&live, &first),
            (&killed, &first),
            (&behind, &middle),
            (&gone, &first),
            (&gone_behind, &middle),
        ] {
            report += &reading.judge(&steps, since, &mut totals);
        }
        if !findings.failed().is_empty() {
            totals.wrong += 1;
            report += &findings.to_string();
        }
        println!("{report}  executed and refused by kind: {:?}", totals.kinds);
        totals
    }
}

#[track_caller]
fn drop_all(server: &Server) {
    for database in DATABASES {
        server.execute(&format!(
            "SET NAMES utf8mb4; DROP DATABASE IF EXISTS `{database}`"
        ));
    }
}

impl Reading {
    #[track_caller]
    fn new(server: &Server, name: &'static str, start: &str) -> Self {
        Self {
            name,
            connector: stopped::connector_with(server, "root", start, INVALID_TEXT),
            heals: 0,
            stops: Vec::new(),
            is_whole: false,
        }
    }

    /// Runs and is killed at random, again and again, with pauses, until there is nothing more to wait for.
    fn kill(&mut self, seed: u64, is_over: &AtomicBool) {
        let mut random = Random::new(seed, 22);
        while !is_over.load(Ordering::SeqCst) {
            let run = self.connector.run(&[]);
            let ended = Moment::choose(&mut random, 4_000).kill(&self.connector, run);
            self.heals += ended.log.matches(HEALED).count();
            if ended.status.code().is_some() {
                // It stopped by itself; what for, the last run tells.
                return;
            }
            std::thread::sleep(Duration::from_millis(random.below(3_000)));
        }
    }

    /// Runs to the end. Wherever it stops for want of a definition, that is noted, and told.
    #[track_caller]
    fn finish(&mut self, server: &Server, steps: &[Step]) {
        for _ in 0..STOPS_MAX {
            let ended = stopped::once_beside(&self.connector, server);
            self.note(&ended);
            self.is_whole = ended.status.success();
            if self.is_whole {
                return;
            }
            let wanted = stopped::wanted_all(&ended.log);
            if wanted.is_empty() {
                return;
            }
            if let Some((table, at)) = wanted.first()
                && let Some(stop) = self.stops.last_mut()
            {
                *stop += &format!("; {:?} were the last on it", history(steps, table, at));
            }
            for (table, at) in wanted {
                match definition(steps, &table, &at) {
                    Some(definition) => {
                        stopped::tell(&self.connector, &table, &at, definition);
                    }
                    None => return,
                }
            }
        }
    }

    fn note(&mut self, ended: &Ended) {
        self.heals += ended.log.matches(HEALED).count();
        if !ended.status.success() {
            let mut lines = ended.log.lines().rev();
            let word = lines.find(|line| line.starts_with("rowtap: "));
            let word = word.unwrap_or(&ended.log);
            // What follows the reason is what to do.
            let word = word.split("; tell it by").next().unwrap_or(word);
            self.stops.push(word.replace(HIDDEN, ""));
        }
    }

    /// Compares what the journal ends with, unless the reading did not come to its end.
    fn check_journal(&self, tables: &Catalogue, findings: &mut Findings) {
        if self.is_whole {
            let file = self.connector.folder().join("checked.toml");
            changes::check_journal(&file, tables, findings);
        }
    }

    /// Complains of what is wrong and of stops, and puts all of it in words.
    fn judge(&self, steps: &Steps<'_>, since: &Place, totals: &mut Totals) -> String {
        let folder = self.connector.folder().join(OUTPUT);
        let mut wrong = Vec::new();
        let mut own = Findings::default();
        let groups: Vec<Group> = match files::read(&folder) {
            Ok(output) => stream::groups(output, &mut own),
            Err(error) => {
                wrong.push(error);
                Vec::new()
            }
        };
        let end =
            (!self.is_whole).then(|| groups.last().map_or_else(|| since.clone(), judge::place));
        let mut compared = judge::rows(&groups, steps, (since, end.as_ref()), &mut wrong);
        judge::messages(&changes::messages(&folder), steps, &mut compared, &mut own);
        if !own.failed().is_empty() {
            wrong.push(own.to_string());
        }
        let mut text = format!(
            "  {}: {} cells and {} definitions compared, {} untold; {} heals, {} stops, {} wrong\n",
            self.name,
            compared.cells,
            compared.definitions,
            compared.untold,
            self.heals,
            self.stops.len(),
            wrong.len()
        );
        let printed = wrong.iter().take(WRONG_MAX);
        for complaint in self.stops.iter().chain(printed) {
            text += &format!(
                "    {}\n",
                complaint.chars().take(COMPLAINT_MAX).collect::<String>()
            );
        }
        totals.cells += compared.cells;
        totals.definitions += compared.definitions;
        totals.heals += self.heals;
        totals.wrong += wrong.len();
        for stop in &self.stops {
            *totals.stops.entry(reason(stop)).or_default() += 1;
        }
        text
    }
}

/// The definition that a table had at a place.
fn definition<'a>(steps: &'a [Step], table: &str, at: &str) -> Option<&'a str> {
    let before = before(steps, at)?.last()?;
    Some(&before.tables.get(table)?.definition)
}

/// The steps up to a place.
fn before<'a>(steps: &'a [Step], at: &str) -> Option<&'a [Step]> {
    let (file, position) = at.rsplit_once(':')?;
    let at = (file.to_owned(), position.parse().ok()?);
    steps.get(..steps.partition_point(|step| step.from < at))
}

/// The last statements before a place that name a table, transactions left out, with where each begins.
fn history(steps: &[Step], table: &str, at: &str) -> Vec<String> {
    let (_, name) = split(table);
    let steps = before(steps, at).unwrap_or_default().iter().rev();
    let of_it = steps.filter(|step| step.text.contains(name) && !step.text.starts_with("BEGIN"));
    let told = of_it.map(|step| format!("{}:{} {}", step.from.0, step.from.1, step.text));
    told.take(HISTORY_MAX).collect()
}
