//! Deleting an account that has a subscription.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::GOOD_CARD;

use super::{post, start};

#[tokio::test]
async fn account_with_a_missing_customer_can_be_deleted() {
    let app = start().await;
    for pays in [false, true] {
        let user = app.user().await;
        if pays {
            app.subscribe(&user, GOOD_CARD).await
        } else {
            app.open_checkout(&user).await
        };
        let sql = format!("SELECT customer_id FROM subscriptions WHERE user_id = '{}'", user.id);
        let customer: String = app.query_value(&sql).await;
        app.stripe("DELETE", &format!("/_control/customers/{customer}"), Value::Null).await;
        let portal = json!({ "return_url": "https://app.example.com/" });
        let _ = post(&app, &user, "portal", portal).await.expect_problem(404, "no_customer");
        let leave =
            app.request("DELETE", "/api/user/me").by(&user).json(json!({ "password": testkit::PASSWORD }));
        let _ = leave.send().await.expect(200);
        assert_eq!(app.query_value::<i64>("SELECT count(*) FROM users").await, 0);
    }
}

#[tokio::test]
async fn messages_of_a_deleted_account_are_purged_even_if_stripe_fails() {
    let app = start().await;
    let user = app.user().await;
    let chatroom = app.create_chatroom(&user).await;
    app.send_message(&user, &chatroom, "hello").await;
    let _ = app.subscribe(&user, GOOD_CARD).await;
    app.execute("UPDATE subscriptions SET customer_id = 'cus_other', subscription_id = 'sub_other'").await;
    let leave =
        app.request("DELETE", "/api/user/me").by(&user).json(json!({ "password": testkit::PASSWORD }));
    let _ = leave.send().await.expect(200);
    app.advance(Duration::from_mins(2));
    let _ = sweeper::sweep(&app.app).await.unwrap();
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM messages").await, 0);
    assert_eq!(
        app.query_value::<i64>("SELECT count(*) FROM users").await,
        1,
        "the subscription could not be cancelled"
    );
}

#[tokio::test]
async fn account_deletion_cancels_subscriptions_and_closes_checkout_pages() {
    let app = start().await;
    let user = app.user().await;
    let _ = app.subscribe(&user, GOOD_CARD).await;
    let browsing = app.user().await;
    let session = app.open_checkout(&browsing).await;
    for one in [&user, &browsing] {
        let leave =
            app.request("DELETE", "/api/user/me").by(one).json(json!({ "password": testkit::PASSWORD }));
        let _ = leave.send().await.expect(200);
    }
    assert_eq!(
        app.stripe("GET", "/v1/subscriptions?status=all", Value::Null).await["data"][0]["status"],
        "canceled"
    );
    assert_eq!(
        app.stripe("GET", &format!("/v1/checkout/sessions/{session}"), Value::Null).await["status"],
        "expired"
    );
    for table in ["users", "subscriptions"] {
        assert_eq!(app.query_value::<i64>(&format!("SELECT count(*) FROM {table}")).await, 0, "{table}");
    }
    app.deliver_all_events().await;
}

#[tokio::test]
async fn account_row_is_kept_until_its_subscription_is_cancelled() {
    let app = start().await;
    let user = app.user().await;
    let _ = app.subscribe(&user, GOOD_CARD).await;
    let down = json!({ "fault": "status", "status": 500 });
    app.stripe_faults(json!([down, down])).await;
    let leave =
        app.request("DELETE", "/api/user/me").by(&user).json(json!({ "password": testkit::PASSWORD }));
    let _ = leave.send().await.expect(200);
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM users WHERE deleted_at IS NOT NULL").await, 1);
    let _ = app.request("GET", "/api/user/me").by(&user).send().await.expect(401);
    app.advance(Duration::from_mins(2));
    let swept = sweeper::sweep(&app.app).await.unwrap();
    assert_eq!(swept.purged, 1);
    assert_eq!(
        app.stripe("GET", "/v1/subscriptions?status=all", Value::Null).await["data"][0]["status"],
        "canceled"
    );
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM users").await, 0);
}
