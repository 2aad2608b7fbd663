//! Payments that the user must confirm (3-D Secure), and where the user does it.

use serde_json::{Value, json};
use testkit::{CONFIRMED_CARD, GOOD_CARD, GOOD_ONCE_CARD, TestApp, TestUser};

use super::{page, post, start, status};

/// Pays on a checkout page with a card that needs confirmation. Returns the page's session.
async fn begin_payment(app: &TestApp, user: &TestUser) -> Value {
    let session = app.open_checkout(user).await;
    app.pay_checkout(&session, CONFIRMED_CARD).await;
    app.deliver_all_events().await;
    app.stripe("GET", &format!("/v1/checkout/sessions/{session}"), Value::Null).await
}

async fn confirm(app: &TestApp, invoice: &Value, succeeds: bool) {
    let path = format!("/_control/invoices/{}/confirm", invoice.as_str().unwrap());
    app.stripe("POST", &path, json!({ "succeeds": succeeds })).await;
    app.deliver_all_events().await;
}

#[tokio::test]
async fn first_payment_gives_pro_only_once_it_is_confirmed() {
    let app = start().await;
    let user = app.user().await;
    let session = begin_payment(&app, &user).await;
    let invoice = app
        .stripe("GET", &format!("/v1/invoices/{}", session["invoice"].as_str().unwrap()), Value::Null)
        .await;
    let shown = status(&app, &user).await;
    assert_eq!((&shown["tier"], &shown["status"]), (&json!("basic"), &json!("incomplete")));
    let action = json!({ "type": "pay_invoice", "url": invoice["hosted_invoice_url"] });
    assert_eq!(shown["required_action"], action);
    confirm(&app, &session["invoice"], false).await;
    let shown = status(&app, &user).await;
    assert_eq!((&shown["tier"], &shown["required_action"]), (&json!("basic"), &action));
    let refused = post(&app, &user, "pro", page()).await.expect_problem(409, "payment_pending");
    assert!(refused.text("/detail").contains("required_action"));
    confirm(&app, &session["invoice"], true).await;
    let shown = status(&app, &user).await;
    assert_eq!((&shown["tier"], &shown["required_action"]), (&json!("pro"), &Value::Null));
    let all = app.stripe("GET", "/v1/subscriptions?status=all", Value::Null).await;
    assert_eq!(all["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn another_card_on_the_same_page_pays_the_same_subscription() {
    let app = start().await;
    let user = app.user().await;
    let session = begin_payment(&app, &user).await;
    app.pay_checkout(session["id"].as_str().unwrap(), GOOD_CARD).await;
    app.deliver_all_events().await;
    let shown = status(&app, &user).await;
    assert_eq!((&shown["tier"], &shown["required_action"]), (&json!("pro"), &Value::Null));
    let charges = app.stripe("GET", "/v1/charges", Value::Null).await;
    assert_eq!(charges["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn abandoned_payment_expires_and_asks_for_nothing() {
    let app = start().await;
    let user = app.user().await;
    let session = begin_payment(&app, &user).await;
    let id = session["subscription"].as_str().unwrap();
    app.stripe("POST", &format!("/_control/subscriptions/{id}"), json!({ "status": "incomplete_expired" }))
        .await;
    app.deliver_all_events().await;
    assert_eq!(status(&app, &user).await["required_action"], Value::Null);
    let _ = post(&app, &user, "pro", page()).await.expect(200);
}

#[tokio::test]
async fn renewal_that_needs_confirmation_keeps_pro_for_the_grace_period() {
    let app = start().await;
    let user = app.user().await;
    let session = begin_payment(&app, &user).await;
    confirm(&app, &session["invoice"], true).await;
    let id = session["subscription"].as_str().unwrap();
    let renewed = app.stripe("POST", &format!("/_control/subscriptions/{id}/renew"), Value::Null).await;
    app.deliver_latest("invoice.payment_action_required").await;
    let shown = status(&app, &user).await;
    assert_eq!((&shown["tier"], &shown["status"]), (&json!("pro"), &json!("past_due")));
    assert!(shown["required_action"]["url"].is_string());
    confirm(&app, &renewed["latest_invoice"], true).await;
    let shown = status(&app, &user).await;
    assert_eq!((&shown["status"], &shown["required_action"]), (&json!("active"), &Value::Null));
}

#[tokio::test]
async fn cancelling_with_an_open_payment_asks_for_nothing_any_more() {
    let app = start().await;
    let user = app.user().await;
    let id = app.subscribe(&user, GOOD_ONCE_CARD).await;
    app.stripe("POST", &format!("/_control/subscriptions/{id}/renew"), Value::Null).await;
    app.deliver_all_events().await;
    assert_eq!(status(&app, &user).await["required_action"]["type"], "pay_invoice");
    let _ = post(&app, &user, "cancel", Value::Null).await.expect(200);
    assert_eq!(status(&app, &user).await["required_action"], Value::Null);
}

#[tokio::test]
async fn only_stripes_own_pages_are_shown() {
    let app = start().await;
    let user = app.user().await;
    let id = app.subscribe(&user, GOOD_ONCE_CARD).await;
    let renewed = app.stripe("POST", &format!("/_control/subscriptions/{id}/renew"), Value::Null).await;
    let invoice = renewed["latest_invoice"].as_str().unwrap();
    for (url, is_shown) in [
        ("https://invoice.stripe.com/i/acct_1/test_1", true),
        ("https://stripe.com.evil.example/i", false),
        ("https://evilstripe.com/i", false),
        ("http://invoice.stripe.com/i", false),
        ("javascript:alert(1)//invoice.stripe.com", false),
    ] {
        let path = format!("/_control/invoices/{invoice}");
        app.stripe("POST", &path, json!({ "hosted_invoice_url": url })).await;
        let _ = sweeper::reconcile(&app.app).await.unwrap();
        let action = &status(&app, &user).await["required_action"];
        let expected = if is_shown { json!(url) } else { Value::Null };
        assert_eq!((&action["type"], &action["url"]), (&json!("pay_invoice"), &expected), "{url}");
    }
}
