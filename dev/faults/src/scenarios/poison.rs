//! One message that cannot be answered, among others that can.

use crate::prelude::*;

const MESSAGES: usize = 10;

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let run = Run::start(suite, "poison", &[]).await?;
    let user = TestUser::sign_up(&run).await?;
    let chatrooms = user.create_chatrooms(&run, MESSAGES).await?;
    let poison = unique("poison");
    let overloaded = json!({"match": poison, "steps": [{"kind": "error", "status": 503}], "forever": true});
    run.mocks.gemini("script", &overloaded).await?;
    let bad = user.send_text(&run, &chatrooms[0], &poison).await?;
    let mut good = Vec::new();
    for chatroom in &chatrooms[1..] {
        good.push(user.send_message(&run, chatroom).await?);
    }
    run.start_worker().await?;
    run.wait_until_all_done(Duration::from_mins(1)).await?;

    run.check_answers(&good).await?;
    let failed = run.outcome(bad.id).await?;
    check!(run, failed == "failed gemini_overloaded 3", "the poison message is {failed}");
    let calls = run.gemini.calls(&poison);
    check!(run, calls == 3, "Gemini was called {calls} times for it, not 3");

    run.mocks.reset_gemini_scripts().await?;
    run.make_admin(&user).await?;
    let redrive = user.request("POST", "/api/queue/redrive").json(&json!({}));
    let redriven = redrive.send(&run).await?.ensure(200)?;
    check!(run, redriven.body["redriven"] == 1, "the redrive returned {}", redriven.body);
    run.wait_until_all_done(Duration::from_mins(1)).await?;
    let answered = run.outcome(bad.id).await?;
    check!(run, answered == "completed 1", "after the redrive the message is {answered}");
    run.observe("answered after a redrive, once the cause was removed");
    run.done(format!("1 message in {MESSAGES} that Gemini answers by a 503 each time"))
}
