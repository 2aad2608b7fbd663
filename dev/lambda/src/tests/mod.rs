//! Tests of the local Lambda with a script as the function.

mod streaming;
mod streaming_function;

use std::fs;
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;
use tempfile::TempDir;

use super::*;

/// A function that returns its process number. The payload `"die"`, or a request body `die`, kills
/// it; the payload `"fail"` makes it fail; a request body is echoed as the event has it.
const SCRIPT: &str = r#"#!/usr/bin/env python3
import json, os, urllib.request
api = os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen(api + "next") as got:
        number, payload = got.headers["Lambda-Runtime-Aws-Request-Id"], json.load(got)
    body = payload.get("body") if isinstance(payload, dict) else None
    if payload == "die" or body == "die":
        os.kill(os.getpid(), 9)
    answer = os.getpid()
    if isinstance(payload, dict):
        echo = json.dumps({"body": body, "isBase64Encoded": payload["isBase64Encoded"]})
        answer = {"statusCode": 200, "headers": {}, "body": echo}
    what, answer = ("error", "refused") if payload == "fail" else ("response", json.dumps(answer))
    urllib.request.urlopen(urllib.request.Request(api + number + "/" + what, answer.encode(), method="POST"))
"#;

/// A local Lambda and the folder of its programs and logs, which ends with it.
struct TestLambda {
    lambda: Lambda,
    _folder: TempDir,
}

impl Deref for TestLambda {
    type Target = Lambda;

    fn deref(&self) -> &Lambda {
        &self.lambda
    }
}

async fn start(concurrency: usize) -> TestLambda {
    start_with(concurrency, &[("script", SCRIPT), ("site", SCRIPT)], Options::default()).await
}

async fn start_with(concurrency: usize, scripts: &[(&str, &str)], options: Options) -> TestLambda {
    let folder = tempfile::tempdir().unwrap();
    for (name, script) in scripts {
        let program = folder.path().join(name);
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let (programs, logs) = (folder.path().to_owned(), folder.path().to_owned());
    let timeout = Duration::from_secs(20);
    let setup = Setup { programs, logs, env: BTreeMap::new(), concurrency, timeout };
    TestLambda { lambda: Lambda::start_with(setup, options).await.unwrap(), _folder: folder }
}

/// Sends a request through API Gateway, which routes it to `site`.
async fn post(lambda: &Lambda, body: &[u8]) -> (u16, Value) {
    let request = stack::web::client().post(format!("{}/path", lambda.base_url())).body(body.to_owned());
    let response = request.timeout(Duration::from_secs(30)).send().await.unwrap();
    (response.status().as_u16(), serde_json::from_str(&response.text().await.unwrap()).unwrap())
}

#[tokio::test]
async fn process_serves_one_invocation_after_another() {
    let lambda = start(1).await;
    let (first, second) = tokio::join!(lambda.invoke("script", json!(1)), lambda.invoke("script", json!(2)));
    assert_eq!(first.unwrap(), second.unwrap());
}

#[tokio::test]
async fn process_that_dies_fails_its_invocation_at_once_and_is_replaced() {
    let lambda = start(1).await;
    let before = lambda.invoke("script", json!(1)).await.unwrap();
    let error = lambda.invoke("script", json!("die")).await.unwrap_err().to_string();
    assert!(error.contains("died"), "{error}");
    assert_ne!(lambda.invoke("script", json!(1)).await.unwrap(), before);
}

#[tokio::test]
async fn error_of_a_function_is_returned() {
    let lambda = start(1).await;
    let error = lambda.invoke("script", json!("fail")).await.unwrap_err().to_string();
    assert!(error.contains("refused"), "{error}");
}

#[tokio::test]
async fn instance_can_be_killed_and_the_function_invoked_over_http() {
    let lambda = start(2).await;
    let instance = lambda.instance("script", &[]).unwrap();
    let pid = instance.invoke(json!(1)).await.unwrap();
    assert_eq!(pid, instance.handle().pid);
    instance.kill().await;
    assert!(!instance.handle().is_alive());
    let request = stack::web::client()
        .post(format!("{}/2015-03-31/functions/script/invocations", lambda.base_url()))
        .body("1");
    let other: Value = serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap();
    assert!(other.is_number() && other != pid, "{other}");
}

#[tokio::test]
async fn replaced_process_finishes_its_invocation_and_is_not_used_again() {
    let lambda = start(1).await;
    let before = lambda.invoke("script", json!(1)).await.unwrap();
    lambda.replace("script");
    assert_ne!(lambda.invoke("script", json!(1)).await.unwrap(), before);
}

#[tokio::test]
async fn crash_of_a_function_is_a_500_at_once() {
    let lambda = start(1).await;
    let begun = std::time::Instant::now();
    let (status, body) = post(&lambda, b"die").await;
    assert_eq!((status, body), (500, json!({ "message": "Internal Server Error" })));
    assert!(begun.elapsed() < lambda.0.setup.timeout / 2, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn body_that_is_not_utf8_reaches_the_function_in_base64() {
    let lambda = start(1).await;
    let expected = json!({ "body": "//4=", "isBase64Encoded": true });
    assert_eq!(post(&lambda, &[0xff, 0xfe]).await, (200, expected));
}

#[tokio::test]
async fn all_of_120_concurrent_requests_are_served() {
    let lambda = start(4).await;
    let mut requests = tokio::task::JoinSet::new();
    for number in 0..120 {
        let lambda = lambda.clone();
        requests
            .spawn(async move { (number.to_string(), post(&lambda, number.to_string().as_bytes()).await) });
    }
    for (number, response) in requests.join_all().await {
        assert_eq!(response, (200, json!({ "body": number, "isBase64Encoded": false })));
    }
    assert!(lambda.processes("site").len() <= 4);
}
