//! Rate limits by address, user and tier.

use std::time::Duration;

use testkit::TestAppBuilder;

use super::serving;

#[tokio::test]
async fn requests_are_limited_by_network_address() {
    let app =
        serving().var("RATE_LIMIT_MAX_REQUESTS", "3").var("RATE_LIMIT_WINDOW_MS", "60000").start().await;
    for remaining in [2, 1, 0] {
        let response = app.request("GET", "/x").header("x-forwarded-for", "1.2.3.4").send().await.expect(404);
        assert_eq!(response.header("x-ratelimit-limit"), Some("3"));
        assert_eq!(response.header("x-ratelimit-remaining"), Some(remaining.to_string().as_str()));
        assert_eq!(response.header("ratelimit-policy"), Some("\"default\";q=3;w=60"));
        assert!(response.header("ratelimit").unwrap().starts_with(&format!("\"default\";r={remaining};t=")));
    }
    let forged = app.request("GET", "/x").header("x-forwarded-for", "5.6.7.8").send().await;
    let refused = forged.expect_problem(429, "rate_limited");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
    assert_eq!(app.metrics.names(), ["RateLimitRefusals"]);
}

#[tokio::test]
async fn requests_of_signed_in_users_do_not_use_up_those_of_their_network() {
    let app =
        serving().var("RATE_LIMIT_MAX_REQUESTS", "2").var("RATE_LIMIT_USER_MAX_REQUESTS", "9").start().await;
    let (first, second) = (app.user().await, app.user().await);
    for user in [&first, &second] {
        for _ in 0..9 {
            let _ = app.request("GET", "/x").by(user).send().await.expect(404);
        }
        let _ = app.request("GET", "/x").by(user).send().await.expect_problem(429, "rate_limited");
    }
    let response = app.request("GET", "/x").send().await.expect(404);
    assert_eq!(response.header("x-ratelimit-remaining"), Some("1"));
}

#[tokio::test]
async fn requests_with_an_ended_session_are_charged_to_their_network() {
    let app = serving().var("RATE_LIMIT_MAX_REQUESTS", "3").start().await;
    let user = app.user().await;
    let session: String = app.query_value("SELECT id::text FROM sessions").await;
    app.execute("DELETE FROM sessions").await;
    for _ in 0..2 {
        let _ = app.request("GET", "/x").by(&user).send().await.expect(404);
    }
    app.app.redis.mark_sessions_ended(&[session.parse().unwrap()]).await.unwrap();
    let _ = app.request("GET", "/x").by(&user).send().await.expect(404);
    let _ = app.request("GET", "/x").by(&user).send().await.expect_problem(429, "rate_limited");
    let _ = app.request("GET", "/x").send().await.expect_problem(429, "rate_limited");
}

/// Otherwise each request would take a token from the global bucket before Postgres is asked.
#[tokio::test]
async fn session_that_has_ended_is_read_from_postgres_once() {
    let app = serving().var("RATE_LIMIT_MAX_REQUESTS", "3").start().await;
    let user = app.user().await;
    app.execute("CREATE TABLE kept AS SELECT * FROM sessions; DELETE FROM sessions").await;
    let _ = app.request("GET", "/x").by(&user).send().await.expect(404);
    app.execute("INSERT INTO sessions SELECT * FROM kept").await;
    let response = app.request("GET", "/x").by(&user).send().await.expect(404);
    assert_eq!(response.header("x-ratelimit-limit"), Some("3"), "not the limit of the user");
}

#[tokio::test]
async fn requests_are_limited_by_user_across_addresses() {
    let mut app = serving().var("RATE_LIMIT_USER_MAX_REQUESTS", "2").start().await;
    let (user, other) = (app.user().await, app.user().await);
    for address in ["198.51.100.1", "198.51.100.2"] {
        app.address = address.to_owned();
        let _ = app.request("GET", "/x").by(&user).send().await.expect(404);
    }
    app.address = "198.51.100.3".to_owned();
    let _ = app.request("GET", "/x").by(&user).send().await.expect_problem(429, "rate_limited");
    let _ = app.request("GET", "/x").by(&other).send().await.expect(404);
}

