//! Connections that went silent while their process was frozen: the next request must succeed soon.

use crate::prelude::*;

/// The time of the freeze: functions check only connections that were idle for more than a second.
const FREEZE: Duration = Duration::from_millis(1_100);

const GOAL: Duration = Duration::from_millis(1_500);

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let rounds: usize = suite.scale.of(10, 2);
    let goal = suite.time_limit(GOAL);
    let run = Run::start(suite, "thaw", &[]).await?;
    let user = TestUser::sign_up(&run).await?;
    let chatroom = user.create_chatroom(&run).await?;
    let mut slowest = Duration::ZERO;
    for (what, postgres, redis) in [("Postgres", true, false), ("Redis", false, true), ("both", true, true)] {
        let requests = [
            user.request("GET", "/api/user/me"),
            user.request("GET", "/api/chatroom"),
            user.message(&chatroom, &unique("after the thaw")),
        ];
        // Each kind of request has a process of its own, which is frozen and thawed.
        let times = try_join_all(requests.iter().map(async |request| {
            let instance = InstrumentedInstance::start(&run, function(request)).await?;
            let mut times = Vec::with_capacity(rounds);
            for _ in 0..rounds {
                // Opens the connections that are silenced then.
                send(&instance, request).await.context("before the freeze")?;
                instance.silence(postgres, redis);
                sleep(FREEZE).await;
                times.push(
                    send(&instance, request).await.with_context(|| format!("after the thaw of {what}"))?,
                );
            }
            anyhow::Ok(times)
        }));
        for (round, took) in times.await?.into_iter().flat_map(|times| times.into_iter().enumerate()) {
            slowest = slowest.max(took);
            check!(run, took < goal, "{what}, round {round}: the next request took {took:?}");
        }
    }
    run.recovered_within(slowest);
    run.observe(format!("the slowest next request took {} ms", slowest.as_millis()));
    run.done(format!(
        "{rounds} times each: the connections to Postgres, to Redis, to both; 3 kinds of request"
    ))
}

async fn send(instance: &InstrumentedInstance, request: &Request) -> Result<Duration> {
    let start = Instant::now();
    let response = request.send(instance).await?;
    ensure!(response.status.is_success(), "{}: {}", response.status, response.body);
    Ok(start.elapsed())
}
