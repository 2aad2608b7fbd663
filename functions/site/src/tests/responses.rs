//! What the middleware does to every response: headers, CORS, trailing slashes and panics.

use testkit::TestApp;
use utoipa::openapi::HttpMethod;
use web::{RoutePolicy, Routes};

use super::serving;

#[tokio::test]
async fn every_response_has_the_security_headers() {
    let app = serving().start().await;
    for path in ["/health", "/nothing", "/health?deep=x"] {
        let response = app.request("GET", path).send().await;
        for (name, value) in [
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("strict-transport-security", "max-age=31536000; includeSubDomains"),
            ("content-security-policy", "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"),
        ] {
            assert_eq!(response.header(name), Some(value), "{path}");
        }
        assert!(response.header("x-request-id").is_some_and(|id| !id.is_empty()));
    }
}

#[tokio::test]
async fn id_of_the_client_is_in_header_and_problem_document() {
    let app = serving().start().await;
    let request = app.request("GET", "/api/nothing").header("x-request-id", "web:1/2-3_4.5=+@");
    let response = request.send().await.expect_problem(404, "route_not_found");
    assert_eq!(response.header("x-request-id"), Some("web:1/2-3_4.5=+@"));
    assert_eq!(response.body["request_id"], "web:1/2-3_4.5=+@");
}

#[tokio::test]
async fn unusable_id_of_the_client_is_replaced() {
    let app = serving().start().await;
    let long = "x".repeat(129);
    for id in ["", "two words", "{\"level\":\"ERROR\"}", "a\"b", "a\\nb", "ünïcode", &long] {
        let request = app.request("GET", "/api/nothing").header("x-request-id", id);
        let response = request.send().await.expect_problem(404, "route_not_found");
        let own = response.header("x-request-id").unwrap();
        assert!(own != id && own.len() == 36, "{id}: {own}");
        assert_eq!(response.body["request_id"], own);
    }
}

#[tokio::test]
async fn scripts_may_send_the_ids_of_their_requests() {
    let app = serving().var("CORS_ALLOWED_ORIGINS", "https://chat.example").start().await;
    let preflight = app
        .request("OPTIONS", "/api/chatroom")
        .header("origin", "https://chat.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "traceparent,x-request-id");
    let allowed = preflight.send().await.expect(200);
    let headers = allowed.header("access-control-allow-headers").unwrap();
    assert!(headers.contains("traceparent") && headers.contains("x-request-id"), "{headers}");
}

#[tokio::test]
async fn only_listed_origins_pass_cors() {
    let app =
        serving().var("CORS_ALLOWED_ORIGINS", "https://chat.example, http://localhost:3000").start().await;
    let preflight = |origin: &'static str| {
        app.request("OPTIONS", "/api/chatroom")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type")
            .send()
    };
    let allowed = preflight("https://chat.example").await.expect(200);
    assert_eq!(allowed.header("access-control-allow-origin"), Some("https://chat.example"));
    assert!(allowed.header("access-control-allow-headers").unwrap().contains("authorization"));
    for origin in ["https://chat.example.evil", "https://sub.chat.example", "null", "http://chat.example"] {
        assert_eq!(preflight(origin).await.header("access-control-allow-origin"), None, "{origin}");
    }
}

#[tokio::test]
async fn trailing_slash_is_ignored() {
    let app = serving().start().await;
    let _ = app.request("GET", "/health/").send().await.expect(200);
}

#[tokio::test]
async fn panic_is_an_internal_error() {
    async fn broken() {
        panic!("on purpose");
    }
    let routes = Routes::new().route(&[HttpMethod::Get], "/broken", RoutePolicy::Standard, broken);
    let app = TestApp::serving(routes).start().await;
    let response = app.request("GET", "/broken").send().await.expect_problem(500, "internal");
    assert!(!response.body.to_string().contains("on purpose"));
}

#[tokio::test]
async fn unknown_path_and_method_are_problem_documents() {
    let app = serving().start().await;
    let response = app.request("GET", "/api/nothing").send().await.expect_problem(404, "route_not_found");
    assert_eq!(response.body["request_id"].as_str(), response.header("x-request-id"));
    let _ = app.request("POST", "/health").send().await.expect_problem(405, "method_not_allowed");
}
