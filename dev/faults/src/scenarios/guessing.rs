//! A hundred concurrent attempts at a code, and at a password.

use crate::prelude::*;

const ATTEMPTS: usize = 100;
/// The number of attempts that may be evaluated from one network.
const LIMIT: usize = 5;
/// The number of attempts at a code that may be evaluated from all networks but the one that requested
/// it, which ten of the fifty are reserved for.
const TOTAL: usize = 40;

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let rounds: usize = suite.scale.of(20, 3);
    let run = Run::start(suite, "guessing", &[]).await?;
    let many: usize = suite.scale.of(1_000, 100);
    attempt_code_from_one_network(&run).await?;
    attempt_code_from_many_networks(&run, many).await?;
    let (mut hits, mut evaluated) = (0, 0);
    for _ in 0..rounds {
        hits += attempt_code(&run).await?;
        evaluated = evaluated.max(attempt_password(&run).await?);
    }
    // Five of a hundred attempts are evaluated, one of the hundred is right: on average a hit in 20
    // rounds.
    check!(run, hits <= 2 + rounds / 4, "the right code was accepted {hits} times of {rounds}");
    run.observe(format!("the right code, one of the {ATTEMPTS}, was accepted {hits} times of {rounds}"));
    run.observe(format!("at most {evaluated} passwords of {ATTEMPTS} evaluated"));
    run.observe(format!("the right code was refused after {TOTAL} of {many} attempts from as many networks"));
    run.done(format!("{rounds} rounds of {ATTEMPTS} concurrent attempts at a code, then at a password"))
}

fn verify(number: &str, otp: u32) -> Request {
    let otp = format!("{:06}", otp % 1_000_000);
    let body = json!({ "mobile_number": number, "otp": otp, "name": "Ada", "password": PASSWORD });
    Request::post("/api/auth/verify-signup-otp", &body)
}

async fn attempt_code(run: &Run) -> Result<usize> {
    let number = random_number();
    let sent = Request::post("/api/auth/send-signup-otp", &json!({ "mobile_number": number }));
    let right: u32 = sent.send(run).await?.ensure(200)?.string_at("/otp")?.parse()?;
    let attempts: Vec<Request> =
        (right..).step_by(7).take(ATTEMPTS).map(|code| verify(&number, code)).collect();
    // The right code is sent in the middle.
    let (later, first) = attempts.split_at(ATTEMPTS / 2);
    let responses = try_join_all(first.iter().chain(later).map(|attempt| attempt.send(run))).await?;
    let hits = responses.iter().filter(|response| response.status == 201).count();
    let are_expected = responses.iter().all(|response| [201, 400].contains(&response.status.as_u16()));
    check!(run, are_expected && hits <= 1, "an attempt got neither a 201 nor a 400");
    let after = verify(&number, right).send(run).await?;
    check!(run, after.status == 400, "the right code was accepted after {ATTEMPTS} attempts");
    Ok(hits)
}

/// One attempt after the other: the right code comes after the last allowed one, then from elsewhere.
async fn attempt_code_from_one_network(run: &Run) -> Result<()> {
    let number = random_number();
    let sent = Request::post("/api/auth/send-signup-otp", &json!({ "mobile_number": number }));
    let right: u32 = sent.send(run).await?.ensure(200)?.string_at("/otp")?.parse()?;
    for _ in 0..LIMIT {
        verify(&number, right + 1).send(run).await?.ensure(400)?;
    }
    let status = verify(&number, right).send(run).await?.status;
    check!(run, status == 400, "the right code after {LIMIT} wrong ones from its network got a {status}");
    let status = run.send_from(&verify(&number, right), &address(0)).await?.status;
    check!(run, status == 201, "the right code from another network got a {status}");
    Ok(())
}

/// Attempts at one code, each from a network of its own. The last of the allowed ones is right for one
/// number; for another number, the right code comes once they are used up.
async fn attempt_code_from_many_networks(run: &Run, count: usize) -> Result<()> {
    for (position, expected) in [(TOTAL - 1, 201), (TOTAL, 400), (count - 1, 400)] {
        let number = random_number();
        let sent = Request::post("/api/auth/send-signup-otp", &json!({ "mobile_number": number }));
        let right: u32 = sent.send(run).await?.ensure(200)?.string_at("/otp")?.parse()?;
        for index in 0..position {
            let wrong = verify(&number, right + 1);
            let status = run.send_from(&wrong, &address(index)).await?.status;
            check!(run, status == 400, "a wrong code got a {status}");
        }
        let status = run.send_from(&verify(&number, right), &address(position)).await?.status;
        check!(run, status == expected, "the right code after {position} wrong ones got a {status}");
    }
    Ok(())
}

fn address(index: usize) -> String {
    format!("203.0.{}.{}", index / 250, index % 250)
}

async fn attempt_password(run: &Run) -> Result<usize> {
    let user = TestUser::sign_up(run).await?;
    let login = |password: &str| {
        Request::post("/api/auth/login", &json!({ "mobile_number": user.number, "password": password }))
    };
    let attempts: Vec<Request> =
        (0..ATTEMPTS).map(|number| login(&format!("attempt number {number}"))).collect();
    let responses = try_join_all(attempts.iter().map(|attempt| attempt.send(run))).await?;
    let count = |status: u16| responses.iter().filter(|response| response.status == status).count();
    let (evaluated, refused) = (count(401), count(429));
    let is_limited = evaluated <= LIMIT && evaluated + refused == ATTEMPTS;
    check!(run, is_limited, "{evaluated} passwords were evaluated, {refused} were refused");
    let right = login(PASSWORD).send(run).await?;
    check!(run, right.status == 429, "the right password then got a {}", right.status);
    Ok(evaluated)
}
