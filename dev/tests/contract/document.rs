//! The OpenAPI document against the code, the routes and `template.yaml`.

use std::collections::BTreeSet;
use std::{env, fs};

use serde_json::Value;
use stack::checkout;
use stack::template::Template;
use utoipa::openapi::OpenApi;
use web::openapi::{document, operations};

use super::{events, parts, start, table};

/// Set by `cargo dev openapi`: the document is written, not compared.
const WRITE: &str = "OPENAPI_WRITE";

/// What may be asked without a token. A route that is added here is open to everybody.
const PUBLIC: [&str; 15] = [
    "POST /api/auth/send-signup-otp",
    "POST /api/auth/verify-signup-otp",
    "POST /api/auth/login",
    "POST /api/auth/forgot-password",
    "POST /api/auth/reset-password",
    "POST /api/auth/refresh",
    "GET /api/subscription/plans",
    "POST /api/webhook/stripe",
    "GET /api/webhook/test",
    "GET /api/queue/status",
    "GET /",
    "GET /client.js",
    "GET /client.css",
    "GET /health",
    "GET /openapi.json",
];

fn whole() -> OpenApi {
    document(parts().into_iter().map(|(_, part)| part).collect())
}

fn routes() -> BTreeSet<String> {
    table().iter().map(|route| format!("{} {}", route.method, route.path)).collect()
}

#[test]
fn the_document_that_is_served_is_what_the_code_says() {
    let path = checkout().join("docs/openapi.json");
    let now = whole().to_pretty_json().unwrap() + "\n";
    if env::var_os(WRITE).is_some() {
        fs::write(path, now).unwrap();
        return;
    }
    let kept = fs::read_to_string(path).unwrap();
    assert!(kept == now, "docs/openapi.json is out of date: run `cargo dev openapi`");
}

#[test]
fn every_route_is_in_the_document_and_nothing_else() {
    let document = whole();
    let mut said = BTreeSet::new();
    let mut names = BTreeSet::new();
    for (path, item) in &document.paths.paths {
        for (method, operation) in operations(item) {
            said.insert(format!("{method} {path}"));
            let name = operation.operation_id.clone().unwrap();
            assert!(names.insert(name.clone()), "{name} names two operations");
            assert!(operation.summary.is_some(), "{method} {path} says nothing of itself");
        }
    }
    assert_eq!(said, routes());
}

#[test]
fn every_route_is_deployed_in_the_function_that_has_it() {
    let deployed = Template::read(&checkout()).unwrap().routes();
    // As API Gateway does: the longest prefix that fits.
    let function_of = |path: &str| {
        let fitting = deployed.iter().filter(|(route, _)| {
            let prefix = route.trim_end_matches("{proxy+}");
            route.as_str() == path || (prefix != route.as_str() && path.starts_with(prefix))
        });
        fitting.max_by_key(|(route, _)| route.len()).map(|(_, function)| function.as_str())
    };
    for (function, part) in parts() {
        for route in part.routes.table() {
            assert_eq!(function_of(route.path), Some(function), "{}", route.path);
        }
    }
}

#[test]
fn every_route_has_an_event_to_try_it_with() {
    let events = events();
    for route in table() {
        let key = (route.method.to_string(), route.path);
        assert!(events.contains_key(&key), "events/ has none for {} {}", route.method, route.path);
    }
}

#[tokio::test]
async fn a_route_is_open_to_everybody_where_that_is_meant_and_the_document_says_so() {
    let (app, document) = (start().await, whole());
    let mut open = BTreeSet::new();
    for route in table() {
        let line = format!("{} {}", route.method, route.path);
        let item = &document.paths.paths[route.path];
        let (_, operation) =
            operations(item).into_iter().find(|(method, _)| *method == route.method.as_str()).unwrap();
        let is_secured = operation.security.as_ref().is_some_and(|security| !security.is_empty());
        let path = super::path_of(&route, super::NOBODYS);
        let request = app.request(route.method.as_str(), &path);
        let body = super::sample(&route).unwrap_or(Value::Null);
        let answer = if body.is_null() { request.send().await } else { request.json(body).send().await };
        let is_refused = answer.status == 401 && answer.body["code"] == "not_authenticated";
        assert_eq!(is_refused, is_secured, "{line}: {}", answer.body);
        if !is_refused {
            open.insert(line);
        }
    }
    assert_eq!(open, PUBLIC.map(str::to_owned).into());
}

#[test]
fn operators_routes_say_that_they_are_closed() {
    let document = whole();
    for (path, item) in document.paths.paths.iter().filter(|(path, _)| path.starts_with("/api/queue/")) {
        for (method, operation) in operations(item) {
            let closed = operation.responses.responses.contains_key("403");
            assert_eq!(closed, path.as_str() != "/api/queue/status", "{method} {path}");
        }
    }
}

/// What is read while it is found out whether the caller is let in: nothing that changes anything, and nothing that costs much.
const READ_IN_ADVANCE: [&str; 8] = [
    "/api/auth/sessions",
    "/api/chatroom",
    "/api/chatroom/message/{id}/status",
    "/api/chatroom/{id}",
    "/api/subscription/status",
    "/api/user/me",
    "/api/user/stats",
    "/api/user/usage",
];

#[test]
fn what_is_read_in_advance_is_known() {
    let read: BTreeSet<&str> =
        table().into_iter().filter(|route| route.reads).map(|route| route.path).collect();
    assert_eq!(read, READ_IN_ADVANCE.into());
}

#[test]
fn a_batch_of_the_worker_is_what_it_has_connections_for() {
    let ours = Template::read(&checkout()).unwrap();
    assert_eq!(ours.event_source("worker").unwrap().batch_size, worker::BATCH);
}
