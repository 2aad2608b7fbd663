//! Redis killed, refusing and black-holed while answers are written and read.

use stack::services::names;

use crate::prelude::*;

/// How long Gemini writes an answer.
const ANSWER_MS: u64 = 4_000;
const WORDS: usize = 300;
/// The text that each reader has when the fault begins.
const SHOWN: usize = 300;
const OUTAGE: Duration = Duration::from_secs(2);
const MAX_WAIT: Duration = Duration::from_mins(2);

#[derive(Debug, Clone, Copy)]
enum Fault {
    /// The process is killed and starts again without its data of the last moments.
    Kill,
    Refuse,
    BlackHole,
}

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let answers: usize = suite.scale.of(15, 3);
    let run = Run::start(suite, "stream-redis-outage", &[("GEMINI_TIMEOUT_MS", "20000")]).await?;
    run.start_worker().await?;
    run.lambda.add_concurrency("stream", 2 * answers);
    let users = try_join_all((0..answers).map(|_| TestUser::sign_up(&run))).await?;
    let mut sent = Vec::new();
    for fault in [Fault::Kill, Fault::Refuse, Fault::BlackHole] {
        sent.extend(read_through(&run, &users, fault).await?);
        wait_for_redis(&run).await?;
    }
    run.wait_until_all_done(MAX_WAIT).await?;
    run.check_answers(&sent).await?;
    run.check_invariants().await?;
    run.done(format!("Redis killed, refused and black-holed for 2 s, {answers} answers read in each"))
}

/// Starts an answer for each user, begins the fault once all have read a part, and reads on.
async fn read_through(run: &Run, users: &[TestUser], fault: Fault) -> Result<Vec<SentMessage>> {
    let answer = varied_text(WORDS);
    let start = users.iter().map(async |user| {
        let (room, text) = (user.create_chatroom(run).await?, unique("message"));
        let step = json!([{ "kind": "answer", "text": answer, "duration_ms": ANSWER_MS }]);
        run.mocks.script(&text, step).await?;
        let sent = user.send_text(run, &room, &text).await?;
        let mut reader = Reader::new(run, user, sent.id);
        reader.read_text(SHOWN).await?;
        anyhow::Ok((sent, reader))
    });
    let (sent, mut readers): (Vec<_>, Vec<_>) = try_join_all(start).await?.into_iter().unzip();
    let done_before = readers.iter().filter(|reader| reader.answer.is_done()).count();
    check!(run, done_before == 0, "{fault:?}: {done_before} answers were read before the fault");
    let read = try_join_all(readers.iter_mut().map(Reader::finish));
    futures::try_join!(begin_and_end(run, fault), read)?;

    let mut failed = 0;
    for ((user, sent), reader) in users.iter().zip(&sent).zip(&readers) {
        let status = user.wait_until_done(run, sent.id).await?;
        let stored = status["reply"]["content"].as_str().unwrap_or_default();
        check!(run, stored == answer, "{fault:?}: the stored answer is not Gemini's");
        match &reader.answer.error {
            Some(error) => {
                failed += 1;
                let is_clear = error["code"] == "unavailable" && error["detail"].is_string();
                check!(run, is_clear, "{fault:?}: a stream ended with {error}");
            }
            None => drop(run.check_reader(&format!("{fault:?}: a reader"), reader, sent.id).await?),
        }
    }
    let restarts: usize = readers.iter().map(|reader| reader.answer.restarts).sum();
    let whole = readers.len() - failed;
    run.observe(format!("{fault:?}: {whole} whole answers, {failed} errors, {restarts} restarts"));
    Ok(sent)
}

async fn begin_and_end(run: &Run, fault: Fault) -> Result<()> {
    let mode = match fault {
        Fault::Kill => return run.kill_and_restart(names::REDIS, OUTAGE).await,
        Fault::Refuse => Mode::Refuse,
        Fault::BlackHole => Mode::BlackHole,
    };
    run.redis.set(mode);
    sleep(OUTAGE).await;
    run.redis.set(Mode::Pass);
    Ok(())
}

/// Waits until the functions use Redis again, which they do not for a second after a failure.
async fn wait_for_redis(run: &Run) -> Result<()> {
    let code = Request::post("/api/auth/send-signup-otp", &json!({ "mobile_number": random_number() }));
    let is_used = async || Ok(code.send(run).await?.status != 503);
    wait_until("Redis is in use again", MAX_WAIT, is_used).await.map(drop)
}
