//! Rules on columns as definitions change: what is renamed or dropped stops a stream rather than let a value out, until the
//! rules say what is meant.

use mysql::prelude::Queryable as _;
use serde_json::{Value, json};

use crate::commands::process::{Ended, Folder, account};
use crate::support::{Flavour, Server};

pub const ONCE: [&str; 5] = ["run", "--once", "--http", "off", "shop.toml"];

pub struct Stream {
    server: Server,
    pub folder: Folder,
}

impl Stream {
    /// Streams what comes after a table of people.
    pub fn start(flavour: Flavour, rules: &str) -> Self {
        Self::start_with(flavour, rules, "FULL")
    }

    /// The same with table maps that tell less.
    pub fn start_with(flavour: Flavour, rules: &str, metadata: &str) -> Self {
        let server = Server::start(flavour, &[&format!("--binlog-row-metadata={metadata}")]);
        account(&server, "u");
        Self::on(server, rules)
    }

    /// Begins anew with other rules.
    pub fn again(self, rules: &str) -> Self {
        self.server.execute("DROP DATABASE shop");
        Self::on(self.server, rules)
    }

    /// The same without a table.
    pub fn empty(self, rules: &str) -> Self {
        let server = self.server;
        server.execute("DROP DATABASE shop; CREATE DATABASE shop");
        let folder = Folder::streaming(&server, "u")
            .replacing("[sink]", &format!("[filter]\n{rules}\n[sink]"));
        folder.succeeds(&ONCE);
        Self { server, folder }
    }

    /// Whether the server takes a statement.
    pub fn tries(&self, statement: &str) -> bool {
        self.server.connect().query_drop(statement).is_ok()
    }

    fn on(server: Server, rules: &str) -> Self {
        server.execute("CREATE DATABASE shop");
        server.execute(
            "CREATE TABLE shop.people (id INT PRIMARY KEY, mail VARCHAR(40), phone VARCHAR(20), n INT)",
        );
        let folder = Folder::streaming(&server, "u")
            .replacing("[sink]", &format!("[filter]\n{rules}\n[sink]"));
        let stream = Self { server, folder };
        stream.folder.succeeds(&ONCE);
        stream.run("INSERT INTO shop.people VALUES (1, 'a@secret', '555-secret', 1)");
        stream.folder.succeeds(&ONCE);
        stream
    }

    pub fn run(&self, statement: &str) {
        self.server.execute(statement);
    }

    /// The binlog file that the next statements go to.
    pub fn flush(&self) -> String {
        self.server.execute("FLUSH BINARY LOGS");
        let (file, _) = self.server.coordinates();
        self.server.binlog_path(&file).display().to_string()
    }

    pub fn rules(self, from: &str, to: &str) -> Self {
        let folder = self.folder.replacing(from, to);
        Self { folder, ..self }
    }

    /// The images after of a table's changes, without a secret in any.
    pub fn images(&self) -> Vec<Value> {
        let changes = self.folder.changes();
        let text = Value::from(changes.clone()).to_string();
        assert!(!text.contains("secret"), "{text}");
        changes.iter().map(|line| line["after"].clone()).collect()
    }

    pub fn once(&self) -> Ended {
        let ended = self.folder.succeeds(&ONCE);
        assert!(!ended.stderr.contains("secret"), "{}", ended.stderr);
        ended
    }
}

const MASK: &str = r"columns-mask = [{ columns = 'shop\.people\.(mail|phone)', with = '-' }]";

#[test]
fn a_column_renamed_away_from_its_rule_stops_the_stream_at_the_statement() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb118] {
        for missing in ["", "\ncolumns-missing = 'warn'"] {
            let stream = Stream::start(flavour, &format!("{MASK}{missing}"));
            stream.run("ALTER TABLE shop.people RENAME COLUMN mail TO address");
            stream.run("INSERT INTO shop.people VALUES (2, 'b@secret', NULL, 1)");
            let parts = [
                "shop.people.mail",
                "shop.people.address",
                "columns-mask",
                "have one match it",
            ];
            // It stops there again, for the statement is not passed.
            stream.folder.fails(78, &parts);
            stream.folder.fails(78, &parts);
            let stream = stream.rules("(mail|phone)", "(mail|address|phone)");
            stream.once();
            assert_eq!(
                stream.images(),
                [
                    json!({"id": 1, "mail": "-", "phone": "-", "n": 1}),
                    json!({"id": 2, "address": "-", "phone": null, "n": 1}),
                ]
            );
        }
    }
}

