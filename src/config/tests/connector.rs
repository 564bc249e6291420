//! Whole connector files.

use super::*;
use crate::source::SourceOptions;

const CONNECTOR: &str =
    "[source]\nhost = 'db'\nuser = 'u'\n[sink]\ntype = 'file'\nfolder = 'out'\n";

#[test]
fn a_connector_needs_little_and_has_defaults() {
    let all = given("shop.toml", CONNECTOR).load().unwrap();
    let [shop] = &all[..] else {
        panic!("{all:?}");
    };
    assert_eq!(shop.name, "shop");
    assert!(matches!(&shop.source, SourceOptions::Server(server) if server.port == 3306));
    assert_eq!(shop.memory_max, 48 << 20);
    assert_eq!(shop.checkpoint_interval.as_secs(), 1);
    assert_eq!(shop.shutdown_grace.as_secs(), 10);
    assert!(matches!(&shop.sink, SinkOptions::File(_)));
}

/// Whether a mistake that begins so is among those that are reported.
#[track_caller]
fn told(given: &Given, expected: &str) {
    let error = given.load().unwrap_err();
    let is_told = error.lines().any(|line| line.starts_with(expected));
    assert!(is_told, "{error}\n{expected}");
}

#[test]
fn every_section_of_a_connector_is_checked() {
    for (change, expected) in [
        (
            ("type = 'file'", "type = 'fiel'"),
            "shop.toml:5:1: sink.type: expected one of kafka, file, stdout, blackhole, found 'fiel'; did you mean file?",
        ),
        (
            ("type = 'file'", "type = 5"),
            "shop.toml:5:1: sink.type: expected one of kafka, file, stdout, blackhole, as a string",
        ),
        (
            ("type = 'file'\n", ""),
            "shop.toml:4:2: sink: key type is missing, expected one of kafka, file, stdout, blackhole",
        ),
        (
            ("folder = 'out'", "folder = 5"),
            "shop.toml:6:1: sink.folder: expected a path, found a number",
        ),
        (
            ("folder = 'out'", "path = 'out'"),
            "shop.toml:6:1: sink: no such key 'path', expected one of type, format, debezium, avro, maxwell, flat, cloudevents, folder, rotate_bytes, rotate_interval",
        ),
        (
            ("folder = 'out'", ""),
            "shop.toml:4:2: sink: key folder is missing",
        ),
        (
            ("[sink]", "[skin]"),
            "shop.toml:4:2: no such key 'skin', expected one of state_dir, memory_max, event_memory_max, checkpoint_interval, shutdown_grace, on_statement, xa_missing, invalid_text, definitions_unknown, definitions_unknown_stop, definitions_unknown_names, definitions_unknown_skip, source, snapshot, filter, sink; did you mean sink?",
        ),
        (
            ("[sink]", "[filter]\nreplicate-do-table = ['t']\n[sink]"),
            "shop.toml:5:23: filter: replicate-do-table = \"t\" has no dot",
        ),
    ] {
        let text = CONNECTOR.replacen(change.0, change.1, 1);
        told(&given("shop.toml", &text), expected);
    }
}

#[test]
fn statements_are_not_published_beside_rules_that_hide_what_they_show() {
    let debezium = "format = 'debezium'\n[sink.debezium]\n";
    for (rule, key) in [
        ("columns-include = 'a\\.t\\.id'", "columns-include"),
        ("columns_exclude = 'a\\.t\\.s'", "columns-exclude"),
        (
            "columns-mask = [{ columns = 'a\\.t\\.s', with = 'x' }]",
            "columns-mask",
        ),
        (
            "columns-hash = [{ columns = 'a\\.t\\.s', salt = 'x' }]",
            "columns-hash",
        ),
        (
            "columns-truncate = [{ columns = 'a\\.t\\.s', length = 1 }]",
            "columns-truncate",
        ),
        ("rows = [{ tables = 'a\\.t', where = 'id > 1' }]", "rows"),
    ] {
        let filter = format!("[filter]\n{rule}\n[sink]");
        let text = CONNECTOR.replacen("[sink]", &filter, 1) + debezium;
        let refused = given("shop.toml", &format!("{text}include_query = true\n"));
        let expected = format!(
            "shop.toml:11:1: sink.debezium.include_query: would publish statements, which show the rows and values that {key} of \
             [filter] hides, remove it or those rules"
        );
        told(&refused, &expected);
        let taken = given("shop.toml", &format!("{text}include_query = false\n"));
        assert_eq!(taken.load().expect("no mistake").len(), 1);
    }
    let alone = format!("{CONNECTOR}{debezium}include_query = true\n");
    assert_eq!(given("shop.toml", &alone).load().unwrap().len(), 1);
}

