//! Calls over HTTP to the services of this machine.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::Client;

/// The client for all calls; a call has no time limit but what its caller sets.
pub fn client() -> Client {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    let make = || {
        // Nothing here speaks TLS, but the client wants to know how it would. An error means that it knows already.
        drop(rustls::crypto::ring::default_provider().install_default());
        // A proxy set for the world outside has no business between us and ourselves.
        Client::builder().no_proxy().connect_timeout(Duration::from_secs(2)).build().unwrap_or_default()
    };
    CLIENT.get_or_init(make).clone()
}

/// The status of a GET, or none when there is no answer within five seconds.
pub async fn status(url: &str) -> Option<u16> {
    let answer = client().get(url).timeout(Duration::from_secs(5)).send().await.ok()?;
    Some(answer.status().as_u16())
}
