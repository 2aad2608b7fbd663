//! Subscriptions whose metadata names a user, of customers that no account has.

use serde_json::{Value, json};
use testkit::{ErrorLog, GOOD_CARD, Response, TestApp, TestUser};

use super::{signed, start};

fn names(user: &TestUser) -> Value {
    json!({ "user_id": user.id })
}

async fn try_checkout(app: &TestApp, user: &TestUser) -> Response {
    let body =
        json!({ "success_url": "https://app.example.com/paid", "cancel_url": "https://app.example.com/" });
    app.request("POST", "/api/subscription/pro").by(user).json(body).send().await
}

async fn open_pages(app: &TestApp) -> usize {
    let open = app.stripe("GET", "/v1/checkout/sessions?status=open", Value::Null).await;
    open["data"].as_array().unwrap().len()
}

async fn customer_of(app: &TestApp, user: &TestUser) -> Option<String> {
    let sql = format!("SELECT max(customer_id) FROM subscriptions WHERE user_id = '{}'", user.id);
    app.query_value(&sql).await
}

#[tokio::test]
async fn unknown_customer_that_names_its_user_is_adopted() {
    let app = start().await;
    for opens_page in [true, false] {
        let user = &app.user().await;
        if opens_page {
            let _ = app.open_checkout(user).await;
        }
        let (customer, subscription) = app.create_customer_with_subscription(names(user), names(user)).await;
        let errors = ErrorLog::start();
        for _ in 0..2 {
            app.deliver_latest("customer.subscription.created").await;
        }
        assert_eq!((app.tier(user).await.as_str(), errors.take()), ("pro", vec![]));
        assert_eq!(customer_of(&app, user).await, Some(customer));
        assert_eq!(open_pages(&app).await, 0, "nobody can pay the customer from before");
        let _ = try_checkout(&app, user).await.expect_problem(409, "already_subscribed");
        let cancel = app.request("POST", "/api/subscription/cancel").by(user).send().await.expect(200);
        assert_eq!(cancel.body["subscription"]["id"], subscription);
    }
}

#[tokio::test]
async fn invoice_of_an_unknown_customer_names_the_user_too() {
    let app = start().await;
    for details in ["parent", "older"] {
        let user = app.user().await;
        let (customer, _) = app.create_customer_with_subscription(names(&user), names(&user)).await;
        let details = match details {
            "parent" => json!({ "parent": { "subscription_details": { "metadata": names(&user) } } }),
            _ => json!({ "subscription_details": { "metadata": names(&user) } }),
        };
        let mut invoice = json!({ "id": "in_1", "metadata": {}, "customer": customer });
        invoice.as_object_mut().unwrap().extend(details.as_object().unwrap().clone());
        let (payload, signature) = signed(&app, &format!("evt_{customer}"), "invoice.paid", &invoice);
        let _ = app.deliver_payload(&payload, Some(&signature)).await.expect(200);
        assert_eq!(app.tier(&user).await, "pro");
    }
}

/// What makes the adoption of a customer unsafe.
async fn refused(app: &TestApp, case: &str) -> (TestUser, String, String) {
    let (user, other) = (app.user().await, app.user().await);
    let of_customer = match case {
        "the customer names nobody" => json!({}),
        "the customer names another user" => names(&other),
        _ => names(&user),
    };
    match case {
        "the user pays already" => drop(app.subscribe(&user, GOOD_CARD).await),
        "an operator granted Pro" => app.set_tier(&user, domain::Tier::Pro).await,
        _ => {}
    }
    let (customer, subscription) = app.create_customer_with_subscription(of_customer, names(&user)).await;
    (user, customer, subscription)
}

#[tokio::test]
async fn unsafe_adoption_is_refused_with_an_alarm_and_blocks_the_checkout() {
    for case in [
        "the customer names nobody",
        "the customer names another user",
        "the user pays already",
        "an operator granted Pro",
    ] {
        let app = start().await;
        let (user, customer, subscription) = refused(&app, case).await;
        let before = (app.tier(&user).await, customer_of(&app, &user).await);
        let errors = ErrorLog::start();
        app.deliver_latest("customer.subscription.created").await;
        let lines = errors.take();
        assert!(lines.len() == 1 && lines[0].contains(&customer), "{case}: {lines:?}");
        assert!(lines[0].contains(&user.id.to_string()), "{lines:?}");
        assert_eq!((app.tier(&user).await, customer_of(&app, &user).await), before, "{case}");
        let _ = try_checkout(&app, &user).await.expect_problem(409, "subscription_unresolved");
        assert_eq!(open_pages(&app).await, 0, "{case}");
        // Once the operator has ended it, the user can buy again; no event is needed.
        app.stripe("DELETE", &format!("/v1/subscriptions/{subscription}"), Value::Null).await;
        let response = try_checkout(&app, &user).await;
        let expected = if before.0 == "pro" { 409 } else { 200 };
        assert_eq!(response.status, expected, "{case}: {}", response.body);
    }
}

#[tokio::test]
async fn page_opened_before_is_closed_when_a_second_payment_is_refused() {
    let app = start().await;
    let user = app.user().await;
    let _ = app.open_checkout(&user).await;
    let _ = app.create_customer_with_subscription(json!({}), names(&user)).await;
    assert_eq!(open_pages(&app).await, 1);
    app.deliver_latest("customer.subscription.created").await;
    assert_eq!(open_pages(&app).await, 0);
}

