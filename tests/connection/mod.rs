//! The connection against real servers: logins, TLS, results, dumps; and against hostile bytes.

mod dump;
mod login;
mod query;
mod rogue;
mod tls;

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use rowtap::failure::Class;
use rowtap::mysql::Flavour as Family;
use rowtap::mysql::{
    Compression, ConnectOptions, Connection, ConnectionError, TlsMode, TlsOptions,
};

use crate::support::{Certificates, Flavour, Server};

/// A password that must never show up in a message.
const CANARY: &str = "canary-7Qz!x'9";

const TLS_MODES: [TlsMode; 5] = [
    TlsMode::Disabled,
    TlsMode::Preferred,
    TlsMode::Required,
    TlsMode::VerifyCa,
    TlsMode::VerifyIdentity,
];

/// Options for a user at a port of 127.0.0.1, without TLS.
pub fn options_at(port: u16, user: &str, password: &str) -> ConnectOptions {
    ConnectOptions {
        host: "127.0.0.1".to_owned(),
        port,
        user: user.to_owned(),
        password: password.into(),
        tls: TlsOptions {
            mode: TlsMode::Disabled,
            ..TlsOptions::default()
        },
        connect_timeout: Duration::from_secs(20),
        read_timeout: Duration::from_secs(60),
        compression: Compression::None,
        get_source_public_key: false,
        source_public_key_path: None,
        socket: None,
        password_command: None,
        enable_cleartext_plugin: false,
    }
}

/// Options for a user of a server, without TLS.
fn options(server: &Server, user: &str, password: &str) -> ConnectOptions {
    options_at(server.port(), user, password)
}

/// A server whose certificate names 127.0.0.1 and localhost, and the authority's files; for all tests that change
/// nothing but accounts and databases of their own.
fn tls_server(flavour: Flavour) -> &'static (Certificates, Server) {
    static MYSQL: OnceLock<(Certificates, Server)> = OnceLock::new();
    static MARIADB: OnceLock<(Certificates, Server)> = OnceLock::new();
    const LARGE: &str = "--max-allowed-packet=64M";
    let (cell, options) = match flavour.family() {
        Family::MySql => (&MYSQL, &[LARGE][..]),
        Family::MariaDb => (&MARIADB, &[LARGE, "--plugin-load-add=auth_ed25519"][..]),
    };
    cell.get_or_init(|| {
        let certificates = Certificates::new();
        let server = Server::start_with_certificates(flavour, &certificates, options);
        (certificates, server)
    })
}

/// Everything an error says, its causes included; fails if a secret is in it, or in its `Debug`.
#[track_caller]
fn chain(error: &ConnectionError) -> String {
    let mut told = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        told = format!("{told}: {cause}");
        source = cause.source();
    }
    for text in [&told, &format!("{error:?}")] {
        assert!(!text.contains("canary"), "{text}");
    }
    told
}

/// What an error says, where it is of one kind: to be tried again, a refusal, or wrong configuration.
#[track_caller]
fn told(error: &ConnectionError) -> String {
    let told = chain(error);
    let class = error.class();
    assert!(
        [Class::Transient, Class::Refused, Class::Configuration].contains(&class),
        "{told}: {class:?}"
    );
    told
}

/// The error of a connection that must not come about.
#[track_caller]
fn failed(outcome: Result<Connection, ConnectionError>) -> ConnectionError {
    match outcome {
        Ok(connection) => panic!("{connection:?} came about"),
        Err(error) => error,
    }
}

/// The single value of a statement's single row.
async fn value(connection: &mut Connection, sql: &str) -> String {
    let set = connection.query(sql).await.unwrap();
    assert_eq!((set.rows.len(), set.columns.len()), (1, 1), "{sql}");
    set.text(0, &set.columns[0]).unwrap().to_owned()
}

/// Runs openssl in a folder.
fn openssl(folder: &Path, arguments: &[&str]) {
    let output = Command::new("openssl")
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments:?}: {errors}");
}

/// Every way to a server: each compression that it knows, and TLS.
fn ways(flavour: Flavour, server: &Server) -> Vec<ConnectOptions> {
    let (none, zlib) = (Compression::None, Compression::Zlib);
    let mut ways = vec![
        (TlsMode::Disabled, none),
        (TlsMode::Disabled, zlib),
        (TlsMode::Required, none),
        (TlsMode::Required, zlib),
    ];
    if flavour.family() == Family::MySql {
        ways.push((TlsMode::Disabled, Compression::Zstd));
    }
    ways.into_iter()
        .map(|(mode, compression)| ConnectOptions {
            compression,
            tls: TlsOptions {
                mode,
                ..TlsOptions::default()
            },
            ..options(server, "root", "")
        })
        .collect()
}
