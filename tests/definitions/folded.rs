//! Names in whatever letter case, on servers that fold them.

use super::changes;
use super::stopped::{connector, default_metadata, fails, from_here_on, rows, succeeds};
use crate::support::{Flavour, Server};

#[track_caller]
fn each(check: fn(&Server)) {
    // MySQL 8.0 and later take the setting only for data that was made with it.
    let flavours = [Flavour::MariaDb1011, Flavour::MySql57, Flavour::MariaDb118];
    let count = if super::is_full() { 3 } else { 2 };
    for flavour in flavours.iter().take(count) {
        let mut options = vec!["--lower-case-table-names=1"];
        options.extend(default_metadata(*flavour));
        let server = Server::start(*flavour, &options);
        server.execute("CREATE DATABASE Shop; CREATE TABLE SHOP.Item (Id INT UNSIGNED, Name TEXT)");
        check(&server);
    }
}

#[test]
fn statements_in_another_letter_case_are_followed() {
    each(|server| {
        let connector = connector(server, "root", "'latest'");
        succeeds(&connector);
        for statements in [
            "INSERT INTO shop.item VALUES (4000000000, 'a')",
            "ALTER TABLE SHOP.ITEM CHANGE Name Title TEXT; INSERT INTO Shop.iteM VALUES (2, 'b')",
            "RENAME TABLE Shop.Item TO SHOP.Thing; CREATE TABLE shop.ITEM LIKE shop.THING",
            "ALTER TABLE shop.iTEM DROP COLUMN ID; INSERT INTO shop.Item VALUES ('c')",
            "INSERT INTO shop.THING VALUES (3, 'd')",
            "DROP DATABASE SHOP; CREATE DATABASE shop; CREATE TABLE Shop.Item (x INT); INSERT INTO SHOP.ITEM VALUES (7)",
        ] {
            server.execute(statements);
        }
        succeeds(&connector);
        assert_eq!(
            rows(&connector, "item"),
            [
                r#"{"Id":4000000000,"Name":"a"}"#,
                r#"{"Id":2,"Title":"b"}"#,
                r#"{"Title":"c"}"#,
                r#"{"x":7}"#
            ]
        );
        assert_eq!(rows(&connector, "thing"), [r#"{"Id":3,"Title":"d"}"#]);
        let messages = changes::messages(&connector.folder().join("output"));
        let renamed = messages
            .iter()
            .find(|message| message["ddl"].as_str().unwrap().starts_with("RENAME"))
            .unwrap();
        let told = renamed["tableChanges"].as_array().unwrap();
        assert_eq!(told.len(), 1, "{renamed}");
        assert_eq!(told[0]["id"], r#""shop"."thing""#);
        assert_eq!(told[0]["previousId"], r#""shop"."item""#);
    });
}

#[test]
fn a_statement_in_another_letter_case_rules_out_a_later_reading() {
    each(|server| {
        let connector = connector(server, "root", &from_here_on(server));
        server.execute("INSERT INTO shop.item VALUES (1, 'a')");
        server.execute("ALTER TABLE SHOP.ITEM CHANGE Name Title TEXT");
        fails(&connector, &["shop.item", "--define"]);
        assert_eq!(rows(&connector, "item"), [""; 0]);
    });
}