#[test]
fn every_key_at_the_top_and_of_the_source_is_checked() {
    for (change, expected) in [
        (
            ("[source]", "memory_max = '1MiB'\n[source]"),
            "shop.toml:1:1: memory_max: expected at least 16.0 MiB",
        ),
        (
            ("[source]", "memory_max = '-5'\n[source]"),
            "shop.toml:1:1: memory_max: expected a size such as \"48MiB\", or a number of bytes, found string \"-5\"",
        ),
        (
            ("[source]", "memory_max = -5\n[source]"),
            "shop.toml:1:1: memory_max: expected a size such as \"48MiB\", or a number of bytes, found integer `-5`",
        ),
        (
            ("[source]", "event_memory_max = 1000000\n[source]"),
            "shop.toml:1:1: event_memory_max: expected at least 1.0 MiB",
        ),
        (
            ("host = 'db'\nuser = 'u'\n", ""),
            "shop.toml:1:2: source: key host is missing for a server, or files or index for binlog files",
        ),
        (
            ("host = 'db'\nuser = 'u'", "files = [\"f/b\\n.000001\"]"),
            "shop.toml:2:1: source.files: the file name \"b\\n.000001\" holds a control character, rename the file",
        ),
        (
            ("[source]", "checkpoint_interval = 5\n[source]"),
            "shop.toml:1:1: checkpoint_interval: expected a duration such as \"10s\" or \"1m 30s\", found a number",
        ),
        (
            ("[source]", "checkpoint_interval = '-1s'\n[source]"),
            "shop.toml:1:1: checkpoint_interval: expected a duration such as \"10s\" or \"1m 30s\", found string \"-1s\"",
        ),
        (
            ("[source]", "shutdown_grace = 'soon'\n[source]"),
            "shop.toml:1:1: shutdown_grace: expected a duration such as \"10s\" or \"1m 30s\", found string \"soon\"",
        ),
        (
            ("'db'", "''"),
            "shop.toml:2:1: source.host: host is empty, name the source",
        ),
    ] {
        let text = CONNECTOR.replacen(change.0, change.1, 1);
        told(&given("shop.toml", &text), expected);
    }
}

#[test]
fn a_list_of_hosts_is_checked() {
    for (change, expected) in [
        (
            ("host = 'db'", "host = 'db'\nhosts = ['a']"),
            "shop.toml:3:1: source.hosts: host and hosts are both given, keep one",
        ),
        (
            ("host = 'db'", "hosts = ['a']\nport = 3307"),
            "shop.toml:2:1: source.hosts: hosts names the ports too, as \"db1:3306\", remove port",
        ),
        (
            ("host = 'db'", "hosts = ['a:1', 'b', 'b:3306']"),
            "shop.toml:2:22: source.hosts.3: hosts names b:3306 twice, remove one",
        ),
        (
            ("host = 'db'", "hosts = []"),
            "shop.toml:1:2: source.host: host is empty, name the source",
        ),
        (
            ("host = 'db'", "hosts = ['a b']"),
            "shop.toml:2:10: source.hosts.1: \"a b\" is no host, write it as \"db1:3306\" or \"[::1]:3306\"",
        ),
        (
            ("host = 'db'", "hosts = ['a']\nfiles = ['b.000001']"),
            "shop.toml:2:1: source.hosts: a source is a server or files, remove hosts or files",
        ),
    ] {
        let text = CONNECTOR.replacen(change.0, change.1, 1);
        told(&given("shop.toml", &text), expected);
    }
}