#[test]
fn a_column_renamed_to_where_a_weaker_rule_hides_it_stops_the_stream() {
    let rules = r"columns-missing = 'warn'
columns-hash = [{ columns = 'shop\.people\.mail', salt = 's' }]
columns-mask = [{ columns = 'shop\.people\.phone', with = '-' }]
columns-truncate = [{ columns = 'shop\.people\.address', length = 20 }]";
    let stream = Stream::start(Flavour::MySql97, rules);
    stream.run("ALTER TABLE shop.people RENAME COLUMN mail TO address");
    stream.run("INSERT INTO shop.people VALUES (2, 'b@secret', NULL, 1)");
    let parts = ["shop.people.address", "columns-hash", "hides as much"];
    stream.folder.fails(78, &parts);
    let stream = stream.rules(r"shop\.people\.mail", r"shop\.people\.(mail|address)");
    stream.once();
}

#[test]
fn a_default_that_is_computed_from_a_hidden_column_stops_the_stream() {
    for (flavour, statement) in [
        (
            Flavour::MySql97,
            "ALTER TABLE shop.people ADD COLUMN domain VARCHAR(40) DEFAULT (LOWER(mail))",
        ),
        (
            Flavour::MariaDb118,
            "ALTER TABLE shop.people ADD COLUMN domain VARCHAR(40) DEFAULT CONCAT(mail, '!')",
        ),
        (
            Flavour::MySql97,
            "ALTER TABLE shop.people ALTER COLUMN n SET DEFAULT (LENGTH(mail))",
        ),
    ] {
        let stream = Stream::start(flavour, MASK);
        stream.run("ALTER TABLE shop.people ADD COLUMN m INT DEFAULT 1, ADD COLUMN o CHAR(9) DEFAULT (CONCAT('mail', n))");
        stream.once();
        stream.run(statement);
        stream.run("INSERT INTO shop.people (id, mail) VALUES (2, 'b@secret')");
        let parts = [
            "of shop.people is computed from mail",
            "columns-computed = \"publish\"",
        ];
        stream.folder.fails(78, &parts);
        stream.images();
    }
}

#[test]
fn a_table_renamed_away_from_its_rules_stops_the_stream() {
    for statement in [
        "RENAME TABLE shop.people TO shop.persons",
        "ALTER TABLE shop.people RENAME TO shop.persons, CHANGE n m INT, CHANGE phone fone VARCHAR(20)",
    ] {
        let stream = Stream::start(Flavour::MySql97, MASK);
        stream.run(statement);
        stream.run("INSERT INTO shop.persons VALUES (2, 'b@secret', 'secret', 1)");
        let parts = ["shop.people.mail", "shop.persons.mail"];
        stream.folder.fails(78, &parts);
        let stream = stream.rules("people\\.(mail|phone)", "pe(ople|rsons)\\.(mail|[pf]h?one)");
        stream.once();
        let after = &stream.images()[1];
        assert_eq!(after["mail"], "-");
        assert!(after["phone"] == "-" || after["fone"] == "-", "{after}");
    }
}

#[test]
fn a_table_renamed_twice_through_a_name_that_is_not_published_stops_the_stream() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb118] {
        let rules = format!("{MASK}\ntables-exclude = 'shop\\._.*'");
        let stream = Stream::start(flavour, &rules);
        stream.run("RENAME TABLE shop.people TO shop._people_old");
        // What it was called is known in later runs.
        stream.once();
        stream.run("ALTER TABLE shop._people_old RENAME COLUMN mail TO post");
        stream.once();
        stream.run("RENAME TABLE shop._people_old TO shop.people_bak");
        stream.run("INSERT INTO shop.people_bak VALUES (2, 'b@secret', 'secret', 1)");
        let parts = [
            "shop.people.mail",
            "shop.people_bak.post",
            "have one match it",
        ];
        stream.folder.fails(78, &parts);
        let stream = stream.rules("people\\.(mail|phone)", "people(_bak)?\\.(mail|post|phone)");
        stream.once();
        let after = json!({"id": 2, "post": "-", "phone": "-", "n": 1});
        assert_eq!(stream.images()[1], after);
    }
}

