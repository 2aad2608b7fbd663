//! HTTP calls to the services of this machine.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::Client;

/// The shared client. It sets no timeout for a call.
pub fn client() -> Client {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    let build = || {
        // No call uses TLS, but the client requires a provider. Fails only if there is one already.
        drop(rustls::crypto::ring::default_provider().install_default());
        // The proxy in the environment is for hosts outside this machine.
        Client::builder().no_proxy().connect_timeout(Duration::from_secs(2)).build().unwrap_or_default()
    };
    CLIENT.get_or_init(build).clone()
}

/// The status of a GET, or `None` without a response within five seconds.
pub async fn status(url: &str) -> Option<u16> {
    let response = client().get(url).timeout(Duration::from_secs(5)).send().await.ok()?;
    Some(response.status().as_u16())
}
