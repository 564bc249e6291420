//! The statements of a transaction: each returns how many rows the server says that it changed.

use super::super::random::Random;
use super::session::{Failure, Session};
use super::tables::{ACCOUNT, ACCOUNTS};
use super::values;

/// Runs one that `random` chooses.
pub fn run(session: &mut Session, random: &mut Random) -> Result<u64, Failure> {
    if session.workload().mixed_engines && random.chance(1, 8) {
        return risky(session, random);
    }
    match random.below(20) {
        0..=4 => transfer(session, random),
        5 => reopen(session, random),
        6 | 7 => insert_items(session, random),
        8 => update_items(session, random),
        9 => delete_items(session, random),
        10 => turn_items(session, random),
        11 | 12 => insert_pairs(session, random),
        13 => shift_pairs(session, random),
        14 => delete_pairs(session, random),
        15 | 16 => put_document(session, random),
        17 => change_documents(session, random),
        18 => noise(session, random),
        _rest if session.workload().keyless => keyless(session, random),
        _rest => Ok(0),
    }
}

/// Moves money, by two statements or by one.
fn transfer(session: &mut Session, random: &mut Random) -> Result<u64, Failure> {
    let from = random.between(1, ACCOUNTS);
    let to = from % ACCOUNTS + 1;
    let amount = format!("{}.{:02}", random.below(500), random.between(1, 99));
    if random.chance(1, 2) {
        return session.execute(&format!(
            "UPDATE {ACCOUNT} SET balance = balance + IF(id = {from}, -{amount}, {amount}) WHERE id IN ({from}, {to})"
        ));
    }
    let mut changes = 0;
    // In order of id, so that two clients seldom wait for each other.
    let mut steps = [(from, '-'), (to, '+')];
    steps.sort_unstable();
    for (id, sign) in steps {
        changes += session.execute(&format!(
            "UPDATE {ACCOUNT} SET balance = balance {sign} {amount} WHERE id = {id}"
        ))?;
    }
    Ok(changes)
}

/// Closes an account in favour of the next, and opens it again under its key.
fn reopen(session: &mut Session, random: &mut Random) -> Result<u64, Failure> {
    let id = random.between(1, ACCOUNTS - 1);
    let locked = format!("SELECT balance FROM {ACCOUNT} WHERE id = {id} FOR UPDATE");
    let balance = session.first(&locked)?.ok_or(Failure::Undone)?;
    let mut changes = session.execute(&format!(
        "UPDATE {ACCOUNT} SET balance = balance + {balance} WHERE id = {}",
        id + 1
    ))?;
    changes += session.execute(&format!("DELETE FROM {ACCOUNT} WHERE id = {id}"))?;
    let owner = values::quoted(&values::text(random, 20));
    changes += session.execute(&format!(
        "INSERT INTO {ACCOUNT} (id, owner, balance) VALUES ({id}, {owner}, 0.00)"
    ))?;
    Ok(changes)
}

fn insert_items(session: &mut Session, random: &mut Random) -> Result<u64, Failure> {
    let rows: Vec<String> = (0..random.between(1, 8))
        .map(|_| {
            let label = values::quoted(&values::text(random, 80));
            let body = values::quoted(&values::text(random, 3_000));
            let body = values::or_null(random, body);
            let tiny = random.between(0, 255);
            let double = values::double(random);
            let double = values::or_null(random, double);
            let datetime = values::datetime(random);
            format!(
                "({label}, {body}, {}, CAST({tiny} AS SIGNED) - 128, {double}, {}, {}, {})",
                random.below(1 << 32),
                values::float(random),
                values::colours(random),
                values::or_null(random, datetime),
            )
        })
        .collect();
    session.execute(&format!(
        "INSERT INTO item (label, body, amount, tiny, ratio, share, colours, made) VALUES {}",
        rows.join(", ")
    ))
}

/// A key's bound among those that exist.
fn some_item(session: &mut Session, random: &mut Random) -> Result<i64, Failure> {
    let ends = session
        .first("SELECT CONCAT(COALESCE(MIN(id), 0), ' ', COALESCE(MAX(id), 0)) FROM item")?;
    let ends = ends.unwrap_or_default();
    let mut ends = ends.split(' ').filter_map(|end| end.parse::<i64>().ok());
    let (first, last) = (
        ends.next().unwrap_or_default(),
        ends.next().unwrap_or_default(),
    );
    let width = u64::try_from(last - first).unwrap_or_default() + 1;
    Ok(first + i64::try_from(random.below(width)).unwrap_or_default())
}

fn update_items(session: &mut Session, random: &mut Random) -> Result<u64, Failure> {
    let from = some_item(session, random)?;
    let assignment = match random.below(4) {
        0 => format!("label = {}", values::quoted(&values::text(random, 80))),
        1 => format!(
            "ratio = {}, colours = {}",
            values::double(random),
            values::colours(random)
        ),
        2 => "body = NULL, amount = 4294967295".to_owned(),
        // Changes some of the rows that it finds, and leaves others as they are.
        _rest => "tiny = 7, made = '2024-02-29 23:59:59.999'".to_owned(),
    };
    let count = random.between(1, 6);
    session.execute(&format!(
        "UPDATE item SET {assignment} WHERE id >= {from} ORDER BY id LIMIT {count}"
    ))
}

fn delete_items(session: &mut Session, random: &mut Random) -> Result<u64, Failure> {
    let from = some_item(session, random)?;
    let count = random.between(1, 9);
    session.execute(&format!(
        "DELETE FROM item WHERE id >= {from} ORDER BY id LIMIT {count}"
    ))
}

