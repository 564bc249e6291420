//! TLS modes against certificates of every kind.

use std::path::{Path, PathBuf};

use rowtap::failure::Class;
use rowtap::mysql::{ConnectOptions, Connection, ConnectionError, TlsMode, TlsOptions};
use tempfile::TempDir;

use super::{CANARY, TLS_MODES, failed, openssl, options, tls_server, told};
use crate::support::{Certificates, Flavour, Server};

fn tls_options(server: &Server, mode: TlsMode, ca: Option<PathBuf>) -> ConnectOptions {
    ConnectOptions {
        tls: TlsOptions {
            mode,
            ca,
            ..TlsOptions::default()
        },
        ..options(server, "root", "")
    }
}

async fn check_in(options: &ConnectOptions, expected: Option<&str>) {
    let connection = Connection::connect(options)
        .await
        .unwrap_or_else(|error| panic!("{} {}: {}", options.host, options.tls.mode, told(&error)));
    assert_eq!(connection.server().tls.as_deref(), expected);
}

/// The certificate is not accepted; the message says why and what to do.
async fn check_not_accepted(options: &ConnectOptions, reason: &str, fix: &str) {
    let error = failed(Connection::connect(options).await);
    let told = told(&error);
    assert!(
        matches!(error, ConnectionError::Certificate { .. }),
        "{told}"
    );
    assert_eq!(error.class(), Class::Refused);
    let mode = format!("'{}'", options.tls.mode);
    for part in [&options.address(), &mode, reason, fix] {
        assert!(told.contains(part), "{told} lacks {part}");
    }
}

