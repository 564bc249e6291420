//! One POST of a form to a token endpoint, over HTTP or HTTPS.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::state::off_the_runtime;

/// How long an answer may take, connecting included.
const ANSWER_MAX: Duration = Duration::from_secs(15);
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// What is sent.
#[derive(Debug)]
pub(super) struct Form<'a> {
    pub(super) url: &'a Uri,
    /// The value of the header `Authorization`.
    pub(super) authorization: &'a str,
    /// The body, in the encoding of a form.
    pub(super) body: String,
    /// Whom to trust.
    pub(super) authorities: &'a Authorities,
}

/// Whose signatures under certificates count.
#[derive(Clone, Debug)]
pub(in crate::sink::kafka) enum Authorities {
    /// Those that the system trusts.
    System,
    /// Those in a file, in PEM.
    File(PathBuf),
    /// These, in PEM.
    Pem(String),
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// Sends a form and returns the answer; blocks.
///
/// # Errors
/// What went wrong before there was an answer, in words.
pub(super) fn post(form: &Form<'_>) -> Result<Answer, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let answer = tokio::time::timeout(ANSWER_MAX, answer(form)).await;
        answer.map_err(|_| format!("no answer within {ANSWER_MAX:?}"))?
    })
}

async fn answer(form: &Form<'_>) -> Result<Answer, String> {
    let host = form.url.host().ok_or("the URL names no host")?;
    let is_tls = form.url.scheme_str() == Some("https");
    let port = form.url.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let stream = TcpStream::connect((unbracketed(host), port))
        .await
        .map_err(|error| error.to_string())?;
    match is_tls {
        true => exchange(form.authorities.secured(host, stream).await?, form).await,
        false => exchange(stream, form).await,
    }
}

/// A host of a URL, without the brackets that an IPv6 address has there.
fn unbracketed(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    form: &Form<'_>,
) -> Result<Answer, String> {
    let wrong = |error: hyper::Error| error.to_string();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(wrong)?;
    let path = form.url.path_and_query().map_or("/", |path| path.as_str());
    let host = form
        .url
        .authority()
        .map_or("", |authority| authority.as_str());
    let request = Request::post(path)
        .header(HOST, host)
        .header(AUTHORIZATION, form.authorization)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(ACCEPT, "application/json")
        .body(Full::new(Bytes::from(form.body.clone())))
        .map_err(|error| error.to_string())?;
    let asked = async {
        let answer = sender.send_request(request).await.map_err(wrong)?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX)
            .collect()
            .await;
        let body = body.map_err(|error| error.to_string())?.to_bytes();
        Ok(Answer {
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
    pub(in crate::sink::kafka) fn of(file: Option<&str>, pem: Option<&str>) -> Self {
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
    pub(in crate::sink::kafka) async fn secured(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, String> {
        let name = ServerName::try_from(unbracketed(host).to_owned());
        let name = name.map_err(|error| error.to_string())?;
        let authorities = self.clone();
        let config = off_the_runtime(move || authorities.trusting()).await?;
        let connected = TlsConnector::from(Arc::new(config)).connect(name, stream);
        connected.await.map_err(|error| error.to_string())
    }

    /// A configuration that trusts them; blocks on the disk.
    fn trusting(&self) -> Result<ClientConfig, String> {
        let mut roots = RootCertStore::empty();
        let certificates: Result<Vec<CertificateDer<'static>>, _> = match self {
            Self::System => Ok(rustls_native_certs::load_native_certs().certs),
            Self::Pem(pem) => CertificateDer::pem_slice_iter(pem.as_bytes()).collect(),
            Self::File(path) => CertificateDer::pem_file_iter(path).and_then(|all| all.collect()),
        };
        let wrong = |error| format!("the authorities' certificates cannot be read: {error}");
        let (added, _unusable) = roots.add_parsable_certificates(certificates.map_err(wrong)?);
        if added == 0 {
            return Err("there are no authorities to trust".to_owned());
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        Ok(config.with_root_certificates(roots).with_no_client_auth())
    }
}
