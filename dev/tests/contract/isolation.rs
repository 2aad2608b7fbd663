//! One user never sees another's data, on every route that takes an id.

use testkit::{Response, TestApp, TestUser};
use web::Route;

use super::{UNKNOWN_ID, path_of, sample, start, table};

async fn call(app: &TestApp, user: &TestUser, route: &Route, id: &str) -> Response {
    let request = app.request(route.method.as_str(), &path_of(route, id)).by(user);
    match sample(route) {
        Some(body) => request.json(body).send().await,
        None => request.send().await,
    }
}

#[tokio::test]
async fn another_users_id_is_answered_like_an_unknown_id() {
    let app = start().await;
    let (owner, other) = (app.user().await, app.user().await);
    let chatroom = app.create_chatroom(&owner).await;
    let message = app.send_message(&owner, &chatroom, "hello").await;
    let failed = app.send_message(&owner, &chatroom, "hello again").await;
    app.execute(&format!(
        "UPDATE messages SET processing_status = 'failed', sweep_at = NULL WHERE id = '{failed}'"
    ))
    .await;
    let session = app
        .query_value::<String>(&format!("SELECT id::text FROM sessions WHERE user_id = '{}'", owner.id))
        .await;
    let before: String = app.query_value(EVERYTHING).await;
    let mut sent = 0;
    for route in table().iter().filter(|route| route.path.contains("{id}")) {
        for id in [&chatroom, &message, &failed, &session] {
            let (foreign, unknown) =
                (call(&app, &other, route, id).await, call(&app, &other, route, UNKNOWN_ID).await);
            let line = format!("{} {}", route.method, route.path);
            let status = if route.path.starts_with("/api/queue/") { 403 } else { 404 };
            assert_eq!((foreign.status.as_u16(), unknown.status.as_u16()), (status, status), "{line}");
            assert_eq!(foreign.body["detail"], unknown.body["detail"], "{line}");
            assert_eq!(foreign.body["code"], unknown.body["code"], "{line}");
            sent += 1;
        }
    }
    assert!(sent >= 40, "only {sent} sent");
    assert_eq!(app.query_value::<String>(EVERYTHING).await, before);
}

/// A digest of everything that users own.
const EVERYTHING: &str = "SELECT md5(string_agg(line, ';' ORDER BY line)) FROM (
    SELECT m::text AS line FROM messages m UNION ALL SELECT c::text FROM chatrooms c
    UNION ALL SELECT d::text FROM daily_usage d UNION ALL SELECT s::text FROM sessions s) lines";

#[tokio::test]
async fn lists_and_counts_exclude_other_users() {
    let app = start().await;
    let (owner, other) = (app.user().await, app.user().await);
    let chatroom = app.create_chatroom(&owner).await;
    let message = app.send_message(&owner, &chatroom, "a private word").await;
    for path in [
        "/api/chatroom",
        "/api/chatroom/search?q=private",
        "/api/user/me",
        "/api/user/stats",
        "/api/user/usage",
        "/api/user/export",
        "/api/auth/sessions",
    ] {
        let response = app.request("GET", path).by(&other).send().await.expect(200);
        let text = response.body.to_string();
        for foreign in [&chatroom, &message, &owner.id.to_string(), owner.mobile_number.as_str(), "private"] {
            assert!(!text.contains(foreign), "{path}: {foreign} in {text}");
        }
    }
}
