//! A token endpoint of an OIDC provider over HTTP or HTTPS: whoever shows the client's credentials is given an unsecured token,
//! as Kafka's validator for development takes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::Certificates;
use super::web::{Web, WebCall, WebReply, tls};

/// The client that is known.
pub const CLIENT: (&str, &str) = ("rowtap-client", "s3cret & more");
const PATH: &str = "/oauth/token";

/// An endpoint, which ends with its value.
pub struct TokenEndpoint {
    web: Web,
    shared: Arc<Shared>,
}

struct Shared {
    fails: AtomicBool,
    lifetime_s: AtomicU64,
}

impl TokenEndpoint {
    /// Starts one; with certificates, over HTTPS as `localhost`.
    pub fn start(certificates: Option<&Certificates>) -> Self {
        let shared = Arc::new(Shared {
            fails: AtomicBool::new(false),
            lifetime_s: AtomicU64::new(300),
        });
        let own = Arc::clone(&shared);
        let tls = certificates.map(|certificates| tls(certificates, false));
        let web = Web::start(tls, move |call| answer(call, &own));
        Self { web, shared }
    }

    /// Where tokens are asked for.
    pub fn url(&self) -> String {
        self.web.url() + PATH
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.web.calls().len()
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

fn answer(call: &WebCall, shared: &Shared) -> WebReply {
    let (status, body) = if shared.fails.load(Ordering::Relaxed) {
        (503, "later".to_owned())
    } else if is_known(call) {
        (200, token(shared.lifetime_s.load(Ordering::Relaxed)))
    } else {
        (
            401,
            r#"{"error":"invalid_client","error_description":"no such client, or another secret"}"#
                .to_owned(),
        )
    };
    WebReply::Answer(status, body)
}

/// Whether the credentials are those of the client, each encoded as RFC 6749 says.
fn is_known(call: &WebCall) -> bool {
    let expected = STANDARD.encode("rowtap-client:s3cret%20%26%20more");
    (&*call.method, &*call.path) == ("POST", PATH)
        && call.authorization == Some(format!("Basic {expected}"))
        && call.body == "grant_type=client_credentials&scope=kafka"
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
