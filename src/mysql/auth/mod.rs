//! Authentication: which plugins rowtap answers, and with what.
//!
//! Follows "Authentication Phase" of the client/server protocol manual. The scrambles are those of `mysql_common`;
//! the decisions are here, since what leaves the machine depends on them:
//!
//! | plugin | over TLS | without TLS |
//! |---|---|---|
//! | `caching_sha2_password`, password known to the server's cache | scramble | scramble |
//! | `caching_sha2_password`, else | the password | the password under an RSA key that was pinned or allowed |
//! | `mysql_native_password` | scramble | scramble |
//! | `client_ed25519` | signature | signature |
//! | `mysql_clear_password`, `dialog` | the password, if that is enabled and the certificate was checked | refused |
//! | anything else | refused | refused |
//!
//! A Unix socket counts as TLS for `caching_sha2_password`. Plugins of the server that look at the socket's user alone
//! (`unix_socket`, `auth_socket`) ask for nothing.

use mysql_common::auth::plugins::caching_sha2_password::scramble_sha256;
use mysql_common::auth::plugins::client_ed25519::ClientEd25519;
use mysql_common::auth::plugins::mysql_native_password::scramble_native;
use mysql_common::auth::plugins::{ChallengeResponsePlugin as _, Context};
use secrecy::zeroize::Zeroizing;

use super::fields::{Fields, Malformed};
use super::handshake::NONCE_BYTES;
use super::public_key::{PublicKey, PublicKeyError};
use super::response::{self, ServerError};

const CACHING_SHA2: &str = "caching_sha2_password";
const NATIVE: &str = "mysql_native_password";
const ED25519: &str = "client_ed25519";
const CLEAR: &str = "mysql_clear_password";
const OLD: &str = "mysql_old_password";
/// MariaDB's PAM: the server asks questions, mostly one for the password.
const DIALOG: &str = "dialog";
/// `dialog`: the kind of question that is answered by the password, without the bit that marks the last one.
const DIALOG_PASSWORD: u8 = 2;
/// Characters of a question that are shown.
const QUESTION_CHARACTERS_MAX: usize = 64;

/// `caching_sha2_password`: the client asks for the server's RSA key.
const REQUEST_KEY: u8 = 2;
/// `caching_sha2_password`: the scramble was enough.
const FAST_SUCCESS: u8 = 3;
/// `caching_sha2_password`: the server needs the password itself.
const FULL_AUTHENTICATION: u8 = 4;

