//! Debezium's handling modes in all pairs, on each server: the same workload through Debezium in Kafka Connect and through rowtap into
//! the same Kafka, JSON with and without schemas and Avro with one registry. Values and schemas are compared member by member, keys byte
//! for byte, headers, order and partitions.
//!
//! A few of them are recorded, so that every run compares them: `UPDATE_GOLDEN=1` records them anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;

use super::coded::{Format, Places, Reader};
use super::connect::{BINLOG, Connect, Connector, DEBEZIUM_MAX, carry_out_lines, server_of};
use super::messages::{Comparison, Difference, Messages};
use super::{differences, is_full};
use crate::commands::process::Folder;
use crate::support::{Apicurio, Flavour, Kafka, Server, wait_until};
use rowtap::mysql::Flavour as Family;

/// So many partitions has each topic.
const PARTITIONS: usize = 2;
/// One after the other: each takes much of a machine.
static TURN: Mutex<()> = Mutex::new(());

const TIMES: [&str; 5] = [
    "adaptive_time_microseconds",
    "connect",
    "isostring",
    "microseconds",
    "nanoseconds",
];
const BINARIES: [&str; 4] = ["bytes", "base64", "base64-url-safe", "hex"];
const DECIMALS: [&str; 3] = ["precise", "double", "string"];
const UNSIGNED: [&str; 2] = ["long", "precise"];
const FORMATS: [Format; 3] = [Format::Plain, Format::Schemas, Format::Avro];
/// How many values each of them has.
const SIZES: [usize; 5] = [
    TIMES.len(),
    BINARIES.len(),
    DECIMALS.len(),
    FORMATS.len(),
    UNSIGNED.len(),
];

/// A choice of modes; the number makes the prefix.
#[derive(Clone, Copy, Debug)]
struct Pairing {
    number: usize,
    choice: [usize; 5],
}

impl Pairing {
    fn prefix(self) -> String {
        format!("p{:02}", self.number)
    }

    fn format(self) -> Format {
        FORMATS[self.choice[3]]
    }

    /// Whether times are counted in nanoseconds, in which neither can tell all of the first workload's.
    fn has_nanos(self) -> bool {
        TIMES[self.choice[0]] == "nanoseconds"
    }

    /// The modes under their names in Debezium.
    fn modes(self) -> [(&'static str, &'static str); 4] {
        [
            ("time.precision.mode", TIMES[self.choice[0]]),
            ("binary.handling.mode", BINARIES[self.choice[1]]),
            ("decimal.handling.mode", DECIMALS[self.choice[2]]),
            ("bigint.unsigned.handling.mode", UNSIGNED[self.choice[4]]),
        ]
    }

    /// rowtap's section.
    fn section(self) -> String {
        let modes = self.modes();
        let modes = modes.map(|(name, mode)| format!("{} = '{mode}'\n", name.replace('.', "_")));
        let schemas = match self.format() {
            Format::Plain => "schemas_enable = false\n",
            Format::Schemas | Format::Avro => "",
        };
        let more = "include_schema_comments = true\n";
        format!("[sink.debezium]\n{}{schemas}{more}", modes.concat())
    }

    /// Debezium's settings.
    fn connector(self, registry: &Apicurio) -> Connector {
        let mut settings: Vec<String> = self
            .modes()
            .iter()
            .map(|(name, mode)| format!("{name}={mode}"))
            .collect();
        settings.push(format!("topic.creation.default.partitions={PARTITIONS}"));
        settings.push("include.schema.comments=true".to_owned());
        if self.has_nanos() {
            settings.push("table.exclude.list=peers.times".to_owned());
        }
        settings.extend(self.format().converters(registry));
        Connector {
            name: self.prefix(),
            settings,
        }
    }
}

/// Each two settings, by their places, with how many values they have.
fn couples() -> impl Iterator<Item = [(usize, usize); 2]> {
    let all = SIZES.into_iter().enumerate();
    all.clone().flat_map(move |one| {
        let others = all.clone().skip(one.0 + 1);
        others.map(move |other| [one, other])
    })
}

