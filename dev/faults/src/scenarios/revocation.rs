//! Tokens whose session was ended, or whose account was suspended: with Redis, without it, and when
//! it returns with outdated entries.

use crate::prelude::*;

#[derive(Debug, Clone, Copy)]
enum Way {
    Logout,
    End,
    Reset,
    Change,
    Deletion,
    /// Refuses the session without ending it.
    Suspension,
}

const WAYS: [Way; 6] = [Way::Logout, Way::End, Way::Reset, Way::Change, Way::Deletion, Way::Suspension];

/// The ways that work without Redis: a reset needs a code.
const WITHOUT_REDIS: [Way; 4] = [Way::Logout, Way::Change, Way::Deletion, Way::Suspension];

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let rounds: usize = suite.scale.of(10, 1);
    let run = Run::start(suite, "revocation", &[("OTP_MAX_PER_DAY", "1000000")]).await?;
    run.make_admin(&TestUser::sign_up(&run).await?).await?;
    for _ in 0..rounds {
        for way in WAYS {
            let (user, token) = sign_in_twice(&run).await?;
            end(&run, &user, way).await?.ensure(200)?;
            run.check_refused(&token, &format!("{way:?}")).await?;
        }
    }
    let mut slowest = Duration::ZERO;
    for mode in [Mode::Refuse, Mode::BlackHole] {
        let users =
            try_join_all(WITHOUT_REDIS.map(async |way| anyhow::Ok((way, sign_in_twice(&run).await?))))
                .await?;
        run.redis.set(mode);
        let ended = users.iter().map(async |(way, (user, _))| {
            let start = Instant::now();
            anyhow::Ok((way, end(&run, user, *way).await?, start.elapsed()))
        });
        for (way, ended, took) in try_join_all(ended).await? {
            slowest = slowest.max(took);
            check!(run, ended.status == 200, "{way:?} without Redis: {ended}");
        }
        check_all_refused(&run, &users, "without Redis").await?;
        run.redis.set(Mode::Pass);
        check_all_refused(&run, &users, "Redis is back").await?;
        wait_for_redis(&run).await?;
        check_all_refused(&run, &users, "Redis is in use again").await?;
    }
    let slowest = slowest.as_secs_f64();
    run.observe(format!("8 more without Redis (refused, black-holed), at most {slowest:.1} s each"));
    run.done(format!("{rounds} sessions ended in each of {} ways", WAYS.len()))
}

async fn sign_in_twice(run: &Run) -> Result<(TestUser, String)> {
    let user = TestUser::sign_up(run).await?;
    let login = json!({ "mobile_number": user.number, "password": PASSWORD });
    let login = Request::post("/api/auth/login", &login).send(run).await?.ensure(200)?;
    let token = login.string_at("/token")?;
    for path in ["/api/user/me", "/api/chatroom"] {
        Request::new("GET", path).token(&token).send(run).await?.ensure(200)?;
    }
    Ok((user, token))
}

/// Ends the second session of `user` from the first one.
async fn end(run: &Run, user: &TestUser, way: Way) -> Result<Response> {
    let request = |method, path: &str, body: Value| user.request(method, path).json(&body);
    let request = match way {
        Way::Logout => request("POST", "/api/auth/logout", json!({ "scope": "others" })),
        Way::End => {
            let list = user.request("GET", "/api/auth/sessions").send(run).await?.ensure(200)?;
            let mut sessions = list.body["sessions"].as_array().into_iter().flatten();
            let other = sessions.find(|session| session["current"] == false);
            let id = other.and_then(|session| session["id"].as_str()).context("no other session")?;
            user.request("DELETE", format!("/api/auth/sessions/{id}"))
        }
        Way::Reset => {
            let sent = request("POST", "/api/auth/forgot-password", json!({ "mobile_number": user.number }));
            let otp = sent.send(run).await?.ensure(200)?.string_at("/otp")?;
            let body =
                json!({ "mobile_number": user.number, "otp": otp, "new_password": "this is a new one" });
            request("POST", "/api/auth/reset-password", body)
        }
        Way::Change => {
            let body = json!({ "current_password": PASSWORD, "new_password": "this is a new one" });
            request("POST", "/api/auth/change-password", body)
        }
        Way::Suspension => return suspend(run, user).await,
        Way::Deletion => request("DELETE", "/api/user/me", json!({ "password": PASSWORD })),
    };
    request.send(run).await
}

/// Suspends the account of `user` as the operator.
async fn suspend(run: &Run, user: &TestUser) -> Result<Response> {
    let id = run.id_of(user).await?;
    let sql = "SELECT mobile_number FROM users WHERE role = 'admin'";
    let login = json!({ "mobile_number": run.db.value::<String>(sql, &[]).await?, "password": PASSWORD });
    let token = Request::post("/api/auth/login", &login).send(run).await?.ensure(200)?.string_at("/token")?;
    let suspension = Request::post(format!("/api/user/{id}/suspend"), &json!({}));
    suspension.token(&token).send(run).await
}

async fn check_all_refused(run: &Run, users: &[(Way, (TestUser, String))], when: &str) -> Result<()> {
    for (way, (_, token)) in users {
        run.check_refused(token, &format!("{way:?}, {when}")).await?;
    }
    Ok(())
}

/// Waits until the functions use Redis again, which they do not for a second after a failure.
async fn wait_for_redis(run: &Run) -> Result<()> {
    let code = Request::post("/api/auth/send-signup-otp", &json!({ "mobile_number": random_number() }));
    let is_used = async || Ok(code.send(run).await?.status != 503);
    wait_until("Redis is in use again", Duration::from_secs(30), is_used).await.map(drop)
}