#[tokio::test]
async fn rate_limit_depends_on_the_tier() {
    let limits = |app: TestAppBuilder| {
        app.var("RATE_LIMIT_USER_MAX_REQUESTS", "2").var("RATE_LIMIT_PRO_MAX_REQUESTS", "4")
    };
    let app = limits(serving()).start().await;
    let (basic, pro) = (app.user().await, app.user().await);
    app.set_tier(&pro, domain::Tier::Pro).await;
    for (user, allowed) in [(&basic, 2), (&pro, 4)] {
        for _ in 0..allowed {
            let response = app.request("GET", "/x").by(user).send().await.expect(404);
            assert_eq!(response.header("x-ratelimit-limit"), Some(allowed.to_string().as_str()));
        }
        let _ = app.request("GET", "/x").by(user).send().await.expect_problem(429, "rate_limited");
    }
}

#[tokio::test]
async fn rejected_request_is_charged_to_no_limit() {
    let mut app =
        serving().var("RATE_LIMIT_USER_MAX_REQUESTS", "1").var("RATE_LIMIT_MAX_REQUESTS", "2").start().await;
    let user = app.user().await;
    let _ = app.request("GET", "/x").by(&user).send().await.expect(404);
    for _ in 0..3 {
        let _ = app.request("GET", "/x").by(&user).send().await.expect_problem(429, "rate_limited");
    }
    let response = app.request("GET", "/x").send().await.expect(404);
    assert_eq!(response.header("x-ratelimit-remaining"), Some("1"));
    app.address = "198.51.100.77".to_owned();
    let _ = app.request("GET", "/x").by(&user).send().await.expect_problem(429, "rate_limited");
}

#[tokio::test]
async fn each_process_counts_requests_without_redis() {
    let serving = serving().var("REDIS_URL", "redis://127.0.0.1:1").var("RATE_LIMIT_MAX_REQUESTS", "2");
    let app = serving.start().await;
    for remaining in ["1", "0"] {
        let response = app.request("GET", "/x").send().await.expect(404);
        assert_eq!(response.header("x-ratelimit-remaining"), Some(remaining));
    }
    let _ = app.request("GET", "/x").send().await.expect_problem(429, "rate_limited");
}

#[tokio::test]
async fn token_of_an_ended_session_is_not_charged_to_its_user() {
    let app = serving().var("RATE_LIMIT_USER_MAX_REQUESTS", "1").start().await;
    let user = app.user().await;
    app.execute("CREATE TABLE kept AS SELECT * FROM sessions; DELETE FROM sessions").await;
    for _ in 0..3 {
        let _ = app.request("GET", "/x").by(&user).send().await.expect(404);
    }
    app.execute("INSERT INTO sessions SELECT * FROM kept").await;
    let session: String = app.query_value("SELECT id::text FROM sessions").await;
    app.app.redis.invalidate_session(session.parse().unwrap()).await.unwrap();
    let response = app.request("GET", "/x").by(&user).send().await.expect(404);
    assert_eq!(response.header("x-ratelimit-remaining"), Some("0"));
    let _ = app.request("GET", "/x").by(&user).send().await.expect_problem(429, "rate_limited");
}

#[tokio::test]
async fn rate_limit_refills_evenly() {
    let app = serving().var("RATE_LIMIT_MAX_REQUESTS", "2").var("RATE_LIMIT_WINDOW_MS", "400").start().await;
    for _ in 0..2 {
        let _ = app.request("GET", "/x").send().await;
    }
    // The bucket uses the clock of Redis, which a test cannot move, so the test waits for one
    // refill.
    tokio::time::sleep(Duration::from_millis(450)).await;
    let _ = app.request("GET", "/x").send().await.expect(404);
}
