//! What the outcomes of webhooks count.

use serde_json::json;
use testkit::GOOD_CARD;

use super::{signed, start};

#[tokio::test]
async fn outcome_of_each_webhook_is_counted() {
    let app = start().await;
    let (payload, signature) = signed(&app, "evt_1", "invoice.paid", &json!({ "customer": "cus_none" }));
    let _ = app.deliver_payload(&payload, Some(&signature)).await.expect(200);
    let _ = app.deliver_payload(&payload, Some(&signature)).await.expect(200);
    let _ = app.deliver_payload(&payload, None).await.expect_problem(400, "invalid_signature");
    let user = app.user().await;
    let session = app.open_checkout(&user).await;
    app.pay_checkout(&session, GOOD_CARD).await;
    let event = app.stripe_events().await.pop().unwrap();
    let fault = json!({ "fault": "status", "status": 503 });
    app.stripe_faults(json!([fault, fault])).await;
    let _ = app.deliver_event(&event).await.expect_problem(503, "unavailable");
    let outcomes: Vec<_> =
        app.metrics.lines("WebhookEvents").iter().map(|line| line["Outcome"].clone()).collect();
    assert_eq!(outcomes, [json!("accepted"), json!("accepted"), json!("refused"), json!("failed")]);
}
