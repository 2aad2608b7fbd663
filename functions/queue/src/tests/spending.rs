//! What the answers of a day cost, for operators.

use serde_json::json;
use testkit::TestApp;

use super::start;

#[tokio::test]
async fn users_are_listed_by_cost_in_pages() {
    let app = TestApp::serving(crate::routes()).var("SPEND_CAP_SERVICE_MICRO_USD", "5000").start().await;
    let admin = app.user().await;
    app.make_admin(&admin).await;
    let today = app.app.clock.now().date_naive();
    for cost in [0, 10, 30, 20] {
        let user = app.user().await.id;
        app.execute(&format!(
            "INSERT INTO daily_usage (user_id, day, messages, prompt_tokens, cached_tokens, response_tokens, thought_tokens,
                 cost_micro_usd, unpriced_calls)
             VALUES ('{user}', '{today}', 1, 7, 2, 5, 3, {cost}, 1), ('{user}', '{today}'::date - 1, 1, 1, 1, 1, 1, {cost} + 1, 0)"
        ))
        .await;
    }
    app.execute(&format!("INSERT INTO service_spending VALUES ('{today}', 60, 4)")).await;
    let list = async |query: &str| {
        app.request("GET", &format!("/api/queue/spending{query}")).by(&admin).send().await.expect(200).body
    };
    let first = list("?limit=2").await;
    assert_eq!((&first["day"], &first["user_cap_micro_usd"]), (&json!(today), &json!(null)));
    assert_eq!(
        first["service"],
        json!({ "cost_micro_usd": 60, "reserved_micro_usd": 4, "cap_micro_usd": 5000 })
    );
    assert_eq!(
        (&first["users"][0]["cost_micro_usd"], &first["users"][1]["cost_micro_usd"]),
        (&json!(30), &json!(20))
    );
    let shown = &first["users"][0];
    assert_eq!(
        (&shown["prompt_tokens"], &shown["cached_tokens"], &shown["messages"]),
        (&json!(7), &json!(2), &json!(1))
    );
    assert_eq!((&shown["response_tokens"], &shown["thought_tokens"]), (&json!(5), &json!(3)));
    let second = list(&format!("?limit=2&cursor={}", first["next_cursor"].as_str().unwrap())).await;
    assert_eq!(second["users"].as_array().unwrap().len(), 1);
    assert_eq!((&second["users"][0]["cost_micro_usd"], &second["next_cursor"]), (&json!(10), &json!(null)));
    let yesterday = list(&format!("?day={}", today.pred_opt().unwrap())).await;
    assert_eq!(yesterday["users"].as_array().unwrap().len(), 4);
    assert_eq!(yesterday["service"]["cost_micro_usd"], json!(null));
}

#[tokio::test]
async fn invalid_days_and_cursors_are_named() {
    let (app, admin) = start().await;
    let list = async |query: &str| {
        app.request("GET", &format!("/api/queue/spending?{query}")).by(&admin).send().await
    };
    for day in
        ["", "x", "2026-13-01", "2026-02-30", "+12026-01-01", "26-1-1", "1999-01-01", "2026-01-01T00:00:00Z"]
    {
        list(&format!("day={day}")).await.expect_invalid(&["day"]);
    }
    let id = "018f0000-0000-7000-8000-000000000001";
    for cursor in [
        "x",
        "1.2",
        &format!("0.{id}"),
        &format!("-1.{id}"),
        &format!("01.{id}"),
        &format!("99999999999999999999.{id}"),
    ] {
        list(&format!("cursor={cursor}")).await.expect_invalid(&["cursor"]);
    }
}
