//! `cargo lambda watch` without `cargo dev`: it serves every function, with the variables of `cargo
//! dev env`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Result;
use harness::{Request, Response, StreamRequest, StreamedAnswer, TestUser, Transport};
use serde_json::json;
use stack::process::{Handle, StopSignal};
use stack::template::Template;
use stack::{StackFolder, functions, ports, web};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::stack::{assert_fields, send, stack, variable};

const MAX_WAIT: Duration = Duration::from_mins(1);

/// A running `cargo lambda watch`. Dropping it kills the process, and the functions' processes with
/// it.
struct Watch {
    base_url: String,
    folder: PathBuf,
    process: Child,
}

impl Watch {
    async fn start() -> Self {
        let stack = StackFolder::at(Path::new(&variable("E2E_HOME")));
        let folder = std::env::temp_dir().join(format!("cargo-lambda-watch-{}", Uuid::new_v4()));
        fs::create_dir_all(&folder).unwrap();
        write_cargo(&folder.join("cargo"), &functions::programs(&stack).await.unwrap());
        let port = ports::free().unwrap();
        // As docs/local.md says.
        let script = format!(
            r#"eval "$('{}' --stack-folder '{}' env)" && exec cargo-lambda lambda watch --ignore-changes \
            --invoke-address 127.0.0.1 --invoke-port {port}"#,
            variable("E2E_PROGRAM"),
            stack.dir().display(),
        );
        let path =
            format!("{}:{}:{}", folder.display(), stack.python().join("bin").display(), variable("PATH"));
        let process = Command::new("sh")
            .args(["-c", &script])
            .env("PATH", path)
            .current_dir(stack.root())
            .stdout(Stdio::null())
            .stderr(fs::File::create(stack.log("cargo-lambda-watch")).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let watch = Self { base_url: format!("http://127.0.0.1:{port}"), folder, process };
        let begun = Instant::now();
        while web::status(&format!("{}/health", watch.base_url)).await != Some(200) {
            assert!(begun.elapsed() < MAX_WAIT, "see {}", stack.log("cargo-lambda-watch").display());
            sleep(Duration::from_millis(100)).await;
        }
        watch
    }

    async fn stop(mut self) {
        let pid = self.process.id().unwrap();
        let handle = Handle::of(pid).unwrap();
        assert!(handle.stop(StopSignal::Interrupt, MAX_WAIT).await, "it had to be killed");
        self.process.wait().await.unwrap();
    }
}

impl Transport for Watch {
    async fn send(&self, request: &Request) -> Result<Response> {
        send(&self.base_url, request).await
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.folder));
    }
}

/// Writes a `cargo` that runs the programs which `cargo dev test` has built. The real `cargo run`
/// would build every dependency once more, with the features that the functions alone need.
fn write_cargo(path: &Path, programs: &Path) {
    let script = format!(
        r#"#!/bin/sh
[ "$1" = run ] || exec '{}' "$@"
while [ "$1" != --bin ]; do shift; done
exec '{}'/"$2"
"#,
        stack::python::on_path("cargo").unwrap().display(),
        programs.display(),
    );
    fs::write(path, script).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn message_is_accepted_and_its_answer_streamed_by_functions_that_cargo_lambda_watch_serves() {
    // The worker of the stack answers.
    let _worker = stack().with_worker().await;
    let watch = Watch::start().await;
    let user = TestUser::sign_up(&watch).await.unwrap();
    let chatroom = user.create_chatroom(&watch).await.unwrap();
    let sent = user.message(&chatroom, "Is anyone there?").send(&watch).await.unwrap().expect(201);
    assert_fields(&sent.body["message"], &json!({ "processing_status": "pending" }));

    let message = sent.text("/message/id").parse().unwrap();
    let mut answer = StreamedAnswer::default();
    let request = StreamRequest::new(&watch.base_url, &user, message);
    answer.read(&mut request.open_live().await.unwrap()).await.unwrap();
    answer.ensure_complete().unwrap();
    assert!(answer.text.contains("Is anyone there?"), "{}", answer.text);
    watch.stop().await;
}

#[tokio::test]
async fn function_serves_the_next_request_after_readers_have_gone_away() {
    let watch = Watch::start().await;
    let url = format!("{}/api/stream/no-such-path", watch.base_url);
    for _ in 0..20 {
        // Dropped before its body is read.
        drop(reqwest::Client::new().get(&url).timeout(MAX_WAIT).send().await.unwrap());
    }
    assert_eq!(web::client().get(&url).timeout(MAX_WAIT).send().await.unwrap().status(), 401);
    watch.stop().await;
}

#[tokio::test]
async fn every_route_of_the_template_is_answered_by_its_function() {
    let watch = Watch::start().await;
    for (route, function) in Template::read(&stack::checkout()).unwrap().routes() {
        let url = format!("{}{}", watch.base_url, route.replace("{proxy+}", "no-such-path"));
        let response = web::client().get(url).timeout(MAX_WAIT).send().await.unwrap();
        // 405: the route takes other methods.
        assert!(matches!(response.status().as_u16(), 401 | 404 | 405), "{route} of {function}: {response:?}");
        let content_type = response.headers()["content-type"].to_str().unwrap();
        assert_eq!(content_type, "application/problem+json", "{route} of {function}");
    }
    watch.stop().await;
}
