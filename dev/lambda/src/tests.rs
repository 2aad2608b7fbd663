//! Lambda, with a shell script as the function.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use super::*;

/// A function that answers each invocation with its process's number, and dies of the payload `"die"`.
const SCRIPT: &str = r#"#!/usr/bin/env python3
import json, os, urllib.request
api = os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with urllib.request.urlopen(api + "next") as got:
        number, payload = got.headers["Lambda-Runtime-Aws-Request-Id"], json.load(got)
    if payload == "die":
        os.kill(os.getpid(), 9)
    what, answer = ("error", "refused") if payload == "fail" else ("response", json.dumps(os.getpid()))
    urllib.request.urlopen(urllib.request.Request(api + number + "/" + what, answer.encode(), method="POST"))
"#;

async fn start(name: &str, concurrency: usize) -> Lambda {
    let folder = std::env::temp_dir().join(format!("dev-lambda-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let program = folder.join("script");
    fs::write(&program, SCRIPT).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let (programs, logs) = (folder.clone(), folder);
    let timeout = Duration::from_secs(20);
    Lambda::start(Setup { programs, logs, env: BTreeMap::new(), concurrency, timeout }).await.unwrap()
}

#[tokio::test]
async fn a_process_serves_one_invocation_after_the_other() {
    let lambda = start("reuse", 1).await;
    let (first, second) = tokio::join!(lambda.invoke("script", json!(1)), lambda.invoke("script", json!(2)));
    assert_eq!(first.unwrap(), second.unwrap());
}

#[tokio::test]
async fn a_process_that_dies_fails_its_invocation_at_once_and_is_replaced() {
    let lambda = start("death", 1).await;
    let before = lambda.invoke("script", json!(1)).await.unwrap();
    let died = lambda.invoke("script", json!("die")).await.unwrap_err().to_string();
    assert!(died.contains("died"), "{died}");
    assert_ne!(lambda.invoke("script", json!(1)).await.unwrap(), before);
}

#[tokio::test]
async fn a_failure_is_told_in_the_functions_own_words() {
    let lambda = start("failure", 1).await;
    let failed = lambda.invoke("script", json!("fail")).await.unwrap_err().to_string();
    assert!(failed.contains("refused"), "{failed}");
}

#[tokio::test]
async fn a_chosen_process_can_be_killed_and_invoked_over_http() {
    let lambda = start("kill", 2).await;
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
