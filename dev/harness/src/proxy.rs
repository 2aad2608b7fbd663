//! A TCP proxy that counts what goes through it, and can be told to be slow or to fail: to cut, to fall silent, or to stop at
//! an exact point of a conversation.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::statements::{Found, Messages};

/// What becomes of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// They go through.
    Pass,
    /// They are cut, new ones at once.
    Refuse,
    /// They stay open and nothing comes through, in either direction: as when the other end has lost its power.
    BlackHole,
}

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The one who has connected.
    Client,
    /// The one behind the proxy.
    Server,
}

/// Points of a conversation, to be reached one after the other. The bytes in which the last one is found are held back.
struct Trip {
    stages: Vec<(Side, &'static str)>,
    reached: oneshot::Sender<()>,
}

/// A proxy in front of one address.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    mode: watch::Sender<Mode>,
    /// Counts the times that open connections were told to fall silent.
    silenced: watch::Sender<u64>,
    trip: Mutex<Option<Trip>>,
    /// How long each byte is on its way, in either direction.
    delay: watch::Sender<Duration>,
    /// How often a client has spoken on a connection on which it was not speaking already.
    turns: AtomicU64,
    /// How many statements of Postgres have gone through.
    statements: AtomicU64,
    /// Those of them that were prepared, each once.
    prepared: Mutex<BTreeSet<String>>,
}

impl Shared {
    fn trip(&self) -> MutexGuard<'_, Option<Trip>> {
        self.trip.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether `bytes` are to be held back.
    fn trips(&self, side: Side, bytes: &[u8]) -> bool {
        let mut trip = self.trip();
        let Some(Trip { stages, .. }) = &mut *trip else { return false };
        while let Some((by, needle)) = stages.first()
            && *by == side
            && bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
        {
            stages.remove(0);
        }
        if !stages.is_empty() {
            return false;
        }
        if let Some(Trip { reached, .. }) = trip.take() {
            let _ = reached.send(());
        }
        true
    }
}

