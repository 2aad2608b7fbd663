use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use clients::table::TableError;
use domain::switches::Feature;
use tokio::time::sleep;

use super::*;

/// A store whose answers the test chooses.
#[derive(Default)]
struct Store {
    paused: Mutex<PausedFeatures>,
    is_silent: AtomicBool,
    reads: AtomicUsize,
}

#[async_trait]
impl SwitchStore for Store {
    async fn find_paused(&self) -> Result<PausedFeatures, TableError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        if self.is_silent.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        // Gives other tasks their turn.
        sleep(Duration::from_millis(5)).await;
        Ok(self.paused.lock().unwrap().clone())
    }
}

fn start() -> (Switches, Arc<Store>, Clock) {
    let (store, clock) = (Arc::<Store>::default(), Clock::default());
    (Switches::new(store.clone(), clock.clone()), store, clock)
}

impl Store {
    fn set(&self, feature: &Feature, is_paused: bool) {
        self.paused.lock().unwrap().set(feature, is_paused);
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }
}

/// Waits until the switch for sign-ups is `expected`, for at most a second.
async fn signups_become(switches: &Switches, expected: bool) {
    for _ in 0..100 {
        if switches.paused().await.signups == expected {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("the switch is not {expected}");
}

#[tokio::test]
async fn change_is_seen_after_30_seconds_and_not_waited_for() {
    let (switches, store, clock) = start();
    assert!(!switches.paused().await.signups);
    for (is_paused, reads) in [(true, 2), (false, 3)] {
        store.set(&Feature::SignUps, is_paused);
        clock.advance(TimeDelta::seconds(29));
        assert_eq!(switches.paused().await.signups, !is_paused);
        assert_eq!(store.reads(), reads - 1, "the state is younger than 30 seconds");
        clock.advance(TimeDelta::seconds(1));
        assert_eq!(switches.paused().await.signups, !is_paused, "the read goes on in the background");
        signups_become(&switches, is_paused).await;
        assert_eq!(store.reads(), reads);
    }
}

#[tokio::test]
async fn idle_process_reads_before_it_answers() {
    let (switches, store, clock) = start();
    let _ = switches.paused().await;
    store.set(&Feature::SignUps, true);
    clock.advance(TimeDelta::seconds(60));
    assert!(switches.paused().await.signups);
}

#[tokio::test]
async fn concurrent_requests_share_one_read() {
    let (switches, store, clock) = start();
    store.set(&Feature::SignUps, true);
    let (one, other) = tokio::join!(switches.paused(), switches.paused());
    assert!(one.signups && other.signups);
    assert_eq!(store.reads(), 1);
    clock.advance(TimeDelta::seconds(30));
    for _ in 0..5 {
        let _ = switches.paused().await;
    }
    signups_become(&switches, true).await;
    sleep(Duration::from_millis(50)).await;
    assert_eq!(store.reads(), 2);
}

#[tokio::test]
async fn silent_store_leaves_the_last_state_and_delays_one_request_in_30_seconds() {
    let (switches, store, clock) = start();
    store.set(&Feature::SignUps, true);
    assert!(switches.paused().await.signups);
    store.set(&Feature::SignUps, false);
    store.is_silent.store(true, Ordering::SeqCst);
    clock.advance(TimeDelta::hours(1));
    assert!(switches.paused().await.signups, "the last known state stays");
    for _ in 0..10 {
        assert!(switches.paused().await.signups);
    }
    assert_eq!(store.reads(), 2);
}

#[tokio::test]
async fn service_is_open_while_the_store_never_answered() {
    let (switches, store, _) = start();
    store.set(&Feature::Sending, true);
    store.is_silent.store(true, Ordering::SeqCst);
    assert_eq!(*switches.paused().await, PausedFeatures::default());
    assert_eq!(*Switches::none().paused().await, PausedFeatures::default());
}
