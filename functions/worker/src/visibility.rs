//! Keeps the deliveries of a batch invisible while the worker processes them, for no longer than a
//! lease at a time. The queue's own visibility timeout must exceed the timeout of the function, so
//! without this a delivery would stay invisible for minutes after its worker has died.

use std::pin::pin;

use app::AppState;
use app::telemetry::chain;
use aws_lambda_events::event::sqs::SqsMessage;
use futures::future::{Either, select};
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};
use tracing::warn;

use crate::outcome::{RENEWALS_PER_LEASE, VISIBILITY_CALL_TIMEOUT};

/// The deliveries of a batch that are not processed yet.
pub(crate) struct Visibility<'a> {
    app: &'a AppState,
    /// Locked during a request, so that no request ends after a delivery was released.
    receipt_handles: Mutex<Vec<String>>,
}

impl<'a> Visibility<'a> {
    pub(crate) fn new(app: &'a AppState, records: &[SqsMessage]) -> Self {
        let receipt_handles = records.iter().filter_map(|record| record.receipt_handle.clone()).collect();
        Self { app, receipt_handles: Mutex::new(receipt_handles) }
    }

    /// Runs `work`, and keeps the deliveries invisible meanwhile.
    pub(crate) async fn keep_while<T>(&self, work: impl Future<Output = T>) -> T {
        match select(pin!(work), pin!(self.extend_until_released())).await {
            Either::Left((result, _)) => result,
            Either::Right(((), work)) => work.await,
        }
    }

    /// Stops extending the visibility timeout of `records`. No request for them is under way
    /// afterwards. Returns whether other deliveries of the batch are not processed yet.
    pub(crate) async fn release(&self, records: &[SqsMessage]) -> bool {
        let is_released =
            |handle: &String| records.iter().any(|record| record.receipt_handle.as_ref() == Some(handle));
        let mut receipt_handles = self.receipt_handles.lock().await;
        receipt_handles.retain(|handle| !is_released(handle));
        !receipt_handles.is_empty()
    }

    async fn extend_until_released(&self) {
        let lease = self.app.config.worker.lease;
        loop {
            {
                let receipt_handles = self.receipt_handles.lock().await;
                if receipt_handles.is_empty() {
                    return;
                }
                self.extend(&receipt_handles).await;
            }
            sleep(lease / RENEWALS_PER_LEASE).await;
        }
    }

    async fn extend(&self, receipt_handles: &[String]) {
        let request = async {
            let queue = self.app.queue().map_err(|error| chain(&error))?;
            let lease = self.app.config.worker.lease;
            queue.change_visibility_of(receipt_handles, lease).await.map_err(|error| chain(&error))
        };
        let extended = timeout(VISIBILITY_CALL_TIMEOUT, request).await;
        if let Err(error) = extended.unwrap_or_else(|elapsed| Err(elapsed.to_string())) {
            warn!(error, "the visibility timeout of a batch is not extended");
        }
    }
}
