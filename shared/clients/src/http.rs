//! Settings that all HTTP clients for vendors share.

use std::time::Duration;

use reqwest::{Client, ClientBuilder, redirect};
use rustls::ClientConfig;

/// The timeout for opening a connection, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a pooled connection may be idle. Short, because after a freeze of the execution
/// environment the server has already closed it.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// A client whose requests carry a key.
pub(crate) fn builder(tls: ClientConfig) -> ClientBuilder {
    Client::builder()
        .tls_backend_preconfigured(tls)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        // A redirect would carry the key to another host, and no operator configures a proxy.
        .redirect(redirect::Policy::none())
        .no_proxy()
}
