//! A refresh token that comes twice: one after the other, and twenty at once.

use anyhow::Result;
use futures::future::try_join_all;
use harness::Suite;
use harness::api::Request;
use harness::person::Person;
use harness::world::World;
use serde_json::json;

use crate::figure::Figure;

const AT_ONCE: usize = 20;

pub(super) async fn run(suite: &Suite) -> Result<Figure> {
    let rounds: usize = suite.scale.of(20, 3);
    let world = World::start(suite, "stolen-token", &[]).await?;
    let mut figure = Figure::new(format!("{rounds} replays, {rounds} races of {AT_ONCE}"));
    for _ in 0..rounds {
        let person = Person::sign_up(&world).await?;
        let renewed = refresh(&person.refresh_token).send(&world.lambda).await?.expect(200)?;
        let replayed = refresh(&person.refresh_token).send(&world.lambda).await?.status;
        figure.check(replayed == 401, || format!("a replay was answered by {replayed}"));
        is_dead(&world, &renewed.text("/token")?, "after a replay", &mut figure).await?;
        let next = refresh(&renewed.text("/refresh_token")?).send(&world.lambda).await?.status;
        figure.check(next == 401, || format!("the family goes on after a replay: {next}"));

        let person = Person::sign_up(&world).await?;
        let race = refresh(&person.refresh_token);
        let answers = try_join_all((0..AT_ONCE).map(|_| race.send(&world.lambda))).await?;
        let winners: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
        figure.check(winners.len() == 1, || format!("{} winners of a race", winners.len()));
        for winner in winners {
            is_dead(&world, &winner.text("/token")?, "after a race", &mut figure).await?;
        }
    }
    let left: i64 = world.db.query_one("SELECT count(*) FROM sessions", &[]).await?.get(0);
    figure.check(left == 0, || format!("{left} sessions are left"));
    Ok(figure)
}

fn refresh(token: &str) -> Request {
    Request::new("POST", "/api/auth/refresh").json(&json!({ "refresh_token": token }))
}

async fn is_dead(world: &World, token: &str, when: &str, figure: &mut Figure) -> Result<()> {
    let answer = Request::new("GET", "/api/user/me").token(token).send(&world.lambda).await?;
    figure.check(answer.status == 401, || format!("{when} the token is answered by {}", answer.status));
    Ok(())
}
