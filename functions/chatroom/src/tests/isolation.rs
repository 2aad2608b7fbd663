//! Nobody sees or changes what is somebody else's: it is as if it were not there.

use serde_json::json;

use super::start;

#[tokio::test]
async fn somebody_elses_room_and_message_are_not_there() {
    let app = start().await;
    let (owner, other) = (app.person().await, app.person().await);
    let room = app.room(&owner).await;
    let message = app.message(&owner, &room, "secret").await;
    let nobodys = "018f0000-0000-7000-8000-00000000ffff";
    for (method, path, foreign) in [
        ("GET", "/api/chatroom/{}", &room),
        ("DELETE", "/api/chatroom/{}", &room),
        ("POST", "/api/chatroom/{}/message", &room),
        ("GET", "/api/chatroom/message/{}/status", &message),
        ("GET", "/api/chatroom/message/{}/status?wait=25", &message),
    ] {
        let ask = |id: &str| {
            app.request(method, &path.replace("{}", id)).by(&other).json(json!({ "content": "x" })).send()
        };
        let theirs = ask(foreign).await.expect_problem(404, "not_found");
        let absent = ask(nobodys).await.expect_problem(404, "not_found");
        assert_eq!(theirs.body["detail"], absent.body["detail"], "{method} {path}");
        let _ = ask("nonsense").await.expect_problem(404, "not_found");
    }
    assert_eq!(app.stored::<i64>("SELECT count(*) FROM messages").await, 1);
    assert_eq!(app.stored::<i64>("SELECT count(*) FROM chatrooms").await, 1);
    assert_eq!(app.stored::<i64>("SELECT count(*) FROM daily_usage").await, 1);
    let list = app.request("GET", "/api/chatroom").by(&other).send().await.expect(200);
    assert_eq!(list.body["chatrooms"], json!([]));
}

#[tokio::test]
async fn nothing_is_done_without_a_token() {
    let app = start().await;
    let owner = app.person().await;
    let room = app.room(&owner).await;
    for (method, path) in [
        ("GET", "/api/chatroom".to_owned()),
        ("POST", "/api/chatroom".to_owned()),
        ("GET", format!("/api/chatroom/{room}")),
        ("DELETE", format!("/api/chatroom/{room}")),
        ("POST", format!("/api/chatroom/{room}/message")),
        ("GET", "/api/chatroom/message/018f0000-0000-7000-8000-000000000001/status".to_owned()),
    ] {
        let request = app.request(method, &path).json(json!({ "name": "x", "content": "x" }));
        let _ = request.send().await.expect_problem(401, "not_authenticated");
    }
}
