//! Notices when the caller of Gemini's API disconnects.

use axum::body::{Body, Bytes};
use chrono::{DateTime, Utc};
use futures::{Stream, StreamExt as _, stream};

use super::MockGemini;

/// Logs how a call ends. When the caller disconnects, the server drops the handler or the body.
pub struct Connection {
    mock: MockGemini,
    call: u64,
    pub is_answered: bool,
}

impl Connection {
    pub fn new(mock: &MockGemini, call: u64) -> Self {
        Self { mock: mock.clone(), call, is_answered: false }
    }

    /// The data of `body`, whose end is the end of the call.
    pub fn watch(self, body: Body) -> impl Stream<Item = Result<Bytes, axum::Error>> {
        stream::unfold((self, body.into_data_stream()), |(mut connection, mut data)| async move {
            let item = data.next().await;
            // An error closes the connection from this side.
            let is_sent = matches!(item, Some(Ok(_)));
            connection.is_answered |= !is_sent;
            if is_sent {
                connection.mock.state().calls.send(connection.call);
            }
            item.map(|item| (item, (connection, data)))
        })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.mock.state().calls.end(self.call, self.is_answered, now());
    }
}

#[expect(clippy::disallowed_methods, reason = "the mock is a separate service with a real clock")]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}
