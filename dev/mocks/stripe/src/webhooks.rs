//! Events on their way: signed, sent, and sent again.

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Client;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use sha2::Sha256;
use tokio::time::{Instant, sleep};

use super::now;

/// How often an event is sent at the most. Stripe tries for three days; with the pauses below this is some minutes.
const ATTEMPTS: u32 = 12;
/// The pause before the second time; it doubles.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// How long an answer may take: with Stripe, some 20 seconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where events of an account are sent.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The address.
    pub url: String,
    /// What they are signed with.
    pub secret: String,
}

/// A delivery, as it came to an end.
pub(super) struct Delivered {
    /// What was answered, or 0 where nothing was.
    pub(super) status: u16,
    pub(super) took: Duration,
}

/// The header for `payload`, signed with `secret` as of `seconds` since 1970.
pub(super) fn sign(payload: &str, secret: &str, seconds: i64) -> String {
    format!("t={seconds},v1={}", mac(payload, secret, seconds))
}

pub(super) fn mac(payload: &str, secret: &str, seconds: i64) -> String {
    #[expect(clippy::expect_used, reason = "an HMAC takes keys of any length")]
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("an HMAC takes keys of any length");
    mac.update(format!("{seconds}.{payload}").as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// An event as it is sent: indented, with a space behind each colon.
#[must_use]
pub fn payload(event: &Value) -> String {
    format!("{event:#}")
}

/// The client that deliveries are sent by.
pub(super) fn client() -> Client {
    // Nothing here speaks TLS, but the client wants to know how it would. An error means that it knows already.
    drop(rustls::crypto::ring::default_provider().install_default());
    // A proxy set for the world outside has no business between programs of one machine.
    Client::builder().no_proxy().connect_timeout(Duration::from_secs(2)).build().unwrap_or_default()
}

/// Sends `event` until it is answered with 2xx.
pub(super) fn send_until_taken(http: Client, endpoint: Endpoint, event: Value) {
    tokio::spawn(async move {
        let payload = payload(&event);
        let mut pause = PAUSE;
        for _ in 0..ATTEMPTS {
            let signature = sign(&payload, &endpoint.secret, now().timestamp());
            let delivered = send(&http, &endpoint.url, Some(&signature), payload.clone()).await;
            if (200..300).contains(&delivered.status) {
                return;
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        eprintln!("{} was not taken after {ATTEMPTS} attempts", event["id"]);
    });
}

pub(super) async fn send(http: &Client, url: &str, signature: Option<&str>, payload: String) -> Delivered {
    let begun = Instant::now();
    let mut request =
        http.post(url).timeout(PATIENCE).header(CONTENT_TYPE, "application/json; charset=utf-8");
    if let Some(signature) = signature {
        request = request.header("stripe-signature", signature);
    }
    let answer = request.body(payload).send().await;
    Delivered { status: answer.map_or(0, |answer| answer.status().as_u16()), took: begun.elapsed() }
}
