//! Each authentication plugin in each TLS mode, with the right and the wrong password.

use std::time::Duration;

use rowtap::failure::Class;
use rowtap::mysql::{ConnectOptions, Connection, TlsMode, TlsOptions};

use super::{CANARY, TLS_MODES, failed, openssl, options, options_at, tls_server, told, value};
use crate::support::{Flavour, Server};

/// Options that pass the checks of a TLS mode.
fn in_mode(flavour: Flavour, mode: TlsMode, user: &str, password: &str) -> ConnectOptions {
    let (certificates, server) = tls_server(flavour);
    ConnectOptions {
        tls: TlsOptions {
            mode,
            ca: Some(certificates.ca()),
            ..TlsOptions::default()
        },
        ..options(server, user, password)
    }
}

/// Makes an account, `how` behind its name.
fn create(flavour: Flavour, user: &str, how: &str) -> &'static Server {
    let server = &tls_server(flavour).1;
    server.execute(&format!("CREATE USER {user}@'%' {how}"));
    server
}

fn quoted(password: &str) -> String {
    format!("'{}'", password.replace('\'', "''"))
}

/// The account is let in, encrypted as the mode says.
async fn check_in(options: &ConnectOptions) {
    let mut connection = Connection::connect(options)
        .await
        .unwrap_or_else(|error| panic!("{} {}: {}", options.user, options.tls.mode, told(&error)));
    let is_encrypted = options.tls.mode != TlsMode::Disabled;
    let expected = is_encrypted.then_some("TLSv1.3");
    assert_eq!(connection.server().tls.as_deref(), expected);
    let user = value(&mut connection, "SELECT CURRENT_USER()").await;
    assert_eq!(user, format!("{}@%", options.user));
    let id = value(&mut connection, "SELECT CONNECTION_ID()").await;
    assert_eq!(id, connection.server().connection_id.to_string());
    connection.close().await;
}

/// The server refuses the password, and the message says what to do.
async fn check_refused(options: &ConnectOptions) {
    let error = failed(Connection::connect(options).await);
    let told = told(&error);
    assert_eq!(error.class(), Class::Refused, "{told}");
    assert_eq!(error.server_error().unwrap().code, 1045, "{told}");
    for part in [&options.user, &options.address(), "source.password"] {
        assert!(told.contains(part), "{told} lacks {part}");
    }
}

async fn check_every_mode(flavour: Flavour, user: &str) {
    for mode in TLS_MODES {
        check_in(&in_mode(flavour, mode, user, CANARY)).await;
        check_refused(&in_mode(flavour, mode, user, "canary, but wrong")).await;
        check_refused(&in_mode(flavour, mode, user, "")).await;
    }
}

#[tokio::test]
async fn native_passwords_log_in_in_every_mode() {
    let how = format!("IDENTIFIED BY {}", quoted(CANARY));
    create(Flavour::MariaDb1011, "native", &how);
    check_every_mode(Flavour::MariaDb1011, "native").await;
}

#[tokio::test]
async fn ed25519_passwords_log_in_in_every_mode() {
    let how = format!("IDENTIFIED VIA ed25519 USING PASSWORD({})", quoted(CANARY));
    create(Flavour::MariaDb1011, "edward", &how);
    check_every_mode(Flavour::MariaDb1011, "edward").await;
}

#[tokio::test]
async fn an_account_without_a_password_logs_in() {
    for flavour in Flavour::ALL {
        create(flavour, "open_to_all", "");
        for mode in TLS_MODES {
            check_in(&in_mode(flavour, mode, "open_to_all", "")).await;
        }
    }
}

