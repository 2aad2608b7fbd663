//! Every route that takes an id, with the ids of another user's objects.

use harness::db_observer::OWNED_DIGEST;

use crate::prelude::*;

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let run = Run::start(suite, "isolation", &[]).await?;
    let (owner, other) = (TestUser::sign_up(&run).await?, TestUser::sign_up(&run).await?);
    let chatroom = owner.create_chatroom(&run).await?;
    let message = owner.send_message(&run, &chatroom).await?.id.to_string();
    let sessions = owner.request("GET", "/api/auth/sessions").send(&run).await?.ensure(200)?;
    let ids = [chatroom, message, sessions.string_at("/sessions/0/id")?];
    let before: String = run.db.value(OWNED_DIGEST, &[]).await?;
    let routes = routes::read(suite.home.root())?;
    let (mut sent, mut with_id) = (0, 0);
    for route in routes.iter().filter(|route| route.path.contains("{id}")) {
        with_id += 1;
        for id in &ids {
            let foreign = route.request(id).token(&other.token).send(&run).await?;
            let unknown = route.request(UNKNOWN_ID).token(&other.token).send(&run).await?;
            let expected = match (route.for_operators, route.takes_any_id()) {
                (true, _) => 403,
                (false, true) => 204,
                (false, false) => 404,
            };
            let is_same = foreign.body["detail"] == unknown.body["detail"];
            let are_expected = foreign.status == expected && unknown.status == expected && is_same;
            check!(
                run,
                are_expected,
                "{route}: {foreign} for another user's id, {unknown} for an unknown id"
            );
            sent += 1;
        }
    }
    check!(run, sent >= 30, "only {sent} requests were sent");
    let after: String = run.db.value(OWNED_DIGEST, &[]).await?;
    check!(run, after == before, "an object of the owner was changed");
    run.done(format!(
        "{with_id} routes, {} ids of another user on each: {sent} answered as for unknown ids",
        ids.len()
    ))
}
