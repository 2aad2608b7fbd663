//! One user never sees another's data, on every route that takes an id.

use harness::db_observer::OWNED_DIGEST;
use harness::routes::CHAT_STREAM;

use super::{UNKNOWN_ID, line, request, start, table};

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
    let before: String = app.query_value(OWNED_DIGEST).await;
    let mut sent = 0;
    for route in table().iter().filter(|route| route.path.contains("{id}")) {
        for id in [&chatroom, &message, &failed, &session] {
            let foreign = request(&app, route, id).by(&other).send().await;
            let unknown = request(&app, route, UNKNOWN_ID).by(&other).send().await;
            let line = line(route);
            let is_for_operators = ["/api/queue/", "/api/user/{id}"];
            let is_closed = is_for_operators.iter().any(|prefix| route.path.starts_with(prefix));
            let status = match route.path {
                CHAT_STREAM => 204,
                _ if is_closed => 403,
                _ => 404,
            };
            assert_eq!((foreign.status.as_u16(), unknown.status.as_u16()), (status, status), "{line}");
            assert_eq!(foreign.body["detail"], unknown.body["detail"], "{line}");
            assert_eq!(foreign.body["code"], unknown.body["code"], "{line}");
            sent += 1;
        }
    }
    assert!(sent >= 40, "only {sent} sent");
    assert_eq!(app.query_value::<String>(OWNED_DIGEST).await, before);
}

#[tokio::test]
async fn lists_and_counts_exclude_other_users() {
    let app = start().await;
    let (owner, other) = (app.user().await, app.user().await);
    let chatroom = app.create_chatroom(&owner).await;
    let message = app.send_message(&owner, &chatroom, "a private word").await;
    for path in [
        "/api/chatroom",
        "/api/chatroom/models",
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
