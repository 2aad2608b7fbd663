//! A user cannot see or change the data of another: it is as if it did not exist.

use serde_json::json;

use super::start;

#[tokio::test]
async fn chatroom_and_message_of_another_user_are_not_found() {
    let app = start().await;
    let (owner, other) = (app.user().await, app.user().await);
    let chatroom = app.create_chatroom(&owner).await;
    let message = app.send_message(&owner, &chatroom, "secret").await;
    let unknown = "018f0000-0000-7000-8000-00000000ffff";
    for (method, path, foreign) in [
        ("GET", "/api/chatroom/{}", &chatroom),
        ("DELETE", "/api/chatroom/{}", &chatroom),
        ("POST", "/api/chatroom/{}/message", &chatroom),
        ("GET", "/api/chatroom/message/{}/status", &message),
        ("GET", "/api/chatroom/message/{}/status?wait=25", &message),
    ] {
        let request = |id: &str| {
            app.request(method, &path.replace("{}", id)).by(&other).json(json!({ "content": "x" })).send()
        };
        let theirs = request(foreign).await.expect_problem(404, "not_found");
        let absent = request(unknown).await.expect_problem(404, "not_found");
        assert_eq!(theirs.body["detail"], absent.body["detail"], "{method} {path}");
        let _ = request("nonsense").await.expect_problem(404, "not_found");
    }
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM messages").await, 1);
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM chatrooms").await, 1);
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM daily_usage").await, 1);
    let list = app.request("GET", "/api/chatroom").by(&other).send().await.expect(200);
    assert_eq!(list.body["chatrooms"], json!([]));
}

#[tokio::test]
async fn every_route_requires_a_token() {
    let app = start().await;
    let owner = app.user().await;
    let chatroom = app.create_chatroom(&owner).await;
    for (method, path) in [
        ("GET", "/api/chatroom".to_owned()),
        ("POST", "/api/chatroom".to_owned()),
        ("GET", format!("/api/chatroom/{chatroom}")),
        ("DELETE", format!("/api/chatroom/{chatroom}")),
        ("POST", format!("/api/chatroom/{chatroom}/message")),
        ("GET", "/api/chatroom/message/018f0000-0000-7000-8000-000000000001/status".to_owned()),
    ] {
        let request = app.request(method, &path).json(json!({ "name": "x", "content": "x" }));
        let _ = request.send().await.expect_problem(401, "not_authenticated");
    }
}
