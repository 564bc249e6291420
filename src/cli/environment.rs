//! What a command takes from its surroundings: the version it was built as, environment variables, the address to serve at.

use std::net::SocketAddr;

use crate::http::Listen;

/// The version, with the commit where the build was told it.
pub(super) fn version() -> &'static str {
    const COMMIT: &str = match option_env!("ROWTAP_COMMIT") {
        Some(commit) => commit,
        None => "",
    };
    const PLAIN: &str = env!("CARGO_PKG_VERSION");
    if COMMIT.is_empty() {
        return PLAIN;
    }
    static WITH_COMMIT: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    WITH_COMMIT.get_or_init(|| format!("{PLAIN} ({COMMIT})"))
}

/// `--http`: an address, or `off`.
pub(super) fn listen(text: &str) -> Result<Listen, String> {
    if text == "off" {
        return Ok(Listen::Off);
    }
    text.parse::<SocketAddr>()
        .map(Listen::At)
        .map_err(|_| "expected ADDRESS:PORT such as 127.0.0.1:9633, or off".to_owned())
}

/// The environment's variables; those that are not text cannot be meant for rowtap.
pub(super) fn variables() -> crate::config::Variables {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
