//! The steps, in order and alone.

use clients::redis::Redis;
use domain::MobileNumber;
use domain::otp::{Otp, Purpose};
use garde::Validate as _;
use secrecy::ExposeSecret as _;
use serde_json::json;
use uuid::Uuid;
use wiremock::ResponseTemplate;

use super::{MockApi, TOKEN, config};
use crate::smoke::Target;
use crate::smoke::health::NO_STREAM;
use crate::smoke::step::Step;

const SIGN_UP: &str = "/api/auth/verify-signup-otp";
const DELETION: &str = "DELETE /api/user/me";

#[tokio::test]
async fn user_signs_up_is_answered_and_deletes_the_account() {
    let api = MockApi::start().await;
    let report = api.run().await;
    assert_eq!(report.failure(), None, "{report}");
    let expected = [
        "GET /health",
        "GET /api/config",
        &format!("GET {NO_STREAM}"),
        "POST /api/auth/verify-signup-otp",
        "POST /api/chatroom",
        "POST /api/chatroom/room/message",
        "GET /api/stream/question",
        "GET /api/chatroom/message/question/status",
        DELETION,
    ];
    assert_eq!(api.requests().await, expected);
    let steps: Vec<String> = report.to_string().lines().map(|line| line[..16].trim().to_owned()).collect();
    assert_eq!(steps, Step::ALL.map(Step::name));
    assert!(report.summary().starts_with("the smoke test passed in "), "{}", report.summary());
    let requests = api.0.received_requests().await.unwrap();
    let tokens = requests.iter().filter(|request| request.headers.contains_key("authorization"));
    assert_eq!(tokens.count(), 5, "all after the sign-up");
}

#[tokio::test]
async fn code_of_the_sign_up_is_redeemed_once_and_from_any_network() {
    let api = MockApi::start().await;
    let _ = api.run().await;
    let sign_up = api.body(SIGN_UP).await;
    let number = MobileNumber::from(sign_up["mobile_number"].as_str().unwrap());
    let config = config(&[]);
    let redis = Redis::new(config.redis_url.expose_secret()).unwrap();
    let key = config.jwt_secret.expose_secret().as_bytes();
    let hash = Otp::from(sign_up["otp"].as_str().unwrap()).keyed_hash(key, Purpose::SignUp, &number);
    let redeem = || redis.redeem_code(Purpose::SignUp, &number, &hash, "203.0.113.0/24", Uuid::new_v4());
    assert!(redeem().await.unwrap().is_some());
    assert!(redeem().await.unwrap().is_none());
}

#[tokio::test]
async fn every_run_has_another_number_that_no_person_has() {
    let (one, other) = (MockApi::start().await, MockApi::start().await);
    let _ = tokio::join!(one.run(), other.run());
    let (one, other) = (one.body(SIGN_UP).await, other.body(SIGN_UP).await);
    for member in ["mobile_number", "password"] {
        assert_ne!(one[member], other[member]);
    }
    for body in [one, other] {
        let number = MobileNumber::from(body["mobile_number"].as_str().unwrap());
        assert!(number.validate().is_ok(), "{number}");
        assert_eq!(&number.as_str()[5..10], "55501");
    }
}

#[tokio::test]
async fn failing_step_is_named_with_status_code_title_and_request() {
    for (verb, path, step, is_signed_up) in [
        ("GET", "/health", "health", false),
        ("GET", "/api/config", "health", false),
        ("GET", NO_STREAM, "health", false),
        ("POST", SIGN_UP, "sign up", false),
        ("POST", "/api/chatroom", "create chatroom", true),
        ("POST", "/api/chatroom/room/message", "send message", true),
        ("GET", "/api/stream/question", "answer", true),
        ("GET", "/api/chatroom/message/question/status", "read answer", true),
        ("DELETE", "/api/user/me", "delete account", true),
    ] {
        let api = MockApi::start().await;
        api.refuse(verb, path, 500, "internal").await;
        let report = api.run().await;
        let expected = format!("the smoke test failed at step {step:?}: 500 internal (A title), request r-1");
        assert_eq!(report.failure().as_deref(), Some(&*expected), "{report}");
        assert!(report.to_string().contains("FAILED: 500 internal (A title), request r-1"), "{report}");
        assert_eq!(api.requests().await.contains(&DELETION.to_owned()), is_signed_up, "{step}");
    }
}

#[tokio::test]
async fn failure_contains_no_secret() {
    let api = MockApi::start().await;
    api.refuse("POST", "/api/chatroom", 500, "internal").await;
    api.refuse("DELETE", "/api/user/me", 401, "unauthorized").await;
    let report = api.run().await;
    let said = format!("{report}{}", report.failure().unwrap());
    assert!(said.contains("; and at step \"delete account\": 401 unauthorized"), "{said}");
    let sign_up = api.body(SIGN_UP).await;
    let member = |name: &str| sign_up[name].as_str().unwrap().to_owned();
    for secret in [TOKEN.to_owned(), member("otp"), member("password"), "redis-password".to_owned()] {
        assert!(!said.contains(&secret), "{said}");
    }
}

