//! The largest body that a route reads.

use std::fmt;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;

use crate::ApiError;

/// The largest body of a route.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum BodyLimit {
    /// JSON.
    #[default]
    Json,
    /// JSON with the text of a message. 10,000 characters need 117 KiB if each is written as two
    /// escapes (`\ud83d\ude00`).
    LongText,
    /// JSON with a whole conversation, as clients of the AI SDK send it with each message.
    Conversation,
    /// An event of a vendor, which is larger than a request of a user.
    Event,
}

impl BodyLimit {
    /// The limit of the route of `request`, which the middleware has inserted.
    pub(crate) fn of(request: &Request) -> Self {
        request.extensions().get().copied().unwrap_or_default()
    }

    const fn kibibytes(self) -> usize {
        match self {
            Self::Json => 64,
            Self::LongText => 128,
            Self::Conversation => 1_024,
            Self::Event => 512,
        }
    }

    /// Reads a whole body. It is in memory already, so the limit is the only reason to fail.
    ///
    /// # Errors
    /// 413 if the body is larger than this.
    pub(crate) async fn read(self, body: Body) -> Result<Bytes, ApiError> {
        let too_large = |_| ApiError::body_too_large(self);
        to_bytes(body, self.kibibytes() * 1024).await.map_err(too_large)
    }
}

impl fmt::Display for BodyLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} KiB", self.kibibytes())
    }
}
