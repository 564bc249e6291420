//! Results of every size and shape, protocol compression, and connections that end.

use std::time::Duration;

use rowtap::failure::Class;
use rowtap::mysql::Flavour as Family;
use rowtap::mysql::{Compression, ConnectOptions, Connection, command};

use super::{CANARY, failed, options, tls_server, told, value, ways};
use crate::support::{Flavour, Server, wait_until};

#[tokio::test]
async fn a_query_returns_names_values_and_nulls() {
    for flavour in Flavour::ALL {
        let server = Server::shared(flavour);
        let mut connection = Connection::connect(&options(server, "root", ""))
            .await
            .unwrap();
        let set = connection
            .query("SELECT 1 AS a, NULL AS b, 'é' AS c UNION ALL SELECT 2, 'x', ''")
            .await
            .unwrap();
        assert_eq!(set.columns, ["a".into(), "b".into(), "c".into()]);
        assert_eq!(set.rows.len(), 2);
        assert_eq!(set.text(0, "A"), Some("1"));
        assert_eq!(set.text(0, "b"), None);
        assert_eq!(set.text(0, "c"), Some("é"));
        assert_eq!(set.text(1, "c"), Some(""));
        assert_eq!(set.text(2, "c"), None);
        let version = value(&mut connection, "SELECT VERSION()").await;
        assert_eq!(version, connection.server().version);
        connection.command(&command::ping()).await.unwrap();
        let set = connection.query("SET @a = 1").await.unwrap();
        assert!(set.columns.is_empty() && set.rows.is_empty());
        let set = connection
            .query("SELECT 1 AS a FROM dual WHERE 1 = 0")
            .await
            .unwrap();
        assert_eq!((set.columns.len(), set.rows.len()), (1, 0));
    }
}

#[tokio::test]
async fn an_error_to_a_query_is_told_and_the_connection_goes_on() {
    for flavour in Flavour::ALL {
        let server = Server::shared(flavour);
        let mut connection = Connection::connect(&options(server, "root", ""))
            .await
            .unwrap();
        let error = connection.query("SELEKT 1").await.unwrap_err();
        assert_eq!(error.server_error().unwrap().code, 1064);
        assert!(error.class() == Class::Refused && told(&error).contains("(42000)"));
        let error = connection.command(&[0x7e]).await.unwrap_err();
        assert_eq!(error.server_error().unwrap().code, 1047);
        assert_eq!(value(&mut connection, "SELECT 5").await, "5");
    }
}

#[tokio::test]
async fn several_statements_in_one_query_are_refused_by_the_server() {
    for flavour in Flavour::ALL {
        let server = Server::shared(flavour);
        let mut connection = Connection::connect(&options(server, "root", ""))
            .await
            .unwrap();
        let error = connection.query("SELECT 1; SELECT 2").await.unwrap_err();
        assert_eq!(error.server_error().unwrap().code, 1064);
    }
}

#[tokio::test]
async fn a_file_is_never_sent_even_if_the_server_would_take_it() {
    for flavour in Flavour::ALL {
        let started;
        let server = match flavour.family() {
            Family::MySql => {
                started = Server::start(flavour, &["--local-infile=1"]);
                &started
            }
            // It is on by default.
            Family::MariaDb => Server::shared(flavour),
        };
        let database = server.unique_database();
        server.execute(&format!("CREATE TABLE {database}.t (line TEXT)"));
        let mut connection = Connection::connect(&options(server, "root", ""))
            .await
            .unwrap();
        let enabled = value(&mut connection, "SELECT @@GLOBAL.local_infile").await;
        assert_eq!(enabled, "1");
        let sql = format!("LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE {database}.t");
        let error = connection.query(&sql).await.unwrap_err();
        // The server knows from the login that this client sends no files, so that it does not even ask.
        let code = error.server_error().unwrap().code;
        assert!([1148, 3948, 4166].contains(&code), "{}", told(&error));
        let count = format!("SELECT COUNT(*) FROM {database}.t");
        assert_eq!(server.query_one(&count).unwrap(), "0");
    }
}

#[tokio::test]
async fn results_of_20_mb_arrive_whole_under_every_compression_and_tls() {
    for flavour in Flavour::ALL {
        let server = &tls_server(flavour).1;
        let expected = server.query_one("SELECT SHA2(270000, 256)");
        for options in ways(flavour, server) {
            let mut connection = Connection::connect(&options).await.unwrap();
            let status = connection.query("SHOW STATUS LIKE 'Compression'").await;
            let is_on = options.compression != Compression::None;
            assert_eq!(
                status.unwrap().text(0, "value"),
                Some(if is_on { "ON" } else { "OFF" })
            );
            connection.query("USE mysql").await.unwrap();
            let limit = match flavour.family() {
                Family::MySql => "SET SESSION cte_max_recursion_depth = 1000000",
                Family::MariaDb => "SET SESSION max_recursive_iterations = 1000000",
            };
            connection.query(limit).await.unwrap();
            let rows = connection
                .query(
                    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 270000) \
                     SELECT i, SHA2(i, 256) AS h FROM n",
                )
                .await
                .unwrap();
            assert_eq!(rows.rows.len(), 270_000);
            assert_eq!(rows.text(269_999, "h"), expected.as_deref());
            let bytes: usize = rows.rows.iter().flatten().flatten().map(|v| v.len()).sum();
            assert!(bytes > 18_000_000, "{bytes}");
            assert_eq!(value(&mut connection, "SELECT 5").await, "5");
        }
    }
}

