//! A token as it was issued, and why there is none.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rdkafka::client::OAuthToken;
use secrecy::{ExposeSecret as _, SecretString};

/// Of its lifetime, a token is used for so many parts of ten before another is asked for.
const USED_TENTHS: u32 = 8;

/// A token.
#[derive(Clone, Debug)]
pub(in crate::sink::kafka) struct Token {
    value: SecretString,
    pub(super) principal: String,
    pub(super) expires: SystemTime,
    /// When it is too old to connect with, and how long it may be kept, though the clock be set back.
    stale: SystemTime,
    kept: (Instant, Duration),
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub(in crate::sink::kafka) enum TokenError {
    /// The provider does not answer, or not now.
    #[error("the token endpoint {url} cannot be asked ({reason})")]
    Silent {
        /// Where it was asked.
        url: String,
        /// What happened.
        reason: String,
    },
    /// The provider gives none.
    #[error("the token endpoint {url} gives no token ({reason})")]
    Refused {
        /// Where it was asked.
        url: String,
        /// What it said.
        reason: String,
    },
    /// There is no key to sign with.
    #[error("AWS credentials are missing: {0}")]
    NoCredentials(&'static str),
}

impl TokenError {
    /// Whether it may work another time.
    pub(in crate::sink::kafka) fn is_transient(&self) -> bool {
        match self {
            Self::Silent { .. } => true,
            Self::Refused { .. } | Self::NoCredentials(_) => false,
        }
    }
}

impl Token {
    /// One that is given at `now`.
    pub(super) fn new(
        value: String,
        principal: String,
        lifetime: Duration,
        now: SystemTime,
    ) -> Self {
        let kept_max = lifetime * USED_TENTHS / 10;
        Self {
            value: value.into(),
            principal,
            expires: now + lifetime,
            stale: now + kept_max,
            kept: (Instant::now(), kept_max),
        }
    }

    /// Whether it can be used for a while yet.
    pub(super) fn is_fresh(&self, now: SystemTime) -> bool {
        let (since, kept_max) = self.kept;
        now < self.stale && since.elapsed() < kept_max
    }

    /// What a broker is sent.
    pub(in crate::sink::kafka) fn value(&self) -> &str {
        self.value.expose_secret()
    }

    /// As librdkafka takes it.
    pub(in crate::sink::kafka) fn to_library(&self) -> OAuthToken {
        let expires = self.expires.duration_since(UNIX_EPOCH).unwrap_or_default();
        OAuthToken {
            token: self.value().to_owned(),
            principal_name: self.principal.clone(),
            lifetime_ms: i64::try_from(expires.as_millis()).unwrap_or(i64::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_used_until_it_is_about_to_expire() {
        let now = SystemTime::now();
        let token = Token::new("t".into(), "p".into(), Duration::from_secs(100), now);
        assert_eq!(token.stale, now + Duration::from_secs(80));
        assert_eq!(token.expires, now + Duration::from_secs(100));
    }

    #[test]
    fn a_clock_that_was_set_back_keeps_no_token_for_longer() {
        let (now, day) = (SystemTime::now(), Duration::from_secs(86_400));
        let token = Token::new("t".into(), "p".into(), Duration::from_millis(1), now);
        let kept_until = Instant::now() + Duration::from_millis(1);
        while Instant::now() < kept_until {
            std::hint::spin_loop();
        }
        assert!(!token.is_fresh(now - day));
    }

    #[test]
    fn a_token_is_shown_nowhere() {
        let token = Token::new("hunter2".into(), "p".into(), Duration::ZERO, UNIX_EPOCH);
        assert!(!format!("{token:?}").contains("hunter2"));
    }
}
