//! Values: what a record says of each cell against what the server says of it.

mod canaries;
#[cfg(feature = "kafka")]
mod canary_records;
mod cases;
mod charsets;
mod codes;
mod decode;
mod documents;
mod golden;
mod hashes;
mod mapping;
mod mariadb;
mod matrix;
mod partial_json;
mod shown;
mod tables;
mod words;

use mysql::Conn;
use mysql::prelude::Queryable;

use crate::support::{Flavour, Server, is_full};

const DATABASE: &str = "cells";

/// Room for the longest values, and no wait for the disk.
const OPTIONS: [&str; 3] = [
    "--max-allowed-packet=64M",
    "--sync-binlog=0",
    "--innodb-flush-log-at-trx-commit=0",
];

/// A server of its own, and a session that takes every value that the types can hold.
struct Bench {
    server: Server,
    session: Conn,
}

impl Bench {
    fn start(flavour: Flavour) -> Self {
        let server = Server::start(flavour, &OPTIONS);
        let mut session = server.connect();
        for statement in [
            "SET NAMES utf8mb4",
            "SET SESSION sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'",
            &format!("CREATE DATABASE {DATABASE}"),
            &format!("USE {DATABASE}"),
        ] {
            session.query_drop(statement).expect(statement);
        }
        Self { server, session }
    }

    #[track_caller]
    fn run(&mut self, statement: &str) {
        if let Err(error) = self.session.query_drop(statement) {
            let shown: String = statement.chars().take(300).collect();
            panic!("{:?} refused {shown}: {error}", self.server.flavour());
        }
    }
}