/// Choices that have all pairs of two settings' values: each takes the values that have the most pairs that none before has.
fn pairings() -> Vec<Pairing> {
    let mut open = BTreeSet::new();
    for [(one, size), (other, other_size)] in couples() {
        for a in 0..size {
            open.extend((0..other_size).map(|b| (one, a, other, b)));
        }
    }
    let mut found: Vec<Pairing> = Vec::new();
    while let Some(&(one, a, other, b)) = open.first() {
        let mut choice = [None; 5];
        choice[one] = Some(a);
        choice[other] = Some(b);
        for place in 0..SIZES.len() {
            if choice[place].is_some() {
                continue;
            }
            let gain = |value: usize| {
                let chosen = choice.iter().enumerate();
                let pairs = chosen.filter_map(|(at, chosen)| {
                    let chosen = (*chosen)?;
                    let pair = match at < place {
                        true => (at, chosen, place, value),
                        false => (place, value, at, chosen),
                    };
                    open.contains(&pair).then_some(())
                });
                pairs.count()
            };
            // Of those that have as many, the next after the last row's.
            let turn = found.len();
            let size = SIZES[place];
            let best = (0..size)
                .map(|step| (turn + step) % size)
                .rev()
                .max_by_key(|value| gain(*value));
            choice[place] = best;
        }
        let choice = choice.map(|value| value.expect("all are chosen"));
        for [(one, _), (other, _)] in couples() {
            open.remove(&(one, choice[one], other, choice[other]));
        }
        found.push(Pairing {
            number: found.len(),
            choice,
        });
    }
    found
}

#[test]
fn pairings_have_all_pairs() {
    let found = pairings();
    for [(one, size), (other, other_size)] in couples() {
        let pairs: BTreeSet<_> = found
            .iter()
            .map(|pairing| (pairing.choice[one], pairing.choice[other]))
            .collect();
        assert_eq!(pairs.len(), size * other_size, "{one} {other}");
    }
    assert!(found.len() <= 24, "{}", found.len());
}

// ---- the workload ------------------------------------------------------------------------------------------------------

/// The statements for a server: those of the recordings of MySQL 9.7, and more. What a server has not is another thing there.
fn workload(flavour: Flavour) -> Vec<String> {
    let read = |path: PathBuf| fs::read_to_string(path).expect("a workload");
    let base = read(super::folder("debezium").join("workload.sql"));
    let more = read(super::folder("pairs").join("more.sql"));
    let is_statement = |line: &&str| !line.starts_with("--") && !line.is_empty();
    let (end, base): (Vec<&str>, Vec<&str>) = base
        .lines()
        .filter(is_statement)
        .partition(|line| line.contains(" done "));
    let more = more.lines().filter(is_statement).filter_map(|line| {
        // A line may say for which servers it is.
        let Some(rest) = line.strip_prefix("/*") else {
            return Some(line);
        };
        let (names, statement) = rest.split_once("*/").expect("the end of its servers");
        names
            .split_whitespace()
            .any(|name| is_on(name, flavour))
            .then_some(statement)
    });
    let all = base.into_iter().chain(more).chain(end);
    all.map(|line| line_for(line.trim(), flavour)).collect()
}

fn line_for(line: &str, flavour: Flavour) -> String {
    match flavour {
        Flavour::MySql97 => line.to_owned(),
        Flavour::MySql80 | Flavour::MySql57 => line
            .replace("VECTOR(3)", "INT")
            .replace("STRING_TO_VECTOR('[1, -2.5, 1e-7]')", "3"),
        Flavour::MariaDb118 | Flavour::MariaDb1011 => line
            .replace("VECTOR(3)", "INT")
            .replace("STRING_TO_VECTOR('[1, -2.5, 1e-7]')", "3")
            .replace("GEOMETRY SRID 4326", "GEOMETRY"),
    }
}

