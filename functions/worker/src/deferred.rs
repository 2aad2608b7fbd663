//! Work that no message waits for: the batch finishes it at its end. It writes the job records in
//! one request and invalidates cached chatroom lists.

use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use app::AppState;
use clients::table::jobs::JobRecord;
use domain::UserId;
use futures::future::join_all;
use services::{chatroom_list, jobs};
use tokio::task::JoinHandle;
use tracing::Instrument;

/// The deferred work of one batch.
pub(crate) struct Deferred {
    app: Arc<AppState>,
    records: Mutex<Vec<JobRecord>>,
    invalidations: Mutex<Vec<JoinHandle<()>>>,
}

impl Deferred {
    pub(crate) fn new(app: &Arc<AppState>) -> Self {
        Self { app: app.clone(), records: Mutex::default(), invalidations: Mutex::default() }
    }

    /// Adds a job record to those that [`finish`](Self::finish) writes.
    pub(crate) fn record(&self, record: JobRecord) {
        lock(&self.records).push(record);
    }

    /// Starts to invalidate `owner`'s cached chatroom list.
    pub(crate) fn invalidate_chatroom_list(&self, owner: UserId) {
        let app = self.app.clone();
        let invalidation = async move { chatroom_list::invalidate(&app, owner).await };
        lock(&self.invalidations).push(tokio::spawn(invalidation.in_current_span()));
    }

    /// Writes the records and waits for the invalidations.
    pub(crate) async fn finish(&self) {
        let (records, invalidations) =
            (take(&mut *lock(&self.records)), take(&mut *lock(&self.invalidations)));
        // An invalidation logs its own failure.
        tokio::join!(jobs::record(&self.app, &records), join_all(invalidations));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
