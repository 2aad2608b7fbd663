//! PostgreSQL, then Redis, killed and started again while users send messages.

use std::cell::Cell;

use stack::services::names;

use crate::prelude::*;

const SENDERS: usize = 4;
const PAUSE: Duration = Duration::from_millis(50);
const OUTAGE: Duration = Duration::from_secs(3);
const MESSAGES_BETWEEN: usize = 10 * SENDERS;

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let rounds: usize = suite.scale.of(5, 1);
    let run = Run::start(suite, "postgres-outage", &[]).await?;
    run.make_durable().await?;
    run.start_worker().await?;
    let users = try_join_all((0..SENDERS).map(|_| TestUser::sign_up(&run))).await?;
    let (stop, accepted) = (Cell::new(false), Cell::new(0));
    let senders = try_join_all(users.iter().map(|user| send_until(&run, user, &stop, &accepted)));
    let outages = async {
        let recovered = async || {
            let before = accepted.get();
            let are_accepted = async || Ok(accepted.get() >= before + MESSAGES_BETWEEN);
            wait_until("messages are accepted", Duration::from_mins(1), are_accepted).await
        };
        recovered().await?;
        let processes = run.lambda.processes("chatroom");
        for _ in 0..rounds {
            for server in [names::POSTGRES, names::REDIS] {
                run.kill_and_restart(server, OUTAGE).await?;
                recovered().await?;
            }
        }
        let end = Instant::now();
        stop.set(true);
        let have_survived = run.lambda.processes("chatroom").is_superset(&processes);
        anyhow::Ok((end, have_survived))
    };
    let (outcomes, (end, have_survived)) = tokio::try_join!(senders, outages)?;
    run.wait_until_all_done(Duration::from_mins(4)).await?;

    run.recovered_within(end.elapsed());
    check!(run, have_survived, "a process of chatroom did not survive the outages");
    let (sent, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().unzip();
    let (sent, refused) = (sent.concat(), refused.iter().sum::<usize>());
    check!(run, refused > 0, "no request came during an outage");
    run.observe(format!("{} accepted, {refused} refused by 503 with Retry-After", sent.len()));
    run.check_answers(&sent).await?;
    run.done(format!(
        "{rounds} SIGKILLs each of PostgreSQL and Redis, down for {} s, {SENDERS} senders throughout",
        OUTAGE.as_secs()
    ))
}

/// Sends messages until `stop`. Counts the accepted ones in `accepted`, and returns them and the
/// number of refused ones.
async fn send_until(
    run: &Run,
    user: &TestUser,
    stop: &Cell<bool>,
    accepted: &Cell<usize>,
) -> Result<(Vec<SentMessage>, usize)> {
    let chatroom = user.create_chatroom(run).await?;
    let (mut sent, mut refused) = (Vec::new(), 0);
    while !stop.get() {
        let text = unique("message");
        let response = user.message(&chatroom, &text).send(run).await.context("sending in an outage")?;
        match response.status.as_u16() {
            201 => {
                sent.push(SentMessage::read(&response, &text)?);
                accepted.set(accepted.get() + 1);
            }
            503 if response.header("retry-after").is_some() => refused += 1,
            _ => check!(run, false, "a request got {response}"),
        }
        sleep(PAUSE).await;
    }
    ensure!(!sent.is_empty(), "a sender had no message accepted");
    Ok((sent, refused))
}
