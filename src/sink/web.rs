//! One request over HTTP or HTTPS and its answer: to token endpoints and schema registries.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::state::off_the_runtime;

const ANSWER_BYTES_MAX: usize = 8 << 20;

/// What is sent.
#[derive(Debug)]
pub(super) struct WebRequest<'a> {
    pub(super) method: Method,
    pub(super) url: &'a Uri,
    /// The value of the header `Authorization`, if there is one.
    pub(super) authorization: Option<&'a str>,
    /// What the body is.
    pub(super) content_type: &'static str,
    /// What the answer is to be.
    pub(super) accept: &'static str,
    pub(super) body: String,
    /// Who is trusted, and as whom the connector comes.
    pub(super) trust: &'a Trust,
    /// How long the answer may take, connecting included.
    pub(super) wait_max: Duration,
}

/// Who is trusted on connections with TLS, and as whom the connector comes.
#[derive(Clone, Debug)]
pub(super) struct Trust {
    authorities: Authorities,
    /// The files of the connector's own certificate and of its key, in PEM.
    identity: Option<(PathBuf, PathBuf)>,
}

/// Whose signatures under certificates count.
#[derive(Clone, Debug)]
pub(super) enum Authorities {
    /// Those that the system trusts.
    System,
    /// Those in a file, in PEM.
    File(PathBuf),
    /// These, in PEM.
    Pem(String),
}

/// What came back.
#[derive(Debug)]
pub(super) struct WebAnswer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// Sends a request and returns the answer; blocks.
///
/// # Errors
/// What went wrong before there was an answer, in words.
pub(super) fn exchange_blocking(request: &WebRequest<'_>) -> Result<WebAnswer, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(exchange(request))
}

/// Sends a request and returns the answer.
///
/// # Errors
/// What went wrong before there was an answer, in words.
pub(super) async fn exchange(request: &WebRequest<'_>) -> Result<WebAnswer, String> {
    let answer = tokio::time::timeout(request.wait_max, answer(request)).await;
    answer.map_err(|_| format!("no answer within {:?}", request.wait_max))?
}

async fn answer(request: &WebRequest<'_>) -> Result<WebAnswer, String> {
    let host = request.url.host().ok_or("the URL names no host")?;
    let is_tls = request.url.scheme_str() == Some("https");
    let port = request
        .url
        .port_u16()
        .unwrap_or(if is_tls { 443 } else { 80 });
    let stream = TcpStream::connect((unbracketed(host), port))
        .await
        .map_err(|error| error.to_string())?;
    match is_tls {
        true => on_connection(request.trust.secured(host, stream).await?, request).await,
        false => on_connection(stream, request).await,
    }
}

/// A host of a URL, without the brackets that an IPv6 address has there.
fn unbracketed(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

async fn on_connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: &WebRequest<'_>,
) -> Result<WebAnswer, String> {
    let wrong = |error: hyper::Error| error.to_string();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(wrong)?;
    let path = request
        .url
        .path_and_query()
        .map_or("/", |path| path.as_str());
    let host = request
        .url
        .authority()
        .map_or("", |authority| authority.as_str());
    let mut sent = Request::builder()
        .method(request.method.clone())
        .uri(path)
        .header(HOST, host)
        .header(CONTENT_TYPE, request.content_type)
        .header(ACCEPT, request.accept);
    if let Some(authorization) = request.authorization {
        sent = sent.header(AUTHORIZATION, authorization);
    }
    let sent = sent
        .body(Full::new(Bytes::from(request.body.clone())))
        .map_err(|error| error.to_string())?;
    let asked = async {
        let answer = sender.send_request(sent).await.map_err(wrong)?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX)
            .collect()
            .await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        Ok(WebAnswer {
            status,
            body: body.to_vec(),
        })
    };
    // The connection works only while it is polled.
    let mut asked = std::pin::pin!(asked);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        answer = &mut asked => answer,
        closed = &mut connection => {
            closed.map_err(wrong)?;
            asked.await
        }
    }
}

/// A text in the encoding of URLs and forms.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _other => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

impl Authorities {
    /// Those in a file, if it is named and not `probe`, or else these.
    pub(super) fn of(file: Option<&str>, pem: Option<&str>) -> Self {
        match (pem, file) {
            (Some(pem), _) => Self::Pem(pem.to_owned()),
            (None, Some(path)) if path != "probe" => Self::File(path.into()),
            (None, _) => Self::System,
        }
    }

    /// Sets up TLS on a connection to a host, an IPv6 address in brackets or not.
    ///
    /// # Errors
    /// What went wrong, in words.
    pub(super) async fn secured(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, String> {
        Trust::of(self.clone()).secured(host, stream).await
    }
}

impl Trust {
    /// Of these authorities, by a connector without a certificate.
    pub(super) fn of(authorities: Authorities) -> Self {
        Self {
            authorities,
            identity: None,
        }
    }

    /// The same, by a connector whose certificate and key are in these files.
    pub(super) fn with(self, identity: Option<(PathBuf, PathBuf)>) -> Self {
        Self { identity, ..self }
    }

    async fn secured(&self, host: &str, stream: TcpStream) -> Result<TlsStream<TcpStream>, String> {
        let name = ServerName::try_from(unbracketed(host).to_owned());
        let name = name.map_err(|error| error.to_string())?;
        let trust = self.clone();
        let config = off_the_runtime(move || trust.configuration()).await?;
        let connected = TlsConnector::from(Arc::new(config)).connect(name, stream);
        connected.await.map_err(|error| error.to_string())
    }

    /// A configuration; blocks on the disk.
    fn configuration(&self) -> Result<ClientConfig, String> {
        let mut roots = RootCertStore::empty();
        let certificates: Result<Vec<CertificateDer<'static>>, _> = match &self.authorities {
            Authorities::System => Ok(rustls_native_certs::load_native_certs().certs),
            Authorities::Pem(pem) => CertificateDer::pem_slice_iter(pem.as_bytes()).collect(),
            Authorities::File(path) => {
                CertificateDer::pem_file_iter(path).and_then(|all| all.collect())
            }
        };
        let wrong = |error| format!("the authorities' certificates cannot be read: {error}");
        let (added, _unusable) = roots.add_parsable_certificates(certificates.map_err(wrong)?);
        if added == 0 {
            return Err("there are no authorities to trust".to_owned());
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots);
        let Some((certificate, key)) = &self.identity else {
            return Ok(config.with_no_client_auth());
        };
        let wrong = |path: &PathBuf, error: rustls::pki_types::pem::Error| {
            format!("{} cannot be read: {error}", path.display())
        };
        let chain = CertificateDer::pem_file_iter(certificate).and_then(|all| all.collect());
        let chain = chain.map_err(|error| wrong(certificate, error))?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, error))?;
        config
            .with_client_auth_cert(chain, key)
            .map_err(|error| format!("the connector's certificate cannot be used: {error}"))
    }
}
