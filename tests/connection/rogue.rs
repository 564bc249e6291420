//! Hostile servers: a listener that sends what no server should, and keeps what it gets.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use rowtap::failure::Class;
use rowtap::mysql::{
    Compression, ConnectOptions, Connection, ConnectionError, TlsMode, TlsOptions,
};

use super::{CANARY, chain, failed, options_at, told};

const PROTOCOL_41: u32 = 0x0200;
const TLS: u32 = 0x0800;
const SECURE_CONNECTION: u32 = 0x8000;
const PLUGIN_AUTH: u32 = 0x0008_0000;
const LONG_PASSWORD: u32 = 1;
const PLAIN: u32 = PROTOCOL_41 | SECURE_CONNECTION | PLUGIN_AUTH | LONG_PASSWORD;
const OK: &[u8] = &[0, 0, 0, 2, 0, 0, 0];

/// One hostile server: sends a packet for each that it gets, then waits for the client to go. What it got, in full,
/// is the thread's result.
fn rogue(packets: Vec<Vec<u8>>) -> (u16, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let mut got = Vec::new();
        for packet in packets {
            stream.write_all(&packet).unwrap();
            if !receive(&mut stream, &mut got) {
                break;
            }
        }
        let mut rest = Vec::new();
        let _ended = stream.read_to_end(&mut rest);
        got.extend(rest);
        got
    });
    (port, thread)
}

/// Reads one packet; `false` when the client has gone.
fn receive(stream: &mut TcpStream, got: &mut Vec<u8>) -> bool {
    let mut header = [0; 4];
    if stream.read_exact(&mut header).is_err() {
        return false;
    }
    let length = u32::from_le_bytes([header[0], header[1], header[2], 0]);
    let mut payload = vec![0; length as usize];
    let is_whole = stream.read_exact(&mut payload).is_ok();
    got.extend(header);
    got.extend(payload);
    is_whole
}

fn packet(sequence: u8, payload: &[u8]) -> Vec<u8> {
    let [a, b, c, _] = u32::try_from(payload.len()).unwrap().to_le_bytes();
    [&[a, b, c, sequence], payload].concat()
}

fn greeting(capabilities: u32) -> Vec<u8> {
    let [a, b, c, d] = capabilities.to_le_bytes();
    let mut out = b"\x0a9.7.4\0\x01\0\0\0AAAAAAAA\0".to_vec();
    out.extend([a, b, 45, 2, 0, c, d, 21]);
    out.extend([0; 10]);
    out.extend(b"BBBBBBBBBBBB\0caching_sha2_password\0");
    packet(0, &out)
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

/// Connects to a rogue that sends these; returns the error's text and what the rogue got.
async fn visit(
    options: impl Fn(u16) -> ConnectOptions,
    packets: Vec<Vec<u8>>,
) -> (ConnectionError, Vec<u8>) {
    let (port, rogue) = rogue(packets);
    let error = failed(Connection::connect(&options(port)).await);
    let got = rogue.join().unwrap();
    assert!(!contains(&got, CANARY.as_bytes()), "the password went out");
    (error, got)
}

fn plain(port: u16) -> ConnectOptions {
    options_at(port, "victim", CANARY)
}

#[tokio::test]
async fn a_request_for_a_file_is_never_answered() {
    let login = || vec![greeting(PLAIN), packet(2, OK)];
    let request = b"\xfb/etc/passwd";

    // As the answer to a query.
    let mut packets = login();
    packets.push(packet(1, request));
    let (port, rogue) = rogue(packets);
    let mut connection = Connection::connect(&plain(port)).await.unwrap();
    let error = connection.query("SELECT 1").await.unwrap_err();
    assert!(
        matches!(error, ConnectionError::LocalInfile { .. }) && error.class() == Class::Refused
    );
    assert!(told(&error).contains("LOCAL INFILE"));
    let error = connection.query("SELECT 1").await.unwrap_err();
    assert!(told(&error).contains("in the middle of a command"));
    drop(connection);
    let got = rogue.join().unwrap();
    assert!(
        got.ends_with(b"\x09\0\0\0\x03SELECT 1"),
        "nothing follows the query"
    );

    // In place of the login's verdict.
    let (error, got) = visit(plain, vec![greeting(PLAIN), packet(2, request)]).await;
    assert!(told(&error).contains("a request for a file"));
    assert!(contains(&got, b"victim\0"));
}

#[tokio::test]
async fn a_servers_own_key_gets_nothing_without_leave() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let status = Command::new("openssl")
            .current_dir(folder.path())
            .args(arguments)
            .stderr(Stdio::null())
            .status();
        assert!(status.unwrap().success());
    };
    run(&["genrsa", "-out", "rogue.pem", "2048"]);
    run(&[
        "rsa",
        "-in",
        "rogue.pem",
        "-pubout",
        "-out",
        "rogue-public.pem",
    ]);
    run(&["genrsa", "-out", "good.pem", "2048"]);
    run(&[
        "rsa",
        "-in",
        "good.pem",
        "-pubout",
        "-out",
        "good-public.pem",
    ]);
    let key = std::fs::read(folder.path().join("rogue-public.pem")).unwrap();
    let script = || {
        let send_key = [&[1][..], &key].concat();
        vec![
            greeting(PLAIN),
            packet(2, &[1, 4]),
            packet(4, &send_key),
            packet(6, OK),
        ]
    };

    // Without leave the conversation ends where the server asks for the password.
    let (error, got) = visit(plain, script()).await;
    assert!(told(&error).contains("source.get_source_public_key"));
    assert_eq!(conversation(&got).len(), 1, "nothing follows the login");

    // With the right server's key pinned, what the rogue gets it cannot read.
    let pinned = |port| ConnectOptions {
        source_public_key_path: Some(folder.path().join("good-public.pem")),
        ..plain(port)
    };
    let (error, got) = visit(pinned, script()).await;
    assert!(!error.class().is_transient(), "{}", chain(&error));
    let secret = conversation(&got).last().unwrap().clone();
    assert_eq!(secret.len(), 256);
    assert_ne!(
        decrypt(folder.path(), "rogue.pem", &secret),
        Some(with_nonce(CANARY))
    );
    assert_eq!(
        decrypt(folder.path(), "good.pem", &secret),
        Some(with_nonce(CANARY))
    );

    // With leave it gets what was allowed: the reason for having to allow it.
    let (port, rogue) = rogue(script());
    let asking = ConnectOptions {
        get_source_public_key: true,
        ..plain(port)
    };
    drop(Connection::connect(&asking).await.unwrap());
    let secret = conversation(&rogue.join().unwrap()).last().unwrap().clone();
    assert_eq!(
        decrypt(folder.path(), "rogue.pem", &secret),
        Some(with_nonce(CANARY))
    );
}

