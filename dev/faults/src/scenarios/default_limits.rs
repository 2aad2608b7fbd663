//! The default limits of `template.yaml`, which the other suites raise: they are many users at one
//! address.

use futures::stream;
use stack::settings::LIMITS_RAISED_IN_TESTS;

use crate::prelude::*;

const HOME: &str = "198.51.100.7";
const ELSEWHERE: &str = "198.51.100.8";
/// The limits of `template.yaml`: per quarter of an hour, and codes per hour.
const WITHOUT_SESSION: usize = 100;
const BASIC: usize = 300;
const PRO: usize = 1_200;
const CODES: usize = 20;
const AT_ONCE: usize = 8;

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let defaults: Vec<(&str, &str)> = LIMITS_RAISED_IN_TESTS.iter().map(|name| (*name, "")).collect();
    let run = Run::start(suite, "default-limits", &defaults).await?;
    let home = run.at(HOME);
    let first = TestUser::sign_up(&home).await?;
    let read = first.request("GET", "/api/user/me");
    let journey = count_accepted(&run, &read, HOME, 98).await?;
    check!(run, journey == 98, "{journey} of the 98 reads after a sign-up were accepted");
    let second = TestUser::sign_up(&home).await?;
    let basic = 98 + count_accepted(&run, &read, HOME, BASIC).await?;
    check_limit(&run, "Basic", basic, BASIC);
    check_refusal(&run, &read, HOME, "rate_limited").await?;
    let status = second.request("GET", "/api/user/me").send(&home).await?.status;
    check!(run, status == 200, "another user at the address of a limited one got a {status}");
    log_in(&run, &second, HOME).await?;

    run.pay_for_pro(&second).await?;
    run.wait_until_pro(&second).await?;
    let token = log_in(&run, &second, HOME).await?;
    let read = Request::new("GET", "/api/user/me").token(&token);
    let pro = count_accepted(&run, &read, HOME, PRO + PRO / 4).await?;
    check_limit(&run, "Pro", pro, PRO);
    check_refusal(&run, &read, HOME, "rate_limited").await?;

    check_codes(&run).await?;
    let read = Request::new("GET", "/api/subscription/plans");
    let anonymous = count_accepted(&run, &read, HOME, 2 * WITHOUT_SESSION).await?;
    check!(run, (1..=WITHOUT_SESSION).contains(&anonymous), "{anonymous} requests without a session");
    check_refusal(&run, &read, HOME, "rate_limited").await?;
    let status = run.send_from(&read, ELSEWHERE).await?.status;
    check!(run, status == 200, "another address got a {status}");
    run.observe(format!("{basic} requests accepted on Basic, {pro} on Pro"));
    run.done("two sign-ups at one address, requests up to each default limit and beyond")
}

/// Sends `request` `count` times and returns how many were accepted.
async fn count_accepted(run: &Run, request: &Request, address: &str, count: usize) -> Result<usize> {
    let sent = stream::iter(0..count).map(|_| run.send_from(request, address));
    let responses: Vec<Response> = sent.buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(responses.iter().filter(|response| response.status == 200).count())
}

/// Checks that `accepted` requests are the limit, and the few that it refills meanwhile.
fn check_limit(run: &Run, plan: &str, accepted: usize, limit: usize) {
    let is_limit = (limit - 10..limit + limit / 5).contains(&accepted);
    check!(run, is_limit, "{accepted} requests were accepted on {plan}, whose limit is {limit}");
}

/// Sends `request` until it is refused, and checks that the refusal says when to try again.
async fn check_refusal(run: &Run, request: &Request, address: &str, code: &str) -> Result<()> {
    for _ in 0..50 {
        let response = run.send_from(request, address).await?;
        if response.status == 200 {
            continue;
        }
        let wait: u64 = response.header("retry-after").and_then(|text| text.parse().ok()).unwrap_or(0);
        let is_refusal = response.status == 429 && response.body["code"] == code && wait > 0;
        check!(run, is_refusal, "beyond the limit: {response}, Retry-After {wait}");
        return Ok(());
    }
    check!(run, false, "no request was refused");
    Ok(())
}

async fn log_in(run: &Run, user: &TestUser, address: &str) -> Result<String> {
    let body = json!({ "mobile_number": user.number, "password": PASSWORD });
    let response = run.send_from(&Request::post("/api/auth/login", &body), address).await?;
    response.ensure(200)?.string_at("/token")
}

/// Requests codes for many numbers from one address, two of whose codes the sign-ups have used.
async fn check_codes(run: &Run) -> Result<()> {
    let request = || Request::post("/api/auth/send-signup-otp", &json!({ "mobile_number": random_number() }));
    for _ in 2..CODES {
        run.send_from(&request(), HOME).await?.ensure(200)?;
    }
    check_refusal(run, &request(), HOME, "code_limit_reached").await
}
