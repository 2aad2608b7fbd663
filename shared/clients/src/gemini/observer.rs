//! [`Observer`]: how the caller of a model follows a call, and stops it.

use std::fmt;

use domain::TraceContext;
use tokio::sync::watch;

/// Follows one call to a model, and stops it.
pub struct Observer<'a> {
    on_text: &'a (dyn Fn(&str) + Send + Sync),
    is_stopped: watch::Receiver<bool>,
    trace: Option<TraceContext>,
}

impl<'a> Observer<'a> {
    /// `on_text` receives the text of the answer as it arrives, never its thoughts, and nothing
    /// before the text shows something. Joined, the pieces are the text of the [`Answer`]. If the
    /// call fails, they are void.
    ///
    /// The call ends soon after `is_stopped` becomes true.
    ///
    /// [`Answer`]: super::Answer
    pub fn new(on_text: &'a (dyn Fn(&str) + Send + Sync), is_stopped: watch::Receiver<bool>) -> Self {
        Self { on_text, is_stopped, trace: None }
    }

    /// Makes the call part of a trace.
    #[must_use]
    pub fn traced(self, trace: Option<TraceContext>) -> Self {
        Self { trace, ..self }
    }

    /// The call in its trace.
    #[must_use]
    pub fn trace(&self) -> Option<TraceContext> {
        self.trace
    }

    /// Passes on the next piece of the text.
    pub fn receive(&self, text: &str) {
        if !text.is_empty() {
            (self.on_text)(text);
        }
    }

    /// Waits until the caller stops the call.
    pub async fn stopped(&self) {
        let mut is_stopped = self.is_stopped.clone();
        // An error means that nobody is left who could stop it.
        if is_stopped.wait_for(|is_stopped| *is_stopped).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl fmt::Debug for Observer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observer").field("is_stopped", &*self.is_stopped.borrow()).finish_non_exhaustive()
    }
}
