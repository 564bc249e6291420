//! The ways into a source: its Unix socket, a command that prints the password, and PAM.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::events::ONCE;
use super::process::{Folder, PASSWORD, account, source};
use crate::support::{Certificates, Flavour, Server};

const HOST: &str = "host = '127.0.0.1'\n";

/// A connector whose source is reached through its socket, as a user without a password there.
fn through_the_socket(server: &Server, user: &str) -> Folder {
    let port = format!("port = {}\n", server.port());
    let socket = format!("socket = '{}'\n", server.socket().display());
    Folder::streaming(server, user)
        .replacing(HOST, &socket)
        .replacing(&port, "")
}

/// What comes after the start comes out, once.
fn delivers(server: &Server, folder: &Folder) {
    folder.succeeds(&ONCE);
    server.execute(
        "CREATE DATABASE a; CREATE TABLE a.t (id INT PRIMARY KEY); INSERT INTO a.t VALUES (1), (2)",
    );
    folder.succeeds(&ONCE);
    assert_eq!(folder.changes().len(), 2, "{:?}", server.flavour());
    server.execute("DROP DATABASE a");
}

#[test]
fn a_source_is_reached_through_its_socket() {
    for flavour in [Flavour::MySql97, Flavour::MySql57, Flavour::MariaDb1011] {
        let server = Server::start(flavour, &[]);
        // A password that MySQL has not cached is sent as it is, which a socket may carry.
        account(&server, "u");
        delivers(&server, &through_the_socket(&server, "u"));
        // An account that the server knows by the process's own user.
        let how = match flavour {
            Flavour::MariaDb1011 => "VIA unix_socket",
            _other => continue,
        };
        let me = "root";
        server.execute(&format!(
            "CREATE USER IF NOT EXISTS {me}@localhost; ALTER USER {me}@localhost IDENTIFIED {how}"
        ));
        let folder =
            through_the_socket(&server, me).replacing(&format!("password = '{PASSWORD}'\n"), "");
        folder.succeeds(&ONCE);
    }
}

#[test]
fn a_socket_is_encrypted_where_that_is_asked_for() {
    let certificates = Certificates::new();
    for flavour in Flavour::ALL {
        let server = Server::start_with_certificates(flavour, &certificates, &[]);
        account(&server, "u");
        for (mode, expected) in [("preferred", "NULL"), ("verify_identity", "TLSv1.3")] {
            let tls = format!(
                "tls = {{ mode = '{mode}', ca = '{}' }}\n[sink]",
                certificates.ca().display()
            );
            let folder = through_the_socket(&server, "u").replacing("[sink]", &tls);
            let mut running = folder.start(&["run", "--http", "127.0.0.1:0", "shop.toml"]);
            running.until("the version of TLS is told", |_| {
                let text = folder.run(&["status", "shop.toml"]).stdout;
                let told = text.lines().find_map(|line| {
                    let (name, version) = line.trim_start().split_once(": ")?;
                    name.ends_with("_TLS_Version").then(|| version.to_owned())
                });
                text.contains("State: streaming") && told.as_deref() == Some(expected)
            });
        }
    }
}

#[test]
fn a_socket_that_nobody_listens_at_is_given_up() {
    let folder = Folder::new(&source(3306, "u"))
        .replacing(HOST, "socket = '{dir}/none.sock'\n")
        .replacing("port = 3306\n", "");
    folder.fails(75, &["none.sock", "check source.socket"]);
}

#[test]
fn ways_in_that_exclude_each_other_are_refused() {
    let folder = || Folder::new(&source(3306, "u"));
    let both = folder().replacing(HOST, "host = '127.0.0.1'\nsocket = '/s'\n");
    both.replacing("port = 3306\n", "")
        .fails(78, &["source.socket", "by host and port or by socket"]);
    folder()
        .replacing(HOST, "socket = '/s'\n")
        .fails(78, &["source.port", "by host and port or by socket"]);
    folder()
        .replacing("[sink]", "password_command = 'pass'\n[sink]")
        .fails(78, &["source.password_command", "keep one of them"]);
    for mode in ["disabled", "preferred", "required"] {
        let keys = format!("enable_cleartext_plugin = true\ntls.mode = '{mode}'\n[sink]");
        folder().replacing("[sink]", &keys).fails(
            78,
            &[
                "source.enable_cleartext_plugin",
                "'verify_ca' or 'verify_identity'",
            ],
        );
    }
}