#[tokio::test]
async fn caching_sha2_passwords_log_in_in_full_over_tls_and_from_the_cache_without() {
    let how = format!("IDENTIFIED BY {}", quoted(CANARY));
    let flavour = Flavour::MySql97;
    create(flavour, "sha_tls", &how);
    for mode in TLS_MODES {
        let right = in_mode(flavour, mode, "sha_tls", CANARY);
        // A changed password is not in the server's cache.
        tls_server(flavour)
            .1
            .execute(&format!("ALTER USER sha_tls@'%' {how}"));
        if mode == TlsMode::Disabled {
            let error = failed(Connection::connect(&right).await);
            assert_eq!(error.class(), Class::Refused);
            let told = told(&error);
            for part in [
                "caching_sha2_password",
                "source.tls.mode",
                "source.get_source_public_key",
            ] {
                assert!(told.contains(part), "{told} lacks {part}");
            }
            check_in(&in_mode(flavour, TlsMode::Required, "sha_tls", CANARY)).await;
        }
        check_in(&right).await;
        check_in(&right).await;
        check_refused(&in_mode(flavour, mode, "sha_tls", "")).await;
        if mode != TlsMode::Disabled {
            check_refused(&in_mode(flavour, mode, "sha_tls", "canary, but wrong")).await;
        }
    }
}