#[test]
fn every_element_of_a_list_has_its_own_mistake() {
    let text = CONNECTOR.replacen(
        "host = 'db'",
        "hosts = ['a b', 'c',\n 5, 'd:x',\n 'c:3306']\nignore_server_ids = [1, 'x', -2]",
        1,
    );
    let error = given("shop.toml", &text).load().unwrap_err();
    let expected = [
        "shop.toml:2:10: source.hosts.1: \"a b\" is no host",
        "shop.toml:3:2: source.hosts.3: expected a string, found a number",
        "shop.toml:3:5: source.hosts.4: \"d:x\" is no host",
        "shop.toml:5:25: source.ignore_server_ids.2: expected a number from 0 to 4294967295, found a string",
        "shop.toml:5:30: source.ignore_server_ids.3: expected a number from 0 to 4294967295",
    ];
    let told: Vec<&str> = error.lines().collect();
    assert_eq!(told.len(), expected.len(), "{error}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told}\n{expected}");
    }
}

#[test]
fn a_key_in_two_spellings_is_told_with_both_lines() {
    for (keys, expected) in [
        (
            "tables-include = 'a'\ntables_include = 'b'",
            "shop.toml:6:1: filter.tables_include: tables_include says the same as tables-include at shop.toml:5:1, keep one of \
             the two",
        ),
        (
            "replicate-same-server-id = true\nsame-server-id = true",
            "shop.toml:6:1: filter.same-server-id: same-server-id says the same as replicate-same-server-id at shop.toml:5:1, keep \
             one of the two",
        ),
    ] {
        let text = CONNECTOR.replacen("[sink]", &format!("[filter]\n{keys}\n[sink]"), 1);
        let error = given("shop.toml", &text).load().unwrap_err();
        assert_eq!(error, expected);
    }
}

#[test]
fn what_becomes_of_unknown_definitions_is_checked() {
    for (change, expected) in [
        (
            ("[source]", "definitions_unknown = 'go on'\n[source]"),
            "shop.toml:1:1: definitions_unknown: expected one of stop, names, skip, found 'go on'",
        ),
        (
            (
                "[source]",
                "definitions_unknown_names = ['a.t', 'shop']\n[source]",
            ),
            "shop.toml:1:37: definitions_unknown_names: definitions_unknown_names = \"shop\" has no dot",
        ),
        (
            (
                "[source]",
                "definitions_unknown_names = 'a.t'\ndefinitions_unknown_skip = ['a.%', 'a.t']\n[source]",
            ),
            "shop.toml:2:36: definitions_unknown_skip: definitions_unknown_skip = \"a.t\" matches tables that \
             definitions_unknown_names = \"a.t\" matches too",
        ),
    ] {
        let text = CONNECTOR.replacen(change.0, change.1, 1);
        told(&given("shop.toml", &text), expected);
    }
}

#[test]
fn a_key_with_two_spellings_is_listed_once() {
    let text = CONNECTOR.replacen("[sink]", "[filter]\nno_such = 1\n[sink]", 1);
    let error = given("shop.toml", &text).load().unwrap_err();
    let (_, keys) = error.split_once("expected one of ").unwrap();
    let keys: Vec<&str> = keys.split(", ").collect();
    assert!(
        keys.contains(&"ddl-filter") && keys.contains(&"shadow-tables"),
        "{error}"
    );
    assert!(keys.iter().all(|key| !key.contains('_')), "{error}");
}