/// Whether a server is among those of a name.
fn is_on(name: &str, flavour: Flavour) -> bool {
    match name {
        "all" => true,
        "mysql" => flavour.family() == Family::MySql,
        "mariadb" => flavour.family() == Family::MariaDb,
        exact => flavour.name().ends_with(exact),
    }
}

/// The differences that stay on a server: those of the first recordings, and those of `schemas/types.md` that have a column for servers.
fn known(flavour: Flavour) -> (Vec<Difference>, Vec<Difference>) {
    let own = super::rows_of("Debezium pair by pair").into_iter();
    let own = own.filter_map(|cells| {
        let [on, place, _theirs, _ours, reason] = &cells[..] else {
            return None;
        };
        let place = place.strip_prefix('`')?.strip_suffix('`')?;
        on.split_whitespace()
            .any(|name| is_on(name, flavour))
            .then(|| Difference {
                place: place.to_owned(),
                reason: reason.clone(),
            })
    });
    (differences("Debezium"), own.collect())
}

/// What rowtap makes of the workload, in topics below another name than Debezium's: the prefix is in keys, by which partitions are chosen.
fn written(
    source: &str,
    kafka: &Kafka,
    below: &str,
    registry: Option<&Apicurio>,
    pairing: Pairing,
) -> (Messages, Places) {
    let prefix = pairing.prefix();
    let topics = format!("{below}.{prefix}");
    let format = match pairing.format() {
        Format::Plain | Format::Schemas => "format = 'debezium'".to_owned(),
        Format::Avro => "format = 'avro'".to_owned(),
    };
    let section = registry.filter(|_| pairing.format() == Format::Avro);
    let section = section.map(|registry| format!("[sink.registry]\nurls = '{}'\n", registry.url()));
    let section = section.unwrap_or_default();
    let filter = match pairing.has_nanos() {
        true => "replicate-ignore-table = ['peers.times']\n",
        false => "",
    };
    let folder = Folder::new(&format!(
        "state_dir = '{{dir}}/state'\n[source]\nstart = 'earliest'\n{source}\n[filter]\nreplicate-do-db = ['peers']\n{filter}[sink]\ntype = 'kafka'\n{format}\nbootstrap_servers = '{}'\nprefix = '{prefix}'\n\
         topic = '{topics}.{{database}}.{{table}}'\nddl_topic = '{topics}'\npartitions = {PARTITIONS}\nheaders = 'format'\n{section}{}",
        kafka.bootstrap(),
        pairing.section(),
    ));
    folder.succeeds(&["run", "--once", "--http", "off", "shop.toml"]);
    let mut reader = Reader::new(pairing.format(), registry);
    let found = reader.messages(&topics, &kafka.records_below(&topics));
    (found, reader.places)
}

/// What Debezium made of it.
fn made(kafka: &Kafka, registry: &Apicurio, pairing: Pairing) -> (Messages, Places) {
    let prefix = pairing.prefix();
    let mut reader = Reader::new(pairing.format(), Some(registry));
    let found = reader.messages(&prefix, &kafka.records_below(&prefix));
    let found = reader.as_registered(found).without_snapshot();
    (found, reader.places)
}

/// Fails where a key in Avro that has the same bytes, its schema's number among them, is in another partition; how many have.
fn check_places(theirs: &Places, ours: &Places) -> usize {
    let both = theirs.iter().filter_map(|(key, theirs)| {
        let ours = ours.get(key).filter(|ours| ours.0 == theirs.0)?;
        assert_eq!(theirs.1, ours.1, "{key:?}");
        Some(())
    });
    both.count()
}

// ---- the comparison ----------------------------------------------------------------------------------------------------

