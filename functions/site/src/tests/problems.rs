//! The problem document of every code that middleware and extractors produce, as snapshots.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use domain::ChatroomId;
use garde::Validate;
use insta::{assert_json_snapshot, with_settings};
use serde::Deserialize;
use serde_json::json;
use testkit::{RequestBuilder, Response, TestApp, TestUser};
use tokio::sync::Notify;
use utoipa::openapi::HttpMethod;
use web::{Admin, ApiError, Caller, Id, Operation, RoutePolicy, Routes, Valid, ValidQuery};

#[derive(Deserialize, Validate)]
struct Item {
    #[garde(length(min = 2))]
    name: String,
}

async fn create_item(
    State(app): State<Arc<AppState>>,
    _: Caller,
    operation: Operation,
    Valid(item): Valid<Item>,
) -> Result<String, ApiError> {
    operation.once(&app, |_| async { Ok(item.name) }).await
}

/// Serves one endpoint for each extractor and each kind of failure.
async fn start() -> TestApp {
    let standard = RoutePolicy::Standard;
    let routes = Routes::new()
        .route(&[HttpMethod::Post], "/items", RoutePolicy::Idempotent, create_item)
        .route(&[HttpMethod::Get], "/items/{id}", standard, |_: Id<ChatroomId>| async {})
        .route(&[HttpMethod::Get], "/search", standard, |_: ValidQuery<Item>| async {})
        .route(&[HttpMethod::Get], "/admin", standard, |_: Admin| async {})
        .route(&[HttpMethod::Get], "/broken", standard, || async { ApiError::internal("the cause") })
        .route(&[HttpMethod::Get], "/overloaded", standard, || async { ApiError::unavailable("the cause") });
    TestApp::serving(routes).start().await
}

fn post_item<'a>(app: &'a TestApp, user: &TestUser, body: &str) -> RequestBuilder<'a> {
    app.request("POST", "/items").by(user).body(body).header("content-type", "application/json")
}

/// Asserts status and code of `response`, and compares its document with the snapshot `code`.
#[track_caller]
fn assert_problem(response: Response, status: u16, code: &str) {
    let response = response.expect_problem(status, code);
    with_settings!({ sort_maps => true, prepend_module_to_snapshot => false }, {
        assert_json_snapshot!(code, response.body, { ".request_id" => "[request id]" });
    });
}

#[tokio::test]
async fn documents_of_unparsable_requests() {
    let app = start().await;
    let user = app.user().await;
    assert_problem(post_item(&app, &user, "{").send().await, 400, "malformed_request");
    assert_problem(app.request("GET", "/search?name=x").send().await, 400, "validation_failed");
    let large = json!({ "name": "x".repeat(70_000) }).to_string();
    assert_problem(post_item(&app, &user, &large).send().await, 413, "body_too_large");
    let without_type = app.request("POST", "/items").by(&user).body("{}").send().await;
    assert_problem(without_type, 415, "unsupported_media_type");
}

#[tokio::test]
async fn documents_of_denied_requests() {
    let app = start().await;
    let user = app.user().await;
    assert_problem(app.request("POST", "/items").send().await, 401, "not_authenticated");
    assert_problem(app.request("GET", "/admin").by(&user).send().await, 403, "forbidden");
}

#[tokio::test]
async fn documents_of_unknown_resources_paths_and_methods() {
    let app = start().await;
    assert_problem(app.request("GET", "/items/nonsense").send().await, 404, "not_found");
    assert_problem(app.request("GET", "/nothing").send().await, 404, "route_not_found");
    assert_problem(app.request("DELETE", "/items").send().await, 405, "method_not_allowed");
}

#[tokio::test]
async fn document_of_a_rate_limited_request() {
    let app = TestApp::serving(Routes::new()).var("RATE_LIMIT_MAX_REQUESTS", "1").start().await;
    let _ = app.request("GET", "/nothing").send().await.expect(404);
    assert_problem(app.request("GET", "/nothing").send().await, 429, "rate_limited");
}

#[tokio::test]
async fn documents_of_server_errors_hide_the_cause() {
    let app = start().await;
    assert_problem(app.request("GET", "/broken").send().await, 500, "internal");
    assert_problem(app.request("GET", "/overloaded").send().await, 503, "unavailable");
}

#[tokio::test]
async fn document_of_a_reused_idempotency_key() {
    let app = start().await;
    let user = app.user().await;
    let with_key = |body| post_item(&app, &user, body).header("idempotency-key", "key").send();
    let _ = with_key(r#"{ "name": "first" }"#).await.expect(200);
    assert_problem(with_key(r#"{ "name": "second" }"#).await, 422, "idempotency_key_reused");
}

#[tokio::test]
async fn document_of_a_request_whose_key_is_in_use() {
    let (started, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (signal_start, wait_for_release) = (started.clone(), release.clone());
    let blocking = async move || {
        signal_start.notify_one();
        wait_for_release.notified().await;
    };
    let routes = Routes::new().route(&[HttpMethod::Post], "/items", RoutePolicy::Idempotent, blocking);
    let app = TestApp::serving(routes).start().await;
    let user = app.user().await;
    let send = || post_item(&app, &user, "{}").header("idempotency-key", "key").send();
    let second = async {
        started.notified().await;
        let response = send().await;
        release.notify_one();
        response
    };
    let (_, response) = tokio::join!(send(), second);
    assert_problem(response, 409, "request_in_flight");
}
