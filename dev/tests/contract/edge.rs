//! Headers, problem documents, methods and CORS on every route.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use testkit::{RequestBuilder, Response, TestApp};

use super::{UNKNOWN_ID, line, path_of, request, start, table};

const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];

const SECURITY: [(&str, &str); 8] = [
    ("content-security-policy", "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"),
    ("strict-transport-security", "max-age=31536000; includeSubDomains"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-permitted-cross-domain-policies", "none"),
    ("cache-control", "no-store"),
];

const PAGES: [&str; 2] = ["GET /", "GET /docs"];

const LIMITS: [&str; 5] =
    ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit-policy", "ratelimit"];

fn check(line: &str, response: &Response) {
    let is_page = PAGES.contains(&line);
    for (name, value) in SECURITY {
        // Public files may be cached, and a page may load its own files.
        let expected = match name {
            "cache-control" if is_page || line == "GET /openapi.json" => "public, max-age=300",
            "content-security-policy" if is_page => {
                let policy = response.header(name).unwrap_or_default();
                assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{policy}");
                assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
                continue;
            }
            _ => value,
        };
        assert_eq!(response.header(name), Some(expected), "{line}: {name}");
    }
    assert!(response.header("x-request-id").is_some_and(|id| !id.is_empty()), "{line}");
    // These routes have no rate limit.
    if !["GET /health", "POST /api/webhook/stripe"].contains(&line) {
        for name in LIMITS {
            assert!(response.header(name).is_some(), "{line}: {name} is missing");
        }
    }
    let status = response.status.as_u16();
    assert!(status < 500, "{line}: {}", response.body);
    if status >= 400 {
        assert_eq!(response.header("content-type"), Some("application/problem+json"), "{line}");
        for member in ["type", "title", "status", "code", "detail", "request_id", "success", "message"] {
            assert!(!response.body[member].is_null(), "{line}: {member} is missing in {}", response.body);
        }
        assert_eq!(
            (&response.body["success"], &response.body["message"]),
            (&json!(false), &response.body["detail"])
        );
        assert_eq!(response.body["request_id"].as_str(), response.header("x-request-id"), "{line}");
        assert_eq!(response.header("retry-after").is_some(), status == 429, "{line}: {}", response.body);
    } else if response.header("content-type") == Some("application/json") {
        assert!(line == "GET /openapi.json" || response.body["success"] == true, "{line}: {}", response.body);
    }
}

#[tokio::test]
async fn every_response_has_the_headers_and_every_error_is_a_problem_document() {
    let app = start().await;
    let (user, admin) = (app.user().await, app.user().await);
    app.make_admin(&admin).await;
    for token in [None, Some("not a token"), Some(user.token.as_str()), Some(admin.token.as_str())] {
        for route in table() {
            let request = request(&app, &route, UNKNOWN_ID);
            let request = token.into_iter().fold(request, RequestBuilder::token);
            let response = request.send().await;
            check(&line(&route), &response);
            // Some routes end the session or the account.
            if token.is_some_and(|token| token == user.token) && response.status == 200 {
                app.restore_account(&user).await;
            }
        }
    }
    check("none", &app.request("GET", "/api/nothing").send().await);
}

#[tokio::test]
async fn a_405_names_the_allowed_methods() {
    let app = start().await;
    let mut allowed: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for route in table() {
        let methods = allowed.entry(route.path).or_default();
        methods.insert(route.method.to_string());
        if route.method == "GET" {
            methods.insert("HEAD".to_owned());
        }
    }
    for (path, methods) in &allowed {
        let path = path.replace("{id}", UNKNOWN_ID);
        for method in METHODS.iter().filter(|method| !methods.contains(**method)) {
            let response = app.request(method, &path).send().await;
            assert_eq!(response.status, 405, "{method} {path}");
            let named: BTreeSet<String> =
                response.header("allow").unwrap().split(',').map(|name| name.trim().to_owned()).collect();
            assert_eq!(&named, methods, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn cors_allows_listed_origins_only() {
    let app =
        TestApp::serving(super::routes()).var("CORS_ALLOWED_ORIGINS", "https://chat.example").start().await;
    for route in table() {
        let path = path_of(&route, UNKNOWN_ID);
        let preflight = |origin: &'static str| {
            app.request("OPTIONS", &path)
                .header("origin", origin)
                .header("access-control-request-method", route.method.as_str())
                .header("access-control-request-headers", "authorization,content-type,idempotency-key")
                .send()
        };
        let response = preflight("https://chat.example").await;
        assert_eq!(response.header("access-control-allow-origin"), Some("https://chat.example"), "{path}");
        let methods = response.header("access-control-allow-methods").unwrap();
        assert!(methods.contains(route.method.as_str()), "{path}: {methods}");
        assert_eq!(response.header("access-control-allow-credentials"), None, "{path}");
        assert_eq!(preflight("https://evil.example").await.header("access-control-allow-origin"), None);
    }
}

#[tokio::test]
async fn cors_allows_pages_of_this_machine_in_local_runs_only() {
    for (environment, allows) in [("local", true), ("staging", false)] {
        let app = TestApp::serving(super::routes()).var("ENVIRONMENT", environment);
        let app = app.var("OTP_DELIVERY", "response").start().await;
        let health = app.request("GET", "/health").header("origin", "http://localhost:5173").send().await;
        let allowed = health.header("access-control-allow-origin");
        assert_eq!(allowed, allows.then_some("http://localhost:5173"), "{environment}");
    }
}

#[tokio::test]
async fn forwarded_headers_do_not_change_the_rate_limited_address() {
    let app = TestApp::serving(super::routes()).var("RATE_LIMIT_MAX_REQUESTS", "5").start().await;
    let forged = ["x-forwarded-for", "forwarded", "x-real-ip", "cf-connecting-ip", "true-client-ip"];
    for name in forged {
        let _ = app.request("GET", "/x").header(name, "203.0.113.99").send().await.expect(404);
    }
    let response = app.request("GET", "/x").header("x-forwarded-for", "203.0.113.98").send().await;
    let _ = response.expect_problem(429, "rate_limited");
}
