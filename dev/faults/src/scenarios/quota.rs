//! Many concurrent requests for the last message of a day. Midnight is tested in
//! `functions/chatroom/src/tests/quota.rs`, which can move the clock.

use anyhow::Result;
use futures::future::try_join_all;
use harness::{Suite, TestEnvironment, TestUser, unique};

use crate::ScenarioResult;

const REQUESTS: usize = 50;
const LIMIT: i32 = 5;

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let rounds: usize = suite.scale.of(20, 2);
    let limit = LIMIT.to_string();
    let env = TestEnvironment::start(suite, "quota", &[("BASIC_DAILY_MESSAGE_LIMIT", &limit)]).await?;
    let mut result = ScenarioResult::new(format!(
        "{rounds} rounds of {REQUESTS} concurrent messages for the last quota unit, in two chatrooms"
    ));
    for _ in 0..rounds {
        let user = TestUser::sign_up(&env).await?;
        let chatrooms = user.create_chatrooms(&env, 2).await?;
        for _ in 1..LIMIT {
            user.send_message(&env, &chatrooms[0]).await?;
        }
        let messages = (0..REQUESTS).map(|number| user.message(&chatrooms[number % 2], &unique("message")));
        let messages: Vec<_> = messages.collect();
        let responses = try_join_all(messages.iter().map(|message| message.send(&env))).await?;
        let count = |status: u16| responses.iter().filter(|response| response.status == status).count();
        let (accepted, refused) = (count(201), count(429));
        result.check((accepted, refused) == (1, REQUESTS - 1), || {
            format!("{accepted} accepted, {refused} refused")
        });
    }
    let wrong = "SELECT count(*) FROM daily_usage d WHERE messages <> $1
        OR messages <> (SELECT count(*) FROM messages m WHERE m.user_id = d.user_id)";
    let wrong: i64 = env.db.value(wrong, &[&LIMIT]).await?;
    result.check(wrong == 0, || format!("{wrong} users have other than {LIMIT} messages stored and counted"));
    Ok(result)
}
