//! One message that cannot be answered, among others that can.

use std::time::Duration;

use anyhow::Result;
use harness::{Suite, TestEnvironment, TestUser, unique};
use serde_json::json;

use crate::{ScenarioResult, stored_state};

const MESSAGES: usize = 10;

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let env = TestEnvironment::start(suite, "poison", &[]).await?;
    let user = TestUser::sign_up(&env).await?;
    let chatrooms = user.create_chatrooms(&env, MESSAGES).await?;
    let poison = unique("poison");
    let overloaded = json!({"match": poison, "steps": [{"kind": "error", "status": 503}], "forever": true});
    env.mocks.gemini("script", &overloaded).await?;
    let bad = user.send_text(&env, &chatrooms[0], &poison).await?;
    let mut good = Vec::new();
    for chatroom in &chatrooms[1..] {
        good.push(user.send_message(&env, chatroom).await?);
    }
    env.start_worker().await?;
    env.wait_until_all_done(Duration::from_mins(1)).await?;

    let mut result =
        ScenarioResult::new(format!("1 message in {MESSAGES} that Gemini answers by a 503 each time"));
    stored_state::check_answers(&env, &good, &mut result).await?;
    let failed = stored_state::outcome(&env, bad.id).await?;
    result.check(failed == "failed gemini_overloaded 3", || format!("the poison message is {failed}"));
    let calls = env.gemini.calls(&poison);
    result.check(calls == 3, || format!("Gemini was called {calls} times for it, not 3"));

    env.mocks.reset_gemini_scripts().await?;
    env.make_admin(&user).await?;
    let redrive = user.request("POST", "/api/queue/redrive").json(&json!({}));
    let redriven = redrive.send(&env).await?.ensure(200)?;
    result.check(redriven.body["redriven"] == 1, || format!("the redrive returned {}", redriven.body));
    env.wait_until_all_done(Duration::from_mins(1)).await?;
    let answered = stored_state::outcome(&env, bad.id).await?;
    result.check(answered == "completed 1", || format!("after the redrive the message is {answered}"));
    result.observe("answered after a redrive, once the cause was removed");
    Ok(result)
}
