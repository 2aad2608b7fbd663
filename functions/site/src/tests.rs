//! Health, and what the middleware does for every function.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use app::AppState;
use axum::extract::State;
use serde_json::json;
use testkit::TestApp;
use web::{ApiError, Caller, Routes};

fn serving() -> testkit::TestAppBuilder {
    TestApp::serving(crate::routes())
}

#[tokio::test]
async fn health_is_free_of_charge_and_of_dependencies() {
    let app =
        serving().var("REDIS_URL", "redis://127.0.0.1:1").var("RATE_LIMIT_MAX_REQUESTS", "1").start().await;
    for _ in 0..3 {
        let answer = app.event("site-health", None, None).send().await.expect(200);
        assert_eq!((&answer.body["status"], &answer.body["success"]), (&json!("OK"), &json!(true)));
        assert_eq!(answer.body["version"], env!("CARGO_PKG_VERSION"));
        assert!(answer.body["uptime"].is_number() && answer.body["timestamp"].is_string());
        assert!(answer.body.get("checks").is_none());
    }
}

#[tokio::test]
async fn deep_health_names_what_is_down() {
    let all = serving().start().await;
    let healthy = all.event("site-health-deep", None, None).send().await.expect(200);
    assert_eq!(healthy.body["checks"]["table"]["status"], "up");
    let app = serving().var("TABLE_NAME", "absent").start().await;
    let answer = app.event("site-health-deep", None, None).send().await.expect_problem(503, "unavailable");
    let checks = &answer.body["checks"];
    for part in ["postgres", "redis", "queue", "gemini"] {
        assert_eq!(checks[part]["status"], "up", "{part} in {checks}");
        assert!(checks[part]["latency_ms"].is_u64());
    }
    assert_eq!(checks["table"]["status"], "down");
    assert!(answer.header("retry-after").is_some());
    let wrong = app.request("GET", "/health?deep=perhaps").send().await;
    wrong.expect_invalid(&["deep"]);
}

