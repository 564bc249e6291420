//! The client credentials grant of OAuth 2.0 (RFC 6749, section 4.4), under the names of librdkafka's properties.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hyper::{Method, Uri};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::issued::{Token, TokenError};
use crate::sink::web::{self, Authorities, Trust, WebRequest, encoded};

const METHOD: &str = "sasl.oauthbearer.method";
const CLIENT_ID: &str = "sasl.oauthbearer.client.id";
/// The same by another name.
const CLIENT_ID_AGAIN: &str = "sasl.oauthbearer.client.credentials.client.id";
const ENDPOINT: &str = "sasl.oauthbearer.token.endpoint.url";
const SCOPE: &str = "sasl.oauthbearer.scope";
const EXTENSIONS: &str = "sasl.oauthbearer.extensions";
const CA_LOCATION: &str = "https.ca.location";
const CA_PEM: &str = "https.ca.pem";
/// Where the provider does not say how long a token lives, nor the token itself.
const LIFETIME: Duration = Duration::from_secs(300);
const SAID_CHARS_MAX: usize = 200;
/// How long an answer may take, connecting included.
const ANSWER_MAX: Duration = Duration::from_secs(15);

/// A client of a provider.
#[derive(Debug)]
pub(in crate::sink::kafka) struct Oidc {
    endpoint: Uri,
    client_id: String,
    client_secret: SecretString,
    scope: Option<String>,
    extensions: Option<String>,
    authorities: Authorities,
}

#[derive(Deserialize)]
struct Given {
    access_token: String,
    expires_in: Option<f64>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
    error_description: Option<String>,
}

#[derive(Default, Deserialize)]
struct Claims {
    sub: Option<String>,
    exp: Option<f64>,
}

impl Oidc {
    /// Whether a property is read here and not by librdkafka.
    pub(in crate::sink::kafka) fn takes(property: &str) -> bool {
        [
            METHOD,
            CLIENT_ID,
            CLIENT_ID_AGAIN,
            ENDPOINT,
            SCOPE,
            EXTENSIONS,
            CA_LOCATION,
            CA_PEM,
        ]
        .contains(&property)
    }

    /// The client that properties describe; `None` where they do not ask for one.
    ///
    /// # Errors
    /// The property that is wrong or missing, and what is wrong, with the fix.
    pub(in crate::sink::kafka) fn of(
        properties: &BTreeMap<String, String>,
        client_secret: Option<&SecretString>,
    ) -> Result<Option<Self>, (&'static str, &'static str)> {
        match properties.get(METHOD).map(String::as_str) {
            Some("oidc") => {}
            Some("default") | None => return Ok(None),
            Some(_) => return Err((METHOD, "is neither default nor oidc, set one of them")),
        }
        let needed = |name| properties.get(name).ok_or((name, "is missing, set it"));
        let endpoint: Uri = needed(ENDPOINT)?
            .parse()
            .map_err(|_| (ENDPOINT, "is no URL, expected https://host/path"))?;
        if endpoint.host().is_none() || !matches!(endpoint.scheme_str(), Some("http" | "https")) {
            return Err((ENDPOINT, "is no URL, expected https://host/path"));
        }
        let secret = client_secret.ok_or((
            "sasl.oauthbearer.client.secret",
            "is missing, use sasl_client_secret or sasl_client_secret_file",
        ))?;
        let text = |name| properties.get(name).map(String::as_str);
        let authorities = Authorities::of(text(CA_LOCATION), text(CA_PEM));
        Ok(Some(Self {
            endpoint,
            client_id: match properties.get(CLIENT_ID_AGAIN) {
                Some(id) => id.clone(),
                None => needed(CLIENT_ID)?.clone(),
            },
            client_secret: secret.clone(),
            scope: properties.get(SCOPE).cloned(),
            extensions: properties.get(EXTENSIONS).cloned(),
            authorities,
        }))
    }

    /// Asks for a token; blocks.
    pub(super) fn token(&self, now: SystemTime) -> Result<Token, TokenError> {
        let url = || self.endpoint.to_string();
        let silent = |reason| TokenError::Silent { url: url(), reason };
        let credentials = format!(
            "{}:{}",
            encoded(&self.client_id),
            encoded(self.client_secret.expose_secret())
        );
        let mut body = "grant_type=client_credentials".to_owned();
        if let Some(scope) = &self.scope {
            body = body + "&scope=" + &encoded(scope);
        }
        let answer = web::exchange_blocking(&WebRequest {
            method: Method::POST,
            url: &self.endpoint,
            authorization: Some(&format!("Basic {}", STANDARD.encode(credentials))),
            content_type: "application/x-www-form-urlencoded",
            accept: "application/json",
            body,
            trust: &Trust::of(self.authorities.clone()),
            wait_max: ANSWER_MAX,
        });
        let answer = answer.map_err(silent)?;
        match answer.status {
            200 => {}
            408 | 429 | 500.. => return Err(silent(format!("it answers {}", answer.status))),
            status => {
                return Err(TokenError::Refused {
                    url: url(),
                    reason: said(status, &answer.body),
                });
            }
        }
        let given: Given =
            serde_json::from_slice(&answer.body).map_err(|_| TokenError::Refused {
                url: url(),
                reason: "its answer has no access_token".to_owned(),
            })?;
        Ok(self.as_token(given, now))
    }