#[tokio::test]
async fn an_authority_that_did_not_sign_the_certificate_is_told_apart() {
    let other = Certificates::new();
    for flavour in Flavour::ALL {
        let (certificates, server) = tls_server(flavour);
        for mode in TLS_MODES {
            let right = tls_options(server, mode, Some(certificates.ca()));
            let wrong = tls_options(server, mode, Some(other.ca()));
            let of_the_system = tls_options(server, mode, None);
            if mode.verifies() {
                check_in(&right, Some("TLSv1.3")).await;
                check_not_accepted(&wrong, "no trusted authority signed it", "source.tls.ca").await;
                let error = failed(Connection::connect(&of_the_system).await);
                let told = told(&error);
                assert!(told.contains("source.tls.ca"), "{told}");
            } else {
                let expected = (mode != TlsMode::Disabled).then_some("TLSv1.3");
                for options in [right, wrong, of_the_system] {
                    check_in(&options, expected).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_certificate_for_another_host_passes_all_but_verify_identity() {
    for flavour in Flavour::ALL {
        let certificates = Certificates::for_hosts("DNS:db.example");
        let server = Server::start_with_certificates(flavour, &certificates, &[]);
        for mode in [TlsMode::Preferred, TlsMode::Required, TlsMode::VerifyCa] {
            check_in(
                &tls_options(&server, mode, Some(certificates.ca())),
                Some("TLSv1.3"),
            )
            .await;
        }
        for host in ["127.0.0.1", "localhost"] {
            let options = ConnectOptions {
                host: host.to_owned(),
                ..tls_options(&server, TlsMode::VerifyIdentity, Some(certificates.ca()))
            };
            check_not_accepted(&options, "it was made for another host", "'verify_ca'").await;
        }
    }
}

#[tokio::test]
async fn a_host_is_verified_by_name_and_by_address() {
    for flavour in Flavour::ALL {
        let (certificates, server) = tls_server(flavour);
        for host in ["127.0.0.1", "localhost", "LOCALHOST"] {
            let options = ConnectOptions {
                host: host.to_owned(),
                ..tls_options(server, TlsMode::VerifyIdentity, Some(certificates.ca()))
            };
            check_in(&options, Some("TLSv1.3")).await;
        }
    }
}

/// MySQL's own certificates name no host, neither where they should nor in the subject.
#[tokio::test]
async fn certificates_that_mysql_made_pass_verify_ca_and_not_verify_identity() {
    let server = Server::shared(Flavour::MySql97);
    let ca = Some(server.own_ca());
    check_in(
        &tls_options(server, TlsMode::VerifyCa, ca.clone()),
        Some("TLSv1.3"),
    )
    .await;
    let options = tls_options(server, TlsMode::VerifyIdentity, ca);
    check_not_accepted(&options, "it was made for another host", "'verify_ca'").await;
}

#[tokio::test]
async fn tls_1_2_is_verified_in_every_mode() {
    for flavour in Flavour::ALL {
        let certificates = Certificates::new();
        let options = &["--tls-version=TLSv1.2"];
        let server = Server::start_with_certificates(flavour, &certificates, options);
        for mode in &TLS_MODES[1..] {
            let options = tls_options(&server, *mode, Some(certificates.ca()));
            check_in(&options, Some("TLSv1.2")).await;
        }
    }
    // With an RSA key, as MySQL makes it.
    let server = Server::start(Flavour::MySql97, &["--tls-version=TLSv1.2"]);
    for mode in [TlsMode::Preferred, TlsMode::VerifyCa] {
        check_in(
            &tls_options(&server, mode, Some(server.own_ca())),
            Some("TLSv1.2"),
        )
        .await;
    }
}

#[tokio::test]
async fn a_server_without_tls_is_taken_by_preferred_alone() {
    let ca = Certificates::new();
    for (flavour, options) in [
        (Flavour::MySql97, &["--tls-version="][..]),
        (Flavour::MariaDb1011, &[][..]),
    ] {
        let server = Server::start(flavour, options);
        check_in(&tls_options(&server, TlsMode::Preferred, None), None).await;
        for mode in &TLS_MODES[2..] {
            let options = tls_options(&server, *mode, Some(ca.ca()));
            let error = failed(Connection::connect(&options).await);
            assert_eq!(error.class(), Class::Refused);
            let told = told(&error);
            for part in [
                "offers no TLS",
                &options.address(),
                &format!("'{mode}'"),
                "'preferred'",
            ] {
                assert!(told.contains(part), "{told} lacks {part}");
            }
        }
    }
}

#[tokio::test]
async fn a_server_that_takes_tls_only_says_so() {
    for flavour in Flavour::ALL {
        let certificates = Certificates::new();
        let only = &["--require-secure-transport=ON"];
        let server = Server::start_with_certificates(flavour, &certificates, only);
        check_in(
            &tls_options(&server, TlsMode::Preferred, None),
            Some("TLSv1.3"),
        )
        .await;
        let error =
            failed(Connection::connect(&tls_options(&server, TlsMode::Disabled, None)).await);
        assert_eq!(error.class(), Class::Refused);
        let told = told(&error);
        assert!(told.contains("source.tls.mode"), "{told}");
    }
}

#[tokio::test]
async fn client_certificates_open_accounts_that_require_them() {
    let stranger = Certificates::new();
    for flavour in Flavour::ALL {
        let (certificates, server) = tls_server(flavour);
        server.execute("CREATE USER with_certificate@'%' REQUIRE SUBJECT '/CN=rowtap test client'");
        let with = |certificate: Option<PathBuf>, key: Option<PathBuf>| ConnectOptions {
            user: "with_certificate".to_owned(),
            tls: TlsOptions {
                mode: TlsMode::VerifyCa,
                ca: Some(certificates.ca()),
                certificate,
                key,
            },
            ..options(server, "", "")
        };
        let own = with(Some(certificates.client()), Some(certificates.client_key()));
        check_in(&own, Some("TLSv1.3")).await;
        let error = failed(Connection::connect(&with(None, None)).await);
        assert_eq!(error.server_error().unwrap().code, 1045, "{}", told(&error));
        let others = with(Some(stranger.client()), Some(stranger.client_key()));
        let error = failed(Connection::connect(&others).await);
        assert_eq!(error.class(), Class::Refused, "{}", told(&error));

        for wrong in [
            with(Some(certificates.client()), None),
            with(None, Some(certificates.client_key())),
            with(Some(certificates.client()), Some(stranger.client_key())),
        ] {
            let error = failed(Connection::connect(&wrong).await);
            assert_eq!(error.class(), Class::Configuration);
            let told = told(&error);
            assert!(told.contains("give both of one pair"), "{told}");
        }
    }
}

#[tokio::test]
async fn files_that_are_missing_or_hold_something_else_are_named() {
    let (certificates, server) = tls_server(Flavour::MySql97);
    let missing = PathBuf::from("/nonexistent/ca.pem");
    for (path, expected) in [
        (missing, "cannot be read"),
        (certificates.server_key(), "no certificate"),
    ] {
        for mode in &TLS_MODES[1..] {
            let options = ConnectOptions {
                password: CANARY.into(),
                ..tls_options(server, *mode, Some(path.clone()))
            };
            let error = failed(Connection::connect(&options).await);
            assert_eq!(error.class(), Class::Configuration);
            let told = told(&error);
            assert!(
                told.contains(expected) && told.contains("source.tls.ca"),
                "{told}"
            );
        }
    }
}

/// `server.pem` and `server-key.pem`, self-signed, for a common name.
fn self_signed(common_name: &str, more: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let subject = format!("/CN={common_name}");
    let mut arguments = vec![
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        &subject,
        "-keyout",
        "server-key.pem",
        "-out",
        "server.pem",
    ];
    arguments.extend_from_slice(more);
    openssl(folder.path(), &arguments);
    folder
}

fn start_with(flavour: Flavour, folder: &Path) -> Server {
    let option = |name, file| format!("--ssl-{name}={}", folder.join(file).display());
    let options = [
        option("cert", "server.pem"),
        option("key", "server-key.pem"),
    ];
    Server::start(flavour, &options.each_ref().map(String::as_str))
}

#[tokio::test]
async fn a_self_signed_certificate_is_trusted_where_it_is_given_as_the_authority() {
    for flavour in Flavour::ALL {
        let folder = self_signed("localhost", &["-days", "30"]);
        let server = start_with(flavour, folder.path());
        let ca = Some(folder.path().join("server.pem"));
        check_in(
            &tls_options(&server, TlsMode::VerifyCa, ca.clone()),
            Some("TLSv1.3"),
        )
        .await;
        // The name stands in the subject alone.
        let by_name = |host: &str| ConnectOptions {
            host: host.to_owned(),
            ..tls_options(&server, TlsMode::VerifyIdentity, ca.clone())
        };
        check_in(&by_name("localhost"), Some("TLSv1.3")).await;
        check_not_accepted(&by_name("127.0.0.1"), "another host", "source.host").await;
        let stranger = self_signed("localhost", &["-days", "30"]);
        let strangers = Some(stranger.path().join("server.pem"));
        let options = tls_options(&server, TlsMode::VerifyCa, strangers);
        check_not_accepted(&options, "", "source.tls.ca").await;
    }
}

#[tokio::test]
async fn an_expired_certificate_passes_only_where_nothing_is_checked() {
    let flavour = Flavour::MariaDb1011;
    let folder = self_signed("localhost", &["-days", "30"]);
    let from_long_ago = [
        "x509",
        "-in",
        "server.pem",
        "-signkey",
        "server-key.pem",
        "-out",
        "server.pem",
        "-days",
        "-1",
    ];
    openssl(folder.path(), &from_long_ago);
    let server = start_with(flavour, folder.path());
    check_in(
        &tls_options(&server, TlsMode::Required, None),
        Some("TLSv1.3"),
    )
    .await;
    let ca = Some(folder.path().join("server.pem"));
    let options = tls_options(&server, TlsMode::VerifyCa, ca);
    check_not_accepted(&options, "it has expired", "a new one").await;
}

/// Many manuals make certificates of version 1.
#[tokio::test]
async fn a_certificate_of_version_1_passes_where_nothing_is_checked() {
    let folder = self_signed("localhost", &["-days", "30"]);
    for arguments in [
        &[
            "req",
            "-new",
            "-key",
            "server-key.pem",
            "-subj",
            "/CN=localhost",
            "-out",
            "request.pem",
        ][..],
        &[
            "x509",
            "-req",
            "-in",
            "request.pem",
            "-CA",
            "server.pem",
            "-CAkey",
            "server-key.pem",
            "-set_serial",
            "1",
            "-days",
            "30",
            "-out",
            "version1.pem",
        ],
    ] {
        openssl(folder.path(), arguments);
    }
    let ca = Some(folder.path().join("ca.pem"));
    std::fs::rename(
        folder.path().join("server.pem"),
        folder.path().join("ca.pem"),
    )
    .unwrap();
    std::fs::rename(
        folder.path().join("version1.pem"),
        folder.path().join("server.pem"),
    )
    .unwrap();
    for (flavour, version) in [
        (Flavour::MySql97, "TLSv1.2"),
        (Flavour::MariaDb1011, "TLSv1.3"),
    ] {
        let option = |name, file| format!("--ssl-{name}={}", folder.path().join(file).display());
        let options = [
            option("cert", "server.pem"),
            option("key", "server-key.pem"),
            format!("--tls-version={version}"),
        ];
        let server = Server::start(flavour, &options.each_ref().map(String::as_str));
        for mode in [TlsMode::Preferred, TlsMode::Required] {
            check_in(&tls_options(&server, mode, None), Some(version)).await;
        }
        let options = tls_options(&server, TlsMode::VerifyCa, ca.clone());
        check_not_accepted(&options, "", "version 3").await;
    }
}
