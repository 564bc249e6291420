//! Tokens of AWS MSK: the URL of a request for `kafka-cluster:Connect`, signed by Signature Version 4 in its query string, in
//! the URL-safe alphabet of Base64.
//!
//! Follows "Authenticating requests: using query parameters" of AWS, and the signer of AWS for Go, aws-msk-iam-sasl-signer.

use std::env;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::issued::{Token, TokenError};
use crate::sink::web::encoded;

const SERVICE: &str = "kafka-cluster";
const ACTION: &str = "kafka-cluster:Connect";
const LIFETIME: Duration = Duration::from_secs(900);
/// The hash of a request without a body.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// How a connector is let in by AWS MSK: `[sink.aws_msk_iam]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwsMskIamOptions {
    /// Where the cluster is; `AWS_REGION` if left out.
    pub region: Option<String>,
    /// The key of the account that is let in; `AWS_ACCESS_KEY_ID` if left out.
    pub access_key_id: Option<String>,
    /// Its secret; `AWS_SECRET_ACCESS_KEY` if left out.
    pub access_key_secret: Option<SecretString>,
    /// The token that goes with a key for a while; `AWS_SESSION_TOKEN` if the key is left out.
    pub session_token: Option<SecretString>,
}

/// Signs tokens. The environment is read for each, where the options leave something to it.
#[derive(Debug)]
pub(in crate::sink::kafka) struct Signer(AwsMskIamOptions);

struct Credentials {
    key_id: String,
    secret: SecretString,
    session: Option<SecretString>,
}

/// A request whose URL is signed.
struct Signed<'a> {
    host: &'a str,
    path: &'a str,
    region: &'a str,
    service: &'a str,
    /// The parameters of the request itself.
    query: &'a [(&'a str, &'a str)],
    payload_hash: &'a str,
    expires: Duration,
    at: SystemTime,
}

impl Signer {
    /// Makes one.
    pub(in crate::sink::kafka) fn new(options: AwsMskIamOptions) -> Self {
        Self(options)
    }

    /// A token that is valid from now on.
    pub(super) fn token(&self, now: SystemTime) -> Result<Token, TokenError> {
        let region = self
            .0
            .region
            .clone()
            .or_else(|| env::var("AWS_REGION").ok());
        let region = region.ok_or(TokenError::NoCredentials(
            "no region, set sink.aws_msk_iam.region or AWS_REGION",
        ))?;
        let credentials = self.credentials()?;
        let host = format!("kafka.{region}.amazonaws.com");
        let signed = Signed {
            host: &host,
            path: "/",
            region: &region,
            service: SERVICE,
            query: &[("Action", ACTION)],
            payload_hash: EMPTY,
            expires: LIFETIME,
            at: now,
        };
        let url = signed.url(&credentials);
        let url = format!("{url}&User-Agent=rowtap%2F{}", env!("CARGO_PKG_VERSION"));
        let value = URL_SAFE_NO_PAD.encode(url);
        Ok(Token::new(value, credentials.key_id, LIFETIME, now))
    }

    fn credentials(&self) -> Result<Credentials, TokenError> {
        let missing = TokenError::NoCredentials(
            "no key, set access_key_id and access_key_secret_file of sink.aws_msk_iam, or AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY",
        );
        let options = &self.0;
        if let (Some(key_id), Some(secret)) = (&options.access_key_id, &options.access_key_secret) {
            return Ok(Credentials {
                key_id: key_id.clone(),
                secret: secret.clone(),
                session: options.session_token.clone(),
            });
        }
        let of_environment = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        match (
            of_environment("AWS_ACCESS_KEY_ID"),
            of_environment("AWS_SECRET_ACCESS_KEY"),
        ) {
            (Some(key_id), Some(secret)) => Ok(Credentials {
                key_id,
                secret: secret.into(),
                session: of_environment("AWS_SESSION_TOKEN").map(SecretString::from),
            }),
            (_, _) => Err(missing),
        }
    }
}