#[test]
fn a_table_that_was_never_seen_is_judged_by_its_former_name_at_its_first_row() {
    let stream = Stream::start(Flavour::MySql97, MASK);
    stream.run("CREATE TABLE shop.more (id INT PRIMARY KEY, mail VARCHAR(40))");
    stream.once();
    let stream = stream.rules("people", "(people|more)");
    // What the server knew of it is gone with the state folder.
    let state = stream.folder.path("state");
    for entry in std::fs::read_dir(state).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && path.to_string_lossy().contains("definitions") {
            std::fs::remove_file(path).unwrap();
        }
    }
    stream.run("RENAME TABLE shop.more TO shop.other");
    stream.run("INSERT INTO shop.other VALUES (1, 'b@secret')");
    let parts = ["shop.more.mail", "shop.other.mail"];
    stream.folder.fails(78, &parts);
}

#[test]
fn what_columns_were_computed_from_is_known_before_it_was_dropped() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb118] {
        let stream = Stream::start(flavour, MASK);
        let open =
            r"columns-mask = [{ columns = 'shop\.(people|more)\.(mail|phone)', with = '-' }]";
        stream.run("CREATE TABLE shop.more (id INT PRIMARY KEY, mail VARCHAR(40), twice INT AS (id + id) STORED)");
        stream.run("ALTER TABLE shop.more ADD COLUMN domain VARCHAR(40) AS (LOWER(mail)) STORED");
        // The statements are behind it, and nobody asked for the definition.
        stream.once();
        let stream = stream.rules(MASK, open);
        stream.run("INSERT INTO shop.more (id, mail) VALUES (1, 'b@secret')");
        stream.run("ALTER TABLE shop.more DROP COLUMN domain");
        stream.run("INSERT INTO shop.more (id, mail) VALUES (2, 'c@secret')");
        stream
            .folder
            .fails(78, &["domain of shop.more is computed from mail"]);
        let stream = stream.rules("(mail|phone)", "(mail|phone|domain)");
        stream.once();
        let after = json!({"id": 2, "mail": "-", "twice": 4});
        assert_eq!(stream.images()[2], after);
    }
}

#[test]
fn a_default_that_was_there_before_stops_the_start() {
    for (flavour, default) in [
        (Flavour::MySql97, "(LOWER(mail))"),
        (Flavour::MariaDb118, "LOWER(mail)"),
    ] {
        let stream = Stream::start(flavour, MASK);
        stream.run(&format!("CREATE TABLE shop.more (id INT PRIMARY KEY, mail VARCHAR(40), low VARCHAR(40) DEFAULT {default})"));
        stream.once();
        let stream = stream.rules("people", "(people|more)");
        stream
            .folder
            .fails(78, &["low of shop.more is computed from mail"]);
    }
}

#[test]
fn a_rule_that_hides_nothing_is_warned_of_at_the_start() {
    let rule = r"columns-exclude = ['shop\.poeple\.mail', 'shop\.people\.(mail|phone)']";
    let stream = Stream::start(Flavour::MySql97, rule);
    let ended = stream.once();
    let warned = "matches no column of the source's tables";
    assert_eq!(ended.stderr.matches(warned).count(), 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("poeple"), "{}", ended.stderr);
}

