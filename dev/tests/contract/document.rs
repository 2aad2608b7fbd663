//! The OpenAPI document compared with the code, the routes and `template.yaml`.

use std::collections::BTreeSet;
use std::{env, fs};

use serde_json::Value;
use stack::checkout;
use stack::template::Template;
use web::RoutePolicy;
use web::openapi::{document, operations, to_text};

use super::{UNKNOWN_ID, events, line, parts, request, start, table};

/// The variable that makes the test write the document; `cargo dev openapi` sets it.
const WRITE: &str = "OPENAPI_WRITE";

/// The routes that need no token.
const PUBLIC: [&str; 16] = [
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
    "GET /api/config",
    "GET /assets/{name}",
    "GET /docs",
    "GET /health",
    "GET /openapi.json",
];

fn whole() -> Value {
    document(parts().into_iter().map(|(_, part)| part).collect())
}

fn routes() -> BTreeSet<String> {
    table().iter().map(line).collect()
}

#[test]
fn the_served_document_matches_the_code() {
    let path = checkout().join("docs/openapi.json");
    let now = to_text(&whole());
    if env::var_os(WRITE).is_some() {
        fs::write(path, now).unwrap();
        return;
    }
    let kept = fs::read_to_string(path).unwrap();
    assert!(kept == now, "docs/openapi.json is out of date: run `cargo dev openapi`");
}

#[test]
fn the_document_has_exactly_the_routes() {
    let document = whole();
    let mut said = BTreeSet::new();
    let mut names = BTreeSet::new();
    for (method, path, operation) in operations(&document) {
        said.insert(format!("{} {path}", method.to_uppercase()));
        let name = operation["operationId"].as_str().unwrap();
        assert!(names.insert(name), "two operations are called {name}");
    }
    assert_eq!(said, routes());
}

#[test]
fn the_contract_covers_each_deployed_function_with_routes_once() {
    let deployed: BTreeSet<String> = Template::read(&checkout()).unwrap().routes().into_values().collect();
    let mut covered: Vec<&str> = parts().iter().map(|(function, _)| *function).collect();
    covered.sort_unstable();
    assert_eq!(covered, deployed.iter().collect::<Vec<_>>());
}

#[test]
fn every_route_is_deployed_to_its_function() {
    let deployed = Template::read(&checkout()).unwrap().routes();
    // API Gateway chooses an exact route, or else the longest matching prefix.
    let function_of = |path: &str| {
        let fitting = deployed.iter().filter(|(route, _)| {
            let prefix = route.trim_end_matches("{proxy+}");
            route.as_str() == path || (prefix != route.as_str() && path.starts_with(prefix))
        });
        fitting
            .max_by_key(|(route, _)| (route.as_str() == path, route.len()))
            .map(|(_, function)| function.as_str())
    };
    for (function, part) in parts() {
        for route in part.routes.table() {
            assert_eq!(function_of(route.path), Some(function), "{}", route.path);
        }
    }
}

#[test]
fn every_route_has_a_sample_event() {
    let events = events();
    for route in table() {
        let key = (route.method.to_string(), route.path);
        assert!(events.contains_key(&key), "events/ has no event for {}", line(&route));
    }
}

#[tokio::test]
async fn only_the_listed_routes_are_public_and_the_document_agrees() {
    let (app, document) = (start().await, whole());
    let mut open = BTreeSet::new();
    for route in table() {
        let line = line(&route);
        let method = route.method.as_str().to_lowercase();
        // Without its own entry an operation has that of the document: a token.
        let own = document["paths"][route.path][method].get("security");
        let security = own.unwrap_or(&document["security"]);
        let is_secured = security.as_array().is_some_and(|schemes| !schemes.is_empty());
        let response = request(&app, &route, UNKNOWN_ID).send().await;
        let is_refused = response.status == 401 && response.body["code"] == "not_authenticated";
        assert_eq!(is_refused, is_secured, "{line}: {}", response.body);
        if !is_refused {
            open.insert(line);
        }
    }
    assert_eq!(open, PUBLIC.map(str::to_owned).into());
}

/// The beginnings of the operators' routes.
const OPERATOR_ROUTES: [&str; 3] = ["/api/queue/", "/api/user/find", "/api/user/{id}"];

#[test]
fn operator_routes_document_the_403() {
    let document = whole();
    for (method, path, operation) in operations(&document) {
        let is_for_operators = OPERATOR_ROUTES.iter().any(|prefix| path.starts_with(prefix));
        let reference = operation["responses"]["403"]["$ref"].as_str().unwrap_or("#/none");
        let refusal = document.pointer(reference.trim_start_matches('#')).unwrap_or(&Value::Null).to_string();
        let is_closed = refusal.contains("\"forbidden\"");
        assert_eq!(is_closed, is_for_operators && path != "/api/queue/status", "{method} {path}: {refusal}");
    }
}

