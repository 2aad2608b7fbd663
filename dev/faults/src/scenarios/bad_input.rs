//! Invalid input on every route: malformed, oversized, deeply nested or wrongly typed bodies, and
//! invalid ids.

use harness::db_observer::ROWS;

use crate::prelude::*;

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let run = Run::start(suite, "bad-input", &[]).await?;
    let operator = TestUser::sign_up(&run).await?;
    run.make_admin(&operator).await?;
    let chatroom = operator.create_chatroom(&run).await?;
    let before: i64 = run.db.value(ROWS, &[]).await?;
    let (mut sent, mut with_body) = (0, 0);
    for route in routes::read(suite.home.root())? {
        let mut requests = invalid_paths(&route);
        if route.body.is_some() {
            with_body += 1;
            requests.extend(invalid_bodies(&route, &chatroom));
        }
        for (what, request) in requests {
            let response = request.token(&operator.token).send(&run).await?;
            let is_explained = response.body["detail"].as_str().is_some_and(|detail| !detail.is_empty());
            let is_refused = response.status.is_client_error() && is_explained;
            check!(run, is_refused, "{route}, {what}: {response}");
            sent += 1;
        }
    }
    let after: i64 = run.db.value(ROWS, &[]).await?;
    check!(run, after == before, "{} rows were stored", after - before);
    run.done(format!(
        "{sent} invalid requests, {with_body} routes with a body: all answered by a 4xx with a detail, nothing stored"
    ))
}

fn invalid_paths(route: &Route) -> Vec<(&'static str, Request)> {
    let mut requests = vec![("unknown method", Request::new("PUTT", route.path.replace("{id}", UNKNOWN_ID)))];
    if route.path.contains("{id}") && !route.takes_any_id() {
        for id in ["0", "%00", "%ff", "..%2f..", "'%3B--", "018f0000"] {
            requests.push(("invalid id", route.request(id)));
        }
    }
    requests
}

fn invalid_bodies(route: &Route, chatroom: &str) -> Vec<(&'static str, Request)> {
    let path = route.path.replace("{id}", chatroom);
    let raw = |body: &[u8]| {
        Request::new(route.method, path.clone()).body(body).header("content-type", "application/json")
    };
    let mut requests = vec![
        ("empty", raw(b"")),
        ("half an object", raw(b"{\"a\":")),
        ("a list", raw(b"[]")),
        ("null", raw(b"null")),
        ("NUL", raw(b"\0")),
        ("not UTF-8", raw(&[0xff, 0xfe, 0x00])),
        ("too deep", raw(format!("{{\"x\":{}", "[".repeat(50_000)).as_bytes())),
        ("too large", raw(format!("{{\"x\":\"{}\"}}", "x".repeat(140_000)).as_bytes())),
        ("text/plain", raw(b"{}").header("content-type", "text/plain")),
    ];
    for (field, value) in route.body.iter().filter_map(|body| body.as_object()).flatten() {
        let with = |text: &str| {
            let whole = route.body.clone().unwrap_or_default().to_string();
            raw(whole.replacen(&format!("\"{field}\":{value}"), &format!("\"{field}\":{text}"), 1).as_bytes())
        };
        requests.push(("a field of the wrong type", with(&json!({ "a": [1] }).to_string())));
        requests.push(("a lone surrogate", with("\"\\ud800\"")));
        requests.push(("a duplicate field", with(&format!("{value},\"{field}\":{value}"))));
    }
    requests
}
