//! A hundred concurrent attempts at a code, and at a password.

use anyhow::Result;
use futures::future::try_join_all;
use harness::{PASSWORD, Request, Suite, TestEnvironment, TestUser, random_number};
use serde_json::json;

use crate::ScenarioResult;

const ATTEMPTS: usize = 100;
/// The number of attempts that may be evaluated.
const LIMIT: usize = 5;

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let rounds: usize = suite.scale.of(20, 3);
    let env = TestEnvironment::start(suite, "guessing", &[]).await?;
    let mut result = ScenarioResult::new(format!(
        "{rounds} rounds of {ATTEMPTS} concurrent attempts at a code, then at a password"
    ));
    let (mut hits, mut evaluated) = (0, 0);
    for _ in 0..rounds {
        hits += attempt_code(&env, &mut result).await?;
        evaluated = evaluated.max(attempt_password(&env, &mut result).await?);
    }
    // Five of a hundred attempts are evaluated, one of the hundred is right: on average a hit in 20
    // rounds.
    result.check(hits <= 2 + rounds / 4, || format!("the right code was accepted {hits} times of {rounds}"));
    result.observe(format!("the right code, one of the {ATTEMPTS}, was accepted {hits} times of {rounds}"));
    result.observe(format!("at most {evaluated} passwords of {ATTEMPTS} evaluated"));
    Ok(result)
}

fn verify(number: &str, otp: u32) -> Request {
    let otp = format!("{:06}", otp % 1_000_000);
    let body = json!({ "mobile_number": number, "otp": otp, "name": "Ada", "password": PASSWORD });
    Request::post("/api/auth/verify-signup-otp", &body)
}

/// Sends a hundred codes, the right one among them, and returns how often it was accepted.
async fn attempt_code(env: &TestEnvironment, result: &mut ScenarioResult) -> Result<usize> {
    let number = random_number();
    let sent = Request::post("/api/auth/send-signup-otp", &json!({ "mobile_number": number }));
    let right: u32 = sent.send(env).await?.ensure(200)?.string_at("/otp")?.parse()?;
    let attempts: Vec<Request> =
        (right..).step_by(7).take(ATTEMPTS).map(|code| verify(&number, code)).collect();
    // The right code is sent in the middle.
    let (later, first) = attempts.split_at(ATTEMPTS / 2);
    let responses = try_join_all(first.iter().chain(later).map(|attempt| attempt.send(env))).await?;
    let hits = responses.iter().filter(|response| response.status == 201).count();
    let are_expected = responses.iter().all(|response| [201, 400].contains(&response.status.as_u16()));
    result.check(are_expected && hits <= 1, || "an attempt got neither a 201 nor a 400".to_owned());
    let after = verify(&number, right).send(env).await?;
    result.check(after.status == 400, || format!("the right code was accepted after {ATTEMPTS} attempts"));
    Ok(hits)
}

/// Sends a hundred wrong passwords, and returns how many were evaluated.
async fn attempt_password(env: &TestEnvironment, result: &mut ScenarioResult) -> Result<usize> {
    let user = TestUser::sign_up(env).await?;
    let login = |password: &str| {
        Request::post("/api/auth/login", &json!({ "mobile_number": user.number, "password": password }))
    };
    let attempts: Vec<Request> =
        (0..ATTEMPTS).map(|number| login(&format!("attempt number {number}"))).collect();
    let responses = try_join_all(attempts.iter().map(|attempt| attempt.send(env))).await?;
    let count = |status: u16| responses.iter().filter(|response| response.status == status).count();
    let (evaluated, refused) = (count(401), count(429));
    result.check(evaluated <= LIMIT && evaluated + refused == ATTEMPTS, || {
        format!("{evaluated} passwords were evaluated, {refused} were refused")
    });
    let right = login(PASSWORD).send(env).await?;
    result.check(right.status == 429, || format!("the right password then got a {}", right.status));
    Ok(evaluated)
}