impl Proxy {
    /// A proxy in front of `target`, which need not be there yet.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start(target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listening as a proxy")?;
        let port = listener.local_addr().context("reading a proxy's port")?.port();
        let shared = Arc::new(Shared {
            mode: watch::Sender::new(Mode::Pass),
            silenced: watch::Sender::new(0),
            trip: Mutex::new(None),
            delay: watch::Sender::new(Duration::ZERO),
            turns: AtomicU64::new(0),
            statements: AtomicU64::new(0),
            prepared: Mutex::default(),
        });
        let accepting = tokio::spawn(accept(listener, target, shared.clone()));
        Ok(Self { port, shared, accepting })
    }

    /// `url` with this proxy in the place of its host.
    ///
    /// # Errors
    /// When `url` has no host and port.
    pub fn in_place_of(&self, url: &str) -> Result<String> {
        let address = address_of(url)?.to_string();
        Ok(url.replace(&address, &format!("127.0.0.1:{}", self.port)))
    }

    /// From now on this becomes of connections, open ones included.
    pub fn set(&self, mode: Mode) {
        self.shared.mode.send_replace(mode);
    }

    /// From now on each byte is so long on its way, in either direction.
    pub fn set_delay(&self, delay: Duration) {
        self.shared.delay.send_replace(delay);
    }

    /// How many round trips have been made through it: questions for which somebody waited, however many bytes they had.
    #[must_use]
    pub fn round_trips(&self) -> u64 {
        self.shared.turns.load(Ordering::Relaxed)
    }

    /// How many statements were executed through it, if there is Postgres behind it.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.shared.statements.load(Ordering::Relaxed)
    }

    /// The texts of all statements that were prepared through it, if there is Postgres behind it.
    #[must_use]
    pub fn prepared(&self) -> BTreeSet<String> {
        self.shared.prepared.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Has the connections that are open now fall silent for good; new ones go through.
    pub fn silence_open(&self) {
        self.shared.silenced.send_modify(|count| *count += 1);
    }

    /// Holds the conversation at the last of `stages`: from there on nothing comes through on its connection. The answer
    /// resolves when that is reached.
    #[must_use]
    pub fn hold_at(&self, stages: &[(Side, &'static str)]) -> oneshot::Receiver<()> {
        let (reached, at) = oneshot::channel();
        *self.shared.trip() = Some(Trip { stages: stages.to_vec(), reached });
        at
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The address in `scheme://[user@]host:port[/...]`.
///
/// # Errors
/// When there is none.
pub fn address_of(url: &str) -> Result<SocketAddr> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    let host = authority.rsplit('@').next().unwrap_or(authority);
    host.parse().with_context(|| format!("{host} is no address of this machine with a port"))
}

async fn accept(listener: TcpListener, target: SocketAddr, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(serve(client, target, shared.clone()));
    }
}

async fn serve(client: TcpStream, target: SocketAddr, shared: Arc<Shared>) {
    let mut mode = shared.mode.subscribe();
    let first = *mode.borrow_and_update();
    if first == Mode::Refuse {
        return;
    }
    if first == Mode::BlackHole {
        let _client = client;
        // Whoever was swallowed is not known to what comes back.
        return until(&mut mode, |mode| mode != Mode::BlackHole).await;
    }
    let Ok(server) = TcpStream::connect(target).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let turn = Mutex::new(Side::Server);
    let talk = async {
        tokio::select! {
            () = copy(from_client, to_server, Side::Client, &turn, &shared) => {}
            () = copy(from_server, to_client, Side::Server, &turn, &shared) => {}
        }
    };
    tokio::select! { () = talk => {}, () = until(&mut mode, |mode| mode == Mode::Refuse) => {} }
}

async fn until(mode: &mut watch::Receiver<Mode>, reached: impl Fn(Mode) -> bool) {
    drop(mode.wait_for(|mode| reached(*mode)).await);
}

async fn copy(mut from: OwnedReadHalf, to: OwnedWriteHalf, side: Side, turn: &Mutex<Side>, shared: &Shared) {
    let mut silenced = shared.silenced.subscribe();
    let mut mode = shared.mode.subscribe();
    silenced.mark_unchanged();
    let (under_way, arriving) = mpsc::unbounded_channel();
    let mut messages = Messages::default();
    let read = async move {
        // Of this block's own, and gone with it: what was read before its end still arrives.
        let under_way = under_way;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = tokio::select! {
                read = from.read(&mut buffer) => read,
                _ = silenced.changed() => return std::future::pending().await,
                () = until(&mut mode, |mode| mode == Mode::BlackHole) => return std::future::pending().await,
            };
            let Ok(length @ 1..) = read else { return };
            let bytes = &buffer[..length];
            if shared.trips(side, bytes) {
                return std::future::pending().await;
            }
            let before = std::mem::replace(&mut *turn.lock().unwrap_or_else(PoisonError::into_inner), side);
            if side == Side::Client {
                shared.turns.fetch_add(u64::from(before != side), Ordering::Relaxed);
                let Found { executed, prepared } = messages.find(bytes);
                shared.statements.fetch_add(executed, Ordering::Relaxed);
                shared.prepared.lock().unwrap_or_else(PoisonError::into_inner).extend(prepared);
            }
            let due = Instant::now() + *shared.delay.borrow();
            if under_way.send((due, bytes.to_vec())).is_err() {
                return;
            }
        }
    };
    tokio::join!(read, deliver(to, arriving));
}

/// Writes what is `arriving` when it is due.
async fn deliver(mut to: OwnedWriteHalf, mut arriving: mpsc::UnboundedReceiver<(Instant, Vec<u8>)>) {
    while let Some((due, bytes)) = arriving.recv().await {
        if due > Instant::now() {
            sleep_until(due).await;
        }
        if to.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    /// A server that says back what it is told, and a proxy in front of it.
    async fn echo() -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        Proxy::start(address).await.unwrap()
    }

    async fn connect(proxy: &Proxy) -> TcpStream {
        TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port)).await.unwrap()
    }

    /// What comes back for `text`: nothing within a moment, the end, or itself.
    async fn say(stream: &mut TcpStream, text: &str) -> Option<String> {
        let _ = stream.write_all(text.as_bytes()).await;
        let mut buffer = [0; 100];
        let read = timeout(Duration::from_millis(200), stream.read(&mut buffer)).await.ok()?;
        Some(String::from_utf8_lossy(&buffer[..read.unwrap_or(0)]).into_owned())
    }

    #[tokio::test]
    async fn it_passes_refuses_and_swallows() {
        let proxy = echo().await;
        let mut open = connect(&proxy).await;
        assert_eq!(say(&mut open, "a").await.as_deref(), Some("a"));
        proxy.set(Mode::BlackHole);
        assert_eq!(say(&mut open, "b").await, None);
        assert_eq!(say(&mut connect(&proxy).await, "c").await, None);
        proxy.set(Mode::Refuse);
        assert_eq!(say(&mut open, "d").await.as_deref(), Some(""));
        assert_eq!(say(&mut connect(&proxy).await, "e").await.as_deref(), Some(""));
        proxy.set(Mode::Pass);
        assert_eq!(say(&mut connect(&proxy).await, "f").await.as_deref(), Some("f"));
    }

    #[tokio::test]
    async fn open_connections_fall_silent_and_new_ones_do_not() {
        let proxy = echo().await;
        let mut open = connect(&proxy).await;
        assert_eq!(say(&mut open, "a").await.as_deref(), Some("a"));
        proxy.silence_open();
        assert_eq!(say(&mut open, "b").await, None);
        assert_eq!(say(&mut connect(&proxy).await, "c").await.as_deref(), Some("c"));
    }

    #[tokio::test]
    async fn a_conversation_is_held_at_its_point() {
        let proxy = echo().await;
        let mut open = connect(&proxy).await;
        let held = proxy.hold_at(&[(Side::Client, "COMMIT"), (Side::Server, "done")]);
        assert_eq!(say(&mut open, "done").await.as_deref(), Some("done"), "not yet");
        assert_eq!(say(&mut open, "COMMIT").await.as_deref(), Some("COMMIT"));
        assert_eq!(say(&mut open, "it is done").await, None);
        held.await.unwrap();
    }

    #[tokio::test]
    async fn round_trips_are_counted_and_take_their_time() {
        let proxy = echo().await;
        let mut open = connect(&proxy).await;
        for _ in 0..3 {
            assert_eq!(say(&mut open, "a").await.as_deref(), Some("a"));
        }
        assert_eq!(proxy.round_trips(), 3);
        proxy.set_delay(Duration::from_millis(20));
        let begun = Instant::now();
        assert_eq!(say(&mut open, "b").await.as_deref(), Some("b"));
        assert!(begun.elapsed() >= Duration::from_millis(40));
    }

    #[test]
    fn addresses_are_read_out_of_urls() {
        for url in
            ["postgres://u:p@127.0.0.1:5/db", "redis://127.0.0.1:5", "http://127.0.0.1:5/a?b", "127.0.0.1:5"]
        {
            assert_eq!(address_of(url).unwrap().port(), 5, "{url}");
        }
        assert!(address_of("http://localhost/").is_err());
    }
}