#[tokio::test]
async fn of_two_unknown_customers_one_is_adopted_and_one_refused() {
    let app = start().await;
    let user = app.user().await;
    let _ = app.create_customer_with_subscription(names(&user), names(&user)).await;
    app.deliver_latest("customer.subscription.created").await;
    let (second, _) = app.create_customer_with_subscription(names(&user), names(&user)).await;
    let errors = ErrorLog::start();
    app.deliver_latest("customer.subscription.created").await;
    assert!(errors.take().iter().any(|line| line.contains(&second)));
    assert!(customer_of(&app, &user).await.is_some_and(|customer| customer != second));
    let _ = try_checkout(&app, &user).await.expect_problem(409, "subscription_unresolved");
}

#[tokio::test]
async fn concurrent_events_of_one_unknown_customer_adopt_it_once() {
    let app = start().await;
    let user = app.user().await;
    let (customer, _) = app.create_customer_with_subscription(names(&user), names(&user)).await;
    let event = app.stripe_events().await.pop().unwrap();
    let mut deliveries: Vec<_> = (0..4).map(|_| app.deliver_event(&event)).collect();
    let checkout = try_checkout(&app, &user);
    let (responses, checkout) = tokio::join!(futures::future::join_all(deliveries.drain(..)), checkout);
    assert!(responses.iter().all(|response| response.status == 200), "{responses:?}");
    assert_eq!((app.tier(&user).await.as_str(), customer_of(&app, &user).await), ("pro", Some(customer)));
    assert!(open_pages(&app).await == 0, "{}", checkout.body);
}

#[tokio::test]
async fn late_events_of_an_ended_subscription_change_nothing() {
    let app = start().await;
    let user = app.user().await;
    let (_, subscription) = app.create_customer_with_subscription(names(&user), names(&user)).await;
    app.stripe("DELETE", &format!("/v1/subscriptions/{subscription}"), Value::Null).await;
    let errors = ErrorLog::start();
    for event in app.stripe_events().await.iter().rev() {
        let _ = app.deliver_event(event).await.expect(200);
    }
    assert_eq!((customer_of(&app, &user).await, errors.take()), (None, vec![]));
    let _ = try_checkout(&app, &user).await.expect(200);
}

#[tokio::test]
async fn subscription_to_another_price_is_no_second_payment() {
    let app = start().await;
    let user = app.user().await;
    app.stripe("POST", "/_control/prices", json!({ "id": "price_of_a_book" })).await;
    let customer = app.stripe("POST", "/_control/customers", json!({ "metadata": names(&user) })).await;
    let new = json!({ "customer": customer["id"], "metadata": names(&user), "price": "price_of_a_book" });
    app.stripe("POST", "/_control/subscriptions", new).await;
    app.deliver_latest("customer.subscription.created").await;
    let _ = try_checkout(&app, &user).await.expect(200);
}

#[tokio::test]
async fn payment_for_a_deleted_account_raises_an_alarm() {
    let app = start().await;
    let user = app.user().await;
    let leave =
        app.request("DELETE", "/api/user/me").by(&user).json(json!({ "password": testkit::PASSWORD }));
    let _ = leave.send().await.expect(200);
    let _ = app.create_customer_with_subscription(names(&user), names(&user)).await;
    let errors = ErrorLog::start();
    app.deliver_latest("customer.subscription.created").await;
    assert_eq!(errors.take().len(), 1);
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM subscriptions").await, 0);
}

#[tokio::test]
async fn deleting_the_account_ends_what_names_it() {
    let app = start().await;
    let user = app.user().await;
    let _ = app.subscribe(&user, GOOD_CARD).await;
    let (_, ours) = app.create_customer_with_subscription(names(&user), names(&user)).await;
    app.deliver_latest("customer.subscription.created").await;
    let (_, foreign) = app.create_customer_with_subscription(json!({}), names(&user)).await;
    app.deliver_latest("customer.subscription.created").await;
    let errors = ErrorLog::start();
    let leave =
        app.request("DELETE", "/api/user/me").by(&user).json(json!({ "password": testkit::PASSWORD }));
    let _ = leave.send().await.expect(200);
    assert_eq!(app.query_value::<i64>("SELECT count(*) FROM users").await, 0);
    let status = async |id: &str| {
        app.stripe("GET", &format!("/v1/subscriptions/{id}"), Value::Null).await["status"].clone()
    };
    assert_eq!((status(&ours).await, status(&foreign).await), (json!("canceled"), json!("active")));
    assert!(errors.take().iter().any(|line| line.contains("subscription")));
}

#[tokio::test]
async fn checkout_stays_blocked_if_stripe_fails_while_the_event_is_processed() {
    let app = start().await;
    let user = app.user().await;
    let _ = app.open_checkout(&user).await;
    let (customer, _) = app.create_customer_with_subscription(json!({}), names(&user)).await;
    let event = app.stripe_events().await.pop().unwrap();
    let (none, down) = (json!({ "fault": "none" }), json!({ "fault": "status", "status": 500 }));
    // Customer and subscriptions are read; closing the page fails.
    app.stripe_faults(json!([none, none, down, down])).await;
    let _ = app.deliver_event(&event).await.expect_problem(503, "unavailable");
    let _ = try_checkout(&app, &user).await.expect_problem(409, "subscription_unresolved");
    let errors = ErrorLog::start();
    let _ = app.deliver_event(&event).await.expect(200);
    let lines = errors.take();
    assert!(lines.len() == 1 && lines[0].contains(&customer), "{lines:?}");
}