impl Signed<'_> {
    fn url(&self, credentials: &Credentials) -> String {
        let at = jiff::Timestamp::try_from(self.at).unwrap_or_default();
        let time = at.strftime("%Y%m%dT%H%M%SZ").to_string();
        let day = at.strftime("%Y%m%d").to_string();
        let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
        let credential = format!("{}/{scope}", credentials.key_id);
        let expires = self.expires.as_secs().to_string();
        let mut query: Vec<(&str, &str)> = self.query.to_vec();
        query.extend([
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", &credential),
            ("X-Amz-Date", &time),
            ("X-Amz-Expires", &expires),
        ]);
        if let Some(session) = &credentials.session {
            query.push(("X-Amz-Security-Token", session.expose_secret()));
        }
        query.push(("X-Amz-SignedHeaders", "host"));
        query.sort_unstable();
        let query: Vec<String> = query
            .iter()
            .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
            .collect();
        let query = query.join("&");
        let request = format!(
            "GET\n{}\n{query}\nhost:{}\n\nhost\n{}",
            self.path, self.host, self.payload_hash
        );
        let hash = hex(&Sha256::digest(request));
        let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{hash}");
        let secret = format!("AWS4{}", credentials.secret.expose_secret());
        let key = [&*day, self.region, self.service, "aws4_request"]
            .iter()
            .fold(secret.into_bytes(), |key, part| mac(&key, part.as_bytes()));
        let signature = hex(&mac(&key, to_sign.as_bytes()));
        format!(
            "https://{}{}?{query}&X-Amz-Signature={signature}",
            self.host, self.path
        )
    }
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("an HMAC takes a key of any length");
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SystemTime {
        text.parse::<jiff::Timestamp>().unwrap().into()
    }

    /// The example in the documentation of AWS, "Authenticating requests: using query parameters".
    #[test]
    fn the_example_of_aws_is_signed_as_its_documentation_says() {
        let signed = Signed {
            host: "examplebucket.s3.amazonaws.com",
            path: "/test.txt",
            region: "us-east-1",
            service: "s3",
            query: &[],
            payload_hash: "UNSIGNED-PAYLOAD",
            expires: Duration::from_secs(86_400),
            at: at("2013-05-24T00:00:00Z"),
        };
        let url = signed.url(&Credentials {
            key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
            session: None,
        });
        assert_eq!(
            url,
            "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&\
             X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&\
             X-Amz-Expires=86400&X-Amz-SignedHeaders=host&\
             X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
        );
    }

    #[test]
    fn a_token_is_the_url_of_a_signed_request_to_connect() {
        let signer = Signer::new(AwsMskIamOptions {
            region: Some("eu-west-1".to_owned()),
            access_key_id: Some("AKIAIOSFODNN7EXAMPLE".to_owned()),
            access_key_secret: Some("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into()),
            session_token: Some("a/b=".into()),
        });
        let now = at("2026-01-02T03:04:05Z");
        let token = signer.token(now).unwrap();
        assert_eq!(token.expires, now + LIFETIME);
        assert!(!token.value().contains('='), "{}", token.value());
        let url = String::from_utf8(URL_SAFE_NO_PAD.decode(token.value()).unwrap()).unwrap();
        let expected = "https://kafka.eu-west-1.amazonaws.com/?Action=kafka-cluster%3AConnect&\
             X-Amz-Algorithm=AWS4-HMAC-SHA256&\
             X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20260102%2Feu-west-1%2Fkafka-cluster%2Faws4_request&\
             X-Amz-Date=20260102T030405Z&X-Amz-Expires=900&X-Amz-Security-Token=a%2Fb%3D&X-Amz-SignedHeaders=host&\
             X-Amz-Signature=";
        let rest = url
            .strip_prefix(expected)
            .unwrap_or_else(|| panic!("{url}"));
        let (signature, agent) = rest.split_once('&').unwrap();
        assert_eq!(signature.len(), 64);
        assert!(agent.starts_with("User-Agent=rowtap%2F"), "{agent}");
    }
}
