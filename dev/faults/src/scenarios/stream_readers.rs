//! Readers whose connections are cut at random bytes, and who resume at another instance.

use crate::prelude::*;

const CONCURRENCY: usize = 10;
/// Words of an answer, and the milliseconds in which Gemini writes it.
const WORDS: usize = 150;
const ANSWER_MS: u64 = 1_500;
/// The largest number of cuts of one reader.
const MAX_CUTS: usize = 4;
/// The largest number of bytes before a cut: some events.
const MAX_BYTES: usize = 1_200;

/// What happened to one reader.
struct Read {
    sent: SentMessage,
    cuts: usize,
    restarts: usize,
}

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let answers: usize = suite.scale.of(200, 8);
    let run = Run::start(suite, "stream-readers", &[("GEMINI_TIMEOUT_MS", "20000")]).await?;
    run.start_worker().await?;
    // The invocation of a connection that was cut goes on, so the next one is another instance's.
    run.lambda.add_concurrency("stream", CONCURRENCY * (MAX_CUTS + 1));
    let users = try_join_all((0..CONCURRENCY).map(|_| TestUser::sign_up(&run))).await?;
    let (run_ref, text) = (&run, varied_text(WORDS));
    // One answer of a user at a time: connections that were cut still occupy places of the user.
    let reads = users.iter().enumerate().map(async |(first, user)| {
        let mut reads = Vec::new();
        for _ in (first..answers).step_by(CONCURRENCY) {
            reads.push(read_in_pieces(run_ref, user, &text).await?);
        }
        anyhow::Ok(reads)
    });
    let reads: Vec<Read> = try_join_all(reads).await?.into_iter().flatten().collect();

    let cuts: usize = reads.iter().map(|read| read.cuts).sum();
    check!(run, cuts >= answers, "{cuts} connections were cut in {answers} answers: not tested");
    let instances = run.lambda.processes("stream").len();
    check!(run, instances > 1, "all connections were served by {instances} instance");
    let restarts: usize = reads.iter().map(|read| read.restarts).sum();
    // A reader that comes back after the end gets the whole text from Postgres.
    run.observe(format!("{cuts} connections cut, {instances} instances, {restarts} restarts"));
    let sent: Vec<SentMessage> = reads.into_iter().map(|read| read.sent).collect();
    run.check_answers(&sent).await?;
    run.check_invariants().await?;
    run.done(format!("{answers} answers, each read over up to {} connections", MAX_CUTS + 1))
}

/// Sends a message and reads its answer over some connections, each of which is cut at a random
/// byte, and a last connection that is not.
async fn read_in_pieces(run: &Run, user: &TestUser, answer: &str) -> Result<Read> {
    let (room, text) = (user.create_chatroom(run).await?, unique("message"));
    let step = json!([{ "kind": "answer", "text": answer, "duration_ms": ANSWER_MS }]);
    run.mocks.script(&text, step).await?;
    let sent = user.send_text(run, &room, &text).await?;
    let (mut reader, mut cuts) = (Reader::new(run, user, sent.id), 0);
    for _ in 0..=random_below(MAX_CUTS) {
        if !reader.cut_after(1 + random_below(MAX_BYTES)).await? {
            break;
        }
        cuts += 1;
    }
    reader.finish().await?;
    run.check_reader("a reader that was cut off", &reader, sent.id).await?;
    check!(run, reader.answer.text == answer, "the stored answer is not Gemini's");
    reader.ensure_no_more().await?;
    Ok(Read { sent, cuts, restarts: reader.answer.restarts })
}
