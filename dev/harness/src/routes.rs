//! The routes of the OpenAPI document, with the sample bodies in `events/`.

use std::fmt::{self, Display, Formatter};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::Request;

/// An id that no object has; also the id in the paths of `events/`.
pub const UNKNOWN_ID: &str = "018f0000-0000-7000-8000-000000000001";

/// The route whose ids are those that clients make: it has nothing to show for an unknown one.
pub const CHAT_STREAM: &str = "/api/chat/{id}/stream";

#[derive(Debug, Clone)]
pub struct Route {
    pub method: &'static str,
    /// The path, with its parameters in braces.
    pub path: String,
    pub for_operators: bool,
    pub body: Option<Value>,
}

impl Display for Route {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.method, self.path)
    }
}

impl Route {
    /// Whether any text is an id.
    pub fn takes_any_id(&self) -> bool {
        self.path == CHAT_STREAM
    }

    pub fn request(&self, id: &str) -> Request {
        let request = Request::new(self.method, self.path.replace("{id}", id));
        self.body.iter().fold(request, Request::json)
    }
}

pub fn read(root: &Path) -> Result<Vec<Route>> {
    let document: Value = read_json(&root.join("docs/openapi.json"))?;
    let events = fs::read_dir(root.join("events")).context("reading events/")?;
    let events: Vec<Value> = events.flatten().map(|entry| read_json(&entry.path())).collect::<Result<_>>()?;
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (name, method) in
            [("get", "GET"), ("put", "PUT"), ("post", "POST"), ("patch", "PATCH"), ("delete", "DELETE")]
        {
            let operation = &item[name];
            if operation.is_null() {
                continue;
            }
            let has_body = !operation["requestBody"].is_null();
            let body = events.iter().filter(|_| has_body).find(|event| fits(event, method, path));
            let body = body.and_then(|event| serde_json::from_str(event["body"].as_str()?).ok());
            anyhow::ensure!(body.is_some() == has_body, "events/ has no body for {method} {path}");
            // Others get a 403 only while they are suspended.
            let refusal = operation["responses"]["403"]["$ref"].as_str().unwrap_or("#/none");
            let refusal = document.pointer(refusal.trim_start_matches('#')).unwrap_or(&Value::Null);
            let for_operators = refusal.to_string().contains("\"forbidden\"");
            routes.push(Route { method, path: path.clone(), for_operators, body });
        }
    }
    Ok(routes)
}

fn fits(event: &Value, method: &str, path: &str) -> bool {
    let wanted = path.replace("{id}", UNKNOWN_ID);
    // The events of the HTTP API, and those of the REST API.
    let http = (&event["requestContext"]["http"]["method"], &event["rawPath"]);
    let rest = (&event["httpMethod"], &event["path"]);
    [http, rest].iter().any(|(by, at)| *by == method && *at == wanted.as_str())
}

fn read_json(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))
}
