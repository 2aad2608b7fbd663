//! From the first visit to Pro and back, in a browser.

use serde_json::{Value, json};
use uuid::Uuid;

use super::browser::Browser;
use super::person::{PASSWORD, Person};
use super::stack::{Stack, stack};

const GOOD_ONCE: &str = "4000 0000 0000 0341";

/// The subscription of whoever has `user` for an id, at Stripe.
async fn subscription(stack: &Stack, user: &str) -> Value {
    let all = stack.stripe("GET", "/v1/subscriptions?status=all&limit=100", &Value::Null).await;
    let found = all["data"].as_array().unwrap().iter().find(|one| one["metadata"]["user_id"] == user);
    found.unwrap().clone()
}

/// Makes something happen to a subscription.
async fn happens(stack: &Stack, subscription: &Value, what: &str) {
    let id = subscription["id"].as_str().unwrap();
    stack.stripe("POST", &format!("/_control/subscriptions/{id}/{what}"), &Value::Null).await;
}

async fn say(browser: &Browser, text: &str) {
    browser.fill("#content", text).await;
    browser.click("#send button").await;
}

#[tokio::test]
async fn somebody_signs_up_runs_into_the_limit_pays_leaves_and_comes_back() {
    let stack = stack();
    let _worker = stack.with_worker().await;
    let Some(browser) = Browser::open().await else { return };
    let page = &browser.client;
    page.goto(&stack.base_url).await.unwrap();
    browser.shoot("door").await;

    // A code, and an account with it.
    let number = format!("+49151{:08}", Uuid::new_v4().as_u128() % 100_000_000);
    browser.fill("#signup [name=mobile_number]", &number).await;
    browser.click("#send-code").await;
    browser.until_filled("#signup [name=otp]").await;
    browser.fill("#signup [name=name]", "Ada").await;
    browser.fill("#signup [name=password]", PASSWORD).await;
    browser.click("#signup > button:last-child").await;
    browser.sees("#tier", "Basic").await;

    // Five messages a day, and not one more.
    for number in 1..=5 {
        say(&browser, &format!("Question {number}")).await;
        browser.sees("#messages .ai:last-child", &format!("Question {number}")).await;
    }
    browser.sees("#usage", "5 of 5").await;
    say(&browser, "One too many").await;
    browser.sees("#notice", "messages").await;
    browser.shoot("limit").await;

    // A card that is declined, and one that pays.
    browser.click("#upgrade").await;
    browser.fill("[name=card]", "4000 0000 0000 0002").await;
    browser.click("form button").await;
    browser.sees("[role=alert]", "declined").await;
    browser.shoot("checkout").await;
    browser.fill("[name=card]", GOOD_ONCE).await;
    browser.click("form button").await;
    browser.sees("#tier", "Pro").await;
    browser.sees("#standing", "Renews on").await;
    say(&browser, "The sixth question").await;
    browser.sees("#messages .ai:last-child", "The sixth question").await;
    browser.sees("#usage", "6 of 1000").await;
    browser.shoot("pro").await;

    // Away, and back after all; then by way of the portal, and back again.
    browser.click("#cancel").await;
    browser.sees("#standing", "Ends on").await;
    browser.click("#reactivate").await;
    browser.sees("#standing", "Renews on").await;
    browser.click("#portal").await;
    browser.sees("body", "The subscription to Pro is active").await;
    browser.shoot("portal").await;
    browser.click("button[value=cancel]").await;
    browser.sees("body", "ends with its period").await;
    browser.click("a").await;
    browser.sees("#standing", "Ends on").await;
    browser.click("#reactivate").await;
    browser.sees("#standing", "Renews on").await;

    // The month is over, and the card pays no more.
    let token = page.execute("return sessionStorage.getItem('token')", Vec::new()).await.unwrap();
    let person = Person::signed_in(stack, token.as_str().unwrap(), &number);
    let user = person.get("/api/user/me").await["user"]["id"].as_str().unwrap().to_owned();
    let one = subscription(stack, &user).await;
    happens(stack, &one, "renew").await;
    person.until("/api/subscription/status", |body| body["subscription"]["status"] == "past_due").await;
    page.refresh().await.unwrap();
    browser.sees("#standing", "The last payment has failed.").await;
    browser.sees("#tier", "Pro").await;
    happens(stack, &one, "give_up").await;
    person.until("/api/subscription/status", |body| body["subscription"]["tier"] == "basic").await;
    page.refresh().await.unwrap();
    browser.sees("#tier", "Basic").await;
    browser.sees("#usage", "6 of 5").await;
    say(&browser, "Not any more").await;
    browser.sees("#notice", "messages").await;
    browser.close().await;
}

#[tokio::test]
async fn a_subscription_that_we_have_heard_nothing_of_is_put_right_by_hand() {
    let stack = stack();
    let person = Person::sign_up(stack).await;
    let page = json!({ "success_url": "http://localhost/", "cancel_url": "http://localhost/" });
    let opened = person.post("/api/subscription/pro", &page, 200).await;
    let session = opened["session_id"].as_str().unwrap();
    stack
        .stripe("POST", &format!("/_control/checkout/{session}"), &json!({ "card": "4242424242424242" }))
        .await;
    person.until("/api/subscription/status", |body| body["subscription"]["tier"] == "pro").await;
    stack
        .sql(&format!(
            "UPDATE users SET subscription_tier = 'basic' WHERE mobile_number = '{}'",
            person.number
        ))
        .await;
    stack.dev(&["stripe", "reconcile"]);
    let standing = person.get("/api/subscription/status").await;
    assert_eq!(standing["subscription"]["tier"], "pro");
}
