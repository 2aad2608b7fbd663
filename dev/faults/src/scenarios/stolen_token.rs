//! A refresh token that is sent again after the reuse interval, or after its successor was used.

use crate::prelude::*;

/// The reuse interval of 10 seconds, with a margin.
const REUSE_INTERVAL: Duration = Duration::from_secs(11);

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let rounds: usize = suite.scale.of(20, 3);
    let run = Run::start(suite, "stolen-token", &[]).await?;
    let mut late = Vec::new();
    for _ in 0..rounds {
        let user = TestUser::sign_up(&run).await?;
        let renewed = refresh(&user.refresh_token).send(&run).await?.ensure(200)?;
        late.push((user.refresh_token, renewed.string_at("/token")?, renewed.string_at("/refresh_token")?));

        let user = TestUser::sign_up(&run).await?;
        let second =
            refresh(&user.refresh_token).send(&run).await?.ensure(200)?.string_at("/refresh_token")?;
        let third = refresh(&second).send(&run).await?.ensure(200)?;
        let (access, next) = (third.string_at("/token")?, third.string_at("/refresh_token")?);
        let tokens = (user.refresh_token.as_str(), access.as_str(), next.as_str());
        check_replay_ends_session(&run, tokens, "after its successor was used").await?;
    }
    sleep(REUSE_INTERVAL).await;
    for (stolen, access, next) in &late {
        check_replay_ends_session(&run, (stolen, access, next), "after the reuse interval").await?;
    }
    let sessions: i64 = run.db.value("SELECT count(*) FROM sessions", &[]).await?;
    check!(run, sessions == 0, "{sessions} sessions remain");
    run.done(format!("{rounds} replays after {} s, {rounds} after a use", REUSE_INTERVAL.as_secs()))
}

/// Sends a stolen token, and checks that it and the owner's tokens are refused.
async fn check_replay_ends_session(
    run: &Run,
    (stolen, access, next): (&str, &str, &str),
    when: &str,
) -> Result<()> {
    let replayed = refresh(stolen).send(run).await?.status;
    check!(run, replayed == 401, "a replay {when} got a {replayed}");
    run.check_refused(access, &format!("after a replay {when}")).await?;
    let next = refresh(next).send(run).await?.status;
    check!(run, next == 401, "the session continues after a replay {when}: {next}");
    Ok(())
}

fn refresh(token: &str) -> Request {
    Request::post("/api/auth/refresh", &json!({ "refresh_token": token }))
}
