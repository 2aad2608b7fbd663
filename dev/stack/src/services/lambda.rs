//! The local Lambda: a process of `cargo dev` that serves the API and runs the functions.

use anyhow::{Context as _, Result, bail};

use super::names::LAMBDA;
use crate::folder::StackFolder;
use crate::process::{Launch, this_program, wait_until_ready};
use crate::state::{Service, State};
use crate::web;

/// Starts the local Lambda on `port`, adds it to `state`, and waits until `GET /health` answers
/// 200. With `reload`, it rebuilds the functions when their source changes.
///
/// # Errors
/// When it cannot be started, or a function does not start.
pub async fn start(folder: &StackFolder, state: &mut State, port: u16, reload: bool) -> Result<()> {
    let log = folder.subfolder("logs")?.join("lambda.log");
    let reload: &[&str] = if reload { &["--reload"] } else { &[] };
    let launch = Launch::new(this_program()?)
        .args(["--stack-folder".as_ref(), folder.dir().as_os_str()])
        .args(["lambda", "--port", &port.to_string()])
        .args(reload);
    state.base_url = format!("http://127.0.0.1:{port}");
    // The local Lambda reads the functions' variables from the state.
    state.save(folder)?;
    let handle = launch.detach(&log).context("starting the local Lambda")?;
    state.add(folder, Service::new(LAMBDA, handle.clone(), &state.base_url, log.clone()))?;
    let url = format!("{}/health", state.base_url);
    if !wait_until_ready(&handle, async || web::status(&url).await == Some(200)).await {
        let status = web::status(&url).await.map_or("nothing".to_owned(), |status| status.to_string());
        bail!("GET {url} answers {status} instead of 200; see the functions' logs beside {}", log.display());
    }
    Ok(())
}
