//! Leases: their renewal, the visibility of deliveries, and the limit of concurrent answers.

use std::time::Duration;

use serde_json::json;
use store::generations::claiming::{self, Claim};
use store::generations::processing::{self, Lease};
use uuid::Uuid;

use super::{deliver, sent, start, status};

#[tokio::test]
async fn lease_and_visibility_are_renewed_while_the_model_writes() {
    let app = testkit::TestApp::serving(chatroom::routes()).var("WORKER_LEASE_MS", "2000").start().await;
    let (user, _, id) = sent(&app, "hello").await;
    app.model.hold();
    let ids = [id.as_str()];
    let delivery = deliver(&app, &ids);
    let observed = async {
        app.model.wait_for_calls(1).await;
        let first: chrono::DateTime<chrono::Utc> =
            app.query_value("SELECT lease_until FROM generations").await;
        let is_renewed = format!("SELECT lease_until > '{first}' FROM generations");
        while !app.query_value::<bool>(&is_renewed).await || app.queue.extensions().len() < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        app.model.release();
    };
    let (failures, ()) = tokio::join!(delivery, observed);
    assert!(failures.is_empty());
    assert!(app.queue.extensions().iter().all(|(_, timeout)| *timeout == Duration::from_secs(2)));
    assert_eq!(status(&app, &user, &id).await["processing_status"], "completed");
    assert!(
        app.query_value::<bool>("SELECT lease_until IS NULL AND lease_slot IS NULL FROM generations").await
    );
}

#[tokio::test]
async fn call_for_a_deleted_message_is_stopped_by_the_next_renewal() {
    let app = testkit::TestApp::serving(chatroom::routes()).var("WORKER_LEASE_MS", "2000").start().await;
    let (user, chatroom, id) = sent(&app, "hello").await;
    // The model never ends by itself.
    app.model.hold_in_mid_text();
    let deletion = async {
        app.model.wait_for_calls(1).await;
        let delete = app.request("DELETE", &format!("/api/chatroom/{chatroom}")).by(&user);
        let _ = delete.send().await.expect(200);
    };
    let ids = [id.as_str()];
    let both = async { tokio::join!(deliver(&app, &ids), deletion) };
    let _ = tokio::time::timeout(Duration::from_mins(2), both).await.expect("the call goes on");
}

#[tokio::test]
async fn at_most_three_answers_of_a_user_are_under_way() {
    let app = start().await;
    let user = app.user().await;
    let (db, now) = (app.app.db().await.unwrap(), app.app.clock.now());
    let until = now + Duration::from_secs(20);
    let mut leases = Vec::new();
    for number in 0..4 {
        let chatroom = app.create_chatroom(&user).await;
        let id = app.send_message(&user, &chatroom, "hello").await;
        let (generation_id, owner) = (id.parse().unwrap(), Uuid::new_v4());
        let claim = claiming::claim_next(&db, generation_id, owner, now, until).await.unwrap();
        let is_claimed = matches!(claim, Claim::Claimed(_));
        assert_eq!(is_claimed, number < 3, "{claim:?}");
        if !is_claimed {
            assert!(matches!(claim, Claim::TooManyInFlight), "{claim:?}");
            assert_eq!(deliver(&app, &[&id]).await, [id]);
            assert_eq!(app.queue.delays().last().unwrap().1, Duration::from_secs(2));
        }
        leases.push(Lease { generation_id, owner });
    }
    // Another user's answer does not wait, and a free place is taken.
    let (other, _, id) = sent(&app, "other").await;
    assert!(deliver(&app, &[&id]).await.is_empty());
    assert_eq!(status(&app, &other, &id).await["processing_status"], "completed");
    assert!(processing::fail(&db, leases[1], domain::message::ErrorCode::Timeout, now).await.unwrap());
    let fourth = leases[3].generation_id.to_string();
    assert!(deliver(&app, &[&fourth]).await.is_empty());
    assert_eq!(status(&app, &user, &fourth).await["processing_status"], json!("completed"));
}

/// The message's transaction began before the suspension and ended after it.
#[tokio::test]
async fn message_of_a_closed_account_is_cancelled_without_a_call() {
    for column in ["suspended_at", "deleted_at"] {
        let app = start().await;
        let (user, _, id) = sent(&app, "hello").await;
        app.execute(&format!("UPDATE users SET {column} = now() WHERE id = '{}'", user.id)).await;
        assert!(deliver(&app, &[&id]).await.is_empty());
        assert!(app.model.prompts().is_empty());
        let state =
            "SELECT g.status || ' ' || d.messages FROM generations g JOIN daily_usage d USING (user_id)";
        assert_eq!(app.query_value::<String>(state).await, "cancelled 0");
    }
}

#[tokio::test]
async fn fence_grows_with_each_claim_and_never_falls() {
    let app = start().await;
    let (_, _, id) = sent(&app, "hello").await;
    let (db, mut now) = (app.app.db().await.unwrap(), app.app.clock.now());
    let generation_id = id.parse().unwrap();
    for fence in 1..4 {
        let owner = Uuid::new_v4();
        let claim = claiming::claim_next(&db, generation_id, owner, now, now).await.unwrap();
        assert!(matches!(claim, Claim::Claimed(_)), "{claim:?}");
        let lease = Lease { generation_id, owner };
        let reason = domain::message::WaitReason::RateLimit;
        assert!(processing::reschedule(&db, lease, reason, now, now).await.unwrap());
        assert_eq!(app.query_value::<i64>("SELECT fence FROM generations").await, fence);
        assert_eq!(app.query_value::<i32>("SELECT attempts FROM generations").await, 0);
        now += Duration::from_secs(1);
    }
}

#[tokio::test]
async fn simultaneous_claims_take_all_three_places() {
    let app = testkit::TestApp::serving(chatroom::routes()).var("DATABASE_POOL_SIZE", "8").start().await;
    let user = app.user().await;
    let now = app.app.clock.now();
    let mut ids = Vec::new();
    for _ in 0..5 {
        let chatroom = app.create_chatroom(&user).await;
        ids.push(app.send_message(&user, &chatroom, "hello").await);
    }
    let claims = ids.iter().map(|id| async {
        let db = app.app.db().await.unwrap();
        let until = now + Duration::from_secs(20);
        claiming::claim_next(&db, id.parse().unwrap(), Uuid::new_v4(), now, until).await.unwrap()
    });
    let claims = futures::future::join_all(claims).await;
    let claimed = claims.iter().filter(|claim| matches!(claim, Claim::Claimed(_))).count();
    assert_eq!(claimed, 3, "{claims:?}");
}
