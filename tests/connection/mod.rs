//! The connection against real servers: logins, TLS, results, dumps; and against hostile bytes.

use std::time::Duration;

use rowtap::mysql::{Compression, Connection, Options, TlsMode, TlsOptions, command};

use crate::support::{Flavour, Server};

/// Options for a user of this server, over 127.0.0.1 and without TLS.
pub fn options(server: &Server, user: &str, password: &str) -> Options {
    Options {
        host: "127.0.0.1".to_owned(),
        port: server.port(),
        user: user.to_owned(),
        password: password.into(),
        tls: TlsOptions {
            mode: TlsMode::Disabled,
            ..TlsOptions::default()
        },
        connect_timeout: Duration::from_secs(10),
        read_timeout: Duration::from_secs(30),
        compression: Compression::None,
        get_source_public_key: false,
        source_public_key_path: None,
    }
}

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
        let version = connection.query("SELECT VERSION() AS v").await.unwrap();
        assert_eq!(
            version.text(0, "v"),
            Some(connection.server().version.as_str())
        );
        connection.command(&command::ping()).await.unwrap();
    }
}

#[tokio::test]
async fn a_dump_that_does_not_wait_ends_behind_the_last_event() {
    for flavour in Flavour::ALL {
        let server = Server::shared(flavour);
        let database = server.unique_database();
        server.execute(&format!(
            "CREATE TABLE {database}.t (a INT); INSERT INTO {database}.t VALUES (7)"
        ));
        let (file, _) = server.coordinates();
        let mut connection = Connection::connect(&options(server, "root", ""))
            .await
            .unwrap();
        connection
            .query("SET @master_binlog_checksum = @@global.binlog_checksum, @source_binlog_checksum = @@global.binlog_checksum")
            .await
            .unwrap();
        connection
            .command(&command::register_replica(4711, "rowtap", 0))
            .await
            .unwrap();
        let flags = rowtap::mysql::DumpFlags {
            non_block: true,
            annotate_rows: false,
        };
        let mut dump = connection
            .dump(&command::binlog_dump(4711, &file, 4, flags))
            .await
            .unwrap();
        let mut count = 0;
        while let Some(packets) = dump.receive().await.unwrap() {
            count += packets.payloads.len();
            println!(
                "{flavour:?} {} bytes, {} packets, drained {}",
                packets.buffer.len(),
                packets.payloads.len(),
                packets.drained
            );
        }
        assert!(count > 4, "{count}");
    }
}
