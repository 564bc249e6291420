//! Changes that were logged as statements: what the policy makes of them, and which statements are not changes.

use super::*;
use crate::binlog::EventKind;

fn outcome(
    rules: &str,
    policy: OnStatement,
    build: impl FnOnce(&mut Writer),
) -> Result<super::Outcome, AssembleError> {
    let mut writer = Writer::new();
    writer.gtid(1);
    writer.query("BEGIN");
    build(&mut writer);
    writer.xid();
    let settings = AssemblerSettings {
        on_statement: policy,
        ..settings(rules, usize::MAX)
    };
    let assembler = made_of(settings, &[]);
    run(assembler, writer)
}

/// LOAD DATA's last event.
fn load(writer: &mut Writer, table: &str) {
    writer.event(EventKind::BeginLoadQuery, b"\x01\0\0\0a,b");
    writer.event(EventKind::AppendBlock, b"\x01\0\0\0c,d");
    let mut body = vec![0; 26];
    body[8] = 1;
    body.extend(b"d\0");
    body.extend(format!("LOAD DATA INFILE 'f' INTO TABLE {table}").bytes());
    writer.event(EventKind::ExecuteLoadQuery, &body);
}

#[test]
fn filters_judge_before_the_policy_does() {
    let rules = r#"{"replicate-ignore-table": ["d.t"]}"#;
    let found = outcome(rules, OnStatement::Fail, |writer| {
        writer.event(EventKind::Intvar, &[1; 9]);
        writer.query("UPDATE t SET a = 1");
        load(writer, "t");
    })
    .unwrap();
    assert_eq!((found.ledger.filtered, found.ledger.statements), (2, 0));
    // Format description, GTID, BEGIN, Intvar, two blocks, XID.
    assert_eq!(found.ledger.control, 7);
}

#[test]
fn a_change_that_is_passed_over_is_counted() {
    let found = outcome("{}", OnStatement::Warn, |writer| {
        writer.query("UPDATE t SET a = 1");
        load(writer, "t");
        writer.query("INSERT INTO mysql.rds_heartbeat2 VALUES (1)");
        writer.table_map(1, "d", "t", true);
        writer.insert(1, &[5]);
    })
    .unwrap();
    assert_eq!((found.ledger.skipped, found.ledger.statements), (3, 2));
    assert_eq!(values(&found), [5]);
}

#[test]
fn a_change_that_no_filter_rejects_stops_and_is_named() {
    let check = |build: fn(&mut Writer)| {
        let error = outcome("{}", OnStatement::Fail, build).unwrap_err();
        let text = error.trouble.to_string();
        assert!(
            text.contains("a change of d.t was logged as a statement"),
            "{text}"
        );
        assert!(text.contains("on_statement"), "{text}");
    };
    check(|writer| writer.query("DELETE FROM t"));
    check(|writer| load(writer, "t"));
}

#[test]
fn statements_on_databases_of_the_server_never_stop() {
    let found = outcome("{}", OnStatement::Fail, |writer| {
        writer.query("INSERT INTO mysql.rds_heartbeat2 (id, value) VALUES (1, 2) ON DUPLICATE KEY UPDATE value = 2");
        writer.query("DELETE FROM mysql.rds_history");
    })
    .unwrap();
    assert_eq!((found.ledger.skipped, found.ledger.statements), (2, 0));
}

#[test]
fn a_delete_by_which_a_server_empties_a_memory_table_is_a_truncate() {
    for statements in [
        &["DELETE FROM `d`.`m`"][..],
        &["BEGIN", "DELETE FROM `d`.`m`", "COMMIT"],
    ] {
        let mut writer = Writer::new();
        writer.gtid(1);
        for statement in statements {
            writer.query(statement);
        }
        let outcome = run(assembler("{}", usize::MAX, &[]), writer).unwrap();
        assert_eq!(outcome.statements, ["DELETE FROM `d`.`m`"]);
        assert_eq!(outcome.ledger.ddl, 1);
    }
}
