//! Whether a number is registered, told from status, body or time: with codes by text message, as in production.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use harness::api::{Answer, Request};
use harness::person::{PASSWORD, random_number};
use harness::world::World;
use harness::{Scale, Suite};
use serde_json::{Value, json};
use stack::web;

use crate::figure::Figure;

/// How far two medians may lie apart: so much, or this part of the smaller.
const MARGIN: Duration = Duration::from_millis(10);
const PART: f64 = 0.05;

/// What is asked, about a number.
const QUESTIONS: [(&str, &str); 5] = [
    ("login", "a wrong password"),
    ("send-signup-otp", "a code to sign up"),
    ("forgot-password", "a code to reset"),
    ("verify-signup-otp", "a wrong code to sign up"),
    ("reset-password", "a wrong code to reset"),
];

pub(super) async fn run(suite: &Suite) -> Result<Figure> {
    let count: usize = suite.scale.of(500, 30);
    let world = World::start(suite, "enumeration", &[("OTP_DELIVERY", "sns")]).await?;
    sign_up_by_text(&world).await?;
    let known = register(&world, count).await?;
    let mut figure = Figure::new(format!("{count} known and {count} unknown numbers, asked about in turn"));
    for (path, what) in QUESTIONS {
        let (mut of_known, mut of_unknown) = (Vec::new(), Vec::new());
        let mut said: Option<(u16, Value)> = None;
        for (index, number) in known.iter().enumerate() {
            let unknown = random_number();
            // Neither is always first.
            let mut pair = [(number, &mut of_known), (&unknown, &mut of_unknown)];
            if index % 2 == 1 {
                pair.reverse();
            }
            for (number, times) in pair {
                let begun = Instant::now();
                let answer = ask(path, number).send(&world.lambda).await?;
                times.push(begun.elapsed());
                let now = without_id(answer);
                let same = said.get_or_insert_with(|| now.clone()) == &now;
                figure.check(same, || format!("{what}: {} {}", now.0, now.1));
            }
        }
        let slower = of_known.iter().zip(&of_unknown).filter(|(known, unknown)| known > unknown).count();
        let (known, unknown) = (median(of_known), median(of_unknown));
        let margin = MARGIN.max(known.min(unknown).mul_f64(PART));
        let apart = known.abs_diff(unknown);
        // In a run of the tests the machine is busy with who knows what; but that is slow to the one as often as to the other.
        let by_chance = suite.scale == Scale::Short && (count / 10..=count - count / 10).contains(&slower);
        figure.check(apart <= margin || by_chance, || {
            format!(
                "{what}: {known:?} known, {unknown:?} unknown, the known slower {slower} times of {count}"
            )
        });
        figure.seen.push(format!("{what}: {:.1} / {:.1} ms", millis(known), millis(unknown)));
    }
    Ok(figure)
}

/// The way of a text message, from the request to the telephone and back.
async fn sign_up_by_text(world: &World) -> Result<()> {
    let number = random_number();
    let answer = ask("send-signup-otp", &number).send(&world.lambda).await?.expect(200)?;
    anyhow::ensure!(answer.body.get("otp").is_none(), "the code stands in the answer");
    let url = format!("{}/_ministack/sns/sms-messages", world.var("AWS_ENDPOINT_URL")?);
    let phones: Value = web::client().get(url).send().await?.json().await?;
    let text = phones["sms_messages"][&number][0]["Message"].as_str().context("no text message arrived")?;
    let otp = text.split(' ').next().unwrap_or_default();
    let body = json!({ "mobile_number": number, "otp": otp, "name": "Ada", "password": PASSWORD });
    let answer = Request::new("POST", "/api/auth/verify-signup-otp").json(&body).send(&world.lambda).await?;
    answer.expect(201).map(drop)
}

/// So many numbers with accounts, with the password of one who has signed up.
async fn register(world: &World, count: usize) -> Result<Vec<String>> {
    const SQL: &str = "
        INSERT INTO users (id, mobile_number, name, password_hash, created_at, updated_at)
        SELECT gen_random_uuid(), $1, 'Ada', (SELECT password_hash FROM users LIMIT 1), now(), now()";
    let mut numbers = Vec::with_capacity(count);
    for _ in 0..count {
        let number = random_number();
        world.db.execute(SQL, &[&number]).await?;
        numbers.push(number);
    }
    Ok(numbers)
}

fn ask(path: &str, number: &str) -> Request {
    let body = json!({
        "mobile_number": number, "password": "this is a wrong one", "otp": "000000", "name": "Ada",
        "new_password": "this is a new one",
    });
    Request::new("POST", format!("/api/auth/{path}")).json(&body)
}

/// What an answer says, but for the id by which it is found in the logs.
fn without_id(mut answer: Answer) -> (u16, Value) {
    if let Some(body) = answer.body.as_object_mut() {
        body.remove("request_id");
    }
    (answer.status, answer.body)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
