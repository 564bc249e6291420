//! The tests' own ground: servers start, answer, come back with their data, and never outlive their owner.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{Certificates, Flavour, Server, wait_until};

#[cfg(feature = "kafka")]
mod kafka;

/// Whether a process runs whose arguments name this folder, as every private server's do.
fn is_anyone_in(folder: &Path) -> bool {
    let folder = folder.display().to_string();
    std::fs::read_dir("/proc").unwrap().any(|entry| {
        let arguments = std::fs::read(entry.unwrap().path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&arguments).contains(&folder)
    })
}

#[test]
fn a_shared_server_answers_and_gives_every_test_a_database() {
    for flavour in Flavour::EVERY {
        let server = Server::shared(flavour);
        let (first, second) = (server.unique_database(), server.unique_database());
        assert_ne!(first, second);
        server.execute(&format!("CREATE TABLE {first}.t (a INT, b TEXT); INSERT INTO {first}.t VALUES (1, 'é'), (2, NULL)"));
        let rows = server.query_text(&format!("SELECT a, b FROM {first}.t ORDER BY a"));
        assert_eq!(
            rows,
            [
                [Some("1".to_owned()), Some("é".to_owned())],
                [Some("2".to_owned()), None]
            ]
        );
        assert_eq!(
            server.client(
                &["--skip-column-names"],
                &format!("SELECT a FROM {first}.t")
            ),
            "1\n2\n"
        );
        let version = server.query_one("SELECT VERSION()").unwrap();
        assert!(
            version.starts_with(flavour.name().split_once('-').unwrap().1),
            "{flavour:?} is {version}"
        );
    }
}

#[test]
fn a_server_writes_rows_with_full_metadata_and_gtids() {
    for flavour in Flavour::EVERY {
        let server = Server::shared(flavour);
        let settings = "SELECT CONCAT_WS(' ', @@binlog_format, @@server_id)";
        assert_eq!(server.query_one(settings).unwrap(), "ROW 1");
        let metadata = server.query_text("SHOW VARIABLES LIKE 'binlog_row_metadata'");
        if flavour == Flavour::MySql57 {
            assert_eq!(metadata.len(), 0, "it knows no such variable");
        } else {
            assert_eq!(metadata[0][1].as_deref(), Some("FULL"));
        }
        let database = server.unique_database();
        server.execute(&format!(
            "CREATE TABLE {database}.spoons (a INT); INSERT INTO {database}.spoons VALUES (7)"
        ));
        assert_ne!(server.gtid_set(), "");

        let (file, position) = server.coordinates();
        let path = server.binlog_path(&file);
        assert!(path.metadata().unwrap().len() >= position);
        let decoded = server.mysqlbinlog(&["--verbose".as_ref(), path.as_os_str()]);
        assert!(decoded.contains(&format!("### INSERT INTO `{database}`.`spoons`")));
    }
}

#[test]
fn a_server_and_its_folder_are_gone_after_its_handle() {
    for flavour in Flavour::ALL {
        let server = Server::start(flavour, &[]);
        let folder = server.datadir().parent().unwrap().to_owned();
        assert!(is_anyone_in(&folder));
        drop(server);
        assert!(!is_anyone_in(&folder));
        assert!(!folder.exists());
    }
}

#[test]
fn a_server_comes_back_with_its_data_after_a_restart_and_after_sigkill() {
    for flavour in Flavour::EVERY {
        let server = Server::start(flavour, &[]);
        let port = server.port();
        server.execute(
            "CREATE DATABASE shop; CREATE TABLE shop.t (a INT); INSERT INTO shop.t VALUES (1)",
        );
        let mut held = server.connect();
        server.restart();
        assert!(
            mysql::prelude::Queryable::query_drop(&mut held, "SELECT 1").is_err(),
            "a restart cuts connections"
        );
        server.execute("INSERT INTO shop.t VALUES (2)");
        server.kill();
        assert!(server.connect_as("root", "").is_err());
        server.start_again();
        assert_eq!(server.query_one("SELECT SUM(a) FROM shop.t").unwrap(), "3");
        assert_eq!(server.port(), port);
    }
}

#[test]
fn an_option_wins_over_the_default() {
    for flavour in Flavour::ALL {
        let server = Server::start(
            flavour,
            &["--server-id=77", "--binlog-row-metadata=MINIMAL"],
        );
        assert_eq!(server.query_one("SELECT @@server_id").unwrap(), "77");
        assert_eq!(
            server.query_one("SELECT @@binlog_row_metadata").unwrap(),
            "MINIMAL"
        );
    }
}

#[test]
fn two_servers_of_a_version_have_identities_of_their_own() {
    let [first, second] = [(); 2].map(|()| Server::start(Flavour::MySql97, &[]));
    let uuid = "SELECT @@server_uuid";
    assert_ne!(first.query_one(uuid), second.query_one(uuid));
    assert_ne!(first.port(), second.port());
}

#[test]
#[should_panic(expected = "did not start")]
fn a_server_that_refuses_its_options_fails_the_test_with_its_log() {
    Server::start(Flavour::MySql97, &["--no-such-option=1"]);
}

#[test]
fn a_server_shows_the_certificate_that_the_test_made() {
    let certificates = Certificates::for_hosts("DNS:db.example");
    for flavour in Flavour::ALL {
        let server = Server::start_with_certificates(flavour, &certificates, &[]);
        server.execute(
            "CREATE USER 'tls'@'%' IDENTIFIED BY 'x' REQUIRE SUBJECT '/CN=rowtap test client'",
        );
        let options = [
            "--user=tls".to_owned(),
            "--password=x".to_owned(),
            format!("--ssl-ca={}", certificates.ca().display()),
            format!("--ssl-cert={}", certificates.client().display()),
            format!("--ssl-key={}", certificates.client_key().display()),
            "--protocol=tcp".to_owned(),
            "--host=127.0.0.1".to_owned(),
            format!("--port={}", server.port()),
            "--skip-column-names".to_owned(),
        ];
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        assert_eq!(server.client(&options, "SELECT USER()"), "tls@localhost\n");
        let plain = server.connect_as("tls", "x").unwrap_err().to_string();
        assert!(
            plain.contains("1045") || plain.contains("denied"),
            "{plain}"
        );
    }
}

#[test]
fn mysql_makes_a_certificate_and_a_key_of_its_own() {
    let server = Server::shared(Flavour::MySql97);
    for path in [server.own_ca(), server.public_key()] {
        assert!(
            std::fs::read_to_string(&path)
                .unwrap()
                .starts_with("-----BEGIN "),
            "{}",
            path.display()
        );
    }
}

#[test]
fn a_server_and_its_folder_are_gone_after_its_owner_was_killed() {
    let folder = tempfile::tempdir().unwrap();
    let server = folder.path().join("server");
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/lib");
    let start = r#"source "$0/cache.sh" && source "$0/private.sh" && start_private mariadb-10.11 "$1" && echo up && read"#;
    let mut owner = Command::new("bash")
        .args(["-c", start])
        .args([&scripts, &server])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(owner.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "up\n");
    assert!(is_anyone_in(&server));

    owner.kill().unwrap();
    owner.wait().unwrap();
    wait_until("the server has ended", Duration::from_secs(30), || {
        !is_anyone_in(&server)
    });
    assert!(!server.exists());
}
