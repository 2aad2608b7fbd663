//! One message delivered to many workers at once.

use std::time::Duration;

use anyhow::{Context as _, Result};
use futures::future::join_all;
use harness::Suite;
use harness::person::{Person, Sent};
use harness::world::World;

use crate::figure::Figure;
use crate::verify;

/// How many deliveries of each message there are at once.
const DELIVERIES: usize = 10;

pub(super) async fn run(suite: &Suite) -> Result<Figure> {
    let rounds: usize = suite.scale.of(200, 10);
    // A message whose lease somebody has comes back to the others; without the lease it would be asked for again.
    let world = World::start(suite, "duplicate-delivery", &[]).await?;
    let person = Person::sign_up(&world).await?;
    let room = person.room(&world).await?;
    let mut sent = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        sent.push(round(&world, &person, &room).await?);
    }
    world.wait_until_all_ended(Duration::from_secs(10)).await?;

    let mut figure = Figure::new(format!("{rounds} messages, each delivered {DELIVERIES} times at once"));
    verify::answered(&world, &sent, &mut figure).await?;
    figure.check(figure.extra_calls == 0, || "a message was asked for more than once".to_owned());
    let used: i32 = world.db.query_one("SELECT sum(messages)::integer FROM daily_usage", &[]).await?.get(0);
    figure.check(usize::try_from(used) == Ok(rounds), || {
        format!("{used} units of quota for {rounds} messages")
    });
    let refused = a_second_answer_is_refused(&world).await?;
    figure.check(refused, || "a second answer, written past all other guards, was taken".to_owned());
    figure.seen.push("a second answer written past the lease is refused by the schema".to_owned());
    Ok(figure)
}

/// Whether the last guard holds alone: an answer to a message that has one, written by no worker.
async fn a_second_answer_is_refused(world: &World) -> Result<bool> {
    const SQL: &str = "INSERT INTO messages (id, chatroom_id, user_id, position, message_type, content, processing_status,
            reply_to, created_at, updated_at)
        SELECT gen_random_uuid(), chatroom_id, user_id, position + 1000000, 'ai', 'again', 'completed', reply_to, now(), now()
        FROM messages WHERE message_type = 'ai' LIMIT 1";
    match world.db.execute(SQL, &[]).await {
        Ok(written) => {
            anyhow::ensure!(written == 1, "there is no answer to write again");
            Ok(false)
        }
        Err(error) if format!("{error:?}").contains("messages_reply_to_key") => Ok(true),
        Err(error) => Err(error),
    }
}

async fn round(world: &World, person: &Person, room: &str) -> Result<Sent> {
    let sent = person.send(world, room).await?;
    let item = world.receive(1).await?.pop().context("the message is not on the queue")?;
    let delivery = world.delivery(std::slice::from_ref(&item))?;
    let deliveries = (0..DELIVERIES).map(|_| world.lambda.invoke("worker", delivery.clone()));
    for delivered in join_all(deliveries).await {
        delivered.context("a worker failed")?;
    }
    world.delete(&item).await?;
    Ok(sent)
}
