//! Rules for every route, tested over the route table so that no new route can escape them.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod document;
mod edge;
mod input;
mod isolation;
mod original;

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use harness::routes::UNKNOWN_ID;
use serde_json::Value;
use stack::checkout;
use testkit::{RequestBuilder, TestApp};
use web::openapi::DocumentedRoutes;
use web::{Route, Routes};

/// The functions with routes, by the names of their binaries. A test compares them with
/// `template.yaml`.
fn parts() -> Vec<(&'static str, DocumentedRoutes)> {
    vec![
        ("auth", auth::documented()),
        ("user", user::documented()),
        ("chatroom", chatroom::documented()),
        ("subscription", subscription::documented()),
        ("webhook", webhook::documented()),
        ("queue", queue::documented()),
        ("stream", stream::documented()),
        ("site", site::documented()),
    ]
}

fn routes() -> Routes {
    parts().into_iter().fold(Routes::new(), |all, (_, part)| all.merge(part.routes))
}

fn table() -> Vec<Route> {
    routes().table().to_vec()
}

/// An application with all routes, the model that the events name, and a quota that no test
/// reaches.
async fn start() -> TestApp {
    let app = TestApp::serving(routes()).var("BASIC_DAILY_MESSAGE_LIMIT", "100000");
    app.var("GEMINI_MODEL_BASIC", "gemini-3.5-flash-lite").start().await
}

/// Whether `path` matches `route`; a parameter matches 36 characters, as a UUID has.
fn matches(route: &str, path: &str) -> bool {
    let (route, path): (Vec<&str>, Vec<&str>) = (route.split('/').collect(), path.split('/').collect());
    let same = |(route, path): (&&str, &&str)| route == path || (route.starts_with('{') && path.len() == 36);
    route.len() == path.len() && route.iter().zip(&path).all(same)
}

/// The names of the events in `events/` by their route.
fn events() -> BTreeMap<(String, &'static str), String> {
    let table = table();
    let folder = checkout().join("events");
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap().trim_end_matches(".json").to_owned();
        let event = testkit::event(&name);
        // The events of the HTTP API, and those of the REST API.
        let method = event["requestContext"]["http"]["method"].as_str().or(event["httpMethod"].as_str());
        let path = event["rawPath"].as_str().or(event["path"].as_str());
        let Some((method, path)) = method.zip(path) else { continue };
        if let Some(route) = table.iter().find(|route| route.method == method && matches(route.path, path)) {
            found.insert((route.method.to_string(), route.path), name);
        }
    }
    found
}

fn sample(route: &Route) -> Option<Value> {
    let events = events();
    let name = events.get(&(route.method.to_string(), route.path))?;
    let body = testkit::event(name)["body"].as_str()?.to_owned();
    serde_json::from_str(&body).ok()
}

fn path_of(route: &Route, id: &str) -> String {
    let parts = route.path.split('/').map(|part| if part.starts_with('{') { id } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// The time left to a function whose streams end at once.
const NO_TIME_TO_STREAM: Duration = Duration::from_secs(5);

/// A request to `route` with its sample body, and with `id` as its parameter.
fn request<'a>(app: &'a TestApp, route: &Route, id: &str) -> RequestBuilder<'a> {
    let request = app.request(route.method.as_str(), &path_of(route, id)).time_left(NO_TIME_TO_STREAM);
    match sample(route) {
        Some(body) => request.json(body),
        None => request,
    }
}

fn line(route: &Route) -> String {
    format!("{} {}", route.method, route.path)
}
