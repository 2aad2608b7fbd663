//! The free plan's five messages a day.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;
use serde_json::Value;

use super::person::Person;
use super::stack::stack;

/// What the free plan has.
const DAILY: usize = 5;

#[tokio::test]
async fn the_sixth_message_of_a_day_is_refused_until_the_reset() {
    let stack = stack();
    let person = Person::sign_up(stack).await;
    let room = person.create_room("chatty").await;
    for number in 1..=DAILY {
        person.send(&room, &format!("message {number}")).await;
    }

    let refused = person.try_send(&room, "one more").await;

    assert_eq!(refused.status(), 429);
    let wait: i64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    let body: Value = refused.json().await.unwrap();
    assert_eq!(body["code"], "daily_quota_exhausted", "{body}");
    let reset: DateTime<Utc> = body["resets_at"].as_str().unwrap().parse().unwrap();
    assert_eq!(reset.timestamp() % 86_400, 0, "midnight in UTC: {body}");
    let usage = person.get("/api/user/me").await["usage"].take();
    assert_eq!((&usage["remaining_messages"], &usage["resets_at"]), (&0.into(), &body["resets_at"]));
    assert!((0..=TimeDelta::days(1).num_seconds()).contains(&wait), "{wait} s");
}

#[tokio::test]
async fn of_fifty_sends_at_once_the_last_unit_takes_exactly_one() {
    let stack = stack();
    let person = Person::sign_up(stack).await;
    let room = person.create_room("crowded").await;
    for number in 1..DAILY {
        person.send(&room, &format!("message {number}")).await;
    }

    let sends = (0..50).map(|number| {
        let (person, room) = (person.clone(), room.clone());
        async move { person.try_send(&room, &format!("racer {number}")).await.status().as_u16() }
    });
    let statuses = tokio::time::timeout(Duration::from_mins(1), join_all(sends)).await.unwrap();

    assert_eq!(statuses.iter().filter(|&&status| status == 201).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|&&status| status == 429).count(), 49, "{statuses:?}");
}
