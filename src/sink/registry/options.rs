//! The section `registry` of a sink: where schemas are made known, and how.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Uri;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::encode::{AvroCodec, Format, FormatSections};
use crate::sink::web::{Authorities, Trust};

/// The section `registry` of a sink with `format = "avro"`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryOptions {
    /// Where the registry is found: a URL, several with commas.
    pub urls: String,
    /// Under which subjects schemas are registered.
    #[serde(default)]
    pub subject_name_strategy: SubjectNameStrategy,
    /// Whether schemas are registered that are not there; if not, a person does that before.
    #[serde(default = "register")]
    pub register: bool,
    /// What becomes of a schema that is not compatible with the one before it.
    #[serde(default)]
    pub on_incompatible: OnIncompatible,
    /// The account, for HTTP's basic authentication.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<SecretString>,
    /// A bearer token, in place of an account.
    pub token: Option<SecretString>,
    /// The file with the authorities that are trusted, in PEM; those of the system if left out.
    pub ssl_ca: Option<PathBuf>,
    /// The file with the connector's own certificate, in PEM.
    pub ssl_cert: Option<PathBuf>,
    /// The file with its key, in PEM.
    pub ssl_key: Option<PathBuf>,
    /// How long an answer may take.
    #[serde(
        default = "timeout",
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required"
    )]
    pub timeout: Duration,
}

/// Under which subjects schemas are registered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectNameStrategy {
    /// `<topic>-key` and `<topic>-value`.
    #[default]
    Topic,
    /// The name of the record.
    Record,
    /// `<topic>-<name of the record>`.
    TopicRecord,
}

/// What becomes of a schema that is not compatible with the one before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnIncompatible {
    /// The connector stops.
    #[default]
    Stop,
    /// It is registered all the same: for that moment the subject's compatibility is NONE.
    Force,
}

/// What is wrong with the section `registry` of a sink that writes a format: the path of each key, and what is wrong and the fix.
pub(in crate::sink) fn problems(
    registry: Option<&RegistryOptions>,
    sections: FormatSections<'_>,
) -> Vec<(Vec<String>, Cow<'static, str>)> {
    let one = |key: &str, reason: &'static str| vec![(vec![key.to_owned()], reason.into())];
    let codec = sections.avro.map(|avro| avro.codec).unwrap_or_default();
    let of_codec = (codec != AvroCodec::Null).then(|| {
        let path = ["avro", "codec"].map(str::to_owned);
        let reason = "compresses blocks of files, set compression for Kafka's batches";
        (Vec::from(path), reason.into())
    });
    let mut all = match (registry, sections.format == Format::Avro) {
        (None, true) => one(
            "format",
            "is 'avro', whose schemas go to a registry, set registry.urls",
        ),
        (Some(_), false) => one(
            "registry",
            "has a meaning only with format = 'avro', set that or remove it",
        ),
        (None, false) => Vec::new(),
        (Some(registry), true) => {
            let problems = registry.problems().into_iter();
            let placed = problems
                .map(|(key, reason)| (vec!["registry".to_owned(), key.to_owned()], reason.into()));
            placed.collect()
        }
    };
    all.extend(of_codec);
    all
}

fn register() -> bool {
    true
}

fn timeout() -> Duration {
    Duration::from_secs(10)
}

/// Nothing that is secret is shown.
impl fmt::Debug for RegistryOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryOptions")
            .field("urls", &self.urls)
            .field("subject_name_strategy", &self.subject_name_strategy)
            .field("register", &self.register)
            .field("on_incompatible", &self.on_incompatible)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl RegistryOptions {
    /// What is wrong with values that can be judged without the registry: the key, and what is wrong and the fix.
    fn problems(&self) -> Vec<(&'static str, &'static str)> {
        let mut problems = Vec::new();
        let addresses = self.addresses();
        if addresses.is_empty() || addresses.iter().any(Option::is_none) {
            problems.push((
                "urls",
                "is no URL, expected https://host:port, several with commas",
            ));
        }
        let has_account = |address: &Uri| {
            let authority = address.authority();
            authority.is_some_and(|authority| authority.as_str().contains('@'))
        };
        if addresses.iter().flatten().any(has_account) {
            problems.push(("urls", "holds an account, use username and password_file"));
        }
        match (&self.username, &self.password, &self.token) {
            (Some(_), None, _) => problems.push(("username", "has no password, set password_file")),
            (None, Some(_), _) => problems.push(("password", "has no username, set that")),
            (Some(_), Some(_), Some(_)) => {
                problems.push(("token", "is set beside username, remove one of them"));
            }
            (None, None, _) | (Some(_), Some(_), None) => {}
        }
        match (&self.ssl_cert, &self.ssl_key) {
            (Some(_), None) => problems.push(("ssl_cert", "has no key, set ssl_key")),
            (None, Some(_)) => problems.push(("ssl_key", "has no certificate, set ssl_cert")),
            (None, None) | (Some(_), Some(_)) => {}
        }
        if self.timeout.is_zero() {
            problems.push(("timeout", "is zero, expected a time such as 10s"));
        }
        problems
    }

    /// The addresses; `None` for what is none.
    fn addresses(&self) -> Vec<Option<Uri>> {
        let parts = self.urls.split(',').map(str::trim);
        let parts = parts.filter(|part| !part.is_empty());
        let parsed = parts.map(|part| {
            let url: Uri = part.trim_end_matches('/').parse().ok()?;
            let is_web = matches!(url.scheme_str(), Some("http" | "https"));
            (is_web && url.host().is_some() && url.query().is_none()).then_some(url)
        });
        parsed.collect()
    }

    /// The addresses, each without a slash at its end.
    pub(super) fn bases(&self) -> Vec<String> {
        let addresses = self.addresses().into_iter().flatten();
        let text = addresses.map(|address| address.to_string().trim_end_matches('/').to_owned());
        text.collect()
    }

    /// Who is trusted, and as whom the connector comes.
    pub(super) fn trust(&self) -> Trust {
        let authorities = match &self.ssl_ca {
            Some(path) => Authorities::File(path.clone()),
            None => Authorities::System,
        };
        let identity = self.ssl_cert.clone().zip(self.ssl_key.clone());
        Trust::of(authorities).with(identity)
    }

    /// What the connector shows to be let in.
    pub(super) fn authorization(&self) -> Option<String> {
        if let Some(token) = &self.token {
            return Some(format!("Bearer {}", token.expose_secret()));
        }
        let (username, password) = (self.username.as_ref()?, self.password.as_ref()?);
        let account = format!("{username}:{}", password.expose_secret());
        Some(format!("Basic {}", STANDARD.encode(account)))
    }
}
