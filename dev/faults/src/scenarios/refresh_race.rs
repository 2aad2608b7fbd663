//! Pairs of simultaneous refreshes, and refreshes whose response was lost.

use crate::prelude::*;

/// The reuse interval of 10 seconds, with a margin.
const REUSE_INTERVAL: Duration = Duration::from_secs(11);

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let pairs: usize = suite.scale.of(100, 5);
    let run = Run::start(suite, "refresh-race", &[]).await?;
    let mut successors = Vec::new();
    for _ in 0..pairs {
        let user = TestUser::sign_up(&run).await?;
        let request = refresh(&user.refresh_token);
        let race = try_join_all([request.send(&run), request.send(&run)]).await?;
        // The response to this client was lost, so it sends the same token again.
        let repeated = request.send(&run).await?;
        let mut tokens = Vec::new();
        for response in race.iter().chain([&repeated]) {
            check!(run, response.status == 200, "a refresh got a {}", response.status);
            tokens.push(response.string_at("/refresh_token").unwrap_or_default());
        }
        check!(run, tokens.iter().all(|token| *token == tokens[0]), "one token got two successors");
        successors.push(tokens.swap_remove(0));
    }
    sleep(REUSE_INTERVAL).await;
    for successor in &successors {
        let status = refresh(successor).send(&run).await?.status;
        check!(run, status == 200, "the successor got a {status} after the reuse interval");
    }
    let sessions: i64 = run.db.value("SELECT count(*) FROM sessions", &[]).await?;
    check!(run, usize::try_from(sessions)? == pairs, "{sessions} sessions of {pairs} remain");
    run.done(format!("{pairs} pairs at once, {pairs} lost responses"))
}

fn refresh(token: &str) -> Request {
    Request::post("/api/auth/refresh", &json!({ "refresh_token": token }))
}