/// Why a login failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthenticationError {
    /// The server said no.
    #[error("{error}, {fix}")]
    Refused {
        /// What the server said.
        error: ServerError,
        /// What to do.
        fix: &'static str,
    },
    /// The account uses a plugin that rowtap does not know.
    #[error(
        "the account's authentication plugin '{plugin}' is not supported, check source.user (MySQL makes up a plugin \
         for users it does not know) or use an account with caching_sha2_password, mysql_native_password or ed25519"
    )]
    Plugin {
        /// The plugin's name.
        plugin: Box<str>,
    },
    /// The server asked for the password in clear text.
    #[error(
        "the server asks for the password in clear text ({plugin}), which rowtap sends only where it is told to and the server's \
         certificate was checked, use an account with caching_sha2_password, mysql_native_password or ed25519, or set \
         source.enable_cleartext_plugin to true and source.tls.mode to 'verify_ca' or 'verify_identity'"
    )]
    ClearText {
        /// The plugin's name.
        plugin: &'static str,
    },
    /// The server asked for something else than the password.
    #[error(
        "the server asks '{question}', which rowtap cannot answer, use an account whose PAM service asks for the password alone"
    )]
    Question {
        /// What it asked.
        question: Box<str>,
    },
    /// The server asked for the scramble of servers before 4.1.
    #[error(
        "the server asks for authentication as before MySQL 4.1 (mysql_old_password), which is not safe, give the \
         account a password of another plugin"
    )]
    Old,
    /// The server asked for a second factor.
    #[error(
        "the account needs more than one factor to log in, use an account with a password alone"
    )]
    SecondFactor,
    /// The password would have to be sent under a key that anybody could have sent.
    #[error(
        "caching_sha2_password needs the password itself and the connection has no TLS, set source.tls.mode to \
         'required' or stricter, or source.source_public_key_path to a copy of the server's public key, or (where \
         nobody can intercept the connection) source.get_source_public_key to true"
    )]
    PublicKeyNeeded,
    /// The RSA key cannot be used.
    #[error("the server's RSA public key is not usable: {0}")]
    PublicKey(#[from] PublicKeyError),
    /// The server sent something that has no place at this point.
    #[error("the server sent {found} during '{plugin}', which does not belong there")]
    OutOfTurn {
        /// What arrived.
        found: &'static str,
        /// The plugin in use.
        plugin: &'static str,
    },
    /// A packet cannot be read.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

impl AuthenticationError {
    /// Returns what the server said, where it is the server that failed the login.
    pub fn server_error(&self) -> Option<&ServerError> {
        match self {
            Self::Refused { error, .. } => Some(error),
            Self::Plugin { .. }
            | Self::ClearText { .. }
            | Self::Question { .. }
            | Self::Old
            | Self::SecondFactor
            | Self::PublicKeyNeeded
            | Self::PublicKey(_)
            | Self::OutOfTurn { .. }
            | Self::Malformed(_) => None,
        }
    }
}

/// What to do after a packet of the server.
#[derive(PartialEq, Eq)]
pub(super) enum LoginStep {
    /// Send this, then read on.
    Send(Zeroizing<Vec<u8>>),
    /// Read on.
    Wait,
    /// The server let the user in.
    Done,
}

/// What authentication may rely on.
pub(super) struct Circumstances<'a> {
    /// The password.
    pub(super) password: &'a str,
    /// Whether the connection is encrypted.
    pub(super) is_encrypted: bool,
    /// Whether the connection is a Unix socket.
    pub(super) is_local: bool,
    /// Whether the password may be sent as it is: that was asked for, and the server's certificate was checked.
    pub(super) may_send_clear: bool,
    /// The server's key, where a file holds it.
    pub(super) pinned_key: Option<PublicKey>,
    /// Whether a key that the server sends may be used.
    pub(super) may_ask_for_key: bool,
}

/// One login, from the greeting to the server's verdict.
pub(super) struct Login<'a> {
    circumstances: Circumstances<'a>,
    plugin: Plugin,
    nonce: [u8; NONCE_BYTES],
    awaits_key: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plugin {
    CachingSha2,
    Native,
    Ed25519,
    Clear,
    /// `true` once the password was sent.
    Dialog(bool),
}

impl Plugin {
    fn name(self) -> &'static str {
        match self {
            Self::CachingSha2 => CACHING_SHA2,
            Self::Native => NATIVE,
            Self::Ed25519 => ED25519,
            Self::Clear => CLEAR,
            Self::Dialog(_) => DIALOG,
        }
    }
}

impl<'a> Login<'a> {
    /// Begins with the plugin that the greeting proposes, or with one that every server of that age can switch from.
    pub(super) fn new(
        circumstances: Circumstances<'a>,
        proposed: &str,
        nonce: [u8; NONCE_BYTES],
    ) -> Self {
        let plugin = if proposed == NATIVE || proposed.is_empty() {
            Plugin::Native
        } else {
            Plugin::CachingSha2
        };
        Self {
            circumstances,
            plugin,
            nonce,
            awaits_key: false,
        }
    }

