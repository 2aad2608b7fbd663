//! Strangers who use up attempts at the codes and the password of an account.

use crate::prelude::*;

const HOME: &str = "198.51.100.7";
/// Networks of the strangers: five attempts from each are more than the fifty that all share.
const NETWORKS: usize = 12;

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let owners: usize = suite.scale.of(10, 2);
    let run = Run::start(suite, "lockout", &[]).await?;
    for _ in 0..owners {
        let number = random_number();
        let code = request_code(&run, "send-signup-otp", &number).await?;
        guess_codes(&run, "verify-signup-otp", &number).await?;
        ask_again(&run, "send-signup-otp", &number).await?;
        expect(&run, "verify-signup-otp", &number, &code, 201, "the owner signs up").await?;

        guess_passwords(&run, &number).await?;
        expect(&run, "login", &number, &code, 200, "the owner logs in").await?;

        let code = request_code(&run, "forgot-password", &number).await?;
        guess_codes(&run, "reset-password", &number).await?;
        ask_again(&run, "forgot-password", &number).await?;
        expect(&run, "reset-password", &number, &code, 200, "the owner resets the password").await?;
        expect(&run, "login", &number, &code, 200, "the owner logs in after the reset").await?;
    }
    run.observe(format!("each owner signed up, logged in and reset the password from {HOME}"));
    run.done(format!(
        "{owners} owners; from {NETWORKS} networks 20 wrong codes each for the sign-up and the reset, and 5 wrong \
         passwords each"
    ))
}

fn request(route: &str, number: &str, otp: &str, password: &str) -> Request {
    let body = json!({
        "mobile_number": number, "otp": otp, "name": "Ada", "password": password, "new_password": PASSWORD,
    });
    Request::post(format!("/api/auth/{route}"), &body)
}

async fn expect(run: &Run, route: &str, number: &str, otp: &str, status: u16, what: &str) -> Result<()> {
    let response = run.send_from(&request(route, number, otp, PASSWORD), HOME).await?;
    check!(run, response.status == status, "{what}: got a {}", response.status);
    Ok(())
}

async fn request_code(run: &Run, route: &str, number: &str) -> Result<String> {
    let sent = run.send_from(&request(route, number, "", PASSWORD), HOME).await?;
    sent.ensure(200)?.string_at("/otp")
}

/// Requests another code, which must not replace the owner's before a minute has passed.
async fn ask_again(run: &Run, route: &str, number: &str) -> Result<()> {
    let refused = run.send_from(&request(route, number, "", PASSWORD), "203.0.113.1").await?;
    check!(run, refused.status == 429, "a second code: got a {}", refused.status);
    Ok(())
}

async fn guess_codes(run: &Run, route: &str, number: &str) -> Result<()> {
    for network in 0..NETWORKS {
        let address = format!("203.0.113.{network}");
        let guesses: Vec<Request> =
            (0..20).map(|code| request(route, number, &format!("{code:06}"), PASSWORD)).collect();
        try_join_all(guesses.iter().map(|guess| run.send_from(guess, &address))).await?;
    }
    Ok(())
}

async fn guess_passwords(run: &Run, number: &str) -> Result<()> {
    for network in 0..NETWORKS {
        let address = format!("203.0.113.{network}");
        let guesses: Vec<Request> =
            (0..5).map(|guess| request("login", number, "", &format!("wrong password {guess}"))).collect();
        let responses = try_join_all(guesses.iter().map(|guess| run.send_from(guess, &address))).await?;
        let are_refused = responses.iter().all(|response| response.status == 401);
        check!(run, are_refused, "a wrong password got another response than a 401");
    }
    Ok(())
}