    fn as_token(&self, given: Given, now: SystemTime) -> Token {
        let claims = claims(&given.access_token);
        let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).ok();
        let until = claims.exp.and_then(seconds).and_then(|at| {
            let at = UNIX_EPOCH + at;
            at.duration_since(now).ok()
        });
        // This machine's clock may be wrong, which only the first depends on.
        let lifetime = until
            .into_iter()
            .chain(given.expires_in.and_then(seconds))
            .min();
        let principal = claims.sub.unwrap_or_else(|| self.client_id.clone());
        let mut value = given.access_token;
        // rdkafka passes no extensions on. They follow the token in the message, so that they can follow it here.
        for extension in self.extensions.iter().flat_map(|all| all.split(',')) {
            value = value + "\x01" + extension.trim();
        }
        Token::new(value, principal, lifetime.unwrap_or(LIFETIME), now)
    }
}

/// What a token says of itself, where it is a JSON Web Token.
fn claims(token: &str) -> Claims {
    let payload = token.split('.').nth(1).unwrap_or_default();
    let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('='));
    let claims = payload
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok());
    claims.unwrap_or_default()
}

/// What a refusal says, without anything that it was sent.
fn said(status: u16, body: &[u8]) -> String {
    let mut text = format!("it answers {status}");
    if let Ok(refusal) = serde_json::from_slice::<Refusal>(body) {
        let words = refusal.error_description.unwrap_or(refusal.error);
        let words: String = words.chars().filter(|c| !c.is_control()).collect();
        let words: String = words.chars().take(SAID_CHARS_MAX).collect();
        let _ = write!(text, ": {words}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(all: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        all.iter().map(owned).collect()
    }

    const WHOLE: [(&str, &str); 3] = [
        (METHOD, "oidc"),
        (ENDPOINT, "https://idp.example/token"),
        (CLIENT_ID, "rowtap"),
    ];

    fn oidc(more: &[(&str, &str)]) -> Oidc {
        let all = [&WHOLE[..], more].concat();
        let of = Oidc::of(&properties(&all), Some(&"s".into()));
        of.unwrap().unwrap()
    }

    #[test]
    fn what_is_missing_is_named() {
        let secret = SecretString::from("s");
        for (left_out, expected) in [(ENDPOINT, ENDPOINT), (CLIENT_ID, CLIENT_ID)] {
            let mut given = properties(&WHOLE);
            given.remove(left_out);
            let (property, _) = Oidc::of(&given, Some(&secret)).unwrap_err();
            assert_eq!(property, expected);
        }
        let (property, fix) = Oidc::of(&properties(&WHOLE), None).unwrap_err();
        assert_eq!(property, "sasl.oauthbearer.client.secret");
        assert!(fix.contains("sasl_client_secret_file"));
        assert!(Oidc::of(&properties(&[]), None).unwrap().is_none());
    }

    #[test]
    fn a_token_lives_as_long_as_it_says() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000);
        let payload = URL_SAFE_NO_PAD.encode(r#"{"sub":"alice","exp":1060}"#);
        for (token, expires_in, lifetime, principal) in [
            (format!("h.{payload}.s"), None, 60, "alice"),
            (format!("h.{payload}.s"), Some(7.0), 7, "alice"),
            (format!("h.{payload}.s"), Some(3600.0), 60, "alice"),
            ("opaque".to_owned(), Some(7.0), 7, "rowtap"),
            ("opaque".to_owned(), None, 300, "rowtap"),
        ] {
            let given = Given {
                access_token: token,
                expires_in,
            };
            let token = oidc(&[]).as_token(given, now);
            assert_eq!(token.expires, now + Duration::from_secs(lifetime));
            assert_eq!(token.principal, principal);
        }
    }

    #[test]
    fn extensions_follow_the_token() {
        let given = Given {
            access_token: "t".to_owned(),
            expires_in: None,
        };
        let oidc = oidc(&[(EXTENSIONS, "logicalCluster=lkc-1, identityPoolId=p")]);
        let token = oidc.as_token(given, UNIX_EPOCH);
        assert_eq!(
            token.value(),
            "t\x01logicalCluster=lkc-1\x01identityPoolId=p"
        );
    }

    #[test]
    fn a_refusal_is_told_in_the_providers_words() {
        let body = br#"{"error":"invalid_client","error_description":"no such client"}"#;
        assert_eq!(said(401, body), "it answers 401: no such client");
        assert_eq!(said(403, b"<html>"), "it answers 403");
    }
}
