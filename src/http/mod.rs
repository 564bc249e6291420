//! Health, metrics and status of a running process, over HTTP/1 on a loopback address.
//!
//! `/livez` answers while the process runs, `/readyz` only while every connector streams and has copied what was there,
//! `/metrics` in OpenMetrics text, `/status` in JSON. Nothing can be changed here, and nothing secret is shown. Other machines
//! can reach the pages only if such an address was asked for.

mod ask;
mod limits;
mod status;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;

use axum::extract::State as Shared;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use tokio::net::TcpListener;
use tracing::{info, warn};

use crate::failure::Class;
use crate::metrics::{ConnectorState, Registry};

pub use ask::{AskError, ask};
use limits::Limited;
pub use status::{AtRest, StatusFields, StatusPage};

/// Where the pages are served unless something else is asked for.
pub const DEFAULT_ADDRESS: SocketAddr =
    SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9633));

/// Where to serve the pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Listen {
    /// At [`DEFAULT_ADDRESS`] if it is free.
    #[default]
    Default,
    /// There and nowhere else.
    At(SocketAddr),
    /// Nowhere.
    Off,
}

/// Why the pages cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address that was asked for cannot be listened on.
    #[error(
        "cannot serve status pages at {address}, free the address or choose another with --http"
    )]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        error: io::Error,
    },
}

impl HttpError {
    /// What the failure means.
    pub fn class(&self) -> Class {
        match self {
            Self::Bind { .. } => Class::Configuration,
        }
    }
}

/// Pages that are ready to be served.
#[derive(Debug)]
pub struct StatusServer {
    listener: TcpListener,
    address: SocketAddr,
}

/// Starts to listen; `None` if that is not wanted, or if the default address is taken.
///
/// # Errors
/// An address that was asked for and cannot be used.
pub async fn bind(listen: Listen) -> Result<Option<StatusServer>, HttpError> {
    let address = match listen {
        Listen::Default => DEFAULT_ADDRESS,
        Listen::At(address) => address,
        Listen::Off => return Ok(None),
    };
    let bound = async {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(StatusServer { listener, address })
    };
    match bound.await {
        Ok(server) => {
            info!(address = %server.address, "status pages");
            Ok(Some(server))
        }
        Err(error) if listen == Listen::Default => {
            warn!(%address, %error, "no status pages, choose another address with --http");
            Ok(None)
        }
        Err(error) => Err(HttpError::Bind { address, error }),
    }
}

impl StatusServer {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the future is dropped.
    pub async fn serve(self, registry: Arc<Registry>) {
        let served = axum::serve(Limited::new(self.listener), router(registry)).await;
        if let Err(error) = served {
            warn!(%error, "status pages ended");
        }
    }
}

fn router(registry: Arc<Registry>) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/status", get(status))
        .with_state(registry)
}

async fn ready(Shared(registry): Shared<Arc<Registry>>) -> (StatusCode, String) {
    let connectors = registry.connectors();
    let mut text = String::new();
    let mut code = StatusCode::OK;
    if connectors.is_empty() {
        code = StatusCode::SERVICE_UNAVAILABLE;
        text.push_str("no connector yet\n");
    }
    for connector in connectors {
        let (is_ready, word) = match connector.state() {
            ConnectorState::Streaming if connector.copies_everything() => (false, "copying"),
            state => (state == ConnectorState::Streaming, state.name()),
        };
        if !is_ready {
            code = StatusCode::SERVICE_UNAVAILABLE;
        }
        text.push_str(&format!("{}: {word}\n", connector.name()));
    }
    (code, text)
}

async fn metrics(Shared(registry): Shared<Arc<Registry>>) -> Response {
    match registry.exposition() {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn status(Shared(registry): Shared<Arc<Registry>>) -> Json<StatusPage> {
    let connectors = registry.connectors();
    let fields = connectors
        .iter()
        .map(|connector| StatusFields::of(connector.facts(), &connector.snapshot()))
        .collect();
    Json(StatusPage::new(fields))
}

#[cfg(test)]
mod tests;
