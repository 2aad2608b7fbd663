//! Whether anything gets slower as there are more people, rooms and messages.
//!
//! Every statement that the functions send is collected, by living through what they are there for. The database is then filled
//! as years of use would, and asked how it would execute each: none may walk a table that grows. Last, requests of somebody who
//! has little are timed in turn with those of somebody who has much. Times are only shown.

mod life;
mod operators;
mod plans;
mod seed;
mod times;
mod written;

use anyhow::Result;
use harness::Suite;
use harness::person::Person;
use harness::world::World;
use serde_json::{Value, json};
use stack::progress::print;
use uuid::Uuid;

use self::plans::{Plans, Walk};
use self::seed::{People, Size};
use self::times::Times;
use self::written::in_a_line;
use super::{Depth, WORLD, report};

/// Looks at plans and times, prints what came of it, and answers whether every statement was looked at, none walks a table, and
/// every request was answered.
pub(super) async fn run(suite: &Suite, depth: Depth) -> Result<bool> {
    let world = World::start(suite, WORLD, &[]).await?;
    let (small, great) = (Person::sign_up(&world).await?, Person::sign_up(&world).await?);
    let people = People { small: id_of(&world, &small).await?, great: id_of(&world, &great).await? };
    let interrupted = life::interrupt(&world).await?;
    life::live(&world).await?;
    let size = Size::of(depth);
    print(format_args!("  {} people, {} messages\n", size.users, size.messages));
    seed::plant(&world.db, size, people).await?;
    interrupted.ask_again(&world).await?;
    let statements = world.postgres.prepared();
    let unsent = written::unsent(&suite.home.root().join("shared/store/src"), &statements)?;
    let plans = plans::check(&world.db, &statements, depth).await?;
    tell(&plans, &unsent);
    let answered = answered(suite, &world, [(&small, people.small), (&great, people.great)], depth).await?;
    Ok(plans.walks.is_empty() && unsent.is_empty() && answered)
}

/// Times requests, prints and writes down what came of it, and answers whether all were answered.
async fn answered(
    suite: &Suite,
    world: &World,
    [small, great]: [(&Person, Uuid); 2],
    depth: Depth,
) -> Result<bool> {
    let (little, much) = (seed::places(&world.db, small.1).await?, seed::places(&world.db, great.1).await?);
    let times = times::measure(world, (small.0, &little), (great.0, &much), depth.of(3, 300)).await?;
    if depth == Depth::All {
        print(times::table(&times));
        let Size { users, messages, .. } = Size::of(depth);
        let requests: Vec<Value> = times.iter().map(Times::json).collect();
        let growth = json!({ "users": users, "messages": messages, "requests": requests });
        report::keep(&suite.home, "growth.json", &format!("{growth:#}\n"))?;
    }
    let mut answered = true;
    for failure in times.iter().filter_map(|one| one.failure.as_ref()) {
        print(format_args!("  fails: {failure}\n"));
        answered = false;
    }
    Ok(answered)
}

fn tell(plans: &Plans, unsent: &[String]) {
    let Plans { looked_at, walks, spared } = plans;
    print(format_args!("  {looked_at} statements, of which {} walk a table\n", walks.len()));
    for (what, found) in [("walks", walks), ("would walk, were it planned for all values,", spared)] {
        for Walk { statement, tables } in found {
            let tables: Vec<&str> = tables.iter().map(String::as_str).collect();
            print(format_args!("  {what} {}: {}\n", tables.join(", "), in_a_line(statement)));
        }
    }
    for statement in unsent {
        print(format_args!("  never sent: {statement}\n"));
    }
}

async fn id_of(world: &World, person: &Person) -> Result<Uuid> {
    const SQL: &str = "SELECT id FROM users WHERE mobile_number = $1";
    Ok(world.db.query_one(SQL, &[&person.number]).await?.get(0))
}
