//! Sets of rules made from a seed: over the names of the traffic, those names with a letter in another case or in place of a
//! wildcard, and names that are not there.

use rowtap::filter::{DdlFilter, FilterOptions};

use super::Random;
use super::traffic::{DATABASES, PASSING_DATABASES, TABLES};

/// Rules that a replica is given and, with statements judged as it does, rowtap too. Deterministic.
pub fn rules(seed: u64) -> FilterOptions {
    let mut random = Random(seed);
    let mut options = FilterOptions {
        ddl_filter: DdlFilter::AsMysqld,
        ..FilterOptions::default()
    };
    // One kind of rules in most sets, all of them in few.
    let kinds = 1 + random.below(3);
    for _ in 0..kinds {
        let kind = random.below(7);
        for _ in 0..=random.below(3) {
            let (list, rule) = match kind {
                0 => (&mut options.replicate_do_db, database(&mut random)),
                1 => (&mut options.replicate_ignore_db, database(&mut random)),
                2 => (&mut options.replicate_do_table, table(&mut random)),
                3 => (&mut options.replicate_ignore_table, table(&mut random)),
                4 => (&mut options.replicate_wild_do_table, pattern(&mut random)),
                5 => (
                    &mut options.replicate_wild_ignore_table,
                    pattern(&mut random),
                ),
                _ => (&mut options.replicate_rewrite_db, rewrite(&mut random)),
            };
            list.push(rule);
        }
    }
    options
}

/// A set of rules as its case is called in messages.
pub fn named(options: &FilterOptions) -> String {
    let lists = [
        ("do-db", &options.replicate_do_db),
        ("ignore-db", &options.replicate_ignore_db),
        ("do-table", &options.replicate_do_table),
        ("ignore-table", &options.replicate_ignore_table),
        ("wild-do-table", &options.replicate_wild_do_table),
        ("wild-ignore-table", &options.replicate_wild_ignore_table),
        ("rewrite-db", &options.replicate_rewrite_db),
    ];
    let rules = lists
        .iter()
        .flat_map(|(key, rules)| rules.iter().map(move |rule| format!("{key}={rule}")));
    rules.collect::<Vec<String>>().join("; ")
}

fn pick<'a>(random: &mut Random, names: &[&'a str]) -> &'a str {
    names[random.below(names.len())]
}

/// A name with a comma is several in MariaDB's variables.
fn existing(random: &mut Random) -> &'static str {
    match pick(random, &DATABASES) {
        "x,y" => "shop",
        name => name,
    }
}

fn database(random: &mut Random) -> String {
    let name = match random.below(5) {
        0 => pick(random, &PASSING_DATABASES),
        _ => existing(random),
    };
    cased(random, name)
}

fn cased(random: &mut Random, name: &str) -> String {
    match random.below(8) {
        0 => name.to_uppercase(),
        _ => name.to_owned(),
    }
}

fn table(random: &mut Random) -> String {
    let database = database(random);
    let table = match random.below(8) {
        0 => "made",
        _ => pick(random, &TABLES),
    };
    let table = cased(random, table);
    format!("{database}.{table}")
}

fn pattern(random: &mut Random) -> String {
    let database = wild(random, true);
    let table = wild(random, false);
    format!("{database}.{table}")
}

fn wild(random: &mut Random, of_database: bool) -> String {
    if random.below(3) == 0 {
        return "%".to_owned();
    }
    let name = match of_database {
        true => database(random),
        false => {
            let table = pick(random, &TABLES);
            cased(random, table)
        }
    };
    let letters: Vec<char> = name.chars().collect();
    let place = random.below(letters.len());
    match random.below(5) {
        0 => letters[..place].iter().collect::<String>() + "%",
        1 => {
            let (before, after) = (&letters[..place], &letters[place + 1..]);
            before.iter().chain(&['_']).chain(after).collect()
        }
        2 => format!("%{}", letters[place..].iter().collect::<String>()),
        3 => name.replace('_', "\\_").replace('%', "\\%"),
        _ => name,
    }
}

fn rewrite(random: &mut Random) -> String {
    // What is moved must be there.
    format!("{}->{}", database(random), existing(random))
}
