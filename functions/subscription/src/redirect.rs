//! Checks the URLs that Stripe's pages redirect to.

use app::AppState;
use axum::http::StatusCode;
use domain::redirect::RedirectUrl;
use web::ApiError;

/// Returns the URL when its host is among `REDIRECT_HOSTS`.
///
/// Returns a 422 that names `field` otherwise.
pub(crate) fn allowed(app: &AppState, field: &str, url: &RedirectUrl) -> Result<String, ApiError> {
    url.normalize_if_allowed(&app.config.billing.redirect_hosts).map_err(|error| {
        let detail = format!("{field}: {error}");
        ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "redirect_not_allowed", detail)
    })
}
