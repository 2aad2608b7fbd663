//! Reads that start while the session is checked.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use app::AppState;
use axum::extract::State;
use axum::handler::Handler;
use testkit::{TestApp, TestAppBuilder, TestUser};
use utoipa::openapi::HttpMethod;
use web::{ApiError, Caller, RoutePolicy, Routes};

fn serving<H: Handler<T, Arc<AppState>>, T: 'static>(read: H) -> TestAppBuilder {
    TestApp::serving(Routes::new().route(&[HttpMethod::Get], "/page", RoutePolicy::SpeculativeRead, read))
}

/// Serves a read that finishes only while its session exists and has no user agent `refused`. Also
/// returns how often the read has started.
fn serving_blocking_read() -> (TestAppBuilder, Arc<AtomicUsize>) {
    let started = Arc::<AtomicUsize>::default();
    let counter = started.clone();
    let read = move |State(app): State<Arc<AppState>>, caller: Caller| {
        counter.fetch_add(1, Ordering::SeqCst);
        async move {
            let sql = "SELECT FROM sessions WHERE id = $1 AND user_agent IS DISTINCT FROM 'refused'";
            let db = app.db().await?;
            while db.query_opt(sql, &[&caller.session_id.0]).await.map_err(ApiError::internal)?.is_none() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Ok::<_, ApiError>("page content")
        }
    };
    (serving(read), started)
}

async fn delete_sessions(app: &TestApp, user: &TestUser) {
    app.execute(&format!("DELETE FROM sessions WHERE user_id = '{}'", user.id)).await;
}

/// Asserts that GET and HEAD are refused with `status`, and that the response hides the page.
async fn assert_refused(app: &TestApp, user: &TestUser, status: u16) {
    for method in ["GET", "HEAD"] {
        let response = app.request(method, "/page").by(user).send().await;
        assert_eq!(response.status.as_u16(), status, "{method}");
        assert!(!response.body.to_string().contains("page content"), "{method}");
    }
}

#[tokio::test]
async fn refused_request_does_not_wait_for_its_read_and_the_next_one_starts_none() {
    let (app, started) = serving_blocking_read();
    let app = app.var("RATE_LIMIT_USER_MAX_REQUESTS", "2").start().await;
    let (limited, signed_out) = (app.user().await, app.user().await);
    for remaining in ["1", "0"] {
        let response = app.request("GET", "/page").by(&limited).send().await.expect(200);
        assert_eq!(response.header("x-ratelimit-remaining"), Some(remaining));
    }
    // From now on a read never finishes, so a response shows that the request did not wait for it.
    app.execute("UPDATE sessions SET user_agent = 'refused'").await;
    let response = app.request("GET", "/page").by(&limited).send().await.expect_problem(429, "rate_limited");
    assert_eq!(response.header("x-ratelimit-remaining"), Some("0"));
    delete_sessions(&app, &signed_out).await;
    let _ = app.request("GET", "/page").by(&signed_out).send().await.expect_problem(401, "not_authenticated");

    let started_before = started.load(Ordering::SeqCst);
    for _ in 0..3 {
        assert_refused(&app, &limited, 429).await;
        assert_refused(&app, &signed_out, 401).await;
        let _ = app.request("GET", "/page").send().await.expect_problem(401, "not_authenticated");
    }
    assert_eq!(started.load(Ordering::SeqCst), started_before);
}

#[tokio::test]
async fn read_that_finishes_first_is_not_shown_before_the_session_is_checked() {
    let read = |_: Caller| async { "page content" };
    // With one connection in the pool, the session check has to wait for the handler's connection.
    let app = serving(read).var("RATE_LIMIT_USER_MAX_REQUESTS", "1").var("DATABASE_POOL_SIZE", "1");
    let app = app.start().await;
    let (limited, signed_out) = (app.user().await, app.user().await);
    let _ = app.request("GET", "/page").by(&limited).send().await.expect(200);
    assert_refused(&app, &limited, 429).await;
    delete_sessions(&app, &signed_out).await;
    assert_refused(&app, &signed_out, 401).await;
}

#[tokio::test]
async fn read_is_checked_in_postgres_when_redis_is_unavailable() {
    let read = |_: Caller| async { "page content" };
    let app = serving(read).var("REDIS_URL", "redis://127.0.0.1:1").start().await;
    let user = app.user().await;
    let _ = app.request("GET", "/page").by(&user).send().await.expect(200);
    delete_sessions(&app, &user).await;
    assert_refused(&app, &user, 401).await;
}