/// The payloads in a stream of packets.
fn conversation(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut payloads = Vec::new();
    while let Some(([a, b, c, _], rest)) = bytes.split_first_chunk::<4>() {
        let (payload, rest) = rest.split_at(u32::from_le_bytes([*a, *b, *c, 0]) as usize);
        payloads.push(payload.to_vec());
        bytes = rest;
    }
    payloads
}

/// A password as it is encrypted: mixed with the random value of `greeting`.
fn with_nonce(password: &str) -> Vec<u8> {
    let nonce = b"AAAAAAAABBBBBBBBBBBB".iter().cycle();
    password
        .bytes()
        .chain([0])
        .zip(nonce)
        .map(|(a, b)| a ^ b)
        .collect()
}

fn decrypt(folder: &std::path::Path, key: &str, secret: &[u8]) -> Option<Vec<u8>> {
    let mut openssl = Command::new("openssl")
        .current_dir(folder)
        .args([
            "pkeyutl",
            "-decrypt",
            "-inkey",
            key,
            "-pkeyopt",
            "rsa_padding_mode:oaep",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    openssl.stdin.take().unwrap().write_all(secret).unwrap();
    let output = openssl.wait_with_output().unwrap();
    output.status.success().then_some(output.stdout)
}

#[tokio::test]
async fn clear_text_and_old_plugins_get_nothing() {
    for (switch, expected) in [
        (&b"\xfemysql_clear_password\0"[..], "clear text"),
        (b"\xfemysql_old_password\0AAAAAAAA\0", "before MySQL 4.1"),
        (b"\xfe", "before MySQL 4.1"),
        (b"\xfedialog\0x", "in clear text (dialog)"),
        (b"\x02mysql_clear_password\0", "more than one factor"),
    ] {
        let (error, got) = visit(plain, vec![greeting(PLAIN), packet(2, switch)]).await;
        assert_eq!(error.class(), Class::Refused);
        let told = told(&error);
        assert!(told.contains(expected), "{told}");
        assert_eq!(conversation(&got).len(), 1, "nothing follows the login");
    }
}

fn in_mode(mode: TlsMode) -> impl Fn(u16) -> ConnectOptions {
    move |port| ConnectOptions {
        tls: TlsOptions {
            mode,
            ..TlsOptions::default()
        },
        ..plain(port)
    }
}

#[tokio::test]
async fn a_tls_handshake_that_fails_is_no_reason_to_go_on_without() {
    for mode in [TlsMode::Preferred, TlsMode::Required] {
        let packets = vec![greeting(PLAIN | TLS), b"this is no TLS".to_vec()];
        let (error, got) = visit(in_mode(mode), packets).await;
        let told = told(&error);
        assert!(told.contains("no TLS connection to"), "{told}");
        assert_eq!(error.class(), Class::Refused);
        assert!(
            !contains(&got, b"victim"),
            "not even the user's name went out"
        );
    }
}

#[tokio::test]
async fn bytes_behind_the_greeting_are_not_taken_into_the_encrypted_conversation() {
    for mode in [TlsMode::Disabled, TlsMode::Preferred, TlsMode::Required] {
        let packets = vec![[greeting(PLAIN | TLS), packet(2, OK)].concat()];
        let (error, got) = visit(in_mode(mode), packets).await;
        let told = chain(&error);
        assert!(
            told.contains("a packet while waiting for the login"),
            "{told}"
        );
        assert_eq!(got, b"");
    }
}

#[tokio::test]
async fn a_server_that_offers_no_tls_sees_no_user_where_tls_is_required() {
    for mode in [
        TlsMode::Required,
        TlsMode::VerifyCa,
        TlsMode::VerifyIdentity,
    ] {
        if mode.verifies() && rustls_native_certs_are_missing() {
            continue;
        }
        let (error, got) = visit(in_mode(mode), vec![greeting(PLAIN)]).await;
        assert!(told(&error).contains("offers no TLS"));
        assert_eq!(got, b"");
    }
}

/// Whether this machine trusts no authority at all, so that verifying modes stop before they connect.
fn rustls_native_certs_are_missing() -> bool {
    !std::path::Path::new("/etc/ssl/certs/ca-certificates.crt").exists()
}

#[tokio::test]
async fn a_server_that_turns_clients_away_is_believed() {
    for (error_packet, code, is_transient) in [
        (&b"\xff\x10\x04Too many connections"[..], 1040, true),
        (
            b"\xff\x69\x04Host 'x' is blocked because of many connection errors",
            1129,
            false,
        ),
        (
            b"\xff\x6a\x04Host 'x' is not allowed to connect",
            1130,
            false,
        ),
    ] {
        let (error, got) = visit(plain, vec![packet(0, error_packet)]).await;
        let told = told(&error);
        assert!(told.contains("accepts no connection"), "{told}");
        assert_eq!(error.server_error().unwrap().code, code);
        assert_eq!(error.class().is_transient(), is_transient, "{told}");
        assert_eq!(got, b"");
    }
}

#[tokio::test]
async fn a_server_that_repeats_the_password_does_not_get_it_into_a_message() {
    let says = format!("\u{0}\u{15}\u{4}#28000no, {CANARY} is wrong");
    let mut says = says.into_bytes();
    says[0] = 0xff;
    let (error, _) = visit(plain, vec![greeting(PLAIN), packet(2, &says)]).await;
    assert!(told(&error).contains("no, … is wrong"));
}

#[tokio::test]
async fn strangers_that_are_no_mysql_are_told_apart() {
    for bytes in [
        &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x05\0\0\0\x09abcd",
        b"\x05\0\0\x07\x0aabcd",
        b"\x05\0\0\0\x0aabcd",
        b"\0\0\0\0",
    ] {
        let (error, got) = visit(plain, vec![bytes.to_vec()]).await;
        assert_eq!(error.class(), Class::Refused);
        let told = told(&error);
        assert!(
            told.contains("does not greet as a MySQL server does, check source.host"),
            "{told}"
        );
        assert_eq!(got, b"");
    }
}

#[tokio::test]
async fn a_login_without_end_is_given_up() {
    let mut packets = vec![greeting(PLAIN)];
    for round in 0..100_u8 {
        let switch = b"\xfemysql_native_password\0AAAAAAAABBBBBBBBBBBB\0";
        packets.push(packet(2 + 2 * round, switch));
    }
    let (error, got) = visit(plain, packets).await;
    assert!(!error.class().is_transient());
    assert!(chain(&error).contains("one packet after the other"));
    assert!(conversation(&got).len() < 20);
}

#[tokio::test]
async fn a_compression_bomb_and_damage_end_the_connection() {
    const COMPRESS: u32 = 0x20;
    let envelope = |body: &[u8], plain: u32| {
        let [x, y, z, _] = plain.to_le_bytes();
        let [a, b, c, _] = u32::try_from(body.len()).unwrap().to_le_bytes();
        [&[a, b, c, 1, x, y, z], body].concat()
    };
    for bytes in [envelope(b"no zlib at all", 100), envelope(b"", 1 << 23)] {
        let (port, rogue) = rogue(vec![greeting(PLAIN | COMPRESS), packet(2, OK), bytes]);
        let options = ConnectOptions {
            compression: Compression::Zlib,
            ..plain(port)
        };
        let mut connection = Connection::connect(&options).await.unwrap();
        let error = connection.query("SELECT 1").await.unwrap_err();
        assert!(!error.class().is_transient());
        assert!(
            chain(&error).contains("compressed packet"),
            "{}",
            chain(&error)
        );
        drop(connection);
        rogue.join().unwrap();
    }
}
