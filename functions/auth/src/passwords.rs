//! Hashing off the async threads: it takes tens of milliseconds of a core.

use domain::password::{NOBODYS_HASH, NewPassword, Password};
use tokio::task::spawn_blocking;
use web::ApiError;

/// The hash of `password`.
pub(crate) async fn hash(password: NewPassword) -> Result<String, ApiError> {
    spawn_blocking(move || password.hash()).await.map_err(ApiError::internal)?.map_err(ApiError::internal)
}

/// Whether `password` is the one behind `hash`; without a hash it is not, which takes as long to find out.
pub(crate) async fn matches(password: Password, hash: Option<String>) -> Result<bool, ApiError> {
    spawn_blocking(move || password.matches(hash.as_deref().unwrap_or(NOBODYS_HASH)))
        .await
        .map_err(ApiError::internal)
}