#[tokio::test]
async fn response_without_a_problem_document_is_named_by_its_header() {
    let api = MockApi::start().await;
    let gateway = ResponseTemplate::new(500).insert_header("apigw-requestid", "gw-7").set_body_string("{}");
    api.replace("POST", "/api/chatroom", gateway, u64::MAX).await;
    let failure = api.failure().await;
    assert!(failure.ends_with("500 without a problem document, request gw-7"), "{failure}");
}

#[tokio::test]
async fn one_error_of_the_gateway_does_not_fail_a_request_that_can_be_repeated() {
    let api = MockApi::start().await;
    api.replace("POST", "/api/chatroom", ResponseTemplate::new(504), 1).await;
    assert_eq!(api.run().await.failure(), None);
    let requests = api.0.received_requests().await.unwrap();
    let chatrooms = requests.iter().filter(|request| request.url.path() == "/api/chatroom");
    let keys: Vec<_> = chatrooms.map(|request| request.headers["idempotency-key"].clone()).collect();
    assert!(keys.len() == 2 && keys[0] == keys[1], "{keys:?}");
}

#[tokio::test]
async fn other_deployment_is_not_tested() {
    let api = MockApi::start().await;
    for (deployment, commit, shown) in [
        (Some("f2"), None, "/health shows the deployment f1, not f2"),
        (Some("f1"), Some("c2"), "/health shows the commit none, not c2"),
    ] {
        let [deployment, commit] = [deployment, commit].map(|text| text.map(str::to_owned));
        let target = Target { deployment, commit, ..api.target() };
        let report = crate::smoke::run(&config(&[]), &target).await.unwrap();
        assert!(report.failure().unwrap().ends_with(shown), "{report}");
    }
    assert!(api.requests().await.iter().all(|request| request == "GET /health"));
}

#[tokio::test]
async fn service_that_starts_late_is_waited_for() {
    let api = MockApi::start().await;
    api.replace("GET", "/health", ResponseTemplate::new(404), 1).await;
    let mut target = api.target();
    target.timeouts.start = std::time::Duration::from_secs(20);
    let report = crate::smoke::run(&config(&[]), &target).await.unwrap();
    assert_eq!(report.failure(), None, "{report}");
}

#[tokio::test]
async fn streams_that_start_late_are_waited_for() {
    let api = MockApi::start().await;
    for status in [403, 500] {
        api.replace("GET", NO_STREAM, ResponseTemplate::new(status), 1).await;
    }
    let mut target = api.target();
    target.timeouts.start = std::time::Duration::from_secs(20);
    let report = crate::smoke::run(&config(&[]), &target).await.unwrap();
    assert_eq!(report.failure(), None, "{report}");
}

#[tokio::test]
async fn streams_are_where_the_service_says() {
    for base in [json!(null), json!("")] {
        let api = MockApi::start().await;
        let config = ResponseTemplate::new(200).set_body_json(json!({ "stream_base_url": base }));
        api.replace("GET", "/api/config", config, 1).await;
        assert_eq!(api.run().await.failure(), None, "{base:?}");
    }
    let (api, streams) = (MockApi::start().await, MockApi::start().await);
    let config = ResponseTemplate::new(200).set_body_json(json!({ "stream_base_url": streams.0.uri() }));
    api.replace("GET", "/api/config", config, 1).await;
    assert_eq!(api.run().await.failure(), None);
    assert_eq!(streams.requests().await, [&*format!("GET {NO_STREAM}"), "GET /api/stream/question"]);
}

#[tokio::test]
async fn unreachable_service_is_named_by_its_host() {
    let target = Target { api_url: "http://127.0.0.1:1".to_owned(), ..MockApi::start().await.target() };
    let failure = crate::smoke::run(&config(&[]), &target).await.unwrap().failure().unwrap();
    assert!(failure.contains("step \"health\": no response from 127.0.0.1: "), "{failure}");
}

#[tokio::test]
async fn unreachable_redis_fails_before_the_sign_up() {
    let api = MockApi::start().await;
    let report = api.run_with(&[("REDIS_URL", "redis://default:redis-password@127.0.0.1:1")]).await;
    let failure = report.failure().unwrap();
    assert!(failure.contains("step \"store code\": ") && !failure.contains("redis-password"), "{failure}");
    assert!(!api.requests().await.contains(&format!("POST {SIGN_UP}")));
}

#[test]
fn all_steps_leave_time_for_the_response_to_cloudformation() {
    let steps: u64 = Step::ALL.iter().map(|step| step.timeout().as_secs()).sum();
    // Before: the status of the stack (10 s) and abandoned accounts (10 s). After: the
    // account (10 s) and the response (20 s).
    assert!(steps + 10 + 10 + 10 + 20 < 290, "{steps}");
}
