//! Columns whose values rules hide, where what is there is copied anew behind binlogs that were purged.

use super::{ONCE, begin, may_copy};
use crate::commands::process::Folder;
use crate::support::{Flavour, Server};

const FLAVOURS: [Flavour; 2] = [Flavour::MySql97, Flavour::MariaDb118];
const NEEDED: &str = "[snapshot]\nwhen = 'when_needed'\n[filter]\nreplicate-do-db = 'a'\ncolumns-exclude = 'a\\.people\\.mail'\n[sink]";

/// A connector that has copied a table of people without a column.
fn copied(flavour: Flavour) -> (Server, Folder) {
    let (server, folder) = begin(flavour);
    may_copy(&server, "u");
    server.execute(
        "CREATE DATABASE a; CREATE DATABASE x; CREATE TABLE a.people (id INT PRIMARY KEY, name VARCHAR(40), mail VARCHAR(40)); \
         INSERT INTO a.people VALUES (1, 'a', 'a@secret')",
    );
    let folder = folder.replacing("[sink]", NEEDED);
    folder.succeeds(&ONCE);
    (server, folder)
}

fn purge(server: &Server) {
    server.execute("FLUSH BINARY LOGS; FLUSH BINARY LOGS");
    let (file, _) = server.coordinates();
    server.purge_to(&file);
}

#[track_caller]
fn shows_nothing(folder: &Folder) {
    let changes = folder.changes();
    let rows: Vec<String> = changes.iter().map(ToString::to_string).collect();
    assert!(!rows.is_empty());
    assert!(!rows.iter().any(|row| row.contains("@secret")), "{rows:?}");
}

#[test]
fn what_a_table_was_called_counts_after_it_is_copied_anew() {
    for flavour in FLAVOURS {
        let (server, folder) = copied(flavour);
        server.execute(
            "RENAME TABLE a.people TO x.p; ALTER TABLE x.p RENAME COLUMN mail TO post; CREATE TABLE a.other (id INT PRIMARY KEY); \
             INSERT INTO a.other VALUES (1)",
        );
        folder.succeeds(&ONCE);
        purge(&server);
        let ended = folder.succeeds(&ONCE);
        assert!(ended.stderr.contains("copied anew"), "{}", ended.stderr);
        server
            .execute("RENAME TABLE x.p TO a.folk; INSERT INTO a.folk VALUES (2, 'b', 'b@secret')");
        folder.fails(78, &["a.people.mail", "is called a.folk.post from here on"]);
        shows_nothing(&folder);
    }
}

#[test]
fn what_may_have_been_renamed_in_binlogs_that_are_gone_is_not_copied_anew() {
    for flavour in FLAVOURS {
        let (server, folder) = copied(flavour);
        server.execute("ALTER TABLE a.people ADD COLUMN phone VARCHAR(20)");
        purge(&server);
        folder.succeeds(&ONCE);
        for (there, back) in [
            (
                "RENAME TABLE a.people TO a.folk",
                "RENAME TABLE a.folk TO a.people",
            ),
            (
                "ALTER TABLE a.people RENAME COLUMN mail TO name, RENAME COLUMN name TO mail",
                "ALTER TABLE a.people RENAME COLUMN mail TO name, RENAME COLUMN name TO mail",
            ),
            (
                "ALTER TABLE a.people CHANGE mail post VARCHAR(40), ADD mail VARCHAR(40)",
                "ALTER TABLE a.people DROP mail, CHANGE post mail VARCHAR(40)",
            ),
        ] {
            server.execute(there);
            purge(&server);
            let fix = "then start = \"snapshot\" in [source] of ";
            folder.fails(78, &["mail of a.people, whose values columns-exclude", fix]);
            server.execute(back);
        }
        purge(&server);
        folder.succeeds(&ONCE);
        shows_nothing(&folder);
    }
}
