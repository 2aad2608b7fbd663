//! Sending the jobs of stranded titles again.

use std::time::Duration;

use serde_json::json;
use store::chatrooms::titles::{self, NewClaim, TitleClaim};
use store::pending_work;
use testkit::TestApp;
use uuid::Uuid;

use super::{MINUTE, start};
use crate::{SweepSummary, sweep};

const SWEPT: SweepSummary = SweepSummary {
    cancelled: 0,
    resent: 0,
    titles: 1,
    failed: 0,
    charged: 0,
    purged: 0,
    plans_changed: 0,
    indexed: 0,
    generations: 0,
};

/// An answered question whose title is due within a minute. Returns the id of the question.
async fn due(app: &TestApp) -> String {
    let user = app.user().await;
    let created = app.request("POST", "/api/chatroom").by(&user).json(json!({})).send().await.expect(201);
    let chatroom = created.text("/chatroom/id");
    let id = app.send_message(&user, &chatroom, "hello").await;
    let due_at = app.app.clock.now() + MINUTE;
    app.execute(&format!(
        "UPDATE messages SET processing_status = 'completed', sweep_at = NULL WHERE id = '{id}';
         UPDATE chatrooms SET name = 'hello', title_state = 'due', title_generation_id = '{id}',
             title_due_at = '{due_at}' WHERE id = '{chatroom}'"
    ))
    .await;
    id
}

fn title_jobs(app: &TestApp) -> Vec<i32> {
    app.queue.resends().into_iter().filter(|number| *number > 0).collect()
}

#[tokio::test]
async fn job_of_a_stranded_title_is_sent_with_growing_delay_and_then_given_up() {
    let app = start().await;
    let id = due(&app).await;
    assert_eq!(sweep(&app.app).await.unwrap().titles, 0);
    for (number, minutes) in [(1_001, 1), (1_002, 2), (1_003, 4)] {
        app.advance(MINUTE * minutes);
        assert_eq!(sweep(&app.app).await.unwrap(), SWEPT);
        assert_eq!(sweep(&app.app).await.unwrap().titles, 0);
        assert_eq!(title_jobs(&app).last(), Some(&number));
        assert_eq!(app.queue.sent().last().unwrap().1.to_string(), id);
    }
    app.advance(MINUTE * 8);
    assert_eq!(sweep(&app.app).await.unwrap(), SWEPT);
    assert_eq!(title_jobs(&app), [1_001, 1_002, 1_003]);
    let left = "SELECT name || ' ' || (title_state IS NULL AND title_due_at IS NULL) FROM chatrooms";
    assert_eq!(app.query_value::<String>(left).await, "hello true");
    app.advance(Duration::from_hours(1));
    assert_eq!(sweep(&app.app).await.unwrap().titles, 0);
}

#[tokio::test]
async fn title_of_a_dead_worker_can_be_claimed_again() {
    let app = start().await;
    let id = due(&app).await;
    let claim = async || {
        let now = app.app.clock.now();
        let claim = NewClaim {
            generation_id: id.parse().unwrap(),
            owner: Uuid::new_v4(),
            now,
            until: now + MINUTE * 2,
            day: now.date_naive(),
            max_per_day: 10,
        };
        titles::claim(&app.app.db().await.unwrap(), claim).await.unwrap()
    };
    // The question has an answer.
    app.execute(&format!(
        "INSERT INTO messages (id, chatroom_id, user_id, position, message_type, content, processing_status,
             generation_id, reply_to, created_at, updated_at)
         SELECT gen_random_uuid(), chatroom_id, user_id, 2, 'ai', 'Hi', 'completed', id, id, now(), now()
         FROM messages WHERE id = '{id}'"
    ))
    .await;
    assert!(matches!(claim().await, TitleClaim::Claimed(_)));
    app.advance(MINUTE);
    assert_eq!(sweep(&app.app).await.unwrap().titles, 0, "the worker may be at work");
    assert!(matches!(claim().await, TitleClaim::NotDue));
    app.advance(MINUTE);
    assert_eq!(sweep(&app.app).await.unwrap(), SWEPT);
    let TitleClaim::Claimed(claimed) = claim().await else { panic!("not claimed") };
    assert_eq!((claimed.question.as_str(), claimed.answer.as_str()), ("hello", "Hi"));
}

#[tokio::test]
async fn title_that_is_due_keeps_the_sweeper_awake() {
    let app = start().await;
    let _ = due(&app).await;
    let is_unfinished =
        async || pending_work::find(&app.app.db().await.unwrap()).await.unwrap().is_unfinished;
    assert!(is_unfinished().await);
    app.execute("UPDATE chatrooms SET title_state = NULL, title_due_at = NULL").await;
    assert!(!is_unfinished().await);
}

#[tokio::test]
async fn job_is_sent_later_when_the_queue_fails() {
    let app = start().await;
    let _ = due(&app).await;
    app.advance(MINUTE);
    app.queue.fail_requests();
    assert_eq!(sweep(&app.app).await.unwrap(), SWEPT);
    app.queue.recover();
    app.advance(MINUTE * 2);
    assert_eq!(sweep(&app.app).await.unwrap(), SWEPT);
    assert_eq!(title_jobs(&app), [1_002]);
}

#[tokio::test]
async fn concurrent_sweeps_send_each_job_once() {
    let app = start().await;
    for _ in 0..10 {
        let _ = due(&app).await;
    }
    app.advance(MINUTE);
    let (one, other) = tokio::join!(sweep(&app.app), sweep(&app.app));
    assert_eq!(one.unwrap().titles + other.unwrap().titles, 10);
    assert_eq!(title_jobs(&app), [1_001; 10]);
}
