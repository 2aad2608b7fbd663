//! A user who requests a checkout page many times at once, while some of Stripe's answers are lost.

use crate::prelude::*;

const REQUESTS: usize = 50;

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let rounds: usize = suite.scale.of(20, 2);
    let run = Run::start(suite, "checkouts", &[]).await?;
    let (mut opened, mut retry_later) = (0, 0);
    for round in 0..rounds {
        let user = TestUser::sign_up(&run).await?;
        // In every other round some of Stripe's answers are lost, and two different pages are
        // requested.
        let is_disturbed = round.is_multiple_of(2);
        if is_disturbed {
            let faults =
                ["lost", "none", "lost", "none", "none", "lost"].map(|fault| json!({ "fault": fault }));
            run.mocks.stripe("POST", "/_control/faults", &json!(faults)).await?;
        }
        let request = async |number: usize| {
            let page = json!({
                "success_url": format!("http://localhost/paid/{}", if is_disturbed { number % 2 } else { 0 }),
                "cancel_url": "http://localhost/",
            });
            user.request("POST", "/api/subscription/pro").json(&page).send(&run).await
        };
        let responses = try_join_all((0..REQUESTS).map(request)).await?;
        run.mocks.stripe("POST", "/_control/faults", &json!([])).await?;
        for response in &responses {
            match response.status.as_u16() {
                200 => opened += 1,
                409 | 429 | 503 => retry_later += 1,
                _ => check!(run, false, "{response}"),
            }
        }
        check!(run, responses.iter().any(|response| response.status == 200), "no request got a page");
        check_pages(&run, &user, is_disturbed).await?;
    }
    run.observe(format!(
        "{opened} requests got the only open page, {retry_later} were answered by 409, 429 or 503"
    ));
    run.done(format!("{rounds} users, {REQUESTS} concurrent requests for a checkout page by each"))
}

/// Checks that the user has one customer and one open page at Stripe, and that identical requests
/// opened one page in all.
async fn check_pages(run: &Run, user: &TestUser, is_disturbed: bool) -> Result<()> {
    const SQL: &str =
        "SELECT user_id::text, customer_id FROM subscriptions s JOIN users u ON u.id = s.user_id
        WHERE u.mobile_number = $1";
    let row = run.db.query_one(SQL, &[&user.number]).await?;
    let (user, customer): (String, String) = (row.get(0), row.get(1));
    let path = format!("/v1/checkout/sessions?customer={customer}&limit=100");
    let pages = run.mocks.stripe("GET", &path, &Value::Null).await?;
    let pages = pages["data"].as_array().context("no list of pages")?;
    let open = pages.iter().filter(|page| page["status"] == "open").count();
    check!(run, open == 1, "{open} open pages");
    check!(run, is_disturbed || pages.len() == 1, "{} pages were opened for the same addresses", pages.len());
    let events = run.mocks.stripe_events().await?;
    let is_of_user = |event: &&Value| {
        event["type"] == "customer.created"
            && event["payload"].as_str().is_some_and(|payload| payload.contains(&user))
    };
    let customers = events.iter().filter(is_of_user).count();
    check!(run, customers == 1, "{customers} customers");
    Ok(())
}
