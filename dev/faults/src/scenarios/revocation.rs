//! Tokens whose session was ended, with Redis there, gone, and back again with what it knew before.

use std::time::Instant;

use anyhow::Result;
use harness::Suite;
use harness::api::{Answer, Request};
use harness::person::{PASSWORD, Person, random_number};
use harness::proxy::Mode;
use harness::world::World;
use serde_json::{Value, json};

use crate::figure::Figure;

/// The ways to end a session.
#[derive(Debug, Clone, Copy)]
enum Way {
    Logout,
    Ended,
    Reset,
    Change,
    Deletion,
}

const WAYS: [Way; 5] = [Way::Logout, Way::Ended, Way::Reset, Way::Change, Way::Deletion];

pub(super) async fn run(suite: &Suite) -> Result<Figure> {
    let rounds: usize = suite.scale.of(10, 1);
    let world = World::start(suite, "revocation", &[("OTP_MAX_PER_DAY", "1000000")]).await?;
    let mut figure = Figure::new(format!("{rounds} sessions ended in each of {} ways", WAYS.len()));
    for _ in 0..rounds {
        for way in WAYS {
            let (person, token) = victim(&world).await?;
            end(&world, &person, way).await?.expect(200)?;
            is_dead(&world, &token, &format!("{way:?}"), &mut figure).await?;
        }
    }
    let mut slowest = Instant::now().elapsed();
    for mode in [Mode::Refuse, Mode::BlackHole] {
        // Codes are not sent without Redis, so nothing is reset.
        for way in [Way::Logout, Way::Change, Way::Deletion] {
            let (person, token) = victim(&world).await?;
            world.redis.set(mode);
            let begun = Instant::now();
            let ended = end(&world, &person, way).await?;
            slowest = slowest.max(begun.elapsed());
            figure.check(ended.status == 200, || {
                format!("{way:?} without Redis: {} {}", ended.status, ended.body)
            });
            is_dead(&world, &token, &format!("{way:?}, Redis gone"), &mut figure).await?;
            world.redis.set(Mode::Pass);
            is_dead(&world, &token, &format!("{way:?}, Redis back"), &mut figure).await?;
            wait_for_redis(&world).await?;
            is_dead(&world, &token, &format!("{way:?}, Redis back for a while"), &mut figure).await?;
        }
    }
    figure.seen.push(format!(
        "6 more with Redis gone (refused, black-holed), at most {:.1} s each",
        slowest.as_secs_f64()
    ));
    Ok(figure)
}

/// Somebody, and the token of a session of theirs that is to end, which every cache has just seen to last.
async fn victim(world: &World) -> Result<(Person, String)> {
    let person = Person::sign_up(world).await?;
    let login = json!({ "mobile_number": person.number, "password": PASSWORD });
    let login =
        Request::new("POST", "/api/auth/login").json(&login).send(&world.lambda).await?.expect(200)?;
    let token = login.text("/token")?;
    for path in ["/api/user/me", "/api/chatroom"] {
        Request::new("GET", path).token(&token).send(&world.lambda).await?.expect(200)?;
    }
    Ok((person, token))
}

/// Ends the session of the login, by that of the sign-up.
async fn end(world: &World, person: &Person, way: Way) -> Result<Answer> {
    let ask = |method, path: &str, body: Value| person.request(method, path).json(&body);
    let request = match way {
        Way::Logout => ask("POST", "/api/auth/logout", json!({ "scope": "others" })),
        Way::Ended => {
            let list = person.request("GET", "/api/auth/sessions").send(&world.lambda).await?.expect(200)?;
            let sessions = list.body["sessions"].as_array().cloned().unwrap_or_default();
            let other = sessions.iter().find(|session| session["current"] == false);
            let id = other.and_then(|session| session["id"].as_str()).unwrap_or_default();
            person.request("DELETE", format!("/api/auth/sessions/{id}"))
        }
        Way::Reset => {
            let sent = ask("POST", "/api/auth/forgot-password", json!({ "mobile_number": person.number }));
            let otp = sent.send(&world.lambda).await?.expect(200)?.text("/otp")?;
            let body =
                json!({ "mobile_number": person.number, "otp": otp, "new_password": "this is a new one" });
            ask("POST", "/api/auth/reset-password", body)
        }
        Way::Change => {
            let body = json!({ "current_password": PASSWORD, "new_password": "this is a new one" });
            ask("POST", "/api/auth/change-password", body)
        }
        Way::Deletion => ask("DELETE", "/api/user/me", json!({ "password": PASSWORD })),
    };
    request.send(&world.lambda).await
}

/// Asks on several functions, each of which looks for itself.
async fn is_dead(world: &World, token: &str, when: &str, figure: &mut Figure) -> Result<()> {
    for path in ["/api/user/me", "/api/chatroom", "/api/auth/sessions"] {
        let answer = Request::new("GET", path).token(token).send(&world.lambda).await?;
        figure.check(answer.status == 401, || format!("{when}: {path} is answered by {}", answer.status));
    }
    Ok(())
}

/// Waits until Redis is asked again: it is left alone for a second after it could not be reached.
async fn wait_for_redis(world: &World) -> Result<()> {
    let begun = Instant::now();
    let somebody = random_number();
    let code = Request::new("POST", "/api/auth/send-signup-otp").json(&json!({ "mobile_number": somebody }));
    while code.send(&world.lambda).await?.status == 503 {
        anyhow::ensure!(begun.elapsed().as_secs() < 30, "Redis is not found again");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    Ok(())
}