#[test]
fn a_source_of_files_is_read_with_its_mistakes() {
    let of = |keys: &str| CONNECTOR.replacen("host = 'db'\nuser = 'u'", keys, 1);
    let text =
        of("files = ['b.000001']\n[source.definitions]\nhost = 'db'\nuser = 'u'\nport = 'x'");
    let error = given("shop.toml", &text).load().unwrap_err();
    assert!(
        error.starts_with("shop.toml:6:1: source.definitions.port: expected a number"),
        "{error}"
    );
    let all = given(
        "shop.toml",
        &of("index = 'b.index'\ndefinitions = 'state/shop'"),
    )
    .load()
    .unwrap();
    assert!(matches!(&all[0].source, SourceOptions::Files(files) if files.definitions.is_some()));
}

#[test]
fn every_mistake_in_a_file_is_told_at_once_with_its_line() {
    let text = "
memory_max = '1MiB'
on_statment = 'warn'
[source]
hots = 'db'
port = '3306'
tls = { mode = 'verify_all', ca = 5 }
replica_net_timeout = '10s'
heartbeat_period = '20s'
password = '${NOT_SET}'
[filter]
replicate-do-table = ['a.b', 't', 'x.']
replicate-rewrite-db = 'a=>b'
no-such-rule = 1
[sink]
type = 'fiel'
folder = 5
";
    let error = given("shop.toml", text).load().unwrap_err();
    let expected = [
        "shop.toml:2:1: memory_max: expected at least 16.0 MiB",
        "shop.toml:3:1: no such key 'on_statment', expected one of state_dir, memory_max, event_memory_max, \
         checkpoint_interval, shutdown_grace, on_statement, xa_missing, invalid_text, definitions_unknown, definitions_unknown_stop, definitions_unknown_names, definitions_unknown_skip, source, snapshot, filter, sink; did you mean on_statement?",
        "shop.toml:4:2: source: key user is missing",
        "shop.toml:5:1: source: no such key 'hots', expected one of host, ",
        "shop.toml:6:1: source.port: expected a number from 0 to 65535, found a string",
        "shop.toml:7:9: source.tls.mode: expected one of ",
        "shop.toml:7:30: source.tls.ca: expected a path, found a number",
        "shop.toml:9:1: source.heartbeat_period: heartbeat_period 20s is not shorter than replica_net_timeout 10s",
        "shop.toml:10:1: source.password: variable NOT_SET is not set",
        "shop.toml:12:30: filter: replicate-do-table = \"t\" has no dot",
        "shop.toml:12:35: filter: replicate-do-table = \"x.\" has an empty table",
        "shop.toml:13:1: filter: replicate-rewrite-db = \"a=>b\" has no arrow",
        "shop.toml:14:1: filter: no such key 'no-such-rule', expected one of replicate-do-db, ",
        "shop.toml:16:1: sink.type: expected one of kafka, file, stdout, blackhole, found 'fiel'; did you mean file?",
        "shop.toml:17:1: sink.folder: expected a path, found a number",
    ];
    let told: Vec<&str> = error.lines().collect();
    assert_eq!(told.len(), expected.len(), "{error}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told}\n{expected}");
    }
}

#[test]
fn mistakes_of_several_files_and_of_the_environment_are_told_together() {
    let error = given("a.toml", "[source\n[sink]\ntype = 'stdout'\nformat = =\n")
        .and("b.toml", "source = 5\n")
        .and("no connector.toml", CONNECTOR)
        .and("c.toml", CONNECTOR)
        .variable("ROWTAP__C__SOURCE__PORT", "many")
        .variable("ROWTAP__C__SOURCE__PASSWORD_FILE", "/nowhere/pw")
        .variable("ROWTAP__C__SINK__FOLDER__BELOW", "x")
        .load()
        .unwrap_err();
    for expected in [
        "connector name 'no connector' from no connector.toml: expected",
        "a.toml:1:8: ",
        "a.toml:4:",
        "b.toml:1:1: source: expected a table, found a number",
        "b.toml:1:1: key sink is missing",
        "variable ROWTAP__C__SOURCE__PORT: source.port: expected a number",
        "variable ROWTAP__C__SOURCE__PASSWORD_FILE: source.password_file: ",
        "variable ROWTAP__C__SINK__FOLDER__BELOW: sink.folder: expected a path, found a table",
    ] {
        let is_told = error.lines().any(|line| line.starts_with(expected));
        assert!(is_told, "{error}\n{expected}");
    }
    assert_eq!(error.lines().count(), 8, "{error}");
}

