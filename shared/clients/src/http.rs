//! What the HTTP clients for vendors share.

use std::time::Duration;

use reqwest::{Client, ClientBuilder, redirect};
use rustls::ClientConfig;

/// The longest wait for a connection, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a pooled connection may lie idle. Short, because an execution environment that was frozen comes back with
/// connections that the other side has long forgotten.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// A client whose requests carry a key.
pub(crate) fn builder(tls: ClientConfig) -> ClientBuilder {
    Client::builder()
        .tls_backend_preconfigured(tls)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        // A redirect would carry the key to another host, and a proxy from the environment is nobody's decision.
        .redirect(redirect::Policy::none())
        .no_proxy()
}
