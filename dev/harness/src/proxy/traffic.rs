//! What a proxy remembers of the bytes it forwarded, and the point at which it pauses a connection.

use std::collections::BTreeSet;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::Side;
use super::postgres_messages::{Found, Messages};

#[derive(Default)]
pub(super) struct Traffic {
    pub(super) round_trips: AtomicU64,
    pub(super) statements: AtomicU64,
    pub(super) prepared: Mutex<BTreeSet<String>>,
    breakpoint: Mutex<Option<Breakpoint>>,
}

/// Points of a connection that must be passed in order. The connection pauses at the last one.
struct Breakpoint {
    points: Vec<(Side, &'static str)>,
    reached: oneshot::Sender<()>,
}

impl Traffic {
    pub(super) fn pause_at(&self, points: &[(Side, &'static str)]) -> oneshot::Receiver<()> {
        let (reached, receiver) = oneshot::channel();
        *lock(&self.breakpoint) = Some(Breakpoint { points: points.to_vec(), reached });
        receiver
    }

    /// Whether the connection pauses before `bytes`.
    pub(super) fn pauses(&self, side: Side, bytes: &[u8]) -> bool {
        let mut breakpoint = lock(&self.breakpoint);
        let Some(Breakpoint { points, .. }) = &mut *breakpoint else { return false };
        while let Some((by, needle)) = points.first()
            && *by == side
            && bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
        {
            points.remove(0);
        }
        if !points.is_empty() {
            return false;
        }
        if let Some(Breakpoint { reached, .. }) = breakpoint.take() {
            let _ = reached.send(());
        }
        true
    }

    /// Counts `bytes` of `side`. `last` is the side that sent last on this connection: a round trip
    /// begins when the client sends after the server.
    pub(super) fn record(&self, side: Side, last: &Mutex<Side>, messages: &mut Messages, bytes: &[u8]) {
        let before = mem::replace(&mut *lock(last), side);
        if side == Side::Client {
            self.round_trips.fetch_add(u64::from(before != side), Ordering::Relaxed);
            let Found { executed, prepared } = messages.find(bytes);
            self.statements.fetch_add(executed, Ordering::Relaxed);
            lock(&self.prepared).extend(prepared);
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
