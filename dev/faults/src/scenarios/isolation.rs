//! Every route that names something by its id, with the ids of somebody else's things.

use anyhow::Result;
use harness::person::Person;
use harness::world::World;
use harness::{Suite, routes};

use crate::figure::Figure;

const NOBODYS: &str = "018f0000-0000-7000-8000-000000000001";

pub(super) async fn run(suite: &Suite) -> Result<Figure> {
    let world = World::start(suite, "isolation", &[]).await?;
    let (owner, stranger) = (Person::sign_up(&world).await?, Person::sign_up(&world).await?);
    let room = owner.room(&world).await?;
    let message = owner.send(&world, &room).await?.id.to_string();
    let sessions = owner.request("GET", "/api/auth/sessions").send(&world.lambda).await?.expect(200)?;
    let ids = [room, message, sessions.text("/sessions/0/id")?];
    let before = everything(&world).await?;
    let routes = routes::read(suite.home.root())?;
    let (mut tried, mut named) = (0, 0);
    let mut figure = Figure::new(String::new());
    for route in routes.iter().filter(|route| route.path.contains("{id}")) {
        named += 1;
        for id in &ids {
            let theirs = route.request(id).token(&stranger.token).send(&world.lambda).await?;
            let nobodys = route.request(NOBODYS).token(&stranger.token).send(&world.lambda).await?;
            let expected = if route.for_operators { 403 } else { 404 };
            let same = theirs.body["detail"] == nobodys.body["detail"];
            figure.check(theirs.status == expected && nobodys.status == expected && same, || {
                format!(
                    "{} {}: {} for theirs, {} for nobody's",
                    route.method, route.path, theirs.status, nobodys.status
                )
            });
            tried += 1;
        }
    }
    figure.check(tried >= 30, || format!("only {tried} requests were tried"));
    figure.check(everything(&world).await? == before, || "something of the owner's was changed".to_owned());
    figure.tried =
        format!("{named} routes, {} ids of another's on each: {tried} answered as for none", ids.len());
    Ok(figure)
}

async fn everything(world: &World) -> Result<String> {
    const SQL: &str = "SELECT coalesce(md5(string_agg(line, ';' ORDER BY line)), '') FROM (
        SELECT m::text AS line FROM messages m UNION ALL SELECT c::text FROM chatrooms c
        UNION ALL SELECT d::text FROM daily_usage d UNION ALL SELECT s::text FROM sessions s) lines";
    Ok(world.db.query_one(SQL, &[]).await?.get(0))
}