    /// Returns the name of the plugin in use.
    pub(super) fn plugin(&self) -> &'static str {
        self.plugin.name()
    }

    /// Returns what goes into the answer to the greeting.
    pub(super) fn first_response(&self) -> Zeroizing<Vec<u8>> {
        self.scramble()
    }

    /// Reads a packet of the server.
    pub(super) fn read(&mut self, payload: &[u8]) -> Result<LoginStep, AuthenticationError> {
        if let Some(question) = self.question(payload) {
            return self.reply(question);
        }
        match payload.split_first() {
            Some((&response::OK, _)) => {
                response::ok(payload)?;
                Ok(LoginStep::Done)
            }
            Some((&response::ERR, _)) => Err(self.refused(ServerError::parse(payload)?)),
            Some((&response::EOF, [])) => Err(AuthenticationError::Old),
            Some((&response::EOF, request)) => self.switch(request),
            Some((&response::AUTH_MORE, data)) => self.go_on(data),
            Some((&response::AUTH_NEXT_FACTOR, _)) => Err(AuthenticationError::SecondFactor),
            Some((&response::LOCAL_INFILE, _)) => Err(self.out_of_turn("a request for a file")),
            Some(_) | None => Err(self.out_of_turn("an unknown packet")),
        }
    }

    /// Changes to the account's own plugin.
    fn switch(&mut self, request: &[u8]) -> Result<LoginStep, AuthenticationError> {
        let mut fields = Fields::new("request to switch the authentication plugin", request);
        let name = fields.null_terminated()?;
        let challenge = fields.rest();
        self.awaits_key = false;
        match name {
            _ if name == CACHING_SHA2.as_bytes() => self.plugin = Plugin::CachingSha2,
            _ if name == NATIVE.as_bytes() => self.plugin = Plugin::Native,
            _ if name == ED25519.as_bytes() => {
                self.plugin = Plugin::Ed25519;
                return self.sign(challenge);
            }
            _ if name == CLEAR.as_bytes() => {
                let step = self.send_clear(CLEAR)?;
                self.plugin = Plugin::Clear;
                return Ok(step);
            }
            _ if name == DIALOG.as_bytes() => {
                let step = self.send_clear(DIALOG)?;
                self.plugin = Plugin::Dialog(false);
                return match challenge {
                    // Newer servers wait for the password before they ask.
                    [] | [0] => {
                        self.plugin = Plugin::Dialog(true);
                        Ok(step)
                    }
                    question => self.reply(question),
                };
            }
            _ if name == OLD.as_bytes() => return Err(AuthenticationError::Old),
            _ => {
                return Err(AuthenticationError::Plugin {
                    plugin: name.escape_ascii().to_string().chars().take(64).collect(),
                });
            }
        }
        self.nonce = match challenge.split_first_chunk() {
            Some((nonce, [] | [0])) => *nonce,
            Some(_) | None => return Err(self.out_of_turn("a random value of a wrong length")),
        };
        Ok(LoginStep::Send(self.scramble()))
    }

    fn scramble(&self) -> Zeroizing<Vec<u8>> {
        let password = self.circumstances.password.as_bytes();
        Zeroizing::new(match self.plugin {
            Plugin::CachingSha2 => {
                scramble_sha256(&self.nonce, password).map_or_else(Vec::new, Vec::from)
            }
            Plugin::Native => {
                scramble_native(&self.nonce, password).map_or_else(Vec::new, Vec::from)
            }
            // A signature needs a challenge of its own, which comes with the switch to this plugin; the others answer questions.
            Plugin::Ed25519 | Plugin::Clear | Plugin::Dialog(_) => Vec::new(),
        })
    }

    /// A question of the `dialog` plugin, in a packet of its own.
    fn question<'p>(&self, payload: &'p [u8]) -> Option<&'p [u8]> {
        match (self.plugin, payload.split_first()?) {
            (Plugin::Dialog(_), (&response::AUTH_MORE, question)) => Some(question),
            (Plugin::Dialog(_), (&(response::OK | response::ERR | response::EOF), _)) => None,
            (Plugin::Dialog(_), _) => Some(payload),
            (Plugin::CachingSha2 | Plugin::Native | Plugin::Ed25519 | Plugin::Clear, _) => None,
        }
    }

    /// Answers a question of the `dialog` plugin: the first, if it is for the password.
    fn reply(&mut self, question: &[u8]) -> Result<LoginStep, AuthenticationError> {
        let (kind, text) = question.split_first().unwrap_or((&0, &[]));
        if kind >> 1 != DIALOG_PASSWORD || self.plugin != Plugin::Dialog(false) {
            let text = text.strip_suffix(&[0]).unwrap_or(text);
            let question = text.escape_ascii().to_string();
            let question = question.chars().take(QUESTION_CHARACTERS_MAX).collect();
            return Err(AuthenticationError::Question { question });
        }
        self.plugin = Plugin::Dialog(true);
        self.send_clear(DIALOG)
    }

    /// Sends the password as it is, where that is allowed.
    fn send_clear(&self, plugin: &'static str) -> Result<LoginStep, AuthenticationError> {
        let Circumstances {
            password,
            is_encrypted,
            may_send_clear,
            ..
        } = &self.circumstances;
        match *is_encrypted && *may_send_clear {
            true => Ok(LoginStep::Send(Zeroizing::new(
                [password.as_bytes(), &[0]].concat(),
            ))),
            false => Err(AuthenticationError::ClearText { plugin }),
        }
    }

    fn sign(&self, challenge: &[u8]) -> Result<LoginStep, AuthenticationError> {
        let signed = ClientEd25519::default().run(&self.circumstances, challenge);
        match signed {
            Ok(signature) => Ok(LoginStep::Send(Zeroizing::new(
                signature.data().unwrap_or_default().to_vec(),
            ))),
            Err(_) => Err(self.out_of_turn("a random value of a wrong length")),
        }
    }

    /// Goes on after the scramble; only `caching_sha2_password` does.
    fn go_on(&mut self, data: &[u8]) -> Result<LoginStep, AuthenticationError> {
        if self.plugin != Plugin::CachingSha2 {
            return Err(self.out_of_turn("more data"));
        }
        if std::mem::take(&mut self.awaits_key) {
            return self.encrypt(&PublicKey::from_pem(data)?);
        }
        match data {
            [FAST_SUCCESS] => Ok(LoginStep::Wait),
            [FULL_AUTHENTICATION] => self.full(),
            _ => Err(self.out_of_turn("an unknown packet")),
        }
    }

    /// Sends the password, protected by TLS, by the machine's own walls, or by a key that may be trusted.
    fn full(&mut self) -> Result<LoginStep, AuthenticationError> {
        if self.circumstances.is_encrypted || self.circumstances.is_local {
            let password = self.circumstances.password.as_bytes();
            return Ok(LoginStep::Send(Zeroizing::new([password, &[0]].concat())));
        }
        if let Some(key) = &self.circumstances.pinned_key {
            return self.encrypt(key);
        }
        if !self.circumstances.may_ask_for_key {
            return Err(AuthenticationError::PublicKeyNeeded);
        }
        self.awaits_key = true;
        Ok(LoginStep::Send(Zeroizing::new(vec![REQUEST_KEY])))
    }

    fn encrypt(&self, key: &PublicKey) -> Result<LoginStep, AuthenticationError> {
        let encrypted = key.encrypt(self.circumstances.password, &self.nonce)?;
        Ok(LoginStep::Send(Zeroizing::new(encrypted)))
    }

    fn refused(&self, error: ServerError) -> AuthenticationError {
        let is_encrypted = self.circumstances.is_encrypted || self.circumstances.is_local;
        AuthenticationError::Refused {
            fix: fix(error.code, is_encrypted),
            error: error.without(self.circumstances.password),
        }
    }

    fn out_of_turn(&self, found: &'static str) -> AuthenticationError {
        AuthenticationError::OutOfTurn {
            found,
            plugin: self.plugin(),
        }
    }
}