#[tokio::test]
async fn caching_sha2_passwords_log_in_by_rsa_with_a_key_that_is_pinned_or_allowed() {
    let flavour = Flavour::MySql97;
    let how = format!("IDENTIFIED BY {}", quoted(CANARY));
    let server = create(flavour, "sha_rsa", &how);
    let plain = |password| in_mode(flavour, TlsMode::Disabled, "sha_rsa", password);
    let asking = |password| ConnectOptions {
        get_source_public_key: true,
        ..plain(password)
    };
    let pinned = |password| ConnectOptions {
        source_public_key_path: Some(server.public_key()),
        ..plain(password)
    };
    for with_key in [&asking as &dyn Fn(&'static str) -> ConnectOptions, &pinned] {
        server.execute(&format!("ALTER USER sha_rsa@'%' {how}"));
        check_refused(&with_key("canary, but wrong")).await;
        check_in(&with_key(CANARY)).await;
        // From the cache, so that the key was good and the password arrived whole.
        check_in(&plain(CANARY)).await;
    }
}

#[tokio::test]
async fn a_pinned_key_of_another_server_reaches_nobody() {
    let flavour = Flavour::MySql97;
    let how = format!("IDENTIFIED BY {}", quoted(CANARY));
    create(flavour, "sha_other", &how);
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("other.pem");
    openssl(folder.path(), &["genrsa", "-out", "private.pem", "2048"]);
    openssl(
        folder.path(),
        &["rsa", "-in", "private.pem", "-pubout", "-out", "other.pem"],
    );
    let options = ConnectOptions {
        source_public_key_path: Some(key),
        ..in_mode(flavour, TlsMode::Disabled, "sha_other", CANARY)
    };
    let error = failed(Connection::connect(&options).await);
    assert_eq!(error.class(), Class::Refused, "{}", told(&error));
}

#[tokio::test]
async fn a_key_file_that_is_none_is_an_error_of_the_configuration() {
    let (certificates, _) = tls_server(Flavour::MySql97);
    for (path, expected) in [
        ("/nonexistent/public_key.pem".into(), "cannot be read"),
        (certificates.ca(), "not a public key"),
    ] {
        let options = ConnectOptions {
            source_public_key_path: Some(path),
            ..in_mode(Flavour::MySql97, TlsMode::Disabled, "nobody", CANARY)
        };
        let error = failed(Connection::connect(&options).await);
        assert_eq!(error.class(), Class::Configuration);
        let told = told(&error);
        assert!(
            told.contains(expected) && told.contains("source_public_key_path"),
            "{told}"
        );
    }
}

#[tokio::test]
async fn plugins_that_would_give_the_password_away_are_refused_by_name() {
    let (flavour, mode) = (Flavour::MySql97, TlsMode::Required);
    let how = format!("IDENTIFIED WITH sha256_password BY {}", quoted(CANARY));
    create(flavour, "old_sha", &how);
    let error = failed(Connection::connect(&in_mode(flavour, mode, "old_sha", CANARY)).await);
    assert_eq!(error.class(), Class::Refused);
    let told = told(&error);
    assert!(
        told.contains("'sha256_password' is not supported"),
        "{told}"
    );
}

#[tokio::test]
async fn accounts_that_require_tls_say_so_to_those_who_come_without() {
    for flavour in Flavour::ALL {
        let how = format!("IDENTIFIED BY {} REQUIRE SSL", quoted(CANARY));
        create(flavour, "tls_only", &how);
        check_in(&in_mode(flavour, TlsMode::Preferred, "tls_only", CANARY)).await;
        let plain = ConnectOptions {
            get_source_public_key: true,
            ..in_mode(flavour, TlsMode::Disabled, "tls_only", CANARY)
        };
        let error = failed(Connection::connect(&plain).await);
        assert_eq!(error.class(), Class::Refused);
        let told = told(&error);
        assert!(told.contains("source.tls.mode"), "{told}");
    }
}

#[tokio::test]
async fn an_unknown_user_is_refused() {
    for flavour in Flavour::ALL {
        for user in ["nobody", "noone", "mister_x", "ghost"] {
            let options = in_mode(flavour, TlsMode::Required, user, CANARY);
            let error = failed(Connection::connect(&options).await);
            assert_eq!(error.class(), Class::Refused);
            // MySQL does not give away that a user is unknown: each gets a plugin, which may be any.
            let told = told(&error);
            assert!(told.contains("check source.user"), "{told}");
        }
    }
}

#[tokio::test]
async fn a_locked_account_is_refused_with_the_fix() {
    for flavour in Flavour::ALL {
        let how = format!("IDENTIFIED BY {} ACCOUNT LOCK", quoted(CANARY));
        create(flavour, "locked", &how);
        let options = in_mode(flavour, TlsMode::Required, "locked", CANARY);
        let error = failed(Connection::connect(&options).await);
        assert_eq!(error.class(), Class::Refused);
        let told = told(&error);
        assert!(told.contains("unlock it on the server"), "{told}");
    }
}

#[tokio::test]
async fn a_full_server_is_tried_again() {
    for flavour in Flavour::ALL {
        let server = Server::start(flavour, &["--max-connections=1"]);
        server.execute("CREATE USER one@'%'");
        let options = options(&server, "one", "");
        // MariaDB takes ten at least, and both let one more in for an administrator.
        let mut error = None;
        let mut held = Vec::new();
        while error.is_none() && held.len() < 20 {
            match Connection::connect(&options).await {
                Ok(connection) => held.push(connection),
                Err(found) => error = Some(found),
            }
        }
        let error = error.expect("the server is full");
        let told = told(&error);
        assert_eq!(error.server_error().unwrap().code, 1040, "{told}");
        assert!(error.class().is_transient(), "{told}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_tried_again() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let error = failed(Connection::connect(&options_at(port, "user", CANARY)).await);
    assert!(error.class().is_transient());
    let told = told(&error);
    assert!(
        told.contains(&format!("127.0.0.1:{port} cannot be reached")),
        "{told}"
    );

    let nowhere = ConnectOptions {
        host: "nowhere.invalid".to_owned(),
        ..options_at(3306, "user", CANARY)
    };
    let error = failed(Connection::connect(&nowhere).await);
    assert!(error.class().is_transient());
    let told = self::told(&error);
    assert!(
        told.contains("nowhere.invalid:3306 has no network address"),
        "{told}"
    );
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_in_time() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let options = ConnectOptions {
        connect_timeout: Duration::from_millis(200),
        ..options_at(silent.local_addr().unwrap().port(), "user", CANARY)
    };
    let error = failed(Connection::connect(&options).await);
    assert!(error.class().is_transient());
    let told = told(&error);
    assert!(told.contains("did not answer within 200ms"), "{told}");
}
