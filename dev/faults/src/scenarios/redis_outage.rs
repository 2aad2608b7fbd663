//! Redis gone: refusing connections, then swallowing them.

use std::time::{Duration, Instant};

use anyhow::Result;
use harness::Suite;
use harness::api::Request;
use harness::person::{Person, Sent, unique};
use harness::proxy::Mode;
use harness::world::World;
use serde_json::json;
use tokio::time::sleep;

use crate::figure::Figure;
use crate::verify;

/// 99 of 100 requests must be answered in less.
const GOAL: Duration = Duration::from_secs(1);

/// How long nothing is asked of a Redis that could not be reached, and a little more.
const COOL_DOWN: Duration = Duration::from_millis(1_200);

/// The pause between two rounds: the outage is to outlast several such times.
const PACE: Duration = Duration::from_millis(60);

pub(super) async fn run(suite: &Suite) -> Result<Figure> {
    let rounds: usize = suite.scale.of(60, 12);
    let goal = suite.within(GOAL);
    let world = World::start(suite, "redis-outage", &[]).await?;
    world.start_worker().await?;
    let (person, gone) = (Person::sign_up(&world).await?, Person::sign_up(&world).await?);
    let room = person.room(&world).await?;
    world
        .db
        .execute(
            "DELETE FROM sessions s USING users u WHERE u.id = s.user_id AND u.mobile_number = $1",
            &[&gone.number],
        )
        .await?;

    let mut figure = Figure::new(format!("Redis refused, then black-holed, {} requests in each", rounds * 3));
    let mut sent = Vec::new();
    for (mode, what) in [(Mode::Refuse, "refused"), (Mode::BlackHole, "black-holed")] {
        // So that it is an open connection that is lost.
        sleep(COOL_DOWN).await;
        go_on(&world, &person, &room, "before", &mut Vec::new(), &mut figure)
            .await
            .map(|message| sent.push(message))?;
        world.redis.set(mode);
        let mut times = Vec::with_capacity(rounds * 3);
        for _ in 0..rounds {
            sent.push(go_on(&world, &person, &room, what, &mut times, &mut figure).await?);
            sleep(PACE).await;
        }
        nobody_gets_in(&world, &gone, what, &mut figure).await?;
        times.sort();
        let p99 = times[(times.len() * 99).div_ceil(100) - 1];
        figure.check(p99 < goal, || format!("{what}: p99 is {p99:?}"));
        let slowest = times[times.len() - 1];
        figure.seen.push(format!("{what}: p99 {} ms, slowest {} ms", p99.as_millis(), slowest.as_millis()));
        world.redis.set(Mode::Pass);
    }
    let begun = Instant::now();
    world.wait_until_all_ended(Duration::from_mins(2)).await?;
    let code =
        Request::new("POST", "/api/auth/forgot-password").json(&json!({ "mobile_number": person.number }));
    while code.send(&world.lambda).await?.status == 503 {
        anyhow::ensure!(begun.elapsed() < Duration::from_mins(1), "codes are not sent again");
    }
    figure.recovery = Some(begun.elapsed());
    verify::answered(&world, &sent, &mut figure).await?;
    Ok(figure)
}

/// Reads and sends as if nothing were wrong, noting how long each takes.
async fn go_on(
    world: &World,
    person: &Person,
    room: &str,
    what: &str,
    times: &mut Vec<Duration>,
    figure: &mut Figure,
) -> Result<Sent> {
    let mut ask = async |request: Request| {
        let begun = Instant::now();
        let answer = request.send(&world.lambda).await?;
        times.push(begun.elapsed());
        figure.check((200..300).contains(&answer.status), || {
            format!("{what}: {} {}", answer.status, answer.body)
        });
        anyhow::Ok(answer)
    };
    ask(person.request("GET", "/api/user/me")).await?;
    ask(person.request("GET", "/api/chatroom")).await?;
    let text = unique("message");
    Sent::read(&ask(person.message(room, &text)).await?, &text)
}

/// What cannot be done safely is not done.
async fn nobody_gets_in(world: &World, gone: &Person, what: &str, figure: &mut Figure) -> Result<()> {
    for (path, field) in [("send-signup-otp", "+4915199999999"), ("forgot-password", gone.number.as_str())] {
        let request =
            Request::new("POST", format!("/api/auth/{path}")).json(&json!({ "mobile_number": field }));
        let answer = request.send(&world.lambda).await?;
        let told = answer.status == 503 && answer.headers.contains_key("retry-after");
        figure.check(told, || format!("{what}: a code was answered by {} {}", answer.status, answer.body));
    }
    for path in ["/api/user/me", "/api/chatroom"] {
        let answer = gone.request("GET", path).send(&world.lambda).await?;
        figure.check(answer.status == 401, || format!("{what}: an ended session got a {}", answer.status));
    }
    Ok(())
}