/// Returns what a person does about a refusal.
pub(super) fn fix(code: u16, is_encrypted: bool) -> &'static str {
    match (code, is_encrypted) {
        (1040 | 1203 | 1226, _) => "raise the server's or the account's limit of connections",
        (1129, _) => "run FLUSH HOSTS (TRUNCATE TABLE performance_schema.host_cache) on the server",
        (1130, _) => "create the account for the host that rowtap connects from",
        (1045 | 1698, true) => "check source.user and source.password",
        (1045 | 1698, false) => {
            "check source.user and source.password, and source.tls.mode if the account requires TLS"
        }
        (1820 | 1862, _) => "the account's password has expired, set a new one on the server",
        (3118 | 4151, _) => "the account is locked, unlock it on the server",
        (3159, _) => {
            "the server takes encrypted connections only, set source.tls.mode to 'required'"
        }
        (_, _) => "check the account on the server",
    }
}

impl Context for &Circumstances<'_> {
    fn pass(&self) -> &[u8] {
        self.password.as_bytes()
    }

    fn is_ipc_transport(&self) -> bool {
        self.is_local
    }

    fn is_tls_transport(&self) -> bool {
        self.is_encrypted
    }

    fn scramble(&self) -> &[u8] {
        &[]
    }

    fn server_key_pem(&self) -> Option<&[u8]> {
        None
    }
}

#[cfg(test)]
mod tests;