#[tokio::test]
async fn a_value_over_16_mib_arrives_whole_under_every_compression() {
    let expected = b"rowtap".repeat(20_000_000 / 6 + 1);
    for flavour in Flavour::ALL {
        let server = &tls_server(flavour).1;
        for options in ways(flavour, server) {
            let mut connection = Connection::connect(&options).await.unwrap();
            // Around the size at which packets come in pieces, the value's own length included.
            for length in [(1 << 24) - 6, (1 << 24) - 5, (1 << 24) - 4, 20_000_000] {
                let (times, rest) = (length / 6, length % 6);
                let sql = format!(
                    "SELECT CONCAT(REPEAT('rowtap', {times}), LEFT('rowtap', {rest})) AS v"
                );
                let set = connection.query(&sql).await.unwrap();
                assert!(set.bytes(0, "v").unwrap() == &expected[..length]);
            }
        }
    }
}

#[tokio::test]
async fn the_compression_that_was_asked_for_is_the_one_in_use() {
    let server = Server::shared(Flavour::MySql97);
    for compression in [Compression::Zlib, Compression::Zstd] {
        let options = ConnectOptions {
            compression,
            ..options(server, "root", "")
        };
        let mut connection = Connection::connect(&options).await.unwrap();
        let status = "SHOW STATUS LIKE 'Compression_algorithm'";
        let status = connection.query(status).await.unwrap();
        assert_eq!(status.text(0, "value"), Some(&*compression.to_string()));
    }
}

#[tokio::test]
async fn a_compression_that_the_server_lacks_is_refused_with_the_fix() {
    let server = Server::shared(Flavour::MariaDb1011);
    let options = ConnectOptions {
        compression: Compression::Zstd,
        ..options(server, "root", CANARY)
    };
    let error = failed(Connection::connect(&options).await);
    assert_eq!(error.class(), Class::Refused);
    let told = told(&error);
    assert!(
        told.contains("no zstd compression") && told.contains("source.compression"),
        "{told}"
    );
}

#[tokio::test]
async fn a_query_that_takes_too_long_ends_the_connection() {
    for flavour in Flavour::ALL {
        let server = Server::shared(flavour);
        let options = ConnectOptions {
            read_timeout: Duration::from_millis(200),
            ..options(server, "root", "")
        };
        let mut connection = Connection::connect(&options).await.unwrap();
        let error = connection.query("SELECT SLEEP(20)").await.unwrap_err();
        assert!(error.class().is_transient());
        assert!(told(&error).contains("did not answer within 200ms while answering a query"));
        let error = connection.query("SELECT 1").await.unwrap_err();
        assert!(error.class().is_transient());
        assert!(told(&error).contains("in the middle of a command"));
    }
}

#[tokio::test]
async fn a_query_that_is_dropped_leaves_no_answer_for_the_next_one() {
    for flavour in Flavour::ALL {
        let server = Server::shared(flavour);
        let mut connection = Connection::connect(&options(server, "root", ""))
            .await
            .unwrap();
        let query = connection.query("SELECT SLEEP(1), 'first'");
        assert!(
            tokio::time::timeout(Duration::from_millis(50), query)
                .await
                .is_err()
        );
        let error = connection.query("SELECT 'second'").await.unwrap_err();
        assert!(told(&error).contains("in the middle of a command"));
    }
}

#[tokio::test]
async fn a_connection_that_the_server_ends_is_tried_again() {
    for flavour in Flavour::ALL {
        let server = Server::shared(flavour);
        for how in ["KILL", "wait_timeout"] {
            let mut connection = Connection::connect(&options(server, "root", ""))
                .await
                .unwrap();
            let id = connection.server().connection_id;
            if how == "KILL" {
                server.execute(&format!("KILL {id}"));
            } else {
                connection
                    .query("SET SESSION wait_timeout = 1")
                    .await
                    .unwrap();
            }
            let count =
                format!("SELECT COUNT(*) FROM information_schema.processlist WHERE id = {id}");
            wait_until(
                "the server ends the connection",
                Duration::from_secs(20),
                || server.query_one(&count).as_deref() == Some("0"),
            );
            let error = connection.query("SELECT 1").await.unwrap_err();
            assert!(
                error.class().is_transient(),
                "{flavour:?} {how}: {}",
                told(&error)
            );
        }
    }
}

#[tokio::test]
async fn a_connection_that_is_closed_is_not_counted_as_aborted() {
    for flavour in Flavour::ALL {
        let server = Server::start(flavour, &[]);
        let aborted = "SHOW GLOBAL STATUS LIKE 'Aborted_clients'";
        let before = server.query_text(aborted);
        server.execute("CREATE USER guest@'%'");
        let connection = Connection::connect(&options(&server, "guest", ""))
            .await
            .unwrap();
        connection.close().await;
        server.wait_until_gone("guest", Duration::from_secs(20));
        assert_eq!(server.query_text(aborted), before);
    }
}
