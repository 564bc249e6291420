//! The same conditions on rows that are there already: the source chooses those that it can, and what comes is what a query finds.

use std::collections::BTreeSet;

use crate::commands::process::{Folder, account};
use crate::snapshot::{FIRST, may_copy};
use crate::support::{Server, is_full};

use super::conditions::Generator;
use super::table::TestedColumns;

/// Conditions a server, without and with `ROWTAP_TEST_FULL`.
const COPIES: usize = 6;
const COPIES_FULL: usize = 60;

/// Copies the images before a change once a condition, and holds the rows that come to those that a query with the condition finds.
/// The source chose some of them.
pub fn check(server: &Server, columns: &TestedColumns, generator: &mut Generator<'_>) {
    account(server, "u");
    may_copy(server, "u");
    let mut connection = server.connect();
    let copies = if is_full() { COPIES_FULL } else { COPIES };
    let (mut kept, mut chosen) = (0, 0);
    server.execute("SET GLOBAL log_output = 'TABLE'; SET GLOBAL general_log = ON");
    for _ in 0..copies {
        let condition = generator.condition();
        let expected = columns.matching(&mut connection, "v0", &condition);
        let rules = format!(
            "[filter]\nreplicate-do-table = 'rows.v0'\nrows = [{{ tables = 'rows\\.v0', where = {:?} }}]\n[sink]",
            condition.text
        );
        let folder = Folder::streaming_any(server, "u")
            .replacing("start = 'latest'", FIRST)
            .replacing("[sink]", &rules);
        let ran = folder.succeeds(&["run", "--once", "--http", "off", "shop.toml"]);
        let rows = folder.changes();
        let found: BTreeSet<u32> = rows
            .iter()
            .map(|row| u32::try_from(row["after"]["id"].as_u64().unwrap()).unwrap())
            .collect();
        assert_eq!(found, expected, "where {}\n{}", condition.text, ran.stderr);
        assert_eq!(found.len(), rows.len(), "where {}", condition.text);
        assert!(
            !ran.stderr.contains("the source does not take"),
            "{}",
            ran.stderr
        );
        kept += found.len();
        let asked = server.query_one(
            "SELECT COUNT(*) > 0 FROM mysql.general_log WHERE command_type = 'Execute' AND argument LIKE '%`v0`%\\n)%'",
        );
        chosen += usize::from(asked.as_deref() == Some("1"));
        server.execute("TRUNCATE TABLE mysql.general_log");
    }
    server.execute("SET GLOBAL general_log = OFF");
    println!("{copies} copies with {kept} rows, {chosen} of them chosen by the source");
    assert!(chosen > copies / 2, "{chosen} of {copies}");
}
