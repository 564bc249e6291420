//! A token endpoint of an OIDC provider over HTTP or HTTPS: whoever shows the client's credentials is given an unsecured token,
//! as Kafka's validator for development takes it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::Certificates;

/// The client that is known.
pub const CLIENT: (&str, &str) = ("rowtap-client", "s3cret & more");
const READ_MAX: Duration = Duration::from_secs(10);

/// An endpoint, which ends with its value.
pub struct TokenEndpoint {
    port: u16,
    is_tls: bool,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    asked: AtomicU64,
    is_over: AtomicBool,
    fails: AtomicBool,
    lifetime_s: AtomicU64,
}

impl TokenEndpoint {
    /// Starts one; with certificates, over HTTPS as `localhost`.
    pub fn start(certificates: Option<&Certificates>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared::default());
        shared.lifetime_s.store(300, Ordering::Relaxed);
        let (own, tls) = (Arc::clone(&shared), certificates.map(config));
        let is_tls = tls.is_some();
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if own.is_over.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                stream.set_read_timeout(Some(READ_MAX)).unwrap();
                // Whoever does not trust the certificate goes away.
                let _ = match &tls {
                    None => answer(stream, &own),
                    Some(config) => {
                        let connection = ServerConnection::new(Arc::clone(config)).unwrap();
                        answer(StreamOwned::new(connection, stream), &own)
                    }
                };
            }
        });
        Self {
            port,
            is_tls,
            shared,
            thread: Some(thread),
        }
    }

    /// Where tokens are asked for.
    pub fn url(&self) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        format!("{scheme}://localhost:{}/oauth/token", self.port)
    }

    /// How often it was asked.
    pub fn asked(&self) -> u64 {
        self.shared.asked.load(Ordering::Relaxed)
    }

    /// Whether it answers that it cannot answer now.
    pub fn fail(&self, fails: bool) {
        self.shared.fails.store(fails, Ordering::Relaxed);
    }

    /// How long the tokens live that it gives from now on.
    pub fn give_for(&self, seconds: u64) {
        self.shared.lifetime_s.store(seconds, Ordering::Relaxed);
    }
}

impl Drop for TokenEndpoint {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn config(certificates: &Certificates) -> Arc<ServerConfig> {
    let chain = CertificateDer::pem_file_iter(certificates.server()).unwrap();
    let chain = chain.collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(certificates.server_key()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key);
    Arc::new(config.unwrap())
}

fn answer(mut stream: impl Read + Write, shared: &Shared) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !is_whole(&request) {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            count => request.extend_from_slice(&buffer[..count]),
        }
    }
    shared.asked.fetch_add(1, Ordering::Relaxed);
    let request = String::from_utf8(request).unwrap();
    let (status, body) = if shared.fails.load(Ordering::Relaxed) {
        ("503 Service Unavailable", "later".to_owned())
    } else if is_known(&request) {
        ("200 OK", token(shared.lifetime_s.load(Ordering::Relaxed)))
    } else {
        (
            "401 Unauthorized",
            r#"{"error":"invalid_client","error_description":"no such client, or another secret"}"#
                .to_owned(),
        )
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )?;
    stream.flush()
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    body.len() >= header(head, "content-length").map_or(0, |length| length.parse().unwrap())
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

/// Whether the credentials are those of the client, each encoded as RFC 6749 says.
fn is_known(request: &str) -> bool {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let expected = STANDARD.encode("rowtap-client:s3cret%20%26%20more");
    head.starts_with("POST /oauth/token HTTP/1.1\r\n")
        && header(head, "authorization") == Some(&format!("Basic {expected}"))
        && body == "grant_type=client_credentials&scope=kafka"
}

fn token(lifetime_s: u64) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let claims = format!(
        r#"{{"sub":"rowtap","iat":{now},"exp":{},"scope":"kafka"}}"#,
        now + lifetime_s
    );
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let token = format!("{}.{}.", part(r#"{"alg":"none"}"#), part(&claims));
    format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":{lifetime_s}}}"#)
}
