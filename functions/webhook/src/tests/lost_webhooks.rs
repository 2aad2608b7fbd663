//! Repair after lost webhooks: by the sweeper and by `sweeper reconcile`.

use serde_json::{Value, json};
use testkit::GOOD_CARD;

use super::start;

#[tokio::test]
async fn sweeper_finds_changes_whose_webhook_was_lost() {
    let app = start().await;
    let user = app.user().await;
    let session = app.open_checkout(&user).await;
    app.pay_checkout(&session, GOOD_CARD).await;
    let sweep = async || sweeper::sweep(&app.app).await.unwrap().plans_changed;
    assert_eq!(sweep().await, 0);
    app.advance(std::time::Duration::from_mins(6));
    assert_eq!((sweep().await, app.tier(&user).await.as_str()), (1, "pro"));
    // The webhook of its end is lost as well.
    let id: String = app.query_value("SELECT subscription_id FROM subscriptions").await;
    app.stripe("POST", &format!("/_control/subscriptions/{id}/give_up"), Value::Null).await;
    app.advance(std::time::Duration::from_hours(24));
    assert_eq!(sweep().await, 0);
    app.advance(std::time::Duration::from_hours(6 * 24));
    assert_eq!((sweep().await, app.tier(&user).await.as_str()), (1, "basic"));
}

#[tokio::test]
async fn reconcile_syncs_all_accounts_and_reports_failures() {
    let app = start().await;
    let (one, other) = (app.user().await, app.user().await);
    for user in [&one, &other] {
        let session = app.open_checkout(user).await;
        app.pay_checkout(&session, GOOD_CARD).await;
    }
    let down = json!({ "fault": "status", "status": 500 });
    // Two accounts are synced at once, with two attempts each: three failures leave one unsynced.
    app.stripe_faults(json!([down, down, down])).await;
    let first = sweeper::reconcile(&app.app).await.unwrap();
    assert_eq!((first.compared, first.changed, first.failed), (1, 1, 1));
    let second = sweeper::reconcile(&app.app).await.unwrap();
    assert_eq!((second.compared, second.changed, second.failed), (2, 1, 0));
    assert_eq!((app.tier(&one).await, app.tier(&other).await), ("pro".to_owned(), "pro".to_owned()));
}

#[tokio::test]
async fn key_of_another_stripe_account_takes_no_plan_away() {
    let app = start().await;
    let user = app.user().await;
    let session = app.open_checkout(&user).await;
    app.pay_checkout(&session, GOOD_CARD).await;
    app.deliver_all_events().await;
    app.execute("UPDATE subscriptions SET customer_id = 'cus_of_another_account', subscription_id = 'sub_of_another_account'").await;
    let compared = sweeper::reconcile(&app.app).await.unwrap();
    // Neither the account's customer nor the one that names its user can be resolved.
    assert_eq!((compared.compared, compared.failed, app.tier(&user).await.as_str()), (0, 2, "pro"));
}

#[tokio::test]
async fn reconcile_finds_the_customer_of_an_account_that_was_restored() {
    let app = start().await;
    let user = app.user().await;
    let id = app.subscribe(&user, GOOD_CARD).await;
    // As in a database of before the payment. The subscription is on Stripe's second page.
    app.execute("DELETE FROM subscriptions").await;
    app.set_tier(&user, domain::Tier::Basic).await;
    for _ in 0..100 {
        app.create_customer_with_subscription(json!({}), json!({})).await;
    }
    let found = sweeper::reconcile(&app.app).await.unwrap();
    assert_eq!((found.adopted, found.unresolved, found.failed), (1, 0, 0));
    let stored: String = app.query_value("SELECT subscription_id FROM subscriptions").await;
    assert_eq!((app.tier(&user).await.as_str(), stored), ("pro", id));
    let again = sweeper::reconcile(&app.app).await.unwrap();
    assert_eq!((again.compared, again.adopted, again.changed), (1, 0, 0));
}

#[tokio::test]
async fn reconcile_reports_a_subscription_of_an_account_that_is_gone() {
    let app = start().await;
    let gone = json!({ "user_id": domain::UserId::new(app.app.clock.now()) });
    let (customer, _) = app.create_customer_with_subscription(gone.clone(), gone).await;
    let errors = testkit::ErrorLog::start();
    let found = sweeper::reconcile(&app.app).await.unwrap();
    assert_eq!((found.adopted, found.unresolved, found.failed), (0, 1, 0));
    let lines = errors.take();
    assert!(lines.len() == 1 && lines[0].contains(&customer), "{lines:?}");
}
