//! An HTTP server of the tests' own, over TCP or TLS, which answers each request as a test says.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::Certificates;

const READ_MAX: Duration = Duration::from_secs(10);

/// A request.
#[derive(Clone, Debug)]
pub struct WebCall {
    pub method: String,
    pub path: String,
    pub authorization: Option<String>,
    pub body: String,
}

/// What a request is answered: a status and a body, or nothing at all until the server ends.
pub enum WebReply {
    Answer(u16, String),
    Silence,
}

/// A server, which ends with its value.
pub struct Web {
    port: u16,
    is_tls: bool,
    calls: Arc<Mutex<Vec<WebCall>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Web {
    /// Starts one; over TLS as `localhost` where that is set up.
    pub fn start(
        tls: Option<ServerConfig>,
        answer: impl Fn(&WebCall) -> WebReply + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let calls: Arc<Mutex<Vec<WebCall>>> = Arc::default();
        let is_over: Arc<AtomicBool> = Arc::default();
        let tls = tls.map(Arc::new);
        let is_tls = tls.is_some();
        let shared = (Arc::clone(&calls), Arc::clone(&is_over));
        let thread = std::thread::spawn(move || {
            // Those that get no answer stay open.
            let mut silent = Vec::new();
            for stream in listener.incoming() {
                if shared.1.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                stream.set_read_timeout(Some(READ_MAX)).unwrap();
                let kept = stream.try_clone().unwrap();
                // Whoever does not trust the certificate goes away.
                let is_silent = match &tls {
                    None => serve(stream, &shared.0, &answer),
                    Some(config) => {
                        let connection = ServerConnection::new(Arc::clone(config)).unwrap();
                        serve(StreamOwned::new(connection, stream), &shared.0, &answer)
                    }
                };
                if is_silent.unwrap_or(false) {
                    silent.push(kept);
                }
            }
        });
        Self {
            port,
            is_tls,
            calls,
            is_over,
            thread: Some(thread),
        }
    }

    pub fn url(&self) -> String {
        let scheme = if self.is_tls { "https" } else { "http" };
        format!("{scheme}://localhost:{}", self.port)
    }

    /// What it was asked so far.
    pub fn calls(&self) -> Vec<WebCall> {
        self.calls.lock().unwrap().clone()
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// TLS by the certificate of a server; where clients must show one, by those of the same authority only.
pub fn tls(certificates: &Certificates, asks_clients: bool) -> ServerConfig {
    let chain = CertificateDer::pem_file_iter(certificates.server()).unwrap();
    let chain = chain.collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(certificates.server_key()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let config = match asks_clients {
        true => {
            let mut roots = RootCertStore::empty();
            let authority = CertificateDer::from_pem_file(certificates.ca()).unwrap();
            roots.add(authority).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            config.with_client_cert_verifier(verifier.build().unwrap())
        }
        false => config.with_no_client_auth(),
    };
    config.with_single_cert(chain, key).unwrap()
}

/// Answers one request; returns whether it did not.
fn serve(
    mut stream: impl Read + Write,
    calls: &Mutex<Vec<WebCall>>,
    answer: &impl Fn(&WebCall) -> WebReply,
) -> std::io::Result<bool> {
    let mut request = Vec::new();
    let mut buffer = [0; 4096];
    while !is_whole(&request) {
        match stream.read(&mut buffer)? {
            0 => return Ok(false),
            count => request.extend_from_slice(&buffer[..count]),
        }
    }
    let text = String::from_utf8(request).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut first = head.lines().next().unwrap().split(' ');
    let call = WebCall {
        method: first.next().unwrap().to_owned(),
        path: first.next().unwrap().to_owned(),
        authorization: header(head, "authorization").map(str::to_owned),
        body: body.to_owned(),
    };
    assert_eq!(first.next(), Some("HTTP/1.1"));
    calls.lock().unwrap().push(call.clone());
    match answer(&call) {
        WebReply::Silence => Ok(true),
        WebReply::Answer(status, body) => {
            write!(
                stream,
                "HTTP/1.1 {status} As told\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            )?;
            stream.flush()?;
            Ok(false)
        }
    }
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