/// Changes keys to ones that were used before and come back.
fn turn_items(session: &mut Session, random: &mut Random) -> Result<u64, Failure> {
    let from = some_item(session, random)?;
    let count = random.between(1, 4);
    session.execute(&format!(
        "UPDATE item SET id = -id WHERE id >= {from} ORDER BY id LIMIT {count}"
    ))
}

fn pair_name(random: &mut Random) -> String {
    format!(
        "'{} {}'",
        random.pick(&["ant", "bee", "cat 😀", "dog's".replace('\'', "").as_str()]),
        random.below(8)
    )
}

fn insert_pairs(session: &mut Session, random: &mut Random) -> Result<u64, Failure> {
    let name = pair_name(random);
    let rows: Vec<String> = (0..random.between(1, 6))
        .map(|_| {
            let payload = values::binary(random, 200);
            let tail = values::binary(random, 24);
            format!(
                "({name}, {}, {}, {}, {})",
                random.below(40),
                values::or_null(random, payload),
                values::or_null(random, tail),
                values::binary(random, 8)
            )
        })
        .collect();
    // IGNORE passes over the keys that are there.
    session.execute(&format!(
        "INSERT IGNORE INTO pair (name, number, payload, tail, fixed) VALUES {}",
        rows.join(", ")
    ))
}

/// Each row takes the key that the one before it gives up.
fn shift_pairs(session: &mut Session, random: &mut Random) -> Result<u64, Failure> {
    let name = pair_name(random);
    let from = random.below(40);
    session.execute(&format!(
        "UPDATE pair SET number = number + 1 WHERE name = {name} AND number >= {from} ORDER BY number DESC"
    ))
}

fn delete_pairs(session: &mut Session, random: &mut Random) -> Result<u64, Failure> {
    let name = pair_name(random);
    let from = random.below(45);
    session.execute(&format!(
        "DELETE FROM pair WHERE name = {name} AND number >= {from} LIMIT 6"
    ))
}

fn document_id(session: &Session, random: &mut Random) -> u64 {
    session.id() * 1_000 + random.below(400)
}

fn put_document(session: &mut Session, random: &mut Random) -> Result<u64, Failure> {
    let id = document_id(session, random);
    let flavour = session.flavour();
    let body = values::document(random, flavour);
    let timestamp = values::timestamp(random);
    let date = values::date(random);
    let affected = session.execute(&format!(
        "INSERT INTO doc (id, body, day, span, made, flags, seen) VALUES ({id}, {}, {}, {}, {}, {}, {}) \
         ON DUPLICATE KEY UPDATE body = VALUES(body), seen = VALUES(seen), flags = 0",
        values::or_null(random, body),
        values::or_null(random, date),
        values::span(random),
        values::year(random),
        random.below(4096),
        values::or_null(random, timestamp),
    ))?;
    // The server counts a row that was there and changed as two.
    Ok(affected.div_ceil(2))
}

fn change_documents(session: &mut Session, random: &mut Random) -> Result<u64, Failure> {
    let id = document_id(session, random);
    if random.chance(1, 3) {
        return session.execute(&format!(
            "DELETE FROM doc WHERE id BETWEEN {id} AND {}",
            id + 6
        ));
    }
    let assignment = match random.below(3) {
        0 => format!(
            "span = {}, made = {}",
            values::span(random),
            values::year(random)
        ),
        1 => format!(
            "day = {}, flags = flags ^ {}",
            values::date(random),
            random.below(4096)
        ),
        _rest => "body = JSON_OBJECT('was', made, 'is', JSON_ARRAY(1, -1.5e0, 'x'))".to_owned(),
    };
    session.execute(&format!(
        "UPDATE doc SET {assignment} WHERE id BETWEEN {id} AND {}",
        id + 9
    ))
}

/// Rows of a table that is rejected, beside others: they are not counted.
fn noise(session: &mut Session, random: &mut Random) -> Result<u64, Failure> {
    let noise = super::NOISE;
    match random.below(3) {
        0 => session.execute(&format!(
            "DELETE FROM {noise} WHERE id < 1000000 ORDER BY id LIMIT 2"
        ))?,
        _most => session.execute(&format!(
            "INSERT INTO {noise} (text) VALUES ('{}')",
            random.number()
        ))?,
    };
    Ok(0)
}

/// Rows of the table without a key, in the client's own lane; doubles are wanted.
fn keyless(session: &mut Session, random: &mut Random) -> Result<u64, Failure> {
    let lane = session.id();
    let number = random.below(12);
    match random.below(4) {
        0 => session.execute(&format!(
            "UPDATE keyless SET word = {}, ratio = {} WHERE lane = {lane} AND number = {number} LIMIT 5",
            values::quoted(&values::text(random, 30)),
            values::double(random)
        )),
        1 => session.execute(&format!("DELETE FROM keyless WHERE lane = {lane} AND number <= {number} LIMIT 12")),
        _most => {
            let word = values::quoted(&values::text(random, 30));
            let row = format!(
                "({lane}, {word}, {number}, {}, {})",
                values::double(random),
                values::binary(random, 12)
            );
            let rows: Vec<&str> = (0..random.between(1, 5)).map(|_| row.as_str()).collect();
            session.execute(&format!("INSERT INTO keyless (lane, word, number, ratio, tail) VALUES {}", rows.join(", ")))
        }
    }
}

/// A row of a transactional table, for which a trigger writes one of a table that ROLLBACK does not undo. The server logs
/// that one in a group of its own, at once.
fn risky(session: &mut Session, random: &mut Random) -> Result<u64, Failure> {
    let said = random.below(1_000_000);
    session.execute(&format!(
        "INSERT INTO risky (client, said) VALUES ({}, '{said}')",
        session.id()
    ))
}
