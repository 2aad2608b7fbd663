//! One person who asks for a checkout page many times at once, with a Stripe that fails in between.

use anyhow::{Context as _, Result};
use futures::future::try_join_all;
use harness::Suite;
use harness::person::Person;
use harness::world::World;
use serde_json::{Value, json};

use crate::figure::Figure;

/// How many requests there are at once.
const AT_ONCE: usize = 50;

pub(super) async fn run(suite: &Suite) -> Result<Figure> {
    let rounds: usize = suite.scale.of(20, 2);
    let world = World::start(suite, "checkouts", &[]).await?;
    let mut figure =
        Figure::new(format!("{rounds} people, {AT_ONCE} requests for a checkout page at once by each"));
    let (mut opened, mut put_off) = (0, 0);
    for round in 0..rounds {
        let person = Person::sign_up(&world).await?;
        // Half of the time answers are lost in between, what was done being done, and two different pages are asked for.
        let is_wild = round.is_multiple_of(2);
        if is_wild {
            let faults =
                ["lost", "none", "lost", "none", "none", "lost"].map(|fault| json!({ "fault": fault }));
            world.stripe("POST", "/_control/faults", &json!(faults)).await?;
        }
        let ask = async |number: usize| {
            let page = json!({
                "success_url": format!("http://localhost/paid/{}", if is_wild { number % 2 } else { 0 }),
                "cancel_url": "http://localhost/",
            });
            person.request("POST", "/api/subscription/pro").json(&page).send(&world.lambda).await
        };
        let answers = try_join_all((0..AT_ONCE).map(ask)).await?;
        world.stripe("POST", "/_control/faults", &json!([])).await?;
        for answer in &answers {
            match answer.status {
                200 => opened += 1,
                409 | 503 => put_off += 1,
                other => figure.check(false, || format!("{other}: {}", answer.body)),
            }
        }
        figure.check(answers.iter().any(|answer| answer.status == 200), || "nobody got a page".to_owned());
        check(&world, &person, is_wild, &mut figure).await?;
    }
    figure
        .seen
        .push(format!("{opened} were sent to the one page that was open, {put_off} were told to come back"));
    Ok(figure)
}

/// Whoever it is has one customer at Stripe and one page on which to pay; and never had another, where all wanted the same.
async fn check(world: &World, person: &Person, is_wild: bool, figure: &mut Figure) -> Result<()> {
    const SQL: &str =
        "SELECT user_id::text, customer_id FROM subscriptions s JOIN users u ON u.id = s.user_id
        WHERE u.mobile_number = $1";
    let row = world.db.query_one(SQL, &[&person.number]).await?;
    let (user, customer): (String, String) = (row.get(0), row.get(1));
    let path = format!("/v1/checkout/sessions?customer={customer}&limit=100");
    let all = world.stripe("GET", &path, &Value::Null).await?;
    let all = all["data"].as_array().context("no list")?;
    let open = all.iter().filter(|page| page["status"] == "open").count();
    figure.check(open == 1, || format!("{open} open pages"));
    figure.check(is_wild || all.len() == 1, || {
        format!("{} pages were opened for the same addresses", all.len())
    });
    let events = world.stripe("GET", "/_control/events", &Value::Null).await?;
    let events = events.as_array().context("no events")?.iter();
    let customers = events.filter(|event| {
        event["type"] == "customer.created"
            && event["payload"].as_str().is_some_and(|payload| payload.contains(&user))
    });
    let customers = customers.count();
    figure.check(customers == 1, || format!("{customers} customers"));
    Ok(())
}
