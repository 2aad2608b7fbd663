//! The local Lambda: a process of `cargo dev` that serves the API and runs the functions.

use anyhow::{Context as _, Result};

use super::names::LAMBDA;
use crate::folder::StackFolder;
use crate::process::{Launch, this_program};
use crate::state::{Service, State};
use crate::{progress, web};

/// Starts the local Lambda on `port`, adds it to `state`, and waits until `GET /health` answers
/// 200. With `reload`, it rebuilds the functions when their source changes.
pub(crate) async fn start(folder: &StackFolder, state: &mut State, port: u16, reload: bool) -> Result<()> {
    let launch = Launch::new(this_program()?)
        .args(["--stack-folder".as_ref(), folder.dir().as_os_str()])
        .args(["lambda", "--port", &port.to_string()])
        .args(reload.then_some("--reload"));
    state.base_url = format!("http://127.0.0.1:{port}");
    // The local Lambda reads the functions' variables from the state.
    state.save(folder)?;
    let url = format!("{}/health", state.base_url);
    let is_ready = async || web::status(&url).await == Some(200);
    let service =
        progress::step("API", Service::start(folder, LAMBDA, launch, &state.base_url, is_ready)).await;
    let logs = folder.logs();
    let context = || format!("GET {url} does not answer 200; the functions' logs are in {}", logs.display());
    state.add(folder, service.with_context(context)?)
}