/// Compares the messages of pairings, and prints how many were compared.
fn check(flavour: Flavour, all: &[(Pairing, Messages, Messages)], is_all: bool) {
    let (first, own) = known(flavour);
    let own_places: Vec<String> = own.iter().map(|known| known.place.clone()).collect();
    let known: Vec<Difference> = own.into_iter().chain(first).collect();
    let mut comparison = Comparison::default();
    for (pairing, theirs, ours) in all {
        let (mut theirs, mut ours) = (theirs.clone(), ours.clone());
        // They remove nothing from a topic.
        theirs.take(|message| message.key.is_none() && message.value.is_null());
        let is_truncate = |ddl: &str| ddl.starts_with("TRUNCATE");
        ours.take(|message| message.value["ddl"].as_str().is_some_and(is_truncate));
        // Of a database that neither is to read, and of a table.
        theirs.take(|message| message.value["databaseName"] == "slim");
        if pairing.has_nanos() {
            let is_left_out = |ddl: &str| ddl.starts_with("CREATE TABLE times ");
            theirs.take(|message| message.value["ddl"].as_str().is_some_and(is_left_out));
        }
        settle_indexes(&mut theirs);
        comparison.add(&pairing.prefix(), &theirs, &ours, &known);
    }
    println!(
        "{}: {} pairings, {} messages and {} members are Debezium's, {} listed differences are met",
        flavour.name(),
        all.len(),
        comparison.messages,
        comparison.members,
        comparison.met.len()
    );
    let gone = own_places
        .iter()
        .filter(|place| is_all && !comparison.met.contains(*place));
    let gone: Vec<&String> = gone.collect();
    // The first of each place.
    let mut wrong: BTreeMap<&str, &str> = BTreeMap::new();
    for told in &comparison.wrong {
        let (_, place) = told.split_once(' ').unwrap_or_default();
        let place = place.split(": ").next().unwrap_or_default();
        wrong.entry(place).or_insert(told);
    }
    let wrong: Vec<&str> = wrong.into_values().collect();
    assert!(
        comparison.wrong.is_empty() && gone.is_empty(),
        "{} differences that schemas/types.md does not list:\n{}\nand these are gone: {gone:?}",
        comparison.wrong.len(),
        wrong.join("\n")
    );
}

/// Takes what Debezium tells of statements about indexes for what rowtap does: the table once more, or none, as `schemas/types.md` says.
fn settle_indexes(theirs: &mut Messages) {
    for message in &mut theirs.messages {
        let Some(ddl) = message.value["ddl"].as_str().map(str::to_owned) else {
            continue;
        };
        if ddl.starts_with("CREATE INDEX") || ddl.starts_with("DROP INDEX") {
            assert_eq!(message.value["source"]["table"], "", "{ddl}");
            message.value["source"]["table"] = "counted".into();
        }
        if ddl.starts_with("ALTER TABLE counted ADD INDEX") {
            let changes = message.value["tableChanges"].as_array_mut();
            let changes = changes.expect("an array");
            assert_eq!(changes.len(), 1, "{ddl}");
            changes.clear();
        }
    }
}

/// The recorded pairing of a server: the first without schemas, or the first with them, which is longer.
fn recorded(flavour: Flavour) -> Pairing {
    let format = match flavour {
        Flavour::MySql80 | Flavour::MySql57 => Format::Plain,
        Flavour::MySql97 | Flavour::MariaDb118 | Flavour::MariaDb1011 => Format::Schemas,
    };
    let all = pairings().into_iter();
    let mut all = all.filter(|pairing| pairing.format() == format);
    all.next().expect("a pairing of each format")
}

fn folder_of(flavour: Flavour) -> PathBuf {
    super::folder("pairs").join(flavour.name())
}