#[test]
fn files_that_do_not_tell_what_is_computed_are_warned_of() {
    let server = Server::start(Flavour::MySql97, &[]);
    server.execute("CREATE DATABASE shop; CREATE TABLE shop.people (id INT, mail VARCHAR(40)); FLUSH BINARY LOGS");
    server.execute("INSERT INTO shop.people VALUES (1, 'secret'), (2, 'secret')");
    let (file, _) = server.coordinates();
    let path = server.binlog_path(&file).display().to_string();
    let folder = Folder::new("");
    let ended = folder.run(&["decode", "--columns-exclude", r"shop\.people\.mail", &path]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let warned = "what other columns of the table are computed from is not known";
    assert_eq!(ended.stderr.matches(warned).count(), 1, "{}", ended.stderr);
    assert!(!format!("{ended:?}").contains("secret"), "{ended:?}");
}

#[test]
fn a_table_renamed_away_from_a_rule_on_its_rows_is_warned_of() {
    let rules = "[[filter.rows]]\ntables = 'shop\\.people'\nwhere = 'n > 0'\n\
                 [[filter.rows]]\ntables = 'shop\\.pe.*'\nwhere = 'id > 0'";
    let stream = Stream::start(Flavour::MySql97, rules);
    stream.run("RENAME TABLE shop.people TO shop.persons");
    let ended = stream.once();
    let lost = "a rule of filter.rows does not match its name";
    assert_eq!(ended.stderr.matches(lost).count(), 1, "{}", ended.stderr);
    for part in ["shop.people", "shop.persons", "n > 0"] {
        assert!(ended.stderr.contains(part), "{}", ended.stderr);
    }
}

#[test]
fn a_rule_that_loses_its_column_stops_the_stream_or_is_warned_of() {
    let rule = r"columns-exclude = ['shop\..*\.mail', '.*\.phone']";
    for flavour in [Flavour::MySql97, Flavour::MariaDb1011] {
        let stream = Stream::start(flavour, rule);
        stream.run("ALTER TABLE shop.people DROP COLUMN mail");
        stream.run("INSERT INTO shop.people VALUES (2, '555', 1)");
        let parts = ["columns-exclude", "shop.people", "columns-missing"];
        stream.folder.fails(78, &parts);
        let stream = stream.rules(rule, &format!("{rule}\ncolumns-missing = 'warn'"));
        let ended = stream.once();
        let warnings = ended
            .stderr
            .matches("matches no column of the table,")
            .count();
        assert_eq!(warnings, 1, "{}", ended.stderr);
        let after = json!({"id": 2, "n": 1});
        assert_eq!(stream.images()[1], after);
    }
}

#[test]
fn a_rule_that_names_a_table_and_no_column_of_it_stops_the_stream() {
    let stream = Stream::start(
        Flavour::MySql97,
        r"columns-exclude = ['.*\.mail', '.*\.phone']",
    );
    let stream = stream.rules(r"'.*\.phone'", r"'shop\.people\.fone', '.*\.phone'");
    stream.run("INSERT INTO shop.people VALUES (2, 'secret', 'secret', 1)");
    stream.folder.fails(
        78,
        &[r"shop\.people\.fone", "matches no column of shop.people"],
    );
}

#[test]
fn messages_of_ddl_follow_the_rules() {
    let stream = Stream::start(
        Flavour::MySql97,
        "columns-exclude = '.*\\.phone'\ncolumns-hash = [{ columns = '.*\\.(id|mail)', salt = 's' }]\n\
         columns-truncate = [{ columns = '.*\\.note', length = 3 }]",
    );
    stream.run("ALTER TABLE shop.people ADD COLUMN note VARCHAR(40) CHARACTER SET latin1");
    stream.once();
    let ddl = stream.folder.ddl();
    let table = &ddl[0]["tableChanges"][0]["table"];
    let column = |column: &Value| {
        json!([
            column["name"],
            column["typeName"],
            column["length"],
            column["charsetName"],
            column["position"]
        ])
    };
    let columns: Vec<Value> = table["columns"]
        .as_array()
        .unwrap()
        .iter()
        .map(column)
        .collect();
    assert_eq!(
        columns,
        [
            json!(["id", "CHAR", 64, "utf8mb4", 1]),
            json!(["mail", "CHAR", 64, "utf8mb4", 2]),
            json!(["n", "INT", null, null, 3]),
            json!(["note", "VARCHAR", 3, "latin1", 4]),
        ]
    );
    assert_eq!(table["primaryKeyColumnNames"], json!(["id"]));
    stream.run("ALTER TABLE shop.people DROP PRIMARY KEY, ADD PRIMARY KEY (id, phone)");
    stream
        .folder
        .fails(78, &["leaves out phone", "part of the key of shop.people"]);
}

#[test]
fn columns_without_names_never_go_out_under_rules_that_may_mean_them() {
    let options = ["--binlog-row-metadata=MINIMAL"];
    let server = Server::start(Flavour::MySql97, &options);
    server.execute("CREATE DATABASE shop; CREATE TABLE shop.people (id INT, mail VARCHAR(40))");
    server.execute("FLUSH BINARY LOGS; CREATE TABLE shop.other (id INT)");
    let (file, _) = server.coordinates();
    server.execute("INSERT INTO shop.people VALUES (1, 'secret')");
    server.execute("FLUSH BINARY LOGS");
    let path = server.binlog_path(&file).display().to_string();
    let folder = Folder::new("");
    let exclude = |rule: &str| folder.run(&["decode", "--columns-exclude", rule, &path]);
    for rule in [r"shop\.people\.mail", r".*\.mail"] {
        let ended = exclude(rule);
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(
            ended
                .stderr
                .contains("names of the columns of shop.people are not known")
        );
        assert!(!format!("{ended:?}").contains("secret"), "{ended:?}");
    }
    let ended = exclude(r"shop\.orders\.mail");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[test]
fn rules_on_columns_are_arguments_of_decode_but_not_for_statements() {
    let server = Server::shared(Flavour::MySql97);
    let database = server.unique_database();
    let (file, _) = server.coordinates();
    let path = server.binlog_path(&file).display().to_string();
    let folder = Folder::new("");
    let rule = format!("{database}\\.t\\.c->each=*");
    for printed in [&["--format=sql"][..], &["--flashback"]] {
        let all = [&["decode", "--columns-mask", &rule][..], printed, &[&path]].concat();
        let ended = folder.run(&all);
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(
            ended.stderr.contains("leave out the rules on columns"),
            "{}",
            ended.stderr
        );
    }
    for rule in [["--columns-mask", &rule], ["--rows", r"a\.t WHERE id > 1"]] {
        let debezium = [
            "--format=debezium",
            "--debezium=include_query=true,schemas_enable=false",
        ];
        let all = [&["decode"][..], &rule, &debezium, &[&path]].concat();
        let ended = folder.run(&all);
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        let expected = format!("the rows and values that {} hides, leave out one", rule[0]);
        assert!(ended.stderr.contains(&expected), "{}", ended.stderr);
    }
    for (key, rule, part) in [
        ("--columns-mask", "a", "EXPRESSION->with=TEXT"),
        ("--columns-mask", "a->b=c", "EXPRESSION->with=TEXT"),
        ("--columns-mask", r"a\.b\.c->each=ab", "not one character"),
        ("--columns-mask", "a->each=*", "room for no dot"),
        (
            "--columns-mask",
            r"a\.b\.c->a->with",
            "EXPRESSION->with=TEXT",
        ),
        ("--columns-hash", "a->salt=x", "salt_file=FILE"),
        ("--columns-hash", "a->salt_file=none", "none cannot be read"),
        ("--columns-truncate", "a->b", "a number of characters"),
        ("--columns-exclude", "(", "unclosed group"),
        ("--columns-missing", "go", "expected stop or warn"),
        ("--columns-computed", "go", "expected stop or publish"),
    ] {
        let ended = folder.run(&["decode", key, rule, &path]);
        assert_eq!(ended.code, Some(2), "{key} {rule}: {}", ended.stderr);
        assert!(
            ended.stderr.contains(part),
            "{key} {rule}: {}",
            ended.stderr
        );
    }
}

#[test]
fn mistakes_in_rules_are_told_with_their_lines() {
    let text = "state_dir = '{dir}/state'\n[source]\nhost = '127.0.0.1'\nport = 1\nuser = 'u'\n\
                [filter]\ncolumns-include = 'a('\ncolumns-mask = [\n  { columns = 'a\\.b\\.c' },\n  { columns = 'd\\.e\\.f(', width = 3 },\n]\n\
                columns-hash = [\n  { columns = 'e\\.e\\.e' },\n  { columns = 'f\\.f(', salt_file = '{dir}/none' },\n  { columns = 'g\\.g\\.g', salt = '' },\n  { columns = 'h', salt = '${NO_SALT}' },\n]\n\
                columns-truncate = [{ columns = 'i\\.i\\.i', length = -1 }]\ncolumns-missing = 'go'\n\
                [sink]\ntype = 'blackhole'\n";
    let folder = Folder::new(text);
    let ended = folder.run(&ONCE);
    assert_eq!(ended.code, Some(78), "{}", ended.stderr);
    for (line, part) in [
        (7, "unclosed group"),
        (9, "give with ="),
        (10, "no such key 'width'"),
        (10, "unclosed group"),
        (10, "expected a string, found a number"),
        (13, "no salt"),
        (14, "none cannot be read"),
        (14, "unclosed group"),
        (15, "empty salt"),
        (16, "variable NO_SALT is not set, set it in the environment"),
        (16, "room for no dot"),
        (18, "length"),
        (19, "columns-missing"),
    ] {
        let place = format!("shop.toml:{line}:");
        let mut lines = ended.stderr.lines();
        let told = lines.find(|told| told.contains(&place) && told.contains(part));
        assert!(told.is_some(), "{place} {part}: {}", ended.stderr);
    }
    for (place, count) in [
        ("shop.toml:9:", 1),
        ("shop.toml:10:", 3),
        ("shop.toml:14:", 2),
        ("shop.toml:16:", 2),
        ("shop.toml:18:", 1),
    ] {
        let told = ended.stderr.matches(place).count();
        assert_eq!(told, count, "{place}: {}", ended.stderr);
    }
}

#[test]
fn a_column_that_is_computed_from_a_hidden_one_stops_the_stream_where_it_is_defined() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb118] {
        let stream = Stream::start(flavour, MASK);
        stream.run("ALTER TABLE shop.people ADD COLUMN domain VARCHAR(40) AS (LOWER(mail)) STORED");
        stream.run("INSERT INTO shop.people (id, mail, n) VALUES (2, 'b@secret', 1)");
        let parts = [
            "domain of shop.people is computed from mail",
            r"hide domain too, as this one does if it is written 'shop\.people\.(mail|phone)|shop\.people\.domain', or set",
        ];
        stream.folder.fails(78, &parts);
        let stream = stream.rules("(mail|phone)", "(mail|phone|domain)");
        stream.once();
        let after = json!({"id": 2, "mail": "-", "phone": null, "n": 1, "domain": "-"});
        assert_eq!(stream.images()[1], after);
        // What no statement of the stream says is asked for at a start.
        stream.run("CREATE TABLE shop.more (id INT PRIMARY KEY, mail VARCHAR(40), upper VARCHAR(40) AS (UPPER(`mail`)) VIRTUAL)");
        stream.once();
        let stream = stream.rules("people", "(people|more)");
        stream
            .folder
            .fails(78, &["upper of shop.more is computed from mail"]);
        let stream = stream.rules("\n[sink]", "\ncolumns-computed = 'publish'\n[sink]");
        stream.run("INSERT INTO shop.more (id, mail) VALUES (1, 'open')");
        stream.once();
        assert_eq!(
            stream.images()[2],
            json!({"id": 1, "mail": "-", "upper": "OPEN"})
        );
    }
}

