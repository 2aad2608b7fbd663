//! One long answer, read in two tabs: with a reload, a cut connection, other instances, and a worker
//! that is killed in the middle.

use crate::prelude::*;

const WORDS: usize = 600;
const MAX_WAIT: Duration = Duration::from_mins(3);

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let seconds: u64 = suite.scale.of(60, 8);
    let run = Run::start(suite, "long-answer", &[("GEMINI_TIMEOUT_MS", "75000")]).await?;
    run.start_worker().await?;
    let user = TestUser::sign_up(&run).await?;
    let (room, text) = (user.create_chatroom(&run).await?, unique("message"));
    let answers = ["first", "second"].map(|attempt| format!("{attempt} {}", varied_text(WORDS)));
    let step = |text: &str| json!({ "kind": "answer", "text": text, "duration_ms": seconds * 1_000 });
    run.mocks.script(&text, json!([step(&answers[0]), step(&answers[1])])).await?;
    let sent = user.send_text(&run, &room, &text).await?;
    let length = answers[0].len();

    let mut before = Reader::new(&run, &user, sent.id);
    before.read_text(length / 10).await?;
    // A reload: the page starts without text and without an id.
    drop(before);
    let mut first = Reader::new(&run, &user, sent.id);
    first.read_text(length / 5).await?;
    let is_cut = first.cut_after(random_below(200)).await?;
    check!(run, is_cut, "the connection was not cut in mid-answer");
    let mut second = Reader::new(&run, &user, sent.id);
    first.read_text(length / 3).await?;
    second.read_text(length / 3).await?;
    check!(run, run.lambda.kill_busy("worker").await, "no worker was busy");
    let killed = Instant::now();
    for tab in [&mut first, &mut second] {
        tab.read_until(|answer| answer.restarts > 0 && answer.text.len() > length / 3).await?;
    }
    // The second tab loses its connection in the second attempt.
    second.cut_after(random_below(200)).await?;
    futures::try_join!(first.finish(), second.finish())?;
    run.recovered_within(killed.elapsed());
    run.wait_until_all_done(MAX_WAIT).await?;

    for (name, tab) in [("the first tab", &first), ("the second tab", &second)] {
        run.check_reader(name, tab, sent.id).await?;
        let restarts = tab.answer.restarts;
        check!(run, restarts == 1, "{name} saw {restarts} restarts after one death of a worker");
        tab.ensure_no_more().await?;
    }
    check!(run, first.answer.text == second.answer.text, "the tabs have different texts");
    check!(run, first.answer.text == answers[1], "the text is not that of the second call");
    let instances = run.lambda.processes("stream").len();
    check!(run, instances > 2, "all connections were served by {instances} instances");
    run.check_answers(std::slice::from_ref(&sent)).await?;
    run.check_invariants().await?;
    let connections = first.connections + second.connections + 1;
    run.observe(format!("{connections} connections to {instances} instances"));
    run.done(format!("an answer of {seconds} s: a reload, two cuts, two tabs, a killed worker"))
}
