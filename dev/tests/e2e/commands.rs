//! `cargo dev` on a running stack: logs, state and database.

use serde_json::{Value, json};

use super::stack::stack;

#[tokio::test]
async fn logs_of_all_functions_are_merged_and_filtered_by_request() {
    let stack = stack();
    let (user, chatroom) = stack.user_with_chatroom().await;
    let response = user.request("GET", format!("/api/chatroom/{chatroom}")).send(stack).await.unwrap();
    let id = response.header("x-request-id").unwrap();
    let entries = stack.dev(&["logs", "--request", id]);
    assert_eq!(entries.lines().count(), 1, "{entries}");
    assert!(entries.contains("INFO  chatroom") && entries.contains("status=200"), "{entries}");

    let raw = stack.dev(&["logs", "chatroom", "--request", id, "--json"]);
    let entry: Value = serde_json::from_str(raw.trim()).unwrap();
    assert_eq!((&entry["message"], &entry["status"]), (&json!("answered"), &json!(200)));

    let times: Vec<String> =
        stack.dev(&["logs", "-n", "5"]).lines().map(|line| line.chars().take(18).collect()).collect();
    assert!(times.is_sorted() && times.len() == 5, "{times:?}");
}

#[tokio::test]
async fn status_is_printed_as_json() {
    let stack = stack();
    let _worker = stack.with_worker().await;
    let status: Value = serde_json::from_str(&stack.dev(&["status", "--json"])).unwrap();
    assert_eq!(status["base_url"], stack.base_url);
    let services = status["services"].as_array().unwrap();
    let postgres = services.iter().find(|service| service["name"] == "postgres").unwrap();
    assert_eq!((&postgres["is_healthy"], &postgres["state"]), (&json!(true), &json!("healthy")));
}

#[tokio::test]
async fn psql_has_the_database_of_the_stack() {
    let stack = stack();
    let user = stack.sign_up().await;
    let count = format!("SELECT count(*) FROM users WHERE mobile_number = '{}'", user.number);
    assert_eq!(stack.dev(&["psql", "--", "-At", "-c", &count]).trim(), "1");
}