#[test]
fn a_command_prints_the_password_for_each_connection() {
    for flavour in Flavour::ALL {
        let server = Server::start(flavour, &[]);
        account(&server, "u");
        let line = format!("password = '{PASSWORD}'\n");
        // It tells how often it was run.
        let shell = "password_command = 'echo >> {dir}/runs; cat {dir}/token'\n";
        let folder = Folder::streaming(&server, "u").replacing(&line, shell);
        fs::write(folder.path("token"), format!("{PASSWORD}\n")).unwrap();
        delivers(&server, &folder);
        let runs = || {
            fs::read_to_string(folder.path("runs"))
                .unwrap()
                .lines()
                .count()
        };
        let before = runs();
        assert!(before >= 2, "{before}");
        // The next token is the next password.
        server.execute("ALTER USER u@'%' IDENTIFIED BY 'another'");
        fs::write(folder.path("token"), "another").unwrap();
        folder.succeeds(&ONCE);
        assert!(runs() > before);
        // The same without a shell.
        let list = "password_command = ['cat', '{dir}/token']\n";
        let folder = folder.replacing(shell, list);
        folder.succeeds(&ONCE);
        fs::remove_file(folder.path("token")).unwrap();
        folder.fails(
            75,
            &[
                "gave up after 3 failures",
                "check source.password_command",
                "exit status: 1",
                "No such file",
            ],
        );
    }
}

/// A PAM service that compares the password with [`PASSWORD`]; gone with this value.
struct PamService {
    name: String,
    file: PathBuf,
}

impl PamService {
    fn new(folder: &std::path::Path) -> Self {
        let script = folder.join("check");
        let text = format!("#!/bin/sh\n[ \"$(tr -d '\\0')\" = '{PASSWORD}' ]\n");
        fs::write(&script, text).unwrap();
        fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
        let name = format!("rowtap-test-{}", std::process::id());
        let file = PathBuf::from("/etc/pam.d").join(&name);
        let text = format!(
            "auth required pam_exec.so quiet expose_authtok {}\naccount required pam_permit.so\n",
            script.display()
        );
        fs::write(&file, text).unwrap();
        Self { name, file }
    }
}

impl Drop for PamService {
    fn drop(&mut self) {
        fs::remove_file(&self.file).unwrap();
    }
}

#[test]
fn pam_asks_for_the_password_which_only_a_checked_source_gets() {
    let certificates = Certificates::new();
    let scripts = tempfile::tempdir().unwrap();
    let service = PamService::new(scripts.path());
    let ca = certificates.ca().display().to_string();
    let verified = format!(
        "enable_cleartext_plugin = true\ntls = {{ mode = 'verify_identity', ca = '{ca}' }}\n[sink]"
    );
    // By MariaDB's own plugin, which asks, and by the one that has the password sent.
    for cleartext in ["OFF", "ON"] {
        let option = format!("--pam-use-cleartext-plugin={cleartext}");
        let options = ["--plugin-load-add=auth_pam_v1", &option];
        let server = Server::start_with_certificates(Flavour::MariaDb118, &certificates, &options);
        server.execute(&format!(
            "CREATE USER u@'%' IDENTIFIED VIA pam USING '{}';
             GRANT SELECT, REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO u@'%'",
            service.name
        ));
        let folder = Folder::streaming(&server, "u").replacing("[sink]", &verified);
        delivers(&server, &folder);
        let refused = folder.replacing("enable_cleartext_plugin = true\n", "");
        refused.fails(69, &["clear text", "set source.enable_cleartext_plugin"]);
        let wrong = Folder::streaming(&server, "u")
            .replacing("[sink]", &verified)
            .replacing(PASSWORD, "another");
        wrong.fails(69, &["Access denied", "source.password"]);
    }
}