#[tokio::test]
async fn every_answer_has_its_headers() {
    let app = serving().start().await;
    for path in ["/health", "/nothing", "/health?deep=x"] {
        let answer = app.request("GET", path).header("x-request-id", "forged").send().await;
        for (name, value) in [
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("strict-transport-security", "max-age=31536000; includeSubDomains"),
            ("content-security-policy", "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
        let id = answer.header("x-request-id").unwrap();
        assert!(id != "forged" && !id.is_empty());
    }
}

#[tokio::test]
async fn a_path_that_is_not_there_is_a_problem_like_any_other() {
    let app = serving().start().await;
    let answer = app.request("GET", "/api/nothing").send().await.expect_problem(404, "route_not_found");
    assert_eq!(answer.body["request_id"].as_str(), answer.header("x-request-id"));
    let _ = app.request("POST", "/health").send().await.expect_problem(405, "method_not_allowed");
}

#[tokio::test]
async fn an_address_has_only_so_many_requests() {
    let app =
        serving().var("RATE_LIMIT_MAX_REQUESTS", "3").var("RATE_LIMIT_WINDOW_MS", "60000").start().await;
    for remaining in [2, 1, 0] {
        let answer = app.request("GET", "/x").header("x-forwarded-for", "1.2.3.4").send().await.expect(404);
        assert_eq!(answer.header("x-ratelimit-limit"), Some("3"));
        assert_eq!(answer.header("x-ratelimit-remaining"), Some(remaining.to_string().as_str()));
        assert_eq!(answer.header("ratelimit-policy"), Some("\"default\";q=3;w=60"));
        assert!(answer.header("ratelimit").unwrap().starts_with(&format!("\"default\";r={remaining};t=")));
    }
    let forged = app.request("GET", "/x").header("x-forwarded-for", "5.6.7.8").send().await;
    let refused = forged.expect_problem(429, "rate_limited");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
}

#[tokio::test]
async fn a_person_has_only_so_many_requests_from_wherever() {
    let mut app = serving().var("RATE_LIMIT_USER_MAX_REQUESTS", "2").start().await;
    let (person, other) = (app.person().await, app.person().await);
    for address in ["198.51.100.1", "198.51.100.2"] {
        app.address = address.to_owned();
        let _ = app.request("GET", "/x").by(&person).send().await.expect(404);
    }
    app.address = "198.51.100.3".to_owned();
    let _ = app.request("GET", "/x").by(&person).send().await.expect_problem(429, "rate_limited");
    let _ = app.request("GET", "/x").by(&other).send().await.expect(404);
}

#[tokio::test]
async fn a_person_on_pro_has_the_requests_of_pro() {
    let limits = |app: testkit::TestAppBuilder| {
        app.var("RATE_LIMIT_USER_MAX_REQUESTS", "2").var("RATE_LIMIT_PRO_MAX_REQUESTS", "4")
    };
    let app = limits(serving()).start().await;
    let (basic, pro) = (app.person().await, app.person().await);
    app.set_tier(&pro, domain::Tier::Pro).await;
    for (person, allowed) in [(&basic, 2), (&pro, 4)] {
        for _ in 0..allowed {
            let answer = app.request("GET", "/x").by(person).send().await.expect(404);
            assert_eq!(answer.header("x-ratelimit-limit"), Some(allowed.to_string().as_str()));
        }
        let _ = app.request("GET", "/x").by(person).send().await.expect_problem(429, "rate_limited");
    }
}

#[tokio::test]
async fn a_request_that_one_limit_refuses_is_charged_to_no_other() {
    let mut app =
        serving().var("RATE_LIMIT_USER_MAX_REQUESTS", "1").var("RATE_LIMIT_MAX_REQUESTS", "2").start().await;
    let person = app.person().await;
    let _ = app.request("GET", "/x").by(&person).send().await.expect(404);
    for _ in 0..3 {
        let _ = app.request("GET", "/x").by(&person).send().await.expect_problem(429, "rate_limited");
    }
    let answer = app.request("GET", "/x").send().await.expect(404);
    assert_eq!(answer.header("x-ratelimit-remaining"), Some("0"));
    app.address = "198.51.100.77".to_owned();
    let _ = app.request("GET", "/x").by(&person).send().await.expect_problem(429, "rate_limited");
}

#[tokio::test]
async fn without_redis_a_process_counts_for_itself() {
    let serving = serving().var("REDIS_URL", "redis://127.0.0.1:1").var("RATE_LIMIT_MAX_REQUESTS", "2");
    let app = serving.start().await;
    for remaining in ["1", "0"] {
        let answer = app.request("GET", "/x").send().await.expect(404);
        assert_eq!(answer.header("x-ratelimit-remaining"), Some(remaining));
    }
    let _ = app.request("GET", "/x").send().await.expect_problem(429, "rate_limited");
}

#[tokio::test]
async fn a_token_whose_session_has_ended_uses_up_nobodys_requests() {
    let app = serving().var("RATE_LIMIT_USER_MAX_REQUESTS", "1").start().await;
    let person = app.person().await;
    app.execute("CREATE TABLE kept AS SELECT * FROM sessions; DELETE FROM sessions").await;
    for _ in 0..3 {
        let _ = app.request("GET", "/x").by(&person).send().await.expect(404);
    }
    app.execute("INSERT INTO sessions SELECT * FROM kept").await;
    let answer = app.request("GET", "/x").by(&person).send().await.expect(404);
    assert_eq!(answer.header("x-ratelimit-remaining"), Some("0"));
    let _ = app.request("GET", "/x").by(&person).send().await.expect_problem(429, "rate_limited");
}

/// A read that is over once somebody is let in, and never where they are not; and how often it has begun.
fn reading() -> (Routes, Arc<AtomicUsize>) {
    let begun = Arc::<AtomicUsize>::default();
    let counter = begun.clone();
    let read = move |State(app): State<Arc<AppState>>, caller: Caller| {
        counter.fetch_add(1, Ordering::SeqCst);
        async move {
            let sql = "SELECT FROM sessions WHERE id = $1 AND user_agent IS DISTINCT FROM 'turned away'";
            let db = app.db().await?;
            while db.query_opt(sql, &[&caller.session_id.0]).await.map_err(ApiError::internal)?.is_none() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Ok::<_, ApiError>("what was read")
        }
    };
    (Routes::new().read("/page", read), begun)
}

#[tokio::test]
async fn what_is_read_in_advance_is_seen_by_those_alone_who_are_let_in() {
    let (routes, begun) = reading();
    let app = TestApp::serving(routes).var("RATE_LIMIT_USER_MAX_REQUESTS", "2").start().await;
    let (person, gone) = (app.person().await, app.person().await);
    for remaining in ["1", "0"] {
        let answer = app.request("GET", "/page").by(&person).send().await.expect(200);
        assert_eq!(answer.header("x-ratelimit-remaining"), Some(remaining));
    }
    // From here on reading never ends, and nobody waits for that.
    app.execute("UPDATE sessions SET user_agent = 'turned away'").await;
    let answer = app.request("GET", "/page").by(&person).send().await.expect_problem(429, "rate_limited");
    assert_eq!(answer.header("x-ratelimit-remaining"), Some("0"));
    app.execute(&format!("DELETE FROM sessions WHERE user_id = '{}'", gone.id)).await;
    let _ = app.request("GET", "/page").by(&gone).send().await.expect_problem(401, "not_authenticated");
    // Who was turned away a moment ago has nothing read for them again.
    let begun_before = begun.load(Ordering::SeqCst);
    for _ in 0..3 {
        let _ = app.request("GET", "/page").by(&person).send().await.expect_problem(429, "rate_limited");
        let _ = app.request("GET", "/page").by(&gone).send().await.expect_problem(401, "not_authenticated");
        let _ = app.request("GET", "/page").send().await.expect_problem(401, "not_authenticated");
    }
    assert_eq!(begun.load(Ordering::SeqCst), begun_before);
}

#[tokio::test]
async fn what_is_read_sooner_than_it_is_known_who_asks_waits_for_that() {
    let read = |_: Caller| async { "what was read" };
    let limited = |app: testkit::TestAppBuilder| app.var("RATE_LIMIT_USER_MAX_REQUESTS", "1");
    // A pool of one, too: the session is looked up by the connection that the handler has had.
    let app = limited(TestApp::serving(Routes::new().read("/page", read))).var("DATABASE_POOL_SIZE", "1");
    let app = app.start().await;
    let (person, gone) = (app.person().await, app.person().await);
    let _ = app.request("GET", "/page").by(&person).send().await.expect(200);
    for method in ["GET", "HEAD"] {
        let answer = app.request(method, "/page").by(&person).send().await;
        assert_eq!(
            (answer.status.as_u16(), answer.body.to_string().contains("what was read")),
            (429, false),
            "{method}"
        );
    }
    app.execute(&format!("DELETE FROM sessions WHERE user_id = '{}'", gone.id)).await;
    for method in ["GET", "HEAD"] {
        let answer = app.request(method, "/page").by(&gone).send().await;
        assert_eq!(
            (answer.status.as_u16(), answer.body.to_string().contains("what was read")),
            (401, false),
            "{method}"
        );
    }
    let app = TestApp::serving(Routes::new().read("/page", read)).var("REDIS_URL", "redis://127.0.0.1:1");
    let app = app.start().await;
    let person = app.person().await;
    let _ = app.request("GET", "/page").by(&person).send().await.expect(200);
    app.execute("DELETE FROM sessions").await;
    let _ = app.request("GET", "/page").by(&person).send().await.expect_problem(401, "not_authenticated");
}

#[tokio::test]
async fn only_pages_of_listed_origins_may_call() {
    let app =
        serving().var("CORS_ALLOWED_ORIGINS", "https://chat.example, http://localhost:3000").start().await;
    let preflight = |origin: &'static str| {
        app.request("OPTIONS", "/api/chatroom")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type")
            .send()
    };
    let allowed = preflight("https://chat.example").await.expect(200);
    assert_eq!(allowed.header("access-control-allow-origin"), Some("https://chat.example"));
    assert!(allowed.header("access-control-allow-headers").unwrap().contains("authorization"));
    for origin in ["https://chat.example.evil", "https://sub.chat.example", "null", "http://chat.example"] {
        assert_eq!(preflight(origin).await.header("access-control-allow-origin"), None, "{origin}");
    }
}

#[tokio::test]
async fn a_panic_is_an_answer() {
    async fn broken() {
        panic!("on purpose");
    }
    let routes = web::Routes::new().get("/broken", broken);
    let app = TestApp::serving(routes).start().await;
    let answer = app.request("GET", "/broken").send().await.expect_problem(500, "internal");
    assert!(!answer.body.to_string().contains("on purpose"));
}

#[tokio::test]
async fn a_slash_at_the_end_changes_nothing() {
    let app = serving().start().await;
    let _ = app.request("GET", "/health/").send().await.expect(200);
}

#[tokio::test]
async fn a_limit_is_let_go_evenly() {
    let app = serving().var("RATE_LIMIT_MAX_REQUESTS", "2").var("RATE_LIMIT_WINDOW_MS", "400").start().await;
    for _ in 0..2 {
        let _ = app.request("GET", "/x").send().await;
    }
    // The bucket runs on Redis's own clock, which no test can move: wait until one request has grown back.
    tokio::time::sleep(Duration::from_millis(450)).await;
    let _ = app.request("GET", "/x").send().await.expect(404);
}
