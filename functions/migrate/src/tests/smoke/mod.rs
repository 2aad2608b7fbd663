//! The smoke test against a mock of the API, with a real Redis. The end-to-end suite runs it against the
//! real functions.

mod abandoned_accounts;
mod answers;
mod journey;
mod refusals;
mod resource;

use std::time::Duration;

use app::Config;
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::gate;
use crate::smoke::health::NO_STREAM;
use crate::smoke::{DEPENDENCIES, Report, Target, Timeouts};

/// What the mock's sign-up returns.
const TOKEN: &str = "token-of-the-account";

/// The secrets of a valid configuration, with the Redis of the tests and no Postgres; `changes` replace
/// them.
fn environment(changes: &[(&str, &str)], name: &str) -> Option<String> {
    let replaced = changes.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    let redis = || (name == "REDIS_URL").then(|| std::env::var("TEST_REDIS_URL").ok()).flatten();
    let secrets = || gate::SECRETS.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    replaced.or_else(redis).or_else(secrets)
}

fn config(changes: &[(&str, &str)]) -> Config {
    Config::from_lookup(DEPENDENCIES, &|name| environment(changes, name)).unwrap()
}

/// A mock of the service in which every step succeeds.
struct MockApi(MockServer);

impl MockApi {
    async fn start() -> Self {
        let api = Self(MockServer::start().await);
        let question = json!({ "reply": { "content": "pong" } });
        for (verb, at, status, body) in [
            ("GET", "/health", 200, json!({ "status": "OK", "deployment": "f1", "commit": null })),
            ("GET", "/api/config", 200, json!({ "stream_base_url": null })),
            ("GET", NO_STREAM, 401, json!({ "code": "not_authenticated" })),
            ("POST", "/api/auth/verify-signup-otp", 201, json!({ "token": TOKEN })),
            ("POST", "/api/chatroom", 201, json!({ "chatroom": { "id": "room" } })),
            ("POST", "/api/chatroom/room/message", 201, json!({ "message": { "id": "question" } })),
            ("GET", "/api/chatroom/message/question/status", 200, json!({ "message": question })),
            ("DELETE", "/api/user/me", 200, json!({ "message": "Account deleted" })),
        ] {
            let response = ResponseTemplate::new(status).set_body_json(body);
            Mock::given(method(verb)).and(path(at)).respond_with(response).mount(&api.0).await;
        }
        api.stream(&[&delta("po"), &delta("ng"), &done("completed", "pong")].map(String::as_str)).await;
        api
    }

    /// Answers `verb` on `at` with `response` from now on, `times` times.
    async fn replace(&self, verb: &str, at: &str, response: ResponseTemplate, times: u64) {
        let mock = Mock::given(method(verb)).and(path(at)).respond_with(response).with_priority(1);
        mock.up_to_n_times(times).mount(&self.0).await;
    }

    /// Refuses `verb` on `at` with a problem document.
    async fn refuse(&self, verb: &str, at: &str, status: u16, code: &str) {
        let problem = json!({ "code": code, "title": "A title", "request_id": "r-1", "detail": "a detail" });
        self.replace(verb, at, ResponseTemplate::new(status).set_body_json(problem), u64::MAX).await;
    }

    /// Streams `events`, with a lower priority than [`Self::replace`].
    async fn stream(&self, events: &[&str]) {
        let response = ResponseTemplate::new(200).set_body_raw(events.concat(), "text/event-stream");
        let mock = Mock::given(method("GET")).and(path("/api/stream/question"));
        mock.respond_with(response).with_priority(4).mount(&self.0).await;
    }

    /// Streams `events` to the next connection.
    async fn stream_once(&self, events: &[&str]) {
        let response = ResponseTemplate::new(200).set_body_raw(events.concat(), "text/event-stream");
        self.replace("GET", "/api/stream/question", response, 1).await;
    }

    fn target(&self) -> Target {
        let timeouts = Timeouts { start: Duration::ZERO, answer: Duration::from_millis(1_300) };
        Target { api_url: self.0.uri(), timeouts, ..Target::default() }
    }

    async fn run_with(&self, changes: &[(&str, &str)]) -> Report {
        crate::smoke::run(&config(changes), &self.target()).await.unwrap()
    }

    async fn run(&self) -> Report {
        self.run_with(&[]).await
    }

    /// What failed.
    async fn failure(&self) -> String {
        self.run().await.failure().unwrap_or_default()
    }

    /// The requests so far, as method and path.
    async fn requests(&self) -> Vec<String> {
        let requests = self.0.received_requests().await.unwrap();
        requests.iter().map(|request| format!("{} {}", request.method, request.url.path())).collect()
    }

    /// The body of the request to `at`.
    async fn body(&self, at: &str) -> Value {
        let requests = self.0.received_requests().await.unwrap();
        requests.iter().find(|request| request.url.path() == at).unwrap().body_json().unwrap()
    }
}

fn event(name: &str, data: &Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

fn delta(text: &str) -> String {
    event("delta", &json!({ "text": text }))
}

fn done(status: &str, reply: &str) -> String {
    event("done", &json!({ "message": { "processing_status": status }, "reply": { "content": reply } }))
}
