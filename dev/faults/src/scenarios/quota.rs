//! Many requests at once for the last message of a day. Across midnight: `functions/chatroom/src/tests/quota.rs`, for no
//! clock of a process can be moved here.

use anyhow::Result;
use futures::future::try_join_all;
use harness::Suite;
use harness::person::{Person, unique};
use harness::world::World;

use crate::figure::Figure;

const AT_ONCE: usize = 50;
const LIMIT: i32 = 5;

pub(super) async fn run(suite: &Suite) -> Result<Figure> {
    let rounds: usize = suite.scale.of(20, 2);
    let limit = LIMIT.to_string();
    let world = World::start(suite, "quota", &[("BASIC_DAILY_MESSAGE_LIMIT", &limit)]).await?;
    let mut figure =
        Figure::new(format!("{rounds} rounds of {AT_ONCE} sends at once at the last unit, in two rooms"));
    for _ in 0..rounds {
        let person = Person::sign_up(&world).await?;
        let rooms = person.rooms(&world, 2).await?;
        for _ in 1..LIMIT {
            person.send(&world, &rooms[0]).await?;
        }
        let sends = (0..AT_ONCE).map(|number| person.message(&rooms[number % 2], &unique("racer")));
        let sends: Vec<_> = sends.collect();
        let answers = try_join_all(sends.iter().map(|send| send.send(&world.lambda))).await?;
        let count = |status| answers.iter().filter(|answer| answer.status == status).count();
        let (accepted, refused) = (count(201), count(429));
        figure.check((accepted, refused) == (1, AT_ONCE - 1), || {
            format!("{accepted} accepted, {refused} refused")
        });
    }
    let stored = "SELECT count(*) FROM daily_usage d WHERE messages <> $1
        OR messages <> (SELECT count(*) FROM messages m WHERE m.user_id = d.user_id)";
    let wrong: i64 = world.db.query_one(stored, &[&LIMIT]).await?.get(0);
    figure
        .check(wrong == 0, || format!("{wrong} people have other than {LIMIT} messages stored and counted"));
    Ok(figure)
}