#[test]
fn a_table_that_comes_under_rules_with_the_columns_of_another_shows_nothing_that_is_computed() {
    let people = "CREATE TABLE shop.people (id INT PRIMARY KEY, mail VARCHAR(40)";
    let domain = "domain VARCHAR(40) AS (LOWER(mail)) STORED";
    let computed = "domain of shop.copy is computed from mail";
    let harmless = "CREATE TABLE shop.people (id INT PRIMARY KEY, mail VARCHAR(40), twice INT AS (id + id) STORED)";
    let open = format!("{people})");
    let showing = format!("{people}, {domain})");
    let like = "CREATE TABLE shop.copy LIKE shop.people".to_owned();
    let ghost = format!(
        "CREATE TABLE shop.ghost LIKE shop.people; ALTER TABLE shop.ghost ADD COLUMN {domain}; \
         RENAME TABLE shop.ghost TO shop.copy"
    );
    let unknown = format!("{open}; FLUSH BINARY LOGS; {like}");
    for flavour in [Flavour::MySql97, Flavour::MariaDb118] {
        let server = Server::start(flavour, &[]);
        for (statements, stopped) in [
            (format!("{showing}; {like}"), Some(computed)),
            (format!("{open}; {ghost}"), Some(computed)),
            (
                unknown.clone(),
                Some("which columns of shop.copy are computed, maybe from mail"),
            ),
            (format!("{open}; {like}"), None),
            (format!("{harmless}; {like}"), None),
        ] {
            server.execute("DROP DATABASE IF EXISTS shop; CREATE DATABASE shop; FLUSH BINARY LOGS");
            server.execute(&statements);
            server.execute("INSERT INTO shop.copy (id, mail) VALUES (1, 'a@secret')");
            let (file, _) = server.coordinates();
            let path = server.binlog_path(&file).display().to_string();
            let folder = Folder::new("");
            let rule = ["decode", "--columns-exclude", r"shop\.copy\.mail"];
            let ended = folder.run(&[&rule[..], &[&path]].concat());
            assert!(!ended.stdout.contains("secret"), "{statements}: {ended:?}");
            let code = if stopped.is_some() { 2 } else { 0 };
            assert_eq!(ended.code, Some(code), "{statements}: {ended:?}");
            let told = stopped.unwrap_or_default();
            assert!(ended.stderr.contains(told), "{statements}: {ended:?}");
            let publish = ["--columns-computed", "publish"];
            let ended = folder.run(&[&rule[..], &publish, &[&path]].concat());
            assert_eq!(ended.code, Some(0), "{statements}: {ended:?}");
        }
    }
}

