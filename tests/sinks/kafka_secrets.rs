//! Secrets of a Kafka sink, right and wrong, given in each way: none shows in what is logged, told, served or kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::kafka_logins::broker;
use crate::commands::process::{Folder, PASSWORD, account, page, source};
use crate::support::{Certificates, Flavour, Server, TOKEN_CLIENT, TokenEndpoint};

const USER: &str = "secretive";
/// A wrong secret, as nothing else is called.
const CANARY: &str = "Canary-Quixotic+7391/=";
/// How the tokens of the endpoint begin: the header of an unsecured one.
const TOKEN_BEGINS: &str = "eyJhbGciOi";
/// What librdkafka has to say, all of it, is logged too.
const DEBUG: &str = "debug = 'all'";
/// The files of a folder that hold secrets.
const GIVEN: [&str; 2] = ["shop.toml", "secret"];

/// A connector to topics, with these keys of the sink and properties.
fn connector(keys: &str, properties: &str) -> Folder {
    let server = Server::shared(Flavour::MySql97);
    let text = source(server.port(), USER);
    let (text, _) = text.split_once("[sink]").unwrap();
    Folder::new(&format!(
        "{text}[sink]\ntype = 'kafka'\nbootstrap_servers = '{}'\n{keys}\n[sink.properties]\n{DEBUG}\n{properties}\n",
        broker().bootstrap()
    ))
    .variable("RUST_LOG", "trace")
}

/// The ways in which a secret of a user would show.
fn forms(user: &str, secret: &str) -> Vec<Vec<u8>> {
    let plain = format!("\0{user}\0{secret}");
    let basic = format!("{user}:{secret}");
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let escaped: String = form_urlencoded(secret);
    let mut forms = vec![secret.to_owned(), hex, escaped];
    for text in [secret, &plain, &basic] {
        forms.push(STANDARD.encode(text).trim_end_matches('=').to_owned());
        forms.push(URL_SAFE_NO_PAD.encode(text));
    }
    forms.push(plain);
    forms.into_iter().map(String::into_bytes).collect()
}

fn form_urlencoded(text: &str) -> String {
    let encoded = |byte: u8| match byte.is_ascii_alphanumeric() || b"-._*".contains(&byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(encoded).collect()
}

fn files(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, all),
            false => all.push(path),
        }
    }
}

