//! Signs and delivers events to webhook endpoints.

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Client;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use sha2::Sha256;
use tokio::time::sleep;

use super::sign as sign_now;

/// The delivery attempts of an event. Stripe retries for three days; these take some minutes.
const MAX_ATTEMPTS: u32 = 12;
const BASE_DELAY: Duration = Duration::from_millis(500);
const MAX_DELAY: Duration = Duration::from_mins(1);
/// The timeout for a response; Stripe's is about 20 seconds.
const TIMEOUT: Duration = Duration::from_secs(20);

#[derive(Debug, Clone)]
pub struct Endpoint {
    pub url: String,
    pub secret: String,
}

/// The header `Stripe-Signature` for `payload`, signed with `secret` at `seconds` since 1970.
pub fn sign(payload: &str, secret: &str, seconds: i64) -> String {
    format!("t={seconds},v1={}", mac(payload, secret, seconds))
}

pub fn mac(payload: &str, secret: &str, seconds: i64) -> String {
    #[expect(clippy::expect_used, reason = "an HMAC accepts keys of any length")]
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("an HMAC accepts keys of any length");
    mac.update(format!("{seconds}.{payload}").as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// The body of a delivery: JSON as Stripe writes it, indented.
pub fn payload(event: &Value) -> String {
    format!("{event:#}")
}

pub fn client() -> Client {
    // reqwest needs a TLS provider even for plain HTTP. The error means that one is installed.
    drop(rustls::crypto::ring::default_provider().install_default());
    // A proxy from the environment must not receive traffic between local processes.
    Client::builder().no_proxy().connect_timeout(Duration::from_secs(2)).build().unwrap_or_default()
}

pub async fn deliver_with_retries(http: Client, endpoint: Endpoint, event: Value) {
    let payload = payload(&event);
    let mut delay = BASE_DELAY;
    for _ in 0..MAX_ATTEMPTS {
        let signature = sign_now(&payload, &endpoint.secret);
        let status = deliver_once(&http, &endpoint.url, Some(&signature), payload.clone()).await;
        if (200..300).contains(&status) {
            return;
        }
        sleep(delay).await;
        delay = (delay * 2).min(MAX_DELAY);
    }
    eprintln!("{} was not delivered in {MAX_ATTEMPTS} attempts", event["id"]);
}

/// Sends an event once. Returns the status of the response, or 0 without one.
pub async fn deliver_once(http: &Client, url: &str, signature: Option<&str>, payload: String) -> u16 {
    let request = http.post(url).timeout(TIMEOUT);
    let mut request = request.header(CONTENT_TYPE, "application/json; charset=utf-8");
    if let Some(signature) = signature {
        request = request.header("stripe-signature", signature);
    }
    request.body(payload).send().await.map_or(0, |response| response.status().as_u16())
}