#[test]
fn images_that_are_not_whole_are_hidden_as_far_as_they_go() {
    let rules = r"columns-exclude = '.*\.phone'
columns-mask = [{ columns = '.*\.mail', each = '*' }]
columns-hash = [{ columns = '.*\.(id|n)', salt = 'salt' }]";
    for flavour in [Flavour::MySql97, Flavour::MariaDb1011] {
        let stream = Stream::start(flavour, rules);
        let server = &stream.server;
        let hash = |text: &str| {
            let hash = server.query_one(&format!("SELECT SHA2('salt{text}', 256)"));
            Value::from(hash.unwrap())
        };
        server.execute(
            "SET SESSION binlog_row_image = MINIMAL; UPDATE shop.people SET mail = 'secret2' WHERE id = 1;
             UPDATE shop.people SET phone = 'secret3' WHERE id = 1; UPDATE shop.people SET id = 7, n = NULL WHERE id = 1;
             INSERT INTO shop.people (id, phone) VALUES (8, 'secret4'); DELETE FROM shop.people WHERE id = 7",
        );
        stream.once();
        let changes = stream.folder.changes();
        let found: Vec<Value> = changes
            .iter()
            .skip(1)
            .map(|line| json!([line["op"], line["before"], line["after"]]))
            .collect();
        assert!(
            !Value::from(found.clone()).to_string().contains("secret"),
            "{found:?}"
        );
        let (one, seven) = (json!({"id": hash("1")}), json!({"id": hash("7")}));
        let inserted = match flavour {
            // It logs the columns that a statement leaves out too.
            Flavour::MariaDb1011 => found[3][2].clone(),
            _mysql => json!({"id": hash("8")}),
        };
        assert_eq!(found[3][2]["id"], hash("8"), "{found:?}");
        assert_eq!(
            found,
            [
                json!(["u", one, {"mail": "*******"}]),
                json!(["u", one, {}]),
                json!(["u", one, {"id": hash("7"), "n": null}]),
                json!(["c", null, inserted]),
                json!(["d", seven, null]),
            ],
            "{flavour:?}"
        );
    }
}

#[test]
fn what_is_computed_from_a_truncated_column_is_not_hidden_by_being_truncated() {
    for flavour in [Flavour::MySql97, Flavour::MariaDb118] {
        let rules = "columns-truncate = [{ columns = 'shop\\.people\\.mail', length = 2 }, { columns = 'shop\\.people\\.(phone|g)', \
                     length = 20 }]";
        let mut stream = Stream::start(flavour, rules);
        for column in [
            "g VARCHAR(40) AS (mail) STORED",
            "g VARCHAR(40) DEFAULT (reverse(mail))",
        ] {
            stream = stream.again(rules);
            stream.run(&format!("ALTER TABLE shop.people ADD {column}"));
            stream.run("INSERT INTO shop.people (id, mail) VALUES (2, 'b@secret')");
            stream
                .folder
                .fails(78, &["g of shop.people is computed from mail"]);
        }
    }
}
