//! The custom resource: the response to a deployment, and that no rollback fails.

use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use wiremock::matchers::{body_string_contains, method, path};
use wiremock::{Mock, ResponseTemplate};

use super::{MockApi, environment};

/// A mock of the service and of CloudFormation, whose stack has the status `status`.
async fn start(status: &str) -> MockApi {
    let api = MockApi::start().await;
    let body = format!("<StackStatus>{status}</StackStatus>");
    let stack = Mock::given(method("POST")).and(path("/")).and(body_string_contains("DescribeStacks"));
    stack.respond_with(ResponseTemplate::new(200).set_body_string(body)).mount(&api.0).await;
    let callback = Mock::given(method("PUT")).and(path("/callback"));
    callback.respond_with(ResponseTemplate::new(200)).expect(1).mount(&api.0).await;
    api
}

/// The response to an event of `request_type`, with these changes of the secrets.
async fn response_to(api: &MockApi, request_type: &str, changes: &[(&str, &str)]) -> Value {
    let mut event = testkit::event("migrate-smoke-test");
    event["RequestType"] = json!(request_type);
    event["ResponseURL"] = json!(format!("{}/callback", api.0.uri()));
    if request_type != "Create" {
        event["PhysicalResourceId"] = json!("the-first-id");
    }
    for url in ["ApiUrl", "StreamUrl"] {
        event["ResourceProperties"][url] = json!(api.0.uri());
    }
    event["ResourceProperties"]["Fingerprint"] = json!("f1");
    let uri = api.0.uri();
    let lookup = |name: &str| match name {
        "AWS_ENDPOINT_URL" => Some(uri.clone()),
        _ => environment(changes, name),
    };
    let request = serde_json::from_value(event).unwrap();
    crate::handle(lookup, LambdaEvent::new(request, Context::default())).await.unwrap();
    let requests = api.0.received_requests().await.unwrap();
    requests.iter().find(|request| request.method == "PUT").unwrap().body_json().unwrap()
}

/// Whether a step of the smoke test has run.
async fn was_tested(api: &MockApi) -> bool {
    api.requests().await.contains(&"GET /health".to_owned())
}

#[tokio::test]
async fn deployment_passes_with_the_smoke_test() {
    for (request_type, id) in [("Create", "smoke-test"), ("Update", "the-first-id")] {
        let api = start("UPDATE_IN_PROGRESS").await;
        let response = response_to(&api, request_type, &[]).await;
        assert_eq!((&response["Status"], &response["PhysicalResourceId"]), (&json!("SUCCESS"), &json!(id)));
        assert!(response["Reason"].as_str().unwrap().starts_with("the smoke test passed"), "{response}");
        assert!(was_tested(&api).await);
    }
}

#[tokio::test]
async fn deployment_fails_with_the_smoke_test_and_its_event_names_the_step() {
    let api = start("UPDATE_IN_PROGRESS").await;
    api.refuse("POST", "/api/chatroom", 500, "internal").await;
    let response = response_to(&api, "Update", &[]).await;
    let reason = "the smoke test failed at step \"create chatroom\": 500 internal (A title), request r-1; \
        see the function's log";
    assert_eq!((&response["Status"], &response["Reason"]), (&json!("FAILED"), &json!(reason)));
    assert_eq!(response["PhysicalResourceId"], "the-first-id");
}

#[tokio::test]
async fn rollback_passes_without_a_test_whatever_the_state_of_service_and_configuration() {
    for changes in [&[][..], &[("JWT_SECRET", "8letters")], &[("BASIC_DAILY_MESSAGE_LIMIT", "many")]] {
        let api = start("UPDATE_ROLLBACK_IN_PROGRESS").await;
        api.refuse("GET", "/health", 500, "internal").await;
        let response = response_to(&api, "Update", changes).await;
        assert_eq!(response["Status"], "SUCCESS", "{response}");
        assert_eq!(response["Reason"], "the smoke test is skipped in a rollback");
        assert!(!was_tested(&api).await);
    }
}

#[tokio::test]
async fn rollback_is_recognised_although_cloud_formation_throttles() {
    let api = start("UPDATE_ROLLBACK_IN_PROGRESS").await;
    api.replace("POST", "/", ResponseTemplate::new(400), 2).await;
    api.refuse("GET", "/health", 500, "internal").await;
    assert_eq!(response_to(&api, "Update", &[]).await["Status"], "SUCCESS");
}

#[tokio::test]
async fn unknown_status_of_the_stack_is_a_deployment() {
    let api = MockApi::start().await;
    let callback = Mock::given(method("PUT")).and(path("/callback"));
    callback.respond_with(ResponseTemplate::new(200)).expect(1).mount(&api.0).await;
    let response = response_to(&api, "Update", &[]).await;
    assert_eq!(response["Status"], "SUCCESS", "{response}");
    assert!(was_tested(&api).await);
}

#[tokio::test]
async fn unusable_configuration_fails_a_deployment_without_its_values() {
    let api = start("CREATE_IN_PROGRESS").await;
    let response = response_to(&api, "Create", &[("JWT_SECRET", "8letters")]).await;
    assert_eq!(response["Status"], "FAILED");
    let reason = response["Reason"].as_str().unwrap();
    assert!(reason.contains("JWT_SECRET") && !reason.contains("8letters"), "{reason}");
}

#[tokio::test]
async fn deletion_always_passes_and_calls_nothing() {
    let api = start("DELETE_IN_PROGRESS").await;
    let response = response_to(&api, "Delete", &[("JWT_SECRET", "8letters")]).await;
    assert_eq!(
        (&response["Status"], &response["PhysicalResourceId"]),
        (&json!("SUCCESS"), &json!("the-first-id"))
    );
    assert_eq!(api.requests().await, ["PUT /callback"]);
}
