//! A code and a password, guessed at by a hundred at once.

use anyhow::Result;
use futures::future::try_join_all;
use harness::Suite;
use harness::api::Request;
use harness::person::{PASSWORD, Person, random_number};
use harness::world::World;
use serde_json::json;

use crate::figure::Figure;

const AT_ONCE: usize = 100;
const GUESSES: usize = 5;

pub(super) async fn run(suite: &Suite) -> Result<Figure> {
    let rounds: usize = suite.scale.of(20, 3);
    let world = World::start(suite, "guessing", &[]).await?;
    let mut figure =
        Figure::new(format!("{rounds} rounds of {AT_ONCE} guesses at once at a code, then at a password"));
    let (mut hits, mut looked_at) = (0, 0);
    for _ in 0..rounds {
        hits += code(&world, &mut figure).await?;
        looked_at = looked_at.max(password(&world, &mut figure).await?);
    }
    // With the right one anywhere among a hundred of which five count, a round opens an account once in twenty times.
    figure.check(hits <= 2 + rounds / 4, || format!("the right code got in {hits} times of {rounds}"));
    figure.seen.push(format!("the right code, one of the {AT_ONCE}, got in {hits} times of {rounds}"));
    figure.seen.push(format!("at the most {looked_at} passwords of {AT_ONCE} looked at"));
    Ok(figure)
}

fn verify(number: &str, otp: u32) -> Request {
    let otp = format!("{:06}", otp % 1_000_000);
    let body = json!({ "mobile_number": number, "otp": otp, "name": "Ada", "password": PASSWORD });
    Request::new("POST", "/api/auth/verify-signup-otp").json(&body)
}

/// Guesses at a code by a hundred at once, the right one among them, and answers whether that got in.
async fn code(world: &World, figure: &mut Figure) -> Result<usize> {
    let number = random_number();
    let sent = Request::new("POST", "/api/auth/send-signup-otp").json(&json!({ "mobile_number": number }));
    let right: u32 = sent.send(&world.lambda).await?.expect(200)?.text("/otp")?.parse()?;
    let guesses: Vec<Request> =
        (right..).step_by(7).take(AT_ONCE).map(|guess| verify(&number, guess)).collect();
    // Whoever is first is no sooner than the others.
    let (late, early) = guesses.split_at(AT_ONCE / 2);
    let answers = try_join_all(early.iter().chain(late).map(|guess| guess.send(&world.lambda))).await?;
    let hits = answers.iter().filter(|answer| answer.status == 201).count();
    let others = answers.iter().all(|answer| [201, 400].contains(&answer.status));
    figure.check(others && hits <= 1, || "a guess was answered by something else than a refusal".to_owned());
    let after = verify(&number, right).send(&world.lambda).await?;
    figure.check(after.status == 400, || format!("the right code was taken after {AT_ONCE} guesses"));
    Ok(hits)
}

/// Guesses at a password by a hundred at once, and answers how many were looked at.
async fn password(world: &World, figure: &mut Figure) -> Result<usize> {
    let person = Person::sign_up(world).await?;
    let login = |password: &str| {
        let body = json!({ "mobile_number": person.number, "password": password });
        Request::new("POST", "/api/auth/login").json(&body)
    };
    let guesses: Vec<Request> = (0..AT_ONCE).map(|n| login(&format!("guess number {n}"))).collect();
    let answers = try_join_all(guesses.iter().map(|guess| guess.send(&world.lambda))).await?;
    let count = |status| answers.iter().filter(|answer| answer.status == status).count();
    let (looked_at, put_off) = (count(401), count(429));
    figure.check(looked_at <= GUESSES && looked_at + put_off == AT_ONCE, || {
        format!("{looked_at} passwords were looked at, {put_off} put off")
    });
    let right = login(PASSWORD).send(&world.lambda).await?;
    figure.check(right.status == 429, || format!("the next was answered by {}", right.status));
    Ok(looked_at)
}
