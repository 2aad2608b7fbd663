//! What a batch has to tell the operator of its attempts: kept together, and written at its end in one go.

use std::sync::{Mutex, PoisonError};

use app::App;
use clients::table::jobs::JobRecord;

/// The records of a batch.
#[derive(Debug, Default)]
pub(crate) struct Records(Mutex<Vec<JobRecord>>);

impl Records {
    /// Adds one.
    pub(crate) fn add(&self, record: JobRecord) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(record);
    }

    /// Writes them all.
    pub(crate) async fn write(self, app: &App) {
        app.record_jobs(&self.0.into_inner().unwrap_or_else(PoisonError::into_inner)).await;
    }
}
