//! What a source must be before it is read: each thing that is wrong is one message with its fix, and one exit code.

use rowtap::mysql::{Connection, DumpFlags, Flavour as Family, command};
use rowtap::source::{Budget, EventSource, Live, SourceError};

use super::{WAIT_MAX, chain, options, options_with, resolve, run, server};
use crate::support::{Flavour, Line, Server, wait_until};

async fn streamed(server: &Server) -> Result<Live, SourceError> {
    let resolved = resolve(&options(server, r#""latest""#)).await?;
    resolved.stream(&Budget::new(1 << 20)).await
}

/// The statement that lists the source's replicas.
fn listing(flavour: Flavour) -> &'static str {
    match flavour {
        Flavour::MySql97 => "SHOW REPLICAS",
        Flavour::MySql80 | Flavour::MySql57 | Flavour::MariaDb118 | Flavour::MariaDb1011 => {
            "SHOW SLAVE HOSTS"
        }
    }
}

fn refused<T: std::fmt::Debug>(result: Result<T, SourceError>, code: u8, parts: &[&str]) {
    let error = result.expect_err("the source is refused");
    let text = chain(&error);
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
    assert_eq!(error.class().exit_code(), code, "{text}");
}

#[test]
fn a_binlog_that_is_off_is_named() {
    let mysql = server(Flavour::MySql97, &["--skip-log-bin"]);
    run(async {
        refused(
            resolve(&options(&mysql, r#""latest""#)).await,
            69,
            &["the binary log is off, start"],
        )
    });
    let mariadb = server(Flavour::MariaDb1011, &["--skip-log-bin"]);
    run(async {
        refused(
            resolve(&options(&mariadb, r#""latest""#)).await,
            69,
            &["the binary log is off, start"],
        )
    });
}

#[test]
fn a_format_other_than_row_is_named() {
    for flavour in Flavour::EVERY {
        let server = server(flavour, &[]);
        for format in ["STATEMENT", "MIXED"] {
            server.execute(&format!("SET GLOBAL binlog_format = {format}"));
            let expected = format!("binlog_format is {format}, set it to ROW on the source");
            run(async {
                refused(
                    resolve(&options(&server, r#""latest""#)).await,
                    69,
                    &[&expected],
                )
            });
        }
        server.execute("SET GLOBAL binlog_format = ROW");
        run(async { resolve(&options(&server, r#""latest""#)).await.unwrap() });
    }
}

#[test]
fn everything_that_is_wrong_is_named_at_once() {
    for flavour in Flavour::EVERY {
        let mut settings = vec!["--skip-log-bin", "--server-id=4711"];
        let mut parts = vec![
            "the binary log is off, start the source with log_bin",
            "binlog_format is STATEMENT, set it to ROW on the source: SET GLOBAL binlog_format = ROW",
            "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO 'replica'@'%'",
            "server_id 4711 is the source's own, choose another",
        ];
        let mut start = r#""latest""#;
        if flavour.family() == Family::MySql {
            settings.extend(["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"]);
            parts.push("a start by gtid_set needs gtid_mode ON, found OFF");
            start = r#"{"gtid_set":""}"#;
        }
        let server = Server::start(flavour, &settings);
        server.execute("SET GLOBAL binlog_format = STATEMENT");
        server.execute("CREATE USER replica IDENTIFIED BY 'secret'");
        let reasons = format!(
            "the source cannot be read for {} reasons: (1) ",
            parts.len()
        );
        parts.push(&reasons);
        run(async { refused(resolve(&options(&server, start)).await, 69, &parts) });
    }
}

#[test]
fn missing_grants_are_named_and_granting_them_as_told_helps() {
    for flavour in Flavour::EVERY {
        let server = Server::start(flavour, &[]);
        server.execute("CREATE USER replica IDENTIFIED BY 'secret'");
        for granted in ["", "REPLICATION SLAVE", "REPLICATION CLIENT"] {
            server.execute("REVOKE ALL PRIVILEGES, GRANT OPTION FROM replica");
            if flavour.family() == Family::MariaDb {
                server.execute("GRANT REPLICATION MASTER ADMIN ON *.* TO replica");
            }
            let missing = match granted {
                "" => "REPLICATION SLAVE, REPLICATION CLIENT",
                "REPLICATION SLAVE" => "REPLICATION CLIENT",
                _ => "REPLICATION SLAVE",
            };
            if !granted.is_empty() {
                server.execute(&format!("GRANT {granted} ON *.* TO replica"));
            }
            let fix = format!("GRANT {missing} ON *.* TO 'replica'@'%'");
            run(async { refused(streamed(&server).await, 69, &[&fix]) });
            server.execute(&fix);
            run(async { streamed(&server).await.unwrap() });
        }
    }
}

#[test]
fn the_sources_own_server_id_is_refused() {
    for flavour in Flavour::EVERY {
        let server = server(flavour, &["--server-id=4711"]);
        run(async {
            refused(
                resolve(&options(&server, r#""latest""#)).await,
                69,
                &["server_id 4711", "choose another"],
            )
        });
    }
}

#[test]
fn another_replica_with_the_same_server_id_is_left_alone() {
    for flavour in Flavour::EVERY {
        let server = server(flavour, &[]);
        run(async {
            let options = options(&server, r#""latest""#);
            let budget = Budget::new(1 << 20);
            let other = super::resolve_as(&options, 2, None).await.unwrap();
            let mut other = other.stream(&budget).await.unwrap();
            other.next().await.unwrap().unwrap();
            refused(
                resolve(&options).await,
                69,
                &[
                    "server_id 4711 belongs to another replica",
                    "choose another",
                ],
            );
            // The other one still receives what is written now.
            server.execute("CREATE DATABASE still_there");
            super::receive_until(&mut other, |event| super::contains(event, "still_there")).await;
        });
    }
}

#[test]
fn an_own_connection_that_was_left_behind_is_replaced() {
    for flavour in Flavour::EVERY {
        let server = server(flavour, &[]);
        run(async {
            let options = options(&server, r#""latest""#);
            let budget = Budget::new(1 << 20);
            let mut old = resolve(&options)
                .await
                .unwrap()
                .stream(&budget)
                .await
                .unwrap();
            old.next().await.unwrap().unwrap();
            let mut new = resolve(&options)
                .await
                .unwrap()
                .stream(&budget)
                .await
                .unwrap();
            server.execute("CREATE DATABASE for_the_new_one");
            super::receive_until(&mut new, |event| super::contains(event, "for_the_new_one")).await;
            let error = loop {
                match old.next().await {
                    Ok(chunk) => assert!(chunk.is_some()),
                    Err(error) => break error,
                }
            };
            assert!(matches!(error, SourceError::Displaced { .. }), "{error:?}");
            assert_eq!(error.class().exit_code(), 69);
        });
    }
}

#[test]
fn mariadb_shows_its_replicas_only_to_some_and_a_chosen_id_needs_that() {
    let server = Server::start(Flavour::MariaDb1011, &[]);
    server.execute("CREATE USER replica IDENTIFIED BY 'secret'");
    server.execute("GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO replica");
    run(async {
        let fix = "GRANT REPLICATION MASTER ADMIN ON *.* TO 'replica'@'%'";
        refused(
            resolve(&options(&server, r#""latest""#)).await,
            69,
            &["leave server_id out", fix],
        );
        let mut drawn = options(&server, r#""latest""#);
        drawn.server_id = None;
        assert!(!resolve(&drawn).await.unwrap().facts.replicas_visible);
        server.execute(fix);
        assert!(
            resolve(&options(&server, r#""latest""#))
                .await
                .unwrap()
                .facts
                .replicas_visible
        );
    });
}

#[test]
fn facts_are_what_the_server_says() {
    for flavour in Flavour::EVERY {
        let server = server(
            flavour,
            &["--binlog-row-image=MINIMAL", "--binlog-checksum=NONE"],
        );
        let facts = run(async {
            resolve(&options(&server, r#""latest""#))
                .await
                .unwrap()
                .facts
        });
        assert_eq!(
            Some(facts.version.clone()),
            server.query_one("SELECT @@version")
        );
        assert_eq!(
            (facts.row_image.as_str(), facts.checksum.as_str()),
            ("MINIMAL", "NONE")
        );
        assert_eq!(facts.names_columns(), flavour != Flavour::MySql57);
        assert!(facts.serves_gtids());
        assert_eq!(facts.server_id, 1);
        match flavour.family() {
            Family::MySql => {
                assert_eq!(
                    facts.server_uuid.map(|uuid| uuid.to_string()),
                    server.query_one("SELECT @@server_uuid")
                );
            }
            Family::MariaDb => assert_eq!(facts.server_uuid, None),
        }
    }
}

#[test]
fn the_replica_shows_among_the_sources_replicas() {
    for flavour in Flavour::EVERY {
        let server = server(flavour, &[]);
        run(async {
            let options = options_with(&server, r#","start":"latest","report_host":"shop""#);
            let _live = resolve(&options)
                .await
                .unwrap()
                .stream(&Budget::new(1 << 20))
                .await
                .unwrap();
            // An old MySQL is not waited for: it has the registration and the request of the dump at once.
            wait_until("the replica is listed", WAIT_MAX, || {
                server.query_text(listing(flavour)).len() == 1
            });
            let rows = server.query_text(listing(flavour));
            let host = "shop-00000000-0000-0000-0000-000000000001";
            assert_eq!(
                (rows[0][0].as_deref(), rows[0][1].as_deref()),
                (Some("4711"), Some(host))
            );
        });
    }
}

#[test]
fn a_replica_that_has_no_uuid_is_read_from_the_list_too() {
    for flavour in Flavour::EVERY {
        let server = server(flavour, &[]);
        let root = crate::connection::options_at(server.port(), "root", "");
        run(async {
            let mut other = Connection::connect(&root).await.unwrap();
            let registration = command::register_replica(4712, "other", 0);
            other.command(&registration).await.unwrap();
            resolve(&options(&server, r#""latest""#)).await.unwrap();
            // Nor is it taken for this one.
            let registration = command::register_replica(4711, "other", 0);
            other.command(&registration).await.unwrap();
            let taken = "server_id 4711 belongs to another replica of this source (host other)";
            refused(
                resolve(&options(&server, r#""latest""#)).await,
                69,
                &[taken],
            );
            let dump = command::binlog_dump(4711, "", 4, DumpFlags::default());
            drop(other.dump(&dump).await.unwrap());
        });
    }
}

#[test]
fn a_replica_that_dies_as_it_registers_is_struck_off_the_list() {
    for flavour in Flavour::EVERY {
        let server = server(flavour, &[]);
        let count = || server.query_text(listing(flavour)).len();
        run(async {
            let line = Line::to(server.port()).await;
            let beats = r#","start":"latest","heartbeat_period":"1s""#;
            let mut options = options_with(&server, beats);
            options.port = line.port();
            let resolved = resolve(&options).await.unwrap();
            // The source has listed the replica before that hears of it.
            line.delay(400);
            let streaming =
                tokio::spawn(async move { resolved.stream(&Budget::new(1 << 20)).await });
            wait_until("the replica is listed", WAIT_MAX, || count() == 1);
            streaming.abort();
            line.cut();
            drop(streaming.await);
        });
        wait_until("nobody is listed", WAIT_MAX, || count() == 0);
    }
}

#[test]
fn a_check_that_no_dump_follows_leaves_nothing_on_the_source() {
    for flavour in Flavour::EVERY {
        let server = server(flavour, &[]);
        for _ in 0..5 {
            run(async { drop(resolve(&options(&server, r#""latest""#)).await.unwrap()) });
            assert_eq!(server.query_text(listing(flavour)).len(), 0);
        }
    }
}

#[test]
fn a_wrong_password_and_a_silent_host_have_their_exit_codes() {
    let server = server(Flavour::MySql97, &[]);
    let mut wrong = options(&server, r#""latest""#);
    wrong.password = "wrong".into();
    run(async { refused(resolve(&wrong).await, 69, &["replica"]) });
    let mut nobody = options(&server, r#""latest""#);
    server.stop();
    nobody.password = "secret".into();
    let error = run(async { resolve(&nobody).await.unwrap_err() });
    assert!(error.class().is_transient());
    assert_eq!(error.class().exit_code(), 75, "{}", chain(&error));
}
