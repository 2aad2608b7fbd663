//! The clients that two generators make from `docs/openapi.json`, each on a user's journey.
//! `.ci/clients` generates and compiles them. Without them, the test prints that it did not run, and
//! fails if `E2E_CLIENTS=required`, as `.ci/run` sets it.

use std::env;

use ::stack::checkout;
use tokio::process::Command;

use super::stack::stack;

#[tokio::test]
async fn generated_clients_sign_up_and_chat_and_delete_the_account() {
    let node = checkout().join(".dev/node/bin/node");
    let clients = checkout().join("dev/tests/clients");
    if !(node.is_file() && clients.join("build").is_dir()) {
        assert!(env::var("E2E_CLIENTS").as_deref() != Ok("required"), "no client is generated");
        eprintln!("NOT RUN: no client is generated (bash .ci/clients)");
        return;
    }
    let stack = stack();
    let _worker = stack.with_worker().await;

    let journeys = Command::new(node)
        .args(["--test", "--test-reporter=spec", "build/journeys/*.test.js"])
        .current_dir(clients)
        .env("E2E_BASE_URL", &stack.base_url)
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();

    assert!(journeys.status.success(), "{}", String::from_utf8_lossy(&journeys.stdout));
}
