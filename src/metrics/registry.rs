//! The counters of all connectors of a process.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};

use super::connector::{ConnectorMetrics, locked};
use super::exposition;

/// The counters of all connectors of a process.
#[derive(Debug, Default)]
pub struct Registry {
    connectors: Mutex<Vec<Arc<ConnectorMetrics>>>,
    http: OnceLock<SocketAddr>,
}

impl Registry {
    /// Makes an empty registry.
    pub fn new() -> Self {
        Self::default()
    }

    /// The counters of the connector of that name, made at the first call.
    pub fn connector(&self, name: &str) -> Arc<ConnectorMetrics> {
        let mut connectors = locked(&self.connectors);
        if let Some(found) = connectors.iter().find(|known| known.name() == name) {
            return Arc::clone(found);
        }
        let connector = Arc::new(ConnectorMetrics::new(name));
        connectors.push(Arc::clone(&connector));
        connector
    }

    /// All connectors, in the order of their first call.
    pub fn connectors(&self) -> Vec<Arc<ConnectorMetrics>> {
        locked(&self.connectors).clone()
    }

    /// Notes where this process serves its pages; the first call counts.
    pub fn serve_at(&self, address: SocketAddr) {
        self.http.get_or_init(|| address);
    }

    /// Where this process serves its pages, if it does: for [`crate::state::StateFolder::announce`].
    pub fn http(&self) -> Option<SocketAddr> {
        self.http.get().copied()
    }

    /// The text that Prometheus reads (OpenMetrics 1.0).
    ///
    /// # Errors
    /// None in practice: writing to a string does not fail.
    pub fn exposition(&self) -> Result<String, fmt::Error> {
        exposition::text(&self.connectors())
    }
}
