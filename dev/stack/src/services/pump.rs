//! What drives the worker from its queue: a process of `cargo dev`, which can be stopped and started.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::functions::WORKER;
use crate::home::Home;
use crate::process::{Launch, this_program};
use crate::state::{Service, State};
use crate::template::Template;
use crate::{names, progress};

/// What the pump needs to end beyond its last invocation.
const MARGIN: Duration = Duration::from_secs(5);

/// Starts the pump of a stack whose functions are served.
///
/// # Errors
/// When it cannot be started.
pub async fn launch(home: &Home) -> Result<Service> {
    progress::step("worker", async {
        let log = home.folder("logs")?.join("pump.log");
        let program = this_program()?;
        let launch = Launch::new(program).args(["--home"]).args([home.dir()]).args([names::PUMP]);
        let handle = launch.detach(&log).context("starting the pump between the queue and the worker")?;
        let events = Template::read(home.root())?.event_source(WORKER)?;
        let mut service = Service::new(names::PUMP, handle, "driven from the queue", log);
        service.patience = events.timeout + MARGIN;
        Ok(service)
    })
    .await
}

/// Stops the worker: invocations under way finish, messages stay in the queue.
///
/// # Errors
/// When no stack runs.
pub async fn stop(home: &Home) -> Result<()> {
    let (mut state, service) = running(home)?;
    if !service.handle.is_alive() {
        state.worker_stopped = true;
        return state.save(home);
    }
    // Written down first: whoever watches over the stack must not take it for a crash.
    state.worker_stopped = true;
    state.save(home)?;
    if !service.stop().await {
        bail!("the worker did not finish within {} s and was cut off", service.patience.as_secs());
    }
    Ok(())
}

/// Starts the worker again.
///
/// # Errors
/// When no stack runs, or it cannot be started.
pub async fn start(home: &Home) -> Result<()> {
    let (mut state, service) = running(home)?;
    if !service.handle.is_alive() {
        let service = launch(home).await?;
        state.services.retain(|other| other.name != names::PUMP);
        state.services.push(service);
    }
    state.worker_stopped = false;
    state.save(home)
}

fn running(home: &Home) -> Result<(State, Service)> {
    let state = State::load(home)?.context("nothing runs: `cargo dev up` first")?;
    let service =
        state.service(names::PUMP).cloned().context("the stack is not complete: `cargo dev up` again")?;
    Ok((state, service))
}
