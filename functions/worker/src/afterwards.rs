//! What no message waits for, and the batch does at its end: the records of its attempts, written in one go, and lists of rooms that
//! are dropped from the cache.

use std::mem::take;
use std::sync::{Mutex, MutexGuard, PoisonError};

use app::App;
use clients::table::jobs::JobRecord;
use domain::UserId;
use futures::future::join_all;
use tokio::task::JoinHandle;
use tracing::Instrument;

/// What is left to be done.
#[derive(Debug, Default)]
pub(crate) struct Afterwards {
    records: Mutex<Vec<JobRecord>>,
    drops: Mutex<Vec<JoinHandle<()>>>,
}

impl Afterwards {
    /// Has a record be written.
    pub(crate) fn record(&self, record: JobRecord) {
        lock(&self.records).push(record);
    }

    /// Begins to drop `owner`'s list.
    pub(crate) fn drop_list(&self, app: &App, owner: UserId) {
        let app = app.clone();
        let dropping = async move { app.drop_chatroom_list(owner).await };
        lock(&self.drops).push(tokio::spawn(dropping.in_current_span()));
    }

    /// Brings it all to an end.
    pub(crate) async fn finish(&self, app: &App) {
        let (records, drops) = (take(&mut *lock(&self.records)), take(&mut *lock(&self.drops)));
        // What became of a drop is in the log.
        tokio::join!(app.record_jobs(&records), join_all(drops));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