#[test]
fn a_mistake_is_not_told_again_in_other_words() {
    for (text, count) in [
        // Its value is wrong, and so it is not missing; what contradicts its default is no contradiction.
        (
            "[source]\nhost = 5\nuser = 'u'\nreplica_net_timeout = 2\nheartbeat_period = '90s'\n[sink]\ntype = 'stdout'",
            2,
        ),
        // A misspelt section is read under its right name.
        (
            "[suorce]\nhost = 'db'\nuser = 'u'\n[sink]\ntype = 'stdout'",
            1,
        ),
        // A section that is missing is one mistake.
        ("[source]\nhost = 'db'\nuser = 'u'", 1),
        // Keys of another kind of source are not wrong one by one.
        (
            "[source]\nhost = 'db'\nuser = 'u'\nfiles = ['b.1']\n[sink]\ntype = 'stdout'",
            1,
        ),
        (
            "[source]\nhost = 'db'\nuser = 'u'\nserver_id = '${NOT_SET}'\nconnect_timeout = '${NOT_SET}'\n[sink]\ntype = '${NOT_SET}'",
            3,
        ),
        (
            "[source]\nfiles = ['b.1', 2, 3]\n[sink]\ntype = 'stdout'",
            2,
        ),
        (
            "[source]\nfiles = ['b.1']\nstart = { file = 5 }\n[sink]\ntype = 'stdout'",
            1,
        ),
    ] {
        let error = given("shop.toml", text).load().unwrap_err();
        assert_eq!(error.lines().count(), count, "{text}\n{error}");
    }
}

#[test]
fn mistakes_without_end_are_cut_off() {
    let text: String = (0..5000).map(|n| format!("zz{n} = {n}\n")).collect();
    let error = given("shop.toml", &text).load().unwrap_err();
    assert_eq!(error.lines().count(), 100, "{error}");
}

#[test]
fn what_is_said_of_a_format_has_to_fit_it() {
    for (sink, expected) in [
        (
            "[sink.maxwell]\n",
            "sink.maxwell: has a meaning only with format = 'maxwell'",
        ),
        (
            "format = 'debezium'\n[sink.flat]\n",
            "sink.flat: has a meaning only with format = 'flat'",
        ),
        (
            "format = 'canal'\n[sink.debezium]\n",
            "sink.debezium: has a meaning only with format = 'debezium'",
        ),
        (
            "format = 'flat'\n[sink.flat]\nadd_fields = 'op,opp'\n",
            "sink.flat.add_fields: knows no opp, expected names such as op,",
        ),
        (
            "format = 'flat'\n[sink.flat]\ndelete_tombstone_handling_mode = 'tombstone'\n",
            "sink.flat.delete_tombstone_handling_mode: has tombstones, and lines have none, set it to rewrite",
        ),
        (
            "cloudevents = 'binary'\n",
            "sink.cloudevents: puts attributes into headers, and lines have none, set it to structured",
        ),
        (
            "format = 'avro'\ncloudevents = 'structured'\n",
            "sink.cloudevents: is for messages of JSON, and those of format = 'avro' are none",
        ),
    ] {
        let error = given("shop.toml", &format!("{CONNECTOR}{sink}"))
            .load()
            .unwrap_err();
        let is_told = error.lines().any(|line| line.contains(expected));
        assert!(is_told, "{error}\n{expected}");
    }
    for sink in [
        "format = 'flat'\n[sink.flat]\nadd_fields = 'op, source.ts_ms:moment'\n[sink.debezium]\ndecimal_handling_mode = 'string'\n",
        "format = 'maxwell'\ncloudevents = 'structured'\n[sink.maxwell]\nkafka_key_format = 'array'\n",
    ] {
        let given = given("shop.toml", &format!("{CONNECTOR}{sink}"));
        assert_eq!(given.load().expect("no mistake").len(), 1);
    }
}
