//! The audit log: an entry for each action on a failed message, and its list.

use serde_json::{Value, json};
use testkit::{TestApp, TestUser};

use super::{insert_failed, start};

async fn list(app: &TestApp, admin: &TestUser, query: &str) -> (Vec<Value>, Value) {
    let request = app.request("GET", &format!("/api/queue/actions{query}")).by(admin);
    let body = request.send().await.expect(200).body;
    (body["actions"].as_array().unwrap().clone(), body["next_cursor"].clone())
}

#[tokio::test]
async fn each_action_on_a_message_leaves_an_entry() {
    let (app, admin) = start().await;
    let ids = insert_failed(&app, 4).await;
    let act = async |method, path: String| {
        let request = app.request(method, &format!("/api/queue/{path}")).by(&admin);
        request.json(json!({})).send().await
    };
    for status in [200, 409] {
        let _ = act("POST", format!("failed/{}/retry", ids[0])).await.expect(status);
    }
    for _ in 0..2 {
        let _ = act("DELETE", format!("failed/{}", ids[1])).await.expect(200);
    }
    let _ = act("POST", "failed/018f0000-0000-7000-8000-00000000ffff/retry".to_owned()).await.expect(404);
    let redriven = act("POST", "redrive".to_owned()).await.expect(200);
    assert_eq!(redriven.body["redriven"], 2);

    let (entries, end) = list(&app, &admin, "").await;
    let mut logged: Vec<_> = entries
        .iter()
        .map(|entry| {
            [&entry["action"], &entry["target_id"], &entry["result"]].map(|value| value.as_str().unwrap())
        })
        .collect();
    logged.sort_unstable();
    let mut expected = [
        ["discard_failed_job", &ids[1], "discarded"],
        ["redrive_failed_jobs", &ids[2], "pending"],
        ["redrive_failed_jobs", &ids[3], "pending"],
        ["retry_failed_job", &ids[0], "pending"],
    ];
    expected.sort_unstable();
    assert_eq!((logged.as_slice(), end), (expected.as_slice(), Value::Null));
    for entry in &entries[..2] {
        assert_eq!(entry["request_id"], redriven.header("x-request-id").unwrap());
    }
    for entry in &entries {
        assert_eq!((&entry["operator_id"], &entry["target_type"]), (&json!(admin.id), &json!("job")));
        assert_eq!(entry["database_user"], Value::Null);
        assert!(!entry.to_string().contains("secret") && !entry.to_string().contains('+'), "{entry}");
    }
}

#[tokio::test]
async fn actions_are_listed_in_pages_latest_first() {
    let (app, admin) = start().await;
    let mut ids = insert_failed(&app, 3).await;
    for id in &ids {
        let path = format!("/api/queue/failed/{id}");
        let _ = app.request("DELETE", &path).by(&admin).send().await.expect(200);
    }
    ids.reverse();
    let (first, cursor) = list(&app, &admin, "?limit=2").await;
    let cursor = cursor.as_str().unwrap();
    let (second, end) = list(&app, &admin, &format!("?limit=2&cursor={cursor}")).await;
    let listed: Vec<_> =
        first.iter().chain(&second).map(|entry| entry["target_id"].as_str().unwrap()).collect();
    assert_eq!((listed, end), (ids.iter().map(String::as_str).collect(), Value::Null));
    for cursor in ["", "x", "0", "-1", "01", "+1", "99999999999999999999"] {
        let request = app.request("GET", &format!("/api/queue/actions?cursor={cursor}")).by(&admin);
        request.send().await.expect_invalid(&["cursor"]);
    }
}

#[tokio::test]
async fn retry_without_its_entry_is_undone() {
    let (app, admin) = start().await;
    let id = insert_failed(&app, 1).await.remove(0);
    app.execute("ALTER TABLE operator_actions ADD CONSTRAINT none CHECK (result = 'nothing')").await;
    for (method, path) in [
        ("POST", format!("/api/queue/failed/{id}/retry")),
        ("DELETE", format!("/api/queue/failed/{id}")),
        ("POST", "/api/queue/redrive".to_owned()),
    ] {
        let _ = app.request(method, &path).by(&admin).json(json!({})).send().await.expect(500);
    }
    let unchanged = "SELECT processing_status = 'failed' AND dismissed_at IS NULL FROM messages";
    assert!(app.query_value::<bool>(unchanged).await);
    assert!(app.queue.resends() == [0], "{:?}", app.queue.resends());
}
