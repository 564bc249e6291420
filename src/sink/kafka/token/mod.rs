//! Tokens for SASL/OAUTHBEARER: those that an OIDC provider gives for client credentials, and signed ones of AWS MSK.
//!
//! librdkafka asks for one before it connects, and again before one expires. It knows OIDC itself only where it is built with
//! libcurl, which this one is not.

mod aws;
mod issued;
mod oidc;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use self::issued::Token;

pub use self::aws::AwsMskIamOptions;
pub(super) use self::aws::Signer;
pub(super) use self::issued::TokenError;
pub(super) use self::oidc::Oidc;

/// Where tokens come from. Clones share the one that was asked for last.
#[derive(Clone, Debug)]
pub(super) struct Tokens {
    source: Arc<TokenSource>,
    last: Arc<Mutex<Option<Token>>>,
}

/// Who makes tokens.
#[derive(Debug)]
pub(super) enum TokenSource {
    /// An OIDC provider.
    Oidc(Oidc),
    /// This process, with the key of an AWS account.
    AwsMskIam(Signer),
}

impl Tokens {
    /// Of one source.
    pub(super) fn of(source: TokenSource) -> Self {
        Self {
            source: Arc::new(source),
            last: Arc::default(),
        }
    }

    /// One that can be used for a while; blocks while it is asked for.
    ///
    /// # Errors
    /// Why there is none.
    pub(super) fn token(&self) -> Result<Token, TokenError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = SystemTime::now();
        if let Some(token) = last.as_ref().filter(|token| token.is_fresh(now)) {
            return Ok(token.clone());
        }
        let token = match &*self.source {
            TokenSource::Oidc(oidc) => oidc.token(now)?,
            TokenSource::AwsMskIam(signer) => signer.token(now)?,
        };
        *last = Some(token.clone());
        Ok(token)
    }
}
