//! A Gemini that enforces its quota, and more messages than the quota allows in a minute.

use crate::prelude::*;

/// The quota per minute. A message counts as about 11 tokens here, so the requests run out first.
const REQUESTS: usize = 30;
const TOKENS: usize = 2_000;

/// The pause between two messages, which makes them come at more than three times the quota's rate.
const PAUSE: Duration = Duration::from_millis(100);

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let messages: usize = suite.scale.of(REQUESTS * 3, REQUESTS + 6);
    let (requests, tokens) = (REQUESTS.to_string(), TOKENS.to_string());
    let overrides =
        [("GEMINI_REQUESTS_PER_MINUTE", requests.as_str()), ("GEMINI_TOKENS_PER_MINUTE", tokens.as_str())];
    let run = Run::start(suite, "gemini-quota", &overrides).await?;
    let quota = json!({ "requests_per_minute": REQUESTS, "tokens_per_minute": TOKENS });
    run.mocks.gemini("quota", &quota).await?;
    let user = TestUser::sign_up(&run).await?;
    let chatrooms = user.create_chatrooms(&run, messages).await?;
    run.start_worker().await?;
    // Not in one burst: on a busy machine a burst may reach Gemini seconds later, in another
    // minute.
    let mut sent: Vec<SentMessage> = Vec::with_capacity(messages);
    for chatroom in &chatrooms {
        sent.push(user.send_message(&run, chatroom).await?);
        sleep(PAUSE).await;
    }
    let took = run.wait_until_all_done(Duration::from_mins(6)).await?;

    run.check_answers(&sent).await?;
    let over = run.gemini.calls_over_quota();
    check!(run, over == 0, "{over} calls exceeded the quota");
    let retried = "SELECT count(*) FROM messages WHERE message_type = 'user' AND attempts <> 1";
    let retried: i64 = run.db.value(retried, &[]).await?;
    check!(run, retried == 0, "{retried} messages did not take exactly one attempt");
    let waited = "SELECT count(*) FROM messages WHERE waiting_since IS NOT NULL";
    let waited: i64 = run.db.value(waited, &[]).await?;
    check!(run, waited > 0, "no message had to wait: the quota was not tested");
    run.observe(format!(
        "{over} calls over the quota, {waited} messages waited, {retried} attempts used by waiting, {:.0} s in all",
        took.as_secs_f64()
    ));
    run.done(format!("{messages} messages, 5 workers, {REQUESTS} requests a minute allowed"))
}
