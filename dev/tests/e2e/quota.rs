//! The daily quota of the Basic plan.

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use harness::TestUser;

use super::stack::{Stack, stack};

const DAILY: usize = 5;

async fn user_with_messages(stack: &Stack, messages: usize) -> (TestUser, String) {
    let (user, chatroom) = stack.user_with_chatroom().await;
    user.send_messages(stack, &chatroom, messages).await.unwrap();
    (user, chatroom)
}

#[tokio::test]
async fn the_sixth_message_of_a_day_is_refused_until_the_reset() {
    let stack = stack();
    let (user, chatroom) = user_with_messages(stack, DAILY).await;

    let refused = user.message(&chatroom, "one more").send(stack).await.unwrap();

    assert_eq!(refused.status, 429);
    let wait: i64 = refused.header("retry-after").unwrap().parse().unwrap();
    let body = refused.body;
    assert_eq!(body["code"], "daily_quota_exhausted", "{body}");
    let reset: DateTime<Utc> = body["resets_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(reset.timestamp() % 86_400, 0, "midnight in UTC: {body}");
    let usage = stack.get(&user, "/api/user/me").await["usage"].take();
    assert_eq!((&usage["remaining_messages"], &usage["resets_at"]), (&0.into(), &body["resets_at"]));
    assert!((0..=TimeDelta::days(1).num_seconds()).contains(&wait), "{wait} s");
}

#[tokio::test]
async fn one_of_fifty_concurrent_messages_gets_the_last_quota_unit() {
    let stack = stack();
    let (user, chatroom) = user_with_messages(stack, DAILY - 1).await;

    let messages: Vec<_> =
        (0..50).map(|number| user.message(&chatroom, &format!("message {number}"))).collect();
    let responses = join_all(messages.iter().map(|message| message.send(stack))).await;

    let statuses: Vec<u16> =
        responses.into_iter().map(|response| response.unwrap().status.as_u16()).collect();
    assert_eq!(statuses.iter().filter(|&&status| status == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|&&status| status == 429).count(), 49, "{statuses:?}");
}
