//! The smoke test of a deployment, against the real functions.

use super::stack::stack;

#[tokio::test]
async fn smoke_test_passes_and_leaves_no_account() {
    let stack = stack();
    let _worker = stack.with_worker().await;
    let output = stack.dev(&["smoke"]);
    let steps: Vec<&str> = output.lines().filter(|line| line.ends_with(" s  ok")).collect();
    assert_eq!(steps.len(), 8, "{output}");
    assert!(output.lines().last().unwrap().starts_with("the smoke test passed in "), "{output}");
    let count = "SELECT count(*) FROM users WHERE name = 'Smoke test'";
    assert_eq!(stack.dev(&["psql", "--", "-At", "-c", count]).trim(), "0");
}
