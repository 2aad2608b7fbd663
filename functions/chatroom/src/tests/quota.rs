//! The daily message quota.

use std::collections::HashSet;
use std::time::Duration;

use chrono::TimeDelta;
use domain::Tier;
use futures::future::join_all;
use serde_json::json;

use super::start;

#[tokio::test]
async fn sixth_message_of_a_day_is_refused_with_the_reset_time() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    for _ in 0..5 {
        app.send_message(&user, &chatroom, "hello").await;
    }
    let request = app.request("POST", &format!("/api/chatroom/{chatroom}/message")).by(&user);
    let refused = request
        .json(json!({ "content": "one more" }))
        .send()
        .await
        .expect_problem(429, "daily_quota_exhausted");
    assert!(refused.text("/resets_at").ends_with("T00:00:00Z"), "{}", refused.body);
    assert_eq!(refused.body["usage"]["remaining_messages"], 0);
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=86_400).contains(&wait), "{wait}");
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM messages").await, 5);
    assert_eq!(app.queue.sent().len(), 5);

    app.advance(Duration::from_hours(24));
    app.send_message(&user, &chatroom, "a new day").await;
}

#[tokio::test]
async fn one_of_fifty_concurrent_sends_gets_the_last_quota_unit() {
    let app = start().await;
    let user = app.user().await;
    let chatrooms = [app.create_chatroom(&user).await, app.create_chatroom(&user).await];
    for _ in 0..4 {
        app.send_message(&user, &chatrooms[0], "hello").await;
    }
    let sends = (0..50).map(|number: usize| {
        let path = format!("/api/chatroom/{}/message", chatrooms[number % 2]);
        app.request("POST", &path).by(&user).json(json!({ "content": "the last?" })).send()
    });
    let statuses: Vec<u16> = join_all(sends).await.iter().map(|response| response.status.as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 49, "{statuses:?}");
    assert_eq!(app.query_value::<i32>("SELECT messages FROM daily_usage").await, 5);
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM messages").await, 5);
}

#[tokio::test]
async fn concurrent_sends_to_one_chatroom_get_consecutive_positions() {
    let app = start().await;
    let user = app.user().await;
    app.set_tier(&user, Tier::Pro).await;
    let chatroom = app.create_chatroom(&user).await;
    let ids: HashSet<String> =
        join_all((0..20).map(|_| app.send_message(&user, &chatroom, "hello"))).await.into_iter().collect();
    assert_eq!(ids.len(), 20);
    assert_eq!(app.query_value::<i64>("SELECT count(DISTINCT position) FROM messages").await, 20);
    assert_eq!(app.query_value::<i64>("SELECT max(position) FROM messages").await, 20);
    assert_eq!(app.query_value::<i64>("SELECT last_position FROM chatrooms").await, 20);
    assert_eq!(app.query_value::<i64>("SELECT message_count FROM users").await, 20);
}

#[tokio::test]
async fn tier_change_changes_the_limit_at_once() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    for _ in 0..5 {
        app.send_message(&user, &chatroom, "hello").await;
    }
    app.set_tier(&user, Tier::Pro).await;
    app.send_message(&user, &chatroom, "as a Pro").await;
    app.set_tier(&user, Tier::Basic).await;
    let request = app.request("POST", &format!("/api/chatroom/{chatroom}/message")).by(&user);
    let _ = request.json(json!({ "content": "x" })).send().await.expect_problem(429, "daily_quota_exhausted");
}

#[tokio::test]
async fn each_day_accepts_its_quota_across_midnight() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    let now = app.app.clock.now();
    let evening = domain::quota::resets_at(now) + TimeDelta::days(1) - TimeDelta::seconds(2);
    app.advance((evening - now).to_std().unwrap());
    for _ in 0..4 {
        app.send_message(&user, &chatroom, "hello").await;
    }
    let path = format!("/api/chatroom/{chatroom}/message");
    let sends = (0..50).map(|number: u64| {
        let request = app.request("POST", &path).by(&user).json(json!({ "content": "the last?" }));
        let app = &app;
        async move {
            // Midnight passes while the requests are in flight.
            if number == 25 {
                app.advance(Duration::from_secs(4));
            }
            request.send().await.status.as_u16()
        }
    });
    let statuses: Vec<u16> = join_all(sends).await;

    let days: Vec<i32> = app.query_value("SELECT array_agg(messages ORDER BY day) FROM daily_usage").await;
    let accepted = i32::try_from(statuses.iter().filter(|status| **status == 201).count()).unwrap();
    assert!(days.iter().all(|used| *used <= 5), "{days:?}");
    assert_eq!(days.iter().sum::<i32>(), accepted + 4);
    assert_eq!(days.last(), Some(&5), "{days:?}: more than five were sent on the new day");
}

#[tokio::test]
async fn deleting_a_chatroom_refunds_only_messages_that_the_model_never_saw() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    for content in ["untouched", "being answered", "failed once"] {
        app.send_message(&user, &chatroom, content).await;
    }
    app.execute(
        "UPDATE messages SET attempts = 1 WHERE content <> 'untouched';
         UPDATE messages SET processing_status = 'processing' WHERE content = 'being answered'",
    )
    .await;
    let _ = app.request("DELETE", &format!("/api/chatroom/{chatroom}")).by(&user).send().await.expect(200);
    assert_eq!(app.query_value::<i32>("SELECT messages FROM daily_usage").await, 2);
}

#[tokio::test]
async fn deleting_chatrooms_refunds_no_more_than_the_daily_limit() {
    let app = start().await;
    let user = app.user().await;
    let mut accepted = 0;
    for _ in 0..4 {
        let chatroom = app.create_chatroom(&user).await;
        let path = format!("/api/chatroom/{chatroom}/message");
        for _ in 0..5 {
            let send = app.request("POST", &path).by(&user).json(json!({ "content": "hello" })).send().await;
            accepted += u32::from(send.status == 201);
        }
        let delete = app.request("DELETE", &format!("/api/chatroom/{chatroom}")).by(&user);
        let _ = delete.send().await.expect(200);
    }
    assert_eq!(accepted, 10);
}

#[tokio::test]
async fn deleting_a_chatroom_refunds_unanswered_messages() {
    let app = start().await;
    let user = app.user().await;
    let (chatroom, other) = (app.create_chatroom(&user).await, app.create_chatroom(&user).await);
    let answered = app.send_message(&user, &chatroom, "answered").await;
    app.execute(&format!("UPDATE messages SET processing_status = 'completed' WHERE id = '{answered}'"))
        .await;
    app.send_message(&user, &chatroom, "not yet").await;
    app.send_message(&user, &other, "elsewhere").await;
    let _ = app.request("DELETE", &format!("/api/chatroom/{chatroom}")).by(&user).send().await.expect(200);
    assert_eq!(app.query_value::<i32>("SELECT messages FROM daily_usage").await, 2);
}
