//! The event source mapping: a process of `cargo dev` that invokes the worker with the queue's
//! messages. It can be stopped and started alone.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::names::EVENT_SOURCE_MAPPING;
use crate::folder::StackFolder;
use crate::functions::WORKER;
use crate::process::{Launch, this_program};
use crate::progress;
use crate::state::{Service, State};
use crate::template::Template;

/// Time that the process needs to end after its last invocation.
const MARGIN: Duration = Duration::from_secs(5);

/// Starts the event source mapping of a stack whose functions are served.
pub async fn launch(folder: &StackFolder) -> Result<Service> {
    progress::step("worker", async {
        let launch = Launch::new(this_program()?)
            .args(["--stack-folder".as_ref(), folder.dir().as_os_str()])
            .args([EVENT_SOURCE_MAPPING]);
        let note = "invoked with the queue's messages";
        let mut service = Service::start(folder, EVENT_SOURCE_MAPPING, launch, note, async || true).await?;
        let source = Template::read(folder.root())?.event_source(WORKER)?;
        service.stop_timeout = source.timeout + MARGIN;
        Ok(service)
    })
    .await
}

/// Stops the event source mapping: invocations in progress finish, messages stay in the queue.
/// Fails if an invocation did not finish in time and was killed.
pub async fn stop(folder: &StackFolder) -> Result<()> {
    let (mut state, service) = running(folder)?;
    // Saved first, so that `cargo dev up` does not take the end for a crash.
    state.worker_stopped = true;
    state.save(folder)?;
    if service.handle.is_alive() && !service.stop().await {
        bail!("the worker did not finish within {} s and was killed", service.stop_timeout.as_secs());
    }
    Ok(())
}

pub async fn start(folder: &StackFolder) -> Result<()> {
    let (mut state, service) = running(folder)?;
    state.worker_stopped = false;
    if service.handle.is_alive() {
        return state.save(folder);
    }
    state.add(folder, launch(folder).await?)
}

fn running(folder: &StackFolder) -> Result<(State, Service)> {
    let state = State::load_running(folder)?;
    let service = state.service(EVENT_SOURCE_MAPPING).cloned();
    Ok((state, service.context("the stack is incomplete: run `cargo dev up` again")?))
}
