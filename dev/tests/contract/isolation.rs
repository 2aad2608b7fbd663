//! One person never sees another's: on every route that names something by its id.

use testkit::{Answer, Person, TestApp};
use web::Route;

use super::{NOBODYS, path_of, sample, start, table};

async fn ask(app: &TestApp, person: &Person, route: &Route, id: &str) -> Answer {
    let request = app.request(route.method.as_str(), &path_of(route, id)).by(person);
    match sample(route) {
        Some(body) => request.json(body).send().await,
        None => request.send().await,
    }
}

#[tokio::test]
async fn anothers_id_is_answered_as_one_that_nothing_has() {
    let app = start().await;
    let (owner, stranger) = (app.person().await, app.person().await);
    let room = app.room(&owner).await;
    let message = app.message(&owner, &room, "hello").await;
    let failed = app.message(&owner, &room, "hello again").await;
    app.execute(&format!(
        "UPDATE messages SET processing_status = 'failed', sweep_at = NULL WHERE id = '{failed}'"
    ))
    .await;
    let session =
        app.stored::<String>(&format!("SELECT id::text FROM sessions WHERE user_id = '{}'", owner.id)).await;
    let before: String = app.stored(EVERYTHING).await;
    let mut tried = 0;
    for route in table().iter().filter(|route| route.path.contains("{id}")) {
        for id in [&room, &message, &failed, &session] {
            let (theirs, nobodys) =
                (ask(&app, &stranger, route, id).await, ask(&app, &stranger, route, NOBODYS).await);
            let line = format!("{} {}", route.method, route.path);
            let status = if route.path.starts_with("/api/queue/") { 403 } else { 404 };
            assert_eq!((theirs.status.as_u16(), nobodys.status.as_u16()), (status, status), "{line}");
            assert_eq!(theirs.body["detail"], nobodys.body["detail"], "{line}");
            assert_eq!(theirs.body["code"], nobodys.body["code"], "{line}");
            tried += 1;
        }
    }
    assert!(tried >= 40, "only {tried} tried");
    assert_eq!(app.stored::<String>(EVERYTHING).await, before);
}

/// All that the owner has, as one text.
const EVERYTHING: &str = "SELECT md5(string_agg(line, ';' ORDER BY line)) FROM (
    SELECT m::text AS line FROM messages m UNION ALL SELECT c::text FROM chatrooms c
    UNION ALL SELECT d::text FROM daily_usage d UNION ALL SELECT s::text FROM sessions s) lines";

#[tokio::test]
async fn lists_and_counts_have_nothing_of_others() {
    let app = start().await;
    let (owner, stranger) = (app.person().await, app.person().await);
    let room = app.room(&owner).await;
    let message = app.message(&owner, &room, "a private word").await;
    for path in [
        "/api/chatroom",
        "/api/chatroom/search?q=private",
        "/api/user/me",
        "/api/user/stats",
        "/api/user/usage",
        "/api/user/export",
        "/api/auth/sessions",
    ] {
        let answer = app.request("GET", path).by(&stranger).send().await.expect(200);
        let text = answer.body.to_string();
        for theirs in [&room, &message, &owner.id.to_string(), owner.mobile_number.as_str(), "private"] {
            assert!(!text.contains(theirs), "{path}: {theirs} in {text}");
        }
    }
}