/// The routes that read while the caller is authenticated: they change nothing and are cheap.
const SPECULATIVE: [&str; 9] = [
    "/api/auth/sessions",
    "/api/chatroom",
    "/api/chatroom/message/{id}/status",
    "/api/chatroom/models",
    "/api/chatroom/{id}",
    "/api/subscription/status",
    "/api/user/me",
    "/api/user/stats",
    "/api/user/usage",
];

#[test]
fn only_the_listed_routes_read_before_authentication() {
    let read: BTreeSet<&str> = table()
        .into_iter()
        .filter(|route| route.policy == RoutePolicy::SpeculativeRead)
        .map(|route| route.path)
        .collect();
    assert_eq!(read, SPECULATIVE.into());
}

#[test]
fn the_workers_batch_size_is_the_templates() {
    let ours = Template::read(&checkout()).unwrap();
    assert_eq!(ours.event_source("worker").unwrap().batch_size, worker::BATCH);
}

/// Verbs that a schema's name must not start with, unless it is the body of a request.
const VERBS: &str = "Cancel Change Create Delete Discard Edit End Get List Log Open Redrive Refresh Register Reset Retry \
                     Send Set Update Verify";

/// Whether `name` starts with one of `verbs`, followed by another word.
fn starts_with_verb(name: &str, verbs: &str) -> bool {
    let rests = verbs.split(' ').filter_map(|verb| name.strip_prefix(verb));
    rests.into_iter().any(|rest| rest.starts_with(|letter: char| letter.is_ascii_uppercase()))
}

#[test]
fn operation_ids_are_verbs_with_objects_and_schemas_are_nouns() {
    let document = whole();
    for (method, path, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap();
        let is_camel_case = id.chars().all(|letter| letter.is_ascii_alphanumeric());
        let words = id.chars().filter(char::is_ascii_uppercase).count();
        let starts_lower = id.starts_with(|letter: char| letter.is_ascii_lowercase());
        assert!(is_camel_case && starts_lower && words > 0, "{method} {path}: {id}");
    }
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        let is_noun = name.ends_with("Request") || !starts_with_verb(name, VERBS);
        let is_plain = !name.ends_with("View") && !name.chars().any(|letter| letter.is_ascii_digit());
        assert!(is_noun && is_plain, "the schema {name}");
    }
}

#[test]
fn every_operation_and_schema_has_a_description_and_an_example() {
    let document = whole();
    let has_text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    for (method, path, operation) in operations(&document) {
        let is_described = has_text(&operation["summary"]) && has_text(&operation["description"]);
        assert!(is_described, "{method} {path}: its documentation must have two sentences");
        let responses = operation["responses"].as_object().unwrap();
        for response in responses.values().filter_map(|response| response["content"].as_object()) {
            let mut bodies = response.values();
            let has_example =
                bodies.all(|body| body["schema"].get("$ref").is_some() || body.get("example").is_some());
            assert!(has_example, "{method} {path}: a body without an example");
        }
    }
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(has_text(&schema["description"]), "the schema {name} has no description");
        // Tools compose the example of a schema that refers to others.
        let is_composed = schema.to_string().contains("\"$ref\"");
        let example = schema.get("examples").or_else(|| schema.get("example"));
        assert!(is_composed || example.is_some(), "the schema {name} has no example");
    }
}

#[test]
fn each_failure_is_a_component_that_names_its_codes() {
    let document = whole();
    assert_eq!(document["security"], serde_json::json!([{ "token": [] }]));
    for (method, path, operation) in operations(&document) {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let is_failure = status.starts_with(['4', '5']);
            assert_eq!(response.get("$ref").is_some(), is_failure, "{method} {path}: {status}");
        }
    }
    for (name, response) in document["components"]["responses"].as_object().unwrap() {
        let schema = &response["content"]["application/problem+json"]["schema"];
        let codes = schema["allOf"][1]["properties"]["code"]["enum"].as_array();
        assert!(codes.is_some_and(|codes| !codes.is_empty()), "{name}");
    }
}

/// The most bytes of the document for each of its operations: 128 KiB for 62 operations.
const BYTES_PER_OPERATION: usize = 2_176;

#[test]
fn the_document_stays_small() {
    let document = whole();
    let (size, operations) = (to_text(&document).len(), operations(&document).count());
    let largest = operations * BYTES_PER_OPERATION;
    assert!(size < largest, "{size} bytes for {operations} operations, more than {largest}");
}
