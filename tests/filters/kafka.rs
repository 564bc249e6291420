//! Rules on rows and on columns with Kafka as the target: what an update becomes that enters or leaves a condition, and the keys
//! of its records.

use rdkafka::Message as _;
use serde_json::{Value, json};

use super::mistakes::{HEAD, validated};
use crate::commands::process::{Folder, account};
use crate::support::{Flavour, Kafka, Server};

#[test]
fn records_of_rows_that_enter_and_leave_are_creates_and_deletes_with_tombstones() {
    let kafka = Kafka::shared();
    for (flavour, prefix) in [
        (Flavour::MySql97, "rows_m"),
        (Flavour::MariaDb1011, "rows_a"),
    ] {
        let server = Server::start(flavour, &[]);
        account(&server, "tap");
        server.execute("CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY, n INT, mail VARCHAR(40))");
        let bootstrap = kafka.bootstrap();
        let rules = "[filter]\ncolumns-hash = [{ columns = '.*\\.id', salt = 's' }]\n\
                     columns-mask = [{ columns = '.*\\.mail', with = '-' }]\nskip-unchanged = true\n\
                     [[filter.rows]]\ntables = 'shop\\.t'\nwhere = \"n > 5\"\n";
        let folder = Folder::streaming(&server, "tap").replacing(
            "[sink]\ntype = 'file'\nfolder = '{dir}/changes'",
            &format!("{rules}[sink]\ntype = 'kafka'\nbootstrap_servers = '{bootstrap}'\nprefix = '{prefix}'"),
        );
        let once = ["run", "--once", "--http", "off", "shop.toml"];
        folder.succeeds(&once);
        server.execute(
            "INSERT INTO shop.t VALUES (1, 1, 'a@secret'), (2, 9, 'b@secret'); UPDATE shop.t SET n = 10 WHERE id = 1;
             UPDATE shop.t SET mail = 'c@secret'; UPDATE shop.t SET n = 2 WHERE id = 2; DELETE FROM shop.t",
        );
        folder.succeeds(&once);
        let hash = |id: &str| {
            let hash = server.query_one(&format!("SELECT SHA2('s{id}', 256)"));
            Value::from(hash.unwrap())
        };
        let records = kafka.records(&format!("{prefix}.shop.t"));
        let value = |bytes: Option<&[u8]>| -> Value {
            let bytes = bytes.unwrap_or(b"null");
            assert!(!String::from_utf8_lossy(bytes).contains("secret"));
            serde_json::from_slice(bytes).unwrap()
        };
        let found: Vec<Value> = records
            .iter()
            .map(|record| {
                let (key, value) = (value(record.key()), value(record.payload()));
                json!([
                    key["id"],
                    value["op"],
                    value["before"]["n"],
                    value["after"]["n"]
                ])
            })
            .collect();
        let (one, two) = (hash("1"), hash("2"));
        let expected = [
            json!([two, "c", null, 9]),
            json!([one, "c", null, 10]),
            json!([two, "d", 9, null]),
            json!([two, null, null, null]),
            json!([one, "d", 10, null]),
            json!([one, null, null, null]),
        ];
        assert_eq!(found, expected, "{flavour:?}");
    }
}

#[test]
fn a_column_that_rules_hide_is_no_key_of_records() {
    let kafka = "\n[sink]\ntype = 'kafka'\nbootstrap_servers = '127.0.0.1:1'\nprefix = 'p'\n\
                 [[sink.routes]]\ntables = 'lv\\.t'\n";
    for named in ["key_columns = ['mail']", "partition_columns = ['mail']"] {
        for (rule, is_refused) in [
            (
                "columns-mask = [{ columns = 'lv\\.t\\.mail', with = '#' }]",
                true,
            ),
            (
                "columns-truncate = [{ columns = 'lv\\.t\\.mail', length = 3 }]",
                true,
            ),
            ("columns-exclude = 'lv\\.t\\.mail'", true),
            (
                "columns-hash = [{ columns = 'lv\\.t\\.mail', salt = 'x' }]",
                false,
            ),
            ("columns-exclude = 'lv\\.other\\.mail'", false),
        ] {
            let sink = format!("{kafka}{named}\n");
            let (code, told) = validated(rule, &sink);
            let expected = if is_refused { Some(78) } else { Some(0) };
            assert_eq!(code, expected, "{rule} {named}: {told}");
            let folder = Folder::new(&format!("{HEAD}{rule}{sink}"));
            let asked = ["explain", "shop.toml", "--table", "lv.t"];
            let explained = folder.succeeds(&asked).stdout;
            assert_eq!(explained.contains("lv.t: stops"), is_refused, "{explained}");
            if is_refused {
                let key = named.split(' ').next().unwrap();
                for part in [&format!("{key} names mail of lv.t"), "shop.toml:7:"] {
                    assert!(told.contains(part), "{part} is not in {told}");
                    assert!(explained.contains(part), "{part} is not in {explained}");
                }
            }
        }
    }
}
