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
    assert!(matches!(&shop.sink, SinkOptions::File(_)));
}

#[test]
fn every_section_of_a_connector_is_checked() {
    for (change, expected) in [
        (
            ("type = 'file'", "type = 'fiel'"),
            "shop.toml:5: sink.type: expected one of kafka, file, stdout, blackhole, found 'fiel'",
        ),
        (
            ("type = 'file'", "type = 5"),
            "shop.toml:5: sink.type: expected one of kafka, file, stdout, blackhole, as a string",
        ),
        (
            ("type = 'file'\n", ""),
            "shop.toml:4: sink: key type is missing, expected one of kafka, file, stdout, blackhole",
        ),
        (
            ("folder = 'out'", "folder = 5"),
            "shop.toml:6: sink.folder: expected a path, found a number",
        ),
        (
            ("folder = 'out'", "path = 'out'"),
            "shop.toml:6: sink: no such key 'path', expected one of type, format, folder, rotate_bytes, rotate_interval",
        ),
        (
            ("folder = 'out'", ""),
            "shop.toml:4: sink: key folder is missing",
        ),
        (
            ("[sink]", "[skin]"),
            "shop.toml:4: no such key 'skin', expected one of state_dir, memory_max, event_memory_max, checkpoint_interval, on_statement, invalid_text, source, filter, sink",
        ),
        (
            ("[sink]", "[filter]\nreplicate-do-table = ['t']\n[sink]"),
            "shop.toml:5: filter: replicate-do-table = \"t\" has no dot",
        ),
        (
            ("[source]", "memory_max = '1MiB'\n[source]"),
            "shop.toml:1: memory_max: expected at least 16.0 MiB",
        ),
        (
            ("[source]", "memory_max = '-5'\n[source]"),
            "shop.toml:1: memory_max: expected a size such as \"48MiB\", or a number of bytes, found string \"-5\"",
        ),
        (
            ("[source]", "memory_max = -5\n[source]"),
            "shop.toml:1: memory_max: expected a size such as \"48MiB\", or a number of bytes, found integer `-5`",
        ),
        (
            ("[source]", "event_memory_max = 1000000\n[source]"),
            "shop.toml:1: event_memory_max: expected at least 1.0 MiB",
        ),
        (
            ("host = 'db'\nuser = 'u'\n", ""),
            "shop.toml:1: source: key host is missing for a server, or files or index for binlog files",
        ),
        (
            ("host = 'db'\nuser = 'u'", "files = [\"f/b\\n.000001\"]"),
            "shop.toml:1: source: the file name \"b\\n.000001\" holds a control character, rename the file",
        ),
        (
            ("[source]", "checkpoint_interval = 5\n[source]"),
            "shop.toml:1: checkpoint_interval: expected",
        ),
        (
            ("'db'", "''"),
            "shop.toml:1: source: host is empty, name the source",
        ),
    ] {
        let text = CONNECTOR.replacen(change.0, change.1, 1);
        let error = given("shop.toml", &text).load().unwrap_err();
        assert!(error.starts_with(expected), "{error}\n{expected}");
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
        error.starts_with("shop.toml:6: source.definitions.port: expected a number"),
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