/// Has a connector do all that shows something, and searches everything that it leaves. Returns its log.
fn search(folder: &Folder, secrets: &[(&str, &str)], succeeds: bool) -> String {
    for arguments in [
        &["validate", "shop.toml"][..],
        &["check", "shop.toml"],
        &["check", "--json", "shop.toml"],
        &["explain", "shop.toml", "--table", "shop.orders"],
        &["run", "--once", "--http", "off", "shop.toml"],
        &["status", "shop.toml"],
    ] {
        let ended = folder.run(arguments);
        if arguments[0] == "run" {
            assert_eq!(ended.code == Some(0), succeeds, "{}", ended.stderr);
            assert_ne!(ended.code, Some(78), "{}", ended.stderr);
        }
    }
    if succeeds {
        let mut running = folder.start(&["run", "--http", "127.0.0.1:0", "shop.toml"]);
        running.until("it streams", |running| {
            running.stderr().contains("replication started")
        });
        let address = running.http();
        for name in ["status", "metrics", "readyz"] {
            let (_, body) = page(&address, &format!("/{name}")).unwrap();
            fs::write(folder.path(&format!("page-{name}")), body).unwrap();
        }
        running.signal("TERM");
        running.end();
    }
    let mut written = Vec::new();
    files(&folder.path(""), &mut written);
    let mut log = String::new();
    for path in written {
        let name = path.file_name().unwrap().to_str().unwrap();
        if GIVEN.contains(&name) {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        for (user, secret) in secrets {
            for form in forms(user, secret) {
                let is_there = bytes.windows(form.len()).any(|window| window == form);
                let shown = String::from_utf8_lossy(&form);
                assert!(!is_there, "{} holds {shown}", path.display());
            }
        }
        log += &String::from_utf8_lossy(&bytes);
    }
    assert!(
        log.contains("TRACE") && log.contains("librdkafka"),
        "logs all"
    );
    log
}

fn properties(mechanism: &str) -> String {
    format!(
        "'security.protocol' = 'SASL_PLAINTEXT'\n'sasl.mechanism' = '{mechanism}'\n'sasl.username' = 'admin'"
    )
}

#[test]
fn passwords_show_nowhere() {
    account(Server::shared(Flavour::MySql97), USER);
    for mechanism in ["PLAIN", "SCRAM-SHA-256"] {
        let by_file = "prefix = 'secret_file'\nsasl_password_file = 'secret'";
        let right = connector(by_file, &properties(mechanism));
        fs::write(right.path("secret"), "admin-secret\n").unwrap();
        let secrets = [("admin", "admin-secret"), (USER, PASSWORD)];
        search(&right, &secrets, true);
        let secrets = [("admin", CANARY), (USER, PASSWORD)];
        let told = format!("sasl_password = '{CANARY}'");
        search(&connector(&told, &properties(mechanism)), &secrets, false);
        let by_variable = connector("", &properties(mechanism));
        let by_variable = by_variable.variable("ROWTAP__SINK__SASL_PASSWORD", CANARY);
        search(&by_variable, &secrets, false);
        // A secret where none belongs is refused, and not repeated.
        let misplaced = format!("{}\n'sasl.password' = '{CANARY}'", properties(mechanism));
        let misplaced = connector("", &misplaced).run(&["validate", "shop.toml"]);
        assert_eq!(misplaced.code, Some(78));
        assert!(!misplaced.stderr.contains(CANARY), "{}", misplaced.stderr);
    }
}

#[test]
fn secrets_of_clients_and_tokens_show_nowhere() {
    account(Server::shared(Flavour::MySql97), "secretive_client");
    let endpoint = TokenEndpoint::start(None);
    let (client, secret) = TOKEN_CLIENT;
    let with = |keys: &str, id: &str| {
        let properties = format!(
            "{}\n'sasl.oauthbearer.method' = 'oidc'\n'sasl.oauthbearer.client.id' = '{id}'\n\
             'sasl.oauthbearer.scope' = 'kafka'\n'sasl.oauthbearer.token.endpoint.url' = '{}'",
            properties("OAUTHBEARER"),
            endpoint.url()
        );
        let folder = connector(keys, &properties);
        folder.replacing(&format!("user = '{USER}'"), "user = 'secretive_client'")
    };
    let right = with(
        "prefix = 'secret_client'\nsasl_client_secret_file = 'secret'",
        client,
    );
    fs::write(right.path("secret"), secret).unwrap();
    let log = search(&right, &[(client, secret)], true);
    assert!(!log.contains(TOKEN_BEGINS), "a token is shown");
    let wrong = with(&format!("sasl_client_secret = '{CANARY}'"), client);
    search(&wrong, &[(client, CANARY)], false);
}

#[test]
fn keys_of_aws_show_nowhere() {
    account(Server::shared(Flavour::MySql97), "secretive_aws");
    let keys = format!(
        "[sink.aws_msk_iam]\nregion = 'eu-central-1'\naccess_key_id = 'AKIAIOSFODNN7EXAMPLE'\n\
         access_key_secret_file = 'secret'\nsession_token = '{CANARY}'"
    );
    let folder = connector(&keys, "'security.protocol' = 'SASL_PLAINTEXT'");
    let folder = folder.replacing(&format!("user = '{USER}'"), "user = 'secretive_aws'");
    let secret = "Canary/Zephyrous+8264";
    fs::write(folder.path("secret"), secret).unwrap();
    let user = "AKIAIOSFODNN7EXAMPLE";
    let log = search(&folder, &[(user, CANARY), (user, secret)], false);
    // The signed address is the token.
    let begins = URL_SAFE_NO_PAD.encode("https://kafka.");
    assert!(
        !log.contains(&begins) && !log.contains("X-Amz-Signature"),
        "a token is shown"
    );
}

#[test]
fn passwords_of_keys_show_nowhere() {
    account(Server::shared(Flavour::MySql97), "secretive_key");
    let certificates = Certificates::new();
    let locked = certificates.client_key().with_extension("locked");
    let encrypted = Command::new("openssl")
        .args(["pkcs8", "-topk8", "-v2", "aes256", "-passout"])
        .arg(format!("pass:{CANARY}"))
        .arg("-in")
        .arg(certificates.client_key())
        .arg("-out")
        .arg(&locked)
        .output()
        .unwrap();
    assert!(encrypted.status.success(), "{encrypted:?}");
    let properties = format!(
        "'security.protocol' = 'SSL'\n'ssl.certificate.location' = '{}'\n'ssl.key.location' = '{}'",
        certificates.client().display(),
        locked.display()
    );
    for secret in [CANARY, "Canary-Zephyrous-8264"] {
        let keys = format!("ssl_key_password = '{secret}'");
        let folder = connector(&keys, &properties);
        let folder = folder.replacing(&format!("user = '{USER}'"), "user = 'secretive_key'");
        // The right one opens the key, and the broker speaks no TLS.
        let mut log = String::new();
        for arguments in [
            &["check", "shop.toml"][..],
            &["run", "--once", "--http", "off", "shop.toml"],
        ] {
            let ended = folder.run(arguments);
            assert_ne!(ended.code, Some(0), "{}", ended.stderr);
            log += &(ended.stdout + &ended.stderr);
        }
        for form in forms("", secret) {
            let form = String::from_utf8(form).unwrap();
            assert!(!log.contains(&form), "{form} is shown");
        }
    }
}
