//! Work that no message waits for: the batch finishes it at its end. It writes the job records in
//! one request, invalidates cached chatroom lists, ends the live texts of answers and makes titles.

use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use app::AppState;
use app::telemetry::chain;
use chrono::{DateTime, Utc};
use clients::redis::live_text::{Ending, LiveTextWriter};
use clients::table::jobs::JobRecord;
use domain::{GenerationId, UserId};
use futures::future::join_all;
use services::{chatroom_list, jobs};
use tokio::task::JoinHandle;
use tracing::{Instrument, warn};

use crate::title;

/// The deferred work of one batch.
pub(crate) struct Deferred {
    app: Arc<AppState>,
    records: Mutex<Vec<JobRecord>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Deferred {
    pub(crate) fn new(app: &Arc<AppState>) -> Self {
        Self { app: app.clone(), records: Mutex::default(), tasks: Mutex::default() }
    }

    /// Adds a job record to those that [`finish`](Self::finish) writes.
    pub(crate) fn record(&self, record: JobRecord) {
        lock(&self.records).push(record);
    }

    /// Starts to invalidate `owner`'s cached chatroom list.
    pub(crate) fn invalidate_chatroom_list(&self, owner: UserId) {
        let app = self.app.clone();
        self.spawn(async move { chatroom_list::invalidate(&app, owner).await });
    }

    /// Starts to write how an attempt ended to its live text.
    pub(crate) fn finish_live_text(&self, writer: LiveTextWriter, ending: Ending) {
        self.spawn(async move {
            if let Err(error) = writer.finish(ending).await {
                warn!(error = chain(&error), "readers of an answer do not learn of its end from Redis");
            }
        });
    }

    /// Starts to make the title that the answer of `generation` gets, if it is due.
    pub(crate) fn make_title(&self, generation: GenerationId, deadline: DateTime<Utc>) {
        let app = self.app.clone();
        self.spawn(async move { title::make(&app, generation, deadline).await });
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        lock(&self.tasks).push(tokio::spawn(task.in_current_span()));
    }

    /// Writes the records and waits for the tasks.
    pub(crate) async fn finish(&self) {
        let (records, tasks) = (take(&mut *lock(&self.records)), take(&mut *lock(&self.tasks)));
        // A task logs its own failure.
        tokio::join!(jobs::record(&self.app, &records), join_all(tasks));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