/// Keeps what a live run of a server gave.
fn record(server: &Server, all: &[(Pairing, Messages, Messages)]) {
    let folder = folder_of(server.flavour());
    fs::create_dir_all(&folder).unwrap();
    fs::copy(server.binlog_path(BINLOG), folder.join(BINLOG)).unwrap();
    let (_, theirs, _) = &all[recorded(server.flavour()).number];
    let mut theirs = theirs.clone();
    // They are long, and of Connect alone.
    for message in &mut theirs.messages {
        message
            .headers
            .retain(|name, _| !name.starts_with("__debezium.context."));
    }
    fs::write(folder.join("messages.jsonl"), theirs.to_lines()).unwrap();
}

#[test]
fn messages_are_those_that_debezium_wrote_of_each_server() {
    let kafka = Kafka::shared();
    for flavour in [Flavour::MySql97, Flavour::MySql80, Flavour::MariaDb118] {
        let (folder, pairing) = (folder_of(flavour), recorded(flavour));
        let source = format!("files = ['{}']", folder.join(BINLOG).display());
        let text = fs::read_to_string(folder.join("messages.jsonl")).expect("a recording");
        // Of this server alone.
        let below = flavour.name().replace('.', "-");
        let (ours, _) = written(&source, kafka, &below, None, pairing);
        check(
            flavour,
            &[(pairing, Messages::from_lines(&text), ours)],
            false,
        );
    }
}

fn live(flavour: Flavour) {
    if !is_full() {
        return;
    }
    let _turn = TURN.lock();
    let server = server_of(flavour);
    let (kafka, registry) = (Kafka::start(), Apicurio::start());
    let pairings = pairings();
    let connectors = pairings.iter().map(|pairing| pairing.connector(&registry));
    // Debezium stops at a row image without all columns, so it is not among what is compared.
    let slim = Connector {
        name: "slim".to_owned(),
        settings: vec!["database.include.list=slim".to_owned()],
    };
    let connectors: Vec<Connector> = connectors.chain([slim]).collect();
    let connect = Connect::start(&server, &kafka, &connectors);
    carry_out_lines(&server, &workload(flavour));
    wait_until("Debezium has read the workload", DEBEZIUM_MAX, || {
        let log = connect.log();
        let mut ends = log
            .lines()
            .filter(|line| line.contains("unrecoverable exception"));
        let ended = ends.find(|line| !line.contains("{id=slim-0}"));
        assert!(ended.is_none(), "{ended:?}: {log}");
        let is_slim_ended = log.contains("internal schema size 4, but row size");
        let has_last = |pairing: &Pairing| {
            let last = format!("{}.peers.done", pairing.prefix());
            kafka.written(&last).is_some_and(|written| written > 0)
        };
        is_slim_ended && pairings.iter().all(has_last)
    });
    drop(connect);
    let tls = match flavour {
        Flavour::MySql97 | Flavour::MariaDb118 | Flavour::MariaDb1011 => "",
        Flavour::MySql80 | Flavour::MySql57 => "tls.mode = 'disabled'\n",
    };
    let source = format!(
        "host = '127.0.0.1'\nport = {}\nuser = 'dbz'\npassword = 'dbz'\n{tls}",
        server.port()
    );
    let mut same_places = 0;
    let all: Vec<_> = pairings
        .iter()
        .map(|pairing| {
            let (theirs, their_places) = made(&kafka, &registry, *pairing);
            let (ours, our_places) = written(&source, &kafka, "own", Some(&registry), *pairing);
            same_places += check_places(&their_places, &our_places);
            (*pairing, theirs, ours)
        })
        .collect();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        record(&server, &all);
    }
    println!("{same_places} keys in Avro have the same bytes and partitions");
    assert!(same_places > 50, "{same_places}");
    check(flavour, &all, true);
}

#[test]
fn debezium_itself_writes_the_same_of_mysql_9_7_in_all_pairs() {
    live(Flavour::MySql97);
}

#[test]
fn debezium_itself_writes_the_same_of_mysql_8_0_in_all_pairs() {
    live(Flavour::MySql80);
}

#[test]
fn debezium_itself_writes_the_same_of_mariadb_11_8_in_all_pairs() {
    live(Flavour::MariaDb118);
}
