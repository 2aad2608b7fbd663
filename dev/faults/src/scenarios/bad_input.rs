//! Bad input on every route: bodies that are none, that are too large, too deep, of the wrong type, no text at all.

use anyhow::Result;
use harness::Suite;
use harness::api::Request;
use harness::person::Person;
use harness::routes::{self, Route};
use harness::world::World;
use serde_json::json;

use crate::figure::Figure;

const NOBODYS: &str = "018f0000-0000-7000-8000-000000000001";

/// Everything that is stored, in rows.
const ROWS: &str = "SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM sessions)
    + (SELECT count(*) FROM chatrooms) + (SELECT count(*) FROM messages) + (SELECT count(*) FROM daily_usage)";

pub(super) async fn run(suite: &Suite) -> Result<Figure> {
    let world = World::start(suite, "bad-input", &[]).await?;
    let operator = Person::sign_up(&world).await?.make_admin(&world).await?;
    let room = operator.room(&world).await?;
    let before: i64 = world.db.query_one(ROWS, &[]).await?.get(0);
    let mut figure = Figure::new(String::new());
    let (mut tried, mut taking) = (0, 0);
    for route in routes::read(suite.home.root())? {
        let mut requests = on_path(&route);
        if route.body.is_some() {
            taking += 1;
            requests.extend(in_body(&route, &room));
        }
        for (what, request) in requests {
            let answer = request.token(&operator.token).send(&world.lambda).await?;
            let named = answer.body["detail"].as_str().is_some_and(|detail| !detail.is_empty());
            figure.check((400..500).contains(&answer.status) && named, || {
                format!("{} {}, {what}: {} {}", route.method, route.path, answer.status, answer.body)
            });
            tried += 1;
        }
    }
    let after: i64 = world.db.query_one(ROWS, &[]).await?.get(0);
    figure.check(after == before, || format!("{} rows were stored", after - before));
    figure.tried =
        format!("{tried} bad requests, {taking} routes with a body: all 4xx that say why, nothing stored");
    Ok(figure)
}

/// What is wrong with a path or a query.
fn on_path(route: &Route) -> Vec<(&'static str, Request)> {
    let mut requests =
        vec![("a method that is none of its", Request::new("PUTT", route.path.replace("{id}", NOBODYS)))];
    if route.path.contains("{id}") {
        for id in ["0", "%00", "%ff", "..%2f..", "'%3B--", "018f0000"] {
            requests.push(("an id that is none", route.request(id)));
        }
    }
    requests
}

/// What is wrong with a body.
fn in_body(route: &Route, room: &str) -> Vec<(&'static str, Request)> {
    let path = route.path.replace("{id}", room);
    let raw = |body: &[u8]| {
        Request::new(route.method, path.clone()).body(body).header("content-type", "application/json")
    };
    let mut requests = vec![
        ("nothing", raw(b"")),
        ("half an object", raw(b"{\"a\":")),
        ("a list", raw(b"[]")),
        ("null", raw(b"null")),
        ("NUL", raw(b"\0")),
        ("no text", raw(&[0xff, 0xfe, 0x00])),
        ("too deep", raw(format!("{{\"x\":{}", "[".repeat(50_000)).as_bytes())),
        ("too large", raw(format!("{{\"x\":\"{}\"}}", "x".repeat(70_000)).as_bytes())),
        ("text", raw(b"{}").header("content-type", "text/plain")),
    ];
    for (field, value) in route.body.iter().filter_map(|body| body.as_object()).flatten() {
        let with = |text: &str| {
            let whole = route.body.clone().unwrap_or_default().to_string();
            raw(whole.replacen(&format!("\"{field}\":{value}"), &format!("\"{field}\":{text}"), 1).as_bytes())
        };
        requests.push(("a field of the wrong type", with(&json!({ "a": [1] }).to_string())));
        requests.push(("a lone surrogate", with("\"\\ud800\"")));
        requests.push(("a field twice", with(&format!("{value},\"{field}\":{value}"))));
    }
    requests
}
