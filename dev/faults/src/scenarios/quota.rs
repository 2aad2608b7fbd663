//! Many concurrent requests for the last message of a day. Midnight is tested in
//! `functions/chatroom/src/tests/quota.rs`, which can move the clock.

use crate::prelude::*;

const REQUESTS: usize = 50;
const LIMIT: i32 = 5;

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let rounds: usize = suite.scale.of(20, 2);
    let limit = LIMIT.to_string();
    let run = Run::start(suite, "quota", &[("BASIC_DAILY_MESSAGE_LIMIT", &limit)]).await?;
    for _ in 0..rounds {
        let user = TestUser::sign_up(&run).await?;
        let chatrooms = user.create_chatrooms(&run, 2).await?;
        user.send_messages(&run, &chatrooms[0], usize::try_from(LIMIT)? - 1).await?;
        let messages = (0..REQUESTS).map(|number| user.message(&chatrooms[number % 2], &unique("message")));
        let messages: Vec<_> = messages.collect();
        let responses = try_join_all(messages.iter().map(|message| message.send(&run))).await?;
        let count = |status: u16| responses.iter().filter(|response| response.status == status).count();
        let (accepted, refused) = (count(201), count(429));
        check!(run, (accepted, refused) == (1, REQUESTS - 1), "{accepted} accepted, {refused} refused");
    }
    let wrong = "SELECT count(*) FROM daily_usage d WHERE messages <> $1
        OR messages <> (SELECT count(*) FROM messages m WHERE m.user_id = d.user_id)";
    let wrong: i64 = run.db.value(wrong, &[&LIMIT]).await?;
    check!(run, wrong == 0, "{wrong} users have other than {LIMIT} messages stored and counted");
    run.done(format!(
        "{rounds} rounds of {REQUESTS} concurrent messages for the last quota unit, in two chatrooms"
    ))
}
