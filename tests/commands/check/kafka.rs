//! What is wrong at a Kafka cluster: topics, their settings and rights. Commands are run as they are printed, by the programs
//! of Kafka itself.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use super::super::process::{Folder, account, source};
use super::{Problem, Report, checked, fatal, warning};
use crate::support::{Flavour, Kafka, Server, cache};

const STAGED: [Problem; 8] = [
    fatal(
        "cleanup_policy",
        "the topic of DDL statements takes records with keys only",
    ),
    fatal(
        "cleanup_policy",
        "the topic of a table without a primary key",
    ),
    warning("cleanup_policy", "compaction never forgets a row"),
    warning(
        "max_message_bytes",
        "k.documents takes 1048588 bytes of up to",
    ),
    warning("max_message_bytes", "k.notes takes 1048588 bytes of up to"),
    fatal(
        "replicas",
        "min.insync.replicas is 2 and the topic has 1 replicas",
    ),
    warning(
        "partitions",
        "the topic has 3 partitions and the connector's partitions are 1",
    ),
    fatal("topics", "cannot create topic"),
];

/// A folder with Kafka's programs under the names that messages use.
fn programs(folder: &Folder) {
    for (name, class) in [
        ("kafka-configs.sh", "kafka.admin.ConfigCommand"),
        ("kafka-acls.sh", "org.apache.kafka.tools.AclCommand"),
    ] {
        let kafka = cache().join("kafka-4.3/bin/kafka");
        let path = folder.path(name);
        fs::write(
            &path,
            format!("#!/bin/sh\nexec {} {class} \"$@\"\n", kafka.display()),
        )
        .unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// Runs the commands that the findings about problems print.
#[track_caller]
fn run_commands(report: &Report, folder: &Folder, problems: &[Problem]) {
    for command in report.fixes(problems, "command") {
        let path = std::env::var("PATH").unwrap();
        let output = Command::new("sh")
            .args(["-c", &command])
            .current_dir(folder.path(""))
            .env("PATH", format!("{}:{path}", folder.path("").display()))
            .env(
                "KAFKA_JVM_OPTIONS",
                "-Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto",
            )
            .output()
            .unwrap();
        assert!(output.status.success(), "{command}: {output:?}");
    }
}

fn connector(server: &Server, keys: &str) -> Folder {
    account(server, "tap");
    let text = source(server.port(), "tap");
    let (text, _) = text.split_once("[sink]").unwrap();
    let folder = Folder::new(&format!("{text}[sink]\ntype = 'kafka'\n{keys}"));
    programs(&folder);
    folder
}

#[test]
fn topics_that_do_not_fit_are_told_at_once_and_their_fixes_help() {
    let server = Server::start(Flavour::MySql97, &[]);
    server.execute(
        "CREATE DATABASE k; CREATE TABLE k.documents (id INT PRIMARY KEY, d LONGTEXT); CREATE TABLE k.notes (id INT PRIMARY KEY, \
         d JSON); CREATE TABLE k.keyless (a INT); CREATE TABLE k.kept (id INT PRIMARY KEY); CREATE TABLE k.safe (id INT PRIMARY \
         KEY); CREATE TABLE k.wide (id INT PRIMARY KEY)",
    );
    let kafka = Kafka::shared();
    let compact = [("cleanup.policy", "compact")];
    kafka.create_topic_with("checked", 1, &compact);
    kafka.create_topic_with("checked.k.keyless", 1, &compact);
    kafka.create_topic_with("checked.k.kept", 1, &compact);
    kafka.create_topic_with("checked.k.documents", 1, &[]);
    kafka.create_topic_with("checked.k.safe", 1, &[("min.insync.replicas", "2")]);
    kafka.create_topic_with("checked.k.wide", 3, &[]);
    let keys = format!(
        "bootstrap_servers = '{}'\nprefix = 'checked'\ntombstones = false\nreplication_factor = 3\n",
        kafka.bootstrap()
    );
    let folder = connector(&server, &keys);
    // Others make topics beside these.
    let own_topics = || {
        let mut topics = kafka.topics();
        topics.retain(|(name, _)| name == "checked" || name.starts_with("checked."));
        topics
    };
    let topics = own_topics();

    let report = checked(&folder, &["shop.toml"]);
    assert_eq!(report.code, Some(69));
    STAGED.iter().for_each(|problem| drop(report.of(problem)));
    report.of(&Problem {
        severity: "not_checked",
        check: "write_rights",
        says: "Kafka tells that to administrators only",
    });
    assert_eq!(own_topics(), topics);
    run_commands(&report, &folder, &STAGED[..6]);
    for problem in &STAGED[2..] {
        report.set_keys(&folder, problem);
    }

    let report = checked(&folder, &["shop.toml"]);
    report.is_ready();
    for problem in STAGED
        .iter()
        .filter(|problem| problem.check != "partitions")
    {
        report.lacks(problem);
    }
    assert_eq!(own_topics(), topics);
}

#[test]
fn a_topic_that_takes_no_full_batch_is_told_and_the_fix_helps() {
    let server = Server::start(Flavour::MySql97, &[]);
    server.execute("CREATE DATABASE k; CREATE TABLE k.small (id INT PRIMARY KEY)");
    let kafka = Kafka::shared();
    kafka.create_topic_with("batched.k.small", 1, &[("max.message.bytes", "20000")]);
    let keys = format!(
        "bootstrap_servers = '{}'\nprefix = 'batched'\n",
        kafka.bootstrap()
    );
    let folder = connector(&server, &keys);
    let problem = warning("batch_size", "batched.k.small takes 20000 bytes");

    let report = checked(&folder, &["shop.toml"]);
    let fixes = report.fixes(std::slice::from_ref(&problem), "advice");
    let [fix] = &*fixes else {
        panic!("{fixes:?}");
    };
    let setting = fix
        .strip_prefix("set ")
        .and_then(|fix| fix.strip_suffix(" in [sink.properties]"))
        .unwrap();
    let path = folder.path("shop.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}\n[sink.properties]\n{setting}\n")).unwrap();
    let report = checked(&folder, &["shop.toml"]);
    report.is_ready();
    report.lacks(&problem);
}

#[test]
fn a_topic_of_ddl_with_partitions_and_tables_with_one_topic_are_told() {
    let server = Server::start(Flavour::MySql97, &[]);
    server.execute(
        "CREATE DATABASE k; CREATE TABLE k.`a$b` (id INT PRIMARY KEY); CREATE TABLE k.`a_b` (id INT PRIMARY KEY)",
    );
    let kafka = Kafka::shared();
    kafka.create_topic_with("ordered", 2, &[]);
    let keys = format!(
        "bootstrap_servers = '{}'\nprefix = 'ordered'\n",
        kafka.bootstrap()
    );
    let folder = connector(&server, &keys);
    let partitions = warning("partitions", "a reader gets statements out of order");
    let collision = fatal("topics", "both go to topic ordered.k.a_b");

    let report = checked(&folder, &["shop.toml"]);
    assert_eq!(report.code, Some(78));
    report.of(&collision);
    report.set_keys(&folder, &partitions);
    server.execute("DROP TABLE k.a_b");
    let report = checked(&folder, &["shop.toml"]);
    report.is_ready();
    report.lacks(&partitions);
    report.lacks(&collision);
}

#[test]
fn routes_that_do_not_fit_the_tables_or_the_cluster_are_told() {
    let server = Server::start(Flavour::MySql97, &[]);
    let tables = ["x_y", "`x.y`", "lacking", "grouped"];
    let create_tables = tables.map(|table| format!("CREATE TABLE k.{table} (id INT PRIMARY KEY)"));
    server.execute(&format!("CREATE DATABASE k; {}", create_tables.join(";")));
    let kafka = Kafka::shared();
    kafka.create_topic_with("fitting.k.grouped", 1, &[("cleanup.policy", "compact")]);
    let keys = format!(
        "bootstrap_servers = '{}'\nprefix = 'fitting'\n[[sink.routes]]\ntables = 'k\\.lacking'\nkey_columns = ['tenant']\n\
         [[sink.routes]]\ntables = 'k\\.grouped'\npartition_by = 'group'\n\
         [[sink.routes]]\ntables = 'k\\.grouped'\n[[sink.routes]]\ntables = 'k\\.masked'\nkey_columns = ['a']\n\
         [[sink.routes]]\ntables = 'k\\.excluded'\npartition_columns = ['A']\n\
         [filter]\ncolumns-mask = [{{ columns = 'k\\.masked\\.a', with = 'x' }}]\ncolumns-exclude = 'k\\.excluded\\.a'\n",
        kafka.bootstrap()
    );
    server.execute(
        "CREATE TABLE k.masked (id INT PRIMARY KEY, a INT); CREATE TABLE k.excluded (id INT PRIMARY KEY, a INT)",
    );
    let folder = connector(&server, &keys);
    let report = checked(&folder, &["shop.toml"]);
    assert_eq!(report.code, Some(78));
    for (check, says) in [
        (
            "topics",
            "since . and _ are the same in the names of Kafka's metrics",
        ),
        (
            "topics",
            "key_columns names column tenant, which the table does not have",
        ),
        (
            "topics",
            "key_columns names column a, which the rules on columns replace, so that two keys could become one",
        ),
        (
            "topics",
            "partition_columns names column A, which the rules on columns leave out",
        ),
        (
            "cleanup_policy",
            "with partition_by = \"group\" a key's records are in several partitions",
        ),
    ] {
        report.of(&fatal(check, says));
    }
    report.of(&Problem {
        severity: "warning",
        check: "routes",
        says: "route 3 ([[sink.routes]] with tables = \"k\\.grouped\") decides for no table that is there",
    });
}

#[test]
fn a_cluster_that_is_down_is_told_with_what_is_wrong_at_the_source() {
    let server = Server::start(Flavour::MySql97, &[]);
    let folder = connector(&server, "bootstrap_servers = '127.0.0.1:1'\n");
    let report = checked(&folder, &["shop.toml"]);
    assert_eq!(report.code, Some(75));
    report.of(&fatal("kafka", "no answer from Kafka at 127.0.0.1:1"));
    server.execute("ALTER USER tap IDENTIFIED BY 'another'");
    let report = checked(&folder, &["shop.toml"]);
    assert_eq!(report.code, Some(69));
    report.of(&fatal("kafka", "no answer from Kafka at 127.0.0.1:1"));
    report.of(&fatal("connection", "Access denied"));
}

#[test]
fn rights_that_are_missing_are_told_and_granting_them_as_told_helps() {
    let server = Server::start(Flavour::MySql97, &[]);
    server.execute("CREATE DATABASE k; CREATE TABLE k.t (id INT PRIMARY KEY)");
    let kafka = Kafka::start_with_accounts();
    let keys = format!(
        "bootstrap_servers = '{}'\nsasl_password = 'wrong'\nproperties = {{ 'security.protocol' = 'SASL_PLAINTEXT', \
         'sasl.mechanism' = 'PLAIN', 'sasl.username' = 'alice' }}\n",
        kafka.bootstrap()
    );
    let folder = connector(&server, &keys);
    fs::write(
        folder.path("admin.properties"),
        "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config=org.apache.kafka.common.security.plain.\
         PlainLoginModule required username=\"admin\" password=\"admin-secret\";\n",
    )
    .unwrap();
    let report = checked(&folder, &["shop.toml"]);
    assert_eq!(report.code, Some(69));
    report.of(&fatal("kafka", "refuses the connection"));

    let folder = folder.replacing("'wrong'", "'alice-secret'");
    let rights = [
        fatal("topics", "cannot create topic"),
        Problem {
            severity: "not_checked",
            check: "topic_settings",
            says: "settings of topics and brokers",
        },
    ];
    let report = checked(&folder, &["shop.toml"]);
    assert_eq!(report.code, Some(69));
    run_commands(&report, &folder, &rights);
    let report = checked(&folder, &["shop.toml"]);
    report.is_ready();
    rights.iter().for_each(|problem| report.lacks(problem));
    // What was granted is all that a run needs.
    folder.succeeds(&["run", "--once", "--http", "off", "shop.toml"]);
}
