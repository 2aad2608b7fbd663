//! Redis unavailable: refusing connections, then black-holed.

use crate::prelude::*;

const GOAL: Duration = Duration::from_secs(1);

/// The pause between two rounds: the outage must outlast several pauses of the functions, which do
/// not use Redis for a second after a failure.
const PAUSE: Duration = Duration::from_millis(60);

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let rounds: usize = suite.scale.of(60, 12);
    let goal = suite.time_limit(GOAL);
    let run = Run::start(suite, "redis-outage", &[]).await?;
    run.start_worker().await?;
    let (user, signed_out) = (TestUser::sign_up(&run).await?, TestUser::sign_up(&run).await?);
    let chatroom = user.create_chatroom(&run).await?;
    let sign_out = "DELETE FROM sessions s USING users u WHERE u.id = s.user_id AND u.mobile_number = $1";
    run.db.execute(sign_out, &[&signed_out.number]).await?;

    let mut sent = Vec::new();
    for (mode, what) in [(Mode::Refuse, "refused"), (Mode::BlackHole, "black-holed")] {
        // The outage must hit open connections.
        for path in ["/api/user/me", "/api/chatroom"] {
            wait_until_redis_is_used(&run, &user, path).await?;
        }
        sent.push(read_and_send(&run, &user, &chatroom, "before", &mut Vec::new()).await?);
        run.redis.set(mode);
        let mut times = Vec::with_capacity(rounds * 3);
        for _ in 0..rounds {
            sent.push(read_and_send(&run, &user, &chatroom, what, &mut times).await?);
            sleep(PAUSE).await;
        }
        check_refusals(&run, &signed_out, what).await?;
        times.sort();
        let p99 = times[(times.len() * 99).div_ceil(100) - 1];
        check!(run, p99 < goal, "{what}: p99 is {p99:?}");
        let slowest = times[times.len() - 1];
        run.observe(format!("{what}: p99 {} ms, slowest {} ms", p99.as_millis(), slowest.as_millis()));
        run.redis.set(Mode::Pass);
    }
    let start = Instant::now();
    run.wait_until_all_done(Duration::from_mins(2)).await?;
    let code = Request::post("/api/auth/forgot-password", &json!({ "mobile_number": user.number }));
    let are_codes_sent = async || Ok(code.send(&run).await?.status != 503);
    wait_until("codes are sent again", Duration::from_mins(1), are_codes_sent).await?;
    run.recovered_within(start.elapsed());
    run.check_answers(&sent).await?;
    run.done(format!("Redis refused, then black-holed, {} requests in each", rounds * 3))
}

async fn wait_until_redis_is_used(run: &Run, user: &TestUser, path: &str) -> Result<()> {
    let is_used = async || {
        let before = run.redis.round_trips();
        user.request("GET", path).send(run).await?.ensure(200)?;
        Ok(run.redis.round_trips() > before)
    };
    wait_until("Redis is used again", Duration::from_mins(1), is_used).await.map(drop)
}

async fn read_and_send(
    run: &Run,
    user: &TestUser,
    chatroom: &str,
    what: &str,
    times: &mut Vec<Duration>,
) -> Result<SentMessage> {
    let mut send = async |request: Request| {
        let start = Instant::now();
        let response = request.send(run).await?;
        times.push(start.elapsed());
        check!(run, response.status.is_success(), "{what}: {response}");
        anyhow::Ok(response)
    };
    send(user.request("GET", "/api/user/me")).await?;
    send(user.request("GET", "/api/chatroom")).await?;
    let text = unique("message");
    SentMessage::read(&send(user.message(chatroom, &text)).await?, &text)
}

async fn check_refusals(run: &Run, signed_out: &TestUser, what: &str) -> Result<()> {
    for (path, number) in [("send-signup-otp", "+4915199999999"), ("forgot-password", &signed_out.number)] {
        let request = Request::post(format!("/api/auth/{path}"), &json!({ "mobile_number": number }));
        let response = request.send(run).await?;
        let is_refused = response.status == 503 && response.header("retry-after").is_some();
        check!(run, is_refused, "{what}: {path} got {response}");
    }
    for path in ["/api/user/me", "/api/chatroom"] {
        let response = signed_out.request("GET", path).send(run).await?;
        check!(run, response.status == 401, "{what}: an ended session got a {}", response.status);
    }
    Ok(())
}
