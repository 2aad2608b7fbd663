//! The middleware stack around every function, and the order of its layers.

use std::any::Any;
use std::sync::Arc;

use app::AppState;
use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower::{Layer, ServiceBuilder};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::normalize_path::{NormalizePath, NormalizePathLayer};

use crate::middleware::{GuardState, cors, guard, request_log};
use crate::{ApiError, Routes};

/// A function's routes in their middleware stack.
pub type Service = NormalizePath<Router>;

/// Wraps `routes` in the middleware. From the outside in: trailing slash, request id with log line,
/// time limit, problem documents and security headers, CORS, panics, route policy.
pub fn stack(routes: Routes, app: &Arc<AppState>) -> Service {
    let layers = ServiceBuilder::new()
        .layer(from_fn(request_log::handle))
        .layer(cors::layer(&app.config.cors_allowed_origins, app.config.environment))
        .layer(CatchPanicLayer::custom(|panic: Box<dyn Any + Send>| panic_response(panic.as_ref())))
        .layer(from_fn_with_state(GuardState::new(app, &routes), guard));
    NormalizePathLayer::trim_trailing_slash().layer(routes.router.with_state(app.clone()).layer(layers))
}

fn panic_response(panic: &(dyn Any + Send)) -> Response {
    let message =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    ApiError::internal(format!("handler panicked: {}", message.unwrap_or("no message"))).into_response()
}
