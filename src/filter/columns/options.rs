//! The rules on columns as they are written in `[filter]`.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

/// A rule of `columns-mask`: one of `with` and `each`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskOptions {
    /// The columns.
    #[serde(default)]
    pub columns: String,
    /// The text that takes the place of every value.
    #[serde(default)]
    pub with: Option<String>,
    /// The character that takes the place of each character.
    #[serde(default)]
    pub each: Option<String>,
}

/// A rule of `columns-hash`: one of `salt` and `hmac_key`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HashOptions {
    /// The columns.
    #[serde(default)]
    pub columns: String,
    /// What is hashed before each value.
    #[serde(default)]
    pub salt: Option<RuleSecret>,
    /// The key of an HMAC.
    #[serde(default)]
    pub hmac_key: Option<RuleSecret>,
}

/// A rule of `columns-truncate`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TruncateOptions {
    /// The columns.
    #[serde(default)]
    pub columns: String,
    /// How many characters are left.
    #[serde(default)]
    pub length: Option<u32>,
}

/// What is done about a rule that has lost the column that it matched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnMissing {
    /// The stream stops.
    #[default]
    Stop,
    /// It goes on with a warning, unless the column is there under another name.
    Warn,
}

/// What is done about a column that a server computes from one whose values a rule hides, and that no rule hides itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnComputed {
    /// The stream stops.
    #[default]
    Stop,
    /// Its values are published.
    Publish,
}

/// A salt or key, which no message shows.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct RuleSecret(SecretString);

impl RuleSecret {
    /// Its bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }
}

impl From<String> for RuleSecret {
    fn from(secret: String) -> Self {
        Self(secret.into())
    }
}

impl fmt::Debug for RuleSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl PartialEq for RuleSecret {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for RuleSecret {}
