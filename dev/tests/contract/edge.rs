//! "Every answer" of the contract, on every route.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use testkit::{Answer, TestApp};

use super::{NOBODYS, path_of, sample, start, table};

const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];

/// Headers that every answer has, with their values.
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

/// The page, and what it loads.
const PAGES: [&str; 3] = ["GET /", "GET /client.js", "GET /client.css"];

/// Headers of the limits, in both families.
const LIMITS: [&str; 5] =
    ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit-policy", "ratelimit"];

fn check(line: &str, answer: &Answer) {
    let is_page = PAGES.contains(&line);
    for (name, value) in SECURITY {
        // What is the same for everybody may be kept, and a page may load what is its own.
        let expected = match name {
            "cache-control" if is_page || line == "GET /openapi.json" => "public, max-age=300",
            "content-security-policy" if is_page => {
                let policy = answer.header(name).unwrap_or_default();
                assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{policy}");
                assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
                continue;
            }
            _ => value,
        };
        assert_eq!(answer.header(name), Some(expected), "{line}: {name}");
    }
    assert!(answer.header("x-request-id").is_some_and(|id| !id.is_empty()), "{line}");
    // What is charged to no limit has none to tell of.
    if !["GET /health", "POST /api/webhook/stripe"].contains(&line) {
        for name in LIMITS {
            assert!(answer.header(name).is_some(), "{line}: {name} is missing");
        }
    }
    let status = answer.status.as_u16();
    assert!(status < 500, "{line}: {}", answer.body);
    if status >= 400 {
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{line}");
        for member in ["type", "title", "status", "code", "detail", "request_id", "success", "message"] {
            assert!(!answer.body[member].is_null(), "{line}: {member} is missing in {}", answer.body);
        }
        assert_eq!(
            (&answer.body["success"], &answer.body["message"]),
            (&json!(false), &answer.body["detail"])
        );
        assert_eq!(answer.body["request_id"].as_str(), answer.header("x-request-id"), "{line}");
        assert_eq!(answer.header("retry-after").is_some(), status == 429, "{line}: {}", answer.body);
    } else if answer.header("content-type") == Some("application/json") {
        assert!(line == "GET /openapi.json" || answer.body["success"] == true, "{line}: {}", answer.body);
    }
}

async fn ask(app: &TestApp, method: &str, path: &str, token: Option<&str>) -> Answer {
    let mut request = app.request(method, path);
    if let Some(token) = token {
        request = request.token(token);
    }
    if let Some(body) = table()
        .iter()
        .find(|route| route.method == method && path_of(route, NOBODYS) == path)
        .and_then(sample)
    {
        request = request.json(body);
    }
    request.send().await
}

#[tokio::test]
async fn every_answer_has_its_headers_and_every_failure_is_a_problem() {
    let app = start().await;
    let (person, admin) = (app.person().await, app.person().await);
    app.make_admin(&admin).await;
    for token in [None, Some("not a token"), Some(person.token.as_str()), Some(admin.token.as_str())] {
        for route in table() {
            let path = path_of(&route, NOBODYS);
            let answer = ask(&app, route.method.as_str(), &path, token).await;
            check(&format!("{} {}", route.method, route.path), &answer);
            // A session that one of them has ended is begun anew.
            if token.is_some_and(|token| token == person.token) && answer.status == 200 {
                app.revive(&person).await;
            }
        }
    }
    check("none", &ask(&app, "GET", "/api/nothing", None).await);
}

#[tokio::test]
async fn a_method_that_a_path_does_not_take_is_a_405_that_names_those_it_does() {
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
        let path = path.replace("{id}", NOBODYS);
        for method in METHODS.iter().filter(|method| !methods.contains(**method)) {
            let answer = app.request(method, &path).send().await;
            assert_eq!(answer.status, 405, "{method} {path}");
            let named: BTreeSet<String> =
                answer.header("allow").unwrap().split(',').map(|name| name.trim().to_owned()).collect();
            assert_eq!(&named, methods, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn pages_of_listed_origins_may_call_every_route_and_no_others() {
    let app =
        TestApp::serving(super::routes()).var("CORS_ALLOWED_ORIGINS", "https://chat.example").start().await;
    for route in table() {
        let path = path_of(&route, NOBODYS);
        let preflight = |origin: &'static str| {
            app.request("OPTIONS", &path)
                .header("origin", origin)
                .header("access-control-request-method", route.method.as_str())
                .header("access-control-request-headers", "authorization,content-type,idempotency-key")
                .send()
        };
        let answer = preflight("https://chat.example").await;
        assert_eq!(answer.header("access-control-allow-origin"), Some("https://chat.example"), "{path}");
        let methods = answer.header("access-control-allow-methods").unwrap();
        assert!(methods.contains(route.method.as_str()), "{path}: {methods}");
        assert_eq!(answer.header("access-control-allow-credentials"), None, "{path}");
        assert_eq!(preflight("https://evil.example").await.header("access-control-allow-origin"), None);
    }
}

#[tokio::test]
async fn no_forwarded_header_chooses_the_address_that_is_charged() {
    let app = TestApp::serving(super::routes()).var("RATE_LIMIT_MAX_REQUESTS", "5").start().await;
    let forged = ["x-forwarded-for", "forwarded", "x-real-ip", "cf-connecting-ip", "true-client-ip"];
    for name in forged {
        let _ = app.request("GET", "/x").header(name, "203.0.113.99").send().await.expect(404);
    }
    let answer = app.request("GET", "/x").header("x-forwarded-for", "203.0.113.98").send().await;
    let _ = answer.expect_problem(429, "rate_limited");
}
