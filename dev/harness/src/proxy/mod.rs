//! [`Proxy`]: a TCP proxy that counts round trips, and can delay, refuse, black-hole, or pause a
//! connection at an exact point.

mod connection;
mod postgres_messages;
#[cfg(test)]
mod tests;
mod traffic;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::traffic::Traffic;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Pass,
    /// It closes them, and new ones at once.
    Refuse,
    /// It keeps them open and forwards nothing, in either direction, as after a power failure at
    /// the other end.
    BlackHole,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Client,
    Server,
}

pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    mode: watch::Sender<Mode>,
    /// The number of calls of [`Proxy::silence_open`].
    silenced: watch::Sender<u64>,
    delay: watch::Sender<Duration>,
    traffic: Traffic,
}

impl Proxy {
    /// Starts a proxy in front of `target`, which may start later.
    pub async fn start(target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listening as a proxy")?;
        let port = listener.local_addr().context("reading a proxy's port")?.port();
        let shared = Arc::new(Shared {
            mode: watch::Sender::new(Mode::Pass),
            silenced: watch::Sender::new(0),
            delay: watch::Sender::new(Duration::ZERO),
            traffic: Traffic::default(),
        });
        let accepting = tokio::spawn(connection::accept(listener, target, shared.clone()));
        Ok(Self { port, shared, accepting })
    }

    pub fn in_place_of(&self, url: &str) -> Result<String> {
        let address = address_of(url)?.to_string();
        Ok(url.replace(&address, &format!("127.0.0.1:{}", self.port)))
    }

    /// Changes the mode of all connections, open ones included.
    pub fn set(&self, mode: Mode) {
        self.shared.mode.send_replace(mode);
    }

    pub fn set_delay(&self, delay: Duration) {
        self.shared.delay.send_replace(delay);
    }

    /// The number of round trips: requests after which the client waited, whatever their length.
    pub fn round_trips(&self) -> u64 {
        self.shared.traffic.round_trips.load(Ordering::Relaxed)
    }

    /// The number of statements executed through the proxy, if the server is Postgres.
    pub fn statements(&self) -> u64 {
        self.shared.traffic.statements.load(Ordering::Relaxed)
    }

    /// The texts of all statements prepared through the proxy, if the server is Postgres.
    pub fn prepared(&self) -> BTreeSet<String> {
        traffic::lock(&self.shared.traffic.prepared).clone()
    }

    /// Silences the connections that are open now, for good; new ones are forwarded.
    pub fn silence_open(&self) {
        self.shared.silenced.send_modify(|count| *count += 1);
    }

    /// Pauses the next connection that passes `points` in this order: the bytes that contain the
    /// last one and all later bytes are held back. The future completes when it is reached.
    pub fn pause_at(&self, points: &[(Side, &'static str)]) -> impl Future<Output = Result<()>> + use<> {
        let reached = self.shared.traffic.pause_at(points);
        async { reached.await.context("the proxy was dropped") }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The address in `scheme://[user@]host:port[/...]`, whose host must be numeric.
pub fn address_of(url: &str) -> Result<SocketAddr> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    let host = authority.rsplit('@').next().unwrap_or(authority);
    host.parse().with_context(|| format!("{host} is not a numeric address with a port"))
}
