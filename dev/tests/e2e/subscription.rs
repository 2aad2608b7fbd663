//! Subscriptions: from the first visit to Pro and back in a browser, and repaired by an operator.

use harness::{TestUser, random_number};
use serde_json::Value;

use super::stack::{Stack, open_browser, stack};

/// A card that pays at the checkout page and never again.
const GOOD_ONCE: &str = "4000 0000 0000 0341";

/// The subscription at Stripe of the user with the id `user`.
async fn subscription(stack: &Stack, user: &str) -> Value {
    let path = "/v1/subscriptions?status=all&limit=100";
    let all = stack.mocks().stripe("GET", path, &Value::Null).await.unwrap();
    let found = all["data"].as_array().unwrap().iter().find(|one| one["metadata"]["user_id"] == user);
    found.unwrap().clone()
}

async fn trigger(stack: &Stack, subscription: &Value, event: &str) {
    let id = subscription["id"].as_str().unwrap();
    let path = format!("/_control/subscriptions/{id}/{event}");
    stack.mocks().stripe("POST", &path, &Value::Null).await.unwrap();
}

async fn wait_for_subscription(stack: &Stack, user: &TestUser, field: &str, value: &str) {
    let is_reported = |body: &Value| body["subscription"][field] == value;
    user.wait_for(stack, "/api/subscription/status", is_reported).await.unwrap();
}

#[tokio::test]
async fn a_user_signs_up_reaches_the_limit_pays_cancels_and_reactivates() {
    let stack = stack();
    let _worker = stack.with_worker().await;
    let Some(browser) = open_browser().await else { return };
    let page = &browser.client;
    let number = random_number();
    browser.sign_up(&number).await;

    // The limit of five messages a day.
    for number in 1..=5 {
        browser.send(&format!("Question {number}")).await;
        browser.sees_answer(&format!("Question {number}")).await;
    }
    browser.sees("#usage", "No messages left today").await;
    browser.send("One too many").await;
    browser.sees(".toast", "messages are used up").await;
    browser.sees("#composer-text", "One too many").await;
    browser.shoot("limit").await;

    // A card that is declined, then a card that pays.
    browser.open_plan().await;
    browser.sees("#tier", "Basic").await;
    browser.click("#upgrade").await;
    browser.fill("[name=card]", "4000 0000 0000 0002").await;
    browser.click("form button").await;
    browser.sees("[role=alert]", "declined").await;
    browser.shoot("checkout").await;
    browser.fill("[name=card]", GOOD_ONCE).await;
    browser.click("form button").await;
    browser.sees(".toast", "Welcome to Pro").await;
    browser.send("The sixth question").await;
    browser.sees_answer("The sixth question").await;
    browser.sees("#usage", "994 of 1000").await;
    browser.open_plan().await;
    browser.sees("#standing", "Renews on").await;
    browser.shoot("pro").await;

    // Cancel and reactivate, on the page and in the portal.
    browser.click("#cancel-pro").await;
    browser.click("#confirm").await;
    browser.sees("#standing", "Ends on").await;
    browser.click("#keep-pro").await;
    browser.sees("#standing", "Renews on").await;
    browser.click("#portal").await;
    browser.sees("body", "The subscription to Pro is active").await;
    browser.shoot("portal").await;
    browser.click("button[value=cancel]").await;
    browser.sees("body", "ends with its period").await;
    browser.click("a").await;
    browser.open_plan().await;
    browser.sees("#standing", "Ends on").await;
    browser.click("#keep-pro").await;
    browser.sees("#standing", "Renews on").await;

    // The renewal is declined.
    let token =
        page.execute("return JSON.parse(localStorage.getItem('session')).token", Vec::new()).await.unwrap();
    let user = TestUser { number, token: token.as_str().unwrap().to_owned(), refresh_token: String::new() };
    let id = stack.get(&user, "/api/user/me").await["user"]["id"].as_str().unwrap().to_owned();
    let subscription = subscription(stack, &id).await;
    trigger(stack, &subscription, "renew").await;
    wait_for_subscription(stack, &user, "status", "past_due").await;
    page.refresh().await.unwrap();
    browser.open_plan().await;
    browser.sees("#standing", "The last payment has failed.").await;
    browser.sees("#tier", "Pro").await;
    browser.click("#pay").await;
    browser.sees("body", "Confirm the payment").await;
    page.goto(&stack.base_url).await.unwrap();
    browser.open_plan().await;
    browser.sees("#standing", "Pay or confirm it").await;
    trigger(stack, &subscription, "give_up").await;
    wait_for_subscription(stack, &user, "tier", "basic").await;
    page.refresh().await.unwrap();
    browser.sees("#usage", "No messages left today").await;
    browser.send("Not any more").await;
    browser.sees(".toast", "messages are used up").await;
    browser.close().await;
}

#[tokio::test]
async fn a_subscription_without_its_webhooks_is_repaired_by_reconciling() {
    let stack = stack();
    let user = stack.sign_up().await;
    let session = user.open_checkout(stack).await.unwrap();
    stack.mocks().pay(&session).await.unwrap();
    wait_for_subscription(stack, &user, "tier", "pro").await;
    let lose = "UPDATE users SET subscription_tier = 'basic' WHERE mobile_number = $1";
    stack.db().await.execute(lose, &[&user.number]).await.unwrap();
    stack.dev(&["stripe", "reconcile"]);
    let status = stack.get(&user, "/api/subscription/status").await;
    assert_eq!(status["subscription"]["tier"], "pro");
}
