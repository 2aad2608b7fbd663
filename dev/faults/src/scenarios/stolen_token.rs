//! A refresh token that is used twice: in turn, and twenty times concurrently.

use crate::prelude::*;

const REQUESTS: usize = 20;

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let rounds: usize = suite.scale.of(20, 3);
    let run = Run::start(suite, "stolen-token", &[]).await?;
    for _ in 0..rounds {
        let user = TestUser::sign_up(&run).await?;
        let renewed = refresh(&user.refresh_token).send(&run).await?.ensure(200)?;
        let replayed = refresh(&user.refresh_token).send(&run).await?.status;
        check!(run, replayed == 401, "a replay got a {replayed}");
        run.check_refused(&renewed.string_at("/token")?, "after a replay").await?;
        let next = refresh(&renewed.string_at("/refresh_token")?).send(&run).await?.status;
        check!(run, next == 401, "the session continues after a replay: {next}");

        let user = TestUser::sign_up(&run).await?;
        let race = refresh(&user.refresh_token);
        let responses = try_join_all((0..REQUESTS).map(|_| race.send(&run))).await?;
        let renewed: Vec<_> = responses.iter().filter(|response| response.status == 200).collect();
        check!(run, renewed.len() == 1, "{} requests of a race succeeded", renewed.len());
        for response in renewed {
            run.check_refused(&response.string_at("/token")?, "after a race").await?;
        }
    }
    let sessions: i64 = run.db.value("SELECT count(*) FROM sessions", &[]).await?;
    check!(run, sessions == 0, "{sessions} sessions remain");
    run.done(format!("{rounds} replays, {rounds} races of {REQUESTS}"))
}

fn refresh(token: &str) -> Request {
    Request::post("/api/auth/refresh", &json!({ "refresh_token": token }))
}
