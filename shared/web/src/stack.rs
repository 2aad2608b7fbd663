//! The middleware stack around every function, and the order of its layers.

use std::any::Any;
use std::sync::Arc;

use app::AppState;
use axum::Router;
use axum::http::Uri;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt as _};
use tower::util::MapRequest;
use tower::{Layer, ServiceBuilder};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::normalize_path::{NormalizePath, NormalizePathLayer};

use crate::middleware::{GuardState, cors, guard, request_log};
use crate::{ApiError, Routes};

/// A function's routes in their middleware stack.
pub type Service = MapRequest<NormalizePath<Router>, fn(Request) -> Request>;

/// Wraps `routes` in the middleware. From the outside in: stage, trailing slash, request id with log line,
/// time limit, problem documents and security headers, CORS, panics, route policy.
pub fn stack(routes: Routes, app: &Arc<AppState>) -> Service {
    let layers = ServiceBuilder::new()
        .layer(from_fn_with_state(app.clone(), request_log::handle))
        .layer(cors::layer(&app.config.cors_allowed_origins, app.config.environment))
        .layer(CatchPanicLayer::custom(|panic: Box<dyn Any + Send>| panic_response(panic.as_ref())))
        .layer(from_fn_with_state(GuardState::new(app, &routes), guard));
    let service = routes.router.with_state(app.clone()).layer(layers);
    MapRequest::new(NormalizePathLayer::trim_trailing_slash().layer(service), without_stage)
}

/// Removes the name of the stage from the path. `lambda_http` puts it before the path of a REST API's
/// event, because it is in the URL that the client has called.
fn without_stage(mut request: Request) -> Request {
    let Some(RequestContext::ApiGatewayV1(context)) = request.request_context_ref() else { return request };
    let prefix = format!("/{}", context.stage.as_deref().unwrap_or_default());
    let uri = request.uri();
    let rest = uri.path_and_query().and_then(|path| path.as_str().strip_prefix(&prefix));
    if let Some(Ok(path)) = rest.filter(|rest| rest.starts_with('/')).map(Uri::try_from) {
        *request.uri_mut() = path;
    }
    request
}

fn panic_response(panic: &(dyn Any + Send)) -> Response {
    let message =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    ApiError::internal(format!("handler panicked: {}", message.unwrap_or("no message"))).into_response()
}

#[cfg(test)]
mod tests {
    use lambda_http::request::from_str;
    use serde_json::json;

    use super::*;

    fn path_of(path: &str, stage: &str) -> String {
        let event = json!({
            "httpMethod": "GET", "path": path, "headers": { "host": "a.execute-api.eu-central-1.amazonaws.com" },
            "multiValueQueryStringParameters": { "a": ["b"] },
            "requestContext": { "stage": stage, "httpMethod": "GET", "identity": { "sourceIp": "203.0.113.7" } },
        });
        let request = without_stage(from_str(&event.to_string()).unwrap());
        request.uri().path_and_query().unwrap().to_string()
    }

    #[test]
    fn stage_of_a_rest_api_is_not_part_of_the_path() {
        assert_eq!(path_of("/api/stream/1", "live"), "/api/stream/1?a=b");
        assert_eq!(path_of("/api/a b", "live"), "/api/a%20b?a=b");
        assert_eq!(path_of("/", "live"), "/?a=b");
        assert_eq!(path_of("/api/stream/1", ""), "/api/stream/1?a=b");
    }
}
