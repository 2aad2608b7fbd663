//! What Lambda's event source mapping does for the deployed worker: takes batches from the queue, invokes the function
//! with them, and deletes what it says was done. A process of its own, so that it can be stopped and started.

pub(crate) mod event;
mod outcome;
mod source;

use std::process;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::source::Source;
use crate::home::Home;
use crate::process::{Launch, this_program};
use crate::settings::Settings;
use crate::state::{Service, State};
use crate::template::{EventSource, Template};
use crate::{progress, stack};

/// What the service is called.
pub const NAME: &str = "pump";

/// The function that it drives.
pub const FUNCTION: &str = "worker";

/// The variable that has the most messages in one invocation, where that is not to be as in the template.
pub const BATCH_SIZE: &str = "WORKER_BATCH_SIZE";

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
        let launch = Launch::new(program).args(["--home"]).args([home.dir()]).args([NAME]);
        let handle = launch.detach(&log).context("starting the pump between the queue and the worker")?;
        let events = Template::read(home.root())?.event_source(FUNCTION)?;
        let mut service = Service::new(NAME, handle, "driven from the queue", log);
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
        state.services.retain(|other| other.name != NAME);
        state.services.push(service);
    }
    state.worker_stopped = false;
    state.save(home)
}

fn running(home: &Home) -> Result<(State, Service)> {
    let state = State::load(home)?.context("nothing runs: `cargo dev up` first")?;
    let service = state.service(NAME).cloned().context("the stack is not complete: `cargo dev up` again")?;
    Ok((state, service))
}

/// How the worker is driven: as the template says, with `WORKER_CONCURRENCY` in the place of its parameter, and
/// [`BATCH_SIZE`] in that of its batch size.
///
/// # Errors
/// When the template does not say that it is, or a variable is no number above 0.
pub fn events(template: &Template, settings: &Settings) -> Result<EventSource> {
    let mut events = template.event_source(FUNCTION)?;
    for (name, number) in
        [("WORKER_CONCURRENCY", &mut events.concurrency), (BATCH_SIZE, &mut events.batch_size)]
    {
        if let Some(wanted) = settings.get(name) {
            let wanted_number = wanted.parse().ok().filter(|number| *number > 0);
            *number = wanted_number.with_context(|| format!("{name} is {wanted}, not a number above 0"))?;
        }
    }
    Ok(events)
}

/// Drives the worker until asked to end, then finishes what it has begun.
///
/// # Errors
/// When no stack is written down in `home`.
pub async fn run(home: &Home) -> Result<()> {
    let state = State::load(home)?.context("there is no stack to drive the worker of")?;
    let settings = Settings::from(state.env);
    let events = events(&Template::read(home.root())?, &settings)?;
    let aws = stack::aws_of(&settings)?;
    let queue_url = settings.get("MESSAGE_QUEUE_URL").context("MESSAGE_QUEUE_URL is not set")?;
    let invoke_url = format!("{}/2015-03-31/functions/{FUNCTION}/invocations", state.base_url);
    let source = Source::new(aws, queue_url, invoke_url, events);
    println!(
        "{} takes up to {} messages at a time, {} times at once",
        process::id(),
        events.batch_size,
        events.concurrency
    );

    let (stop, stopped) = watch::channel(false);
    let mut pollers = JoinSet::new();
    for _ in 0..events.concurrency {
        pollers.spawn(source.clone().poll(stopped.clone()));
    }
    let mut terminate = signal(SignalKind::terminate()).context("listening for the signal to end")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for the signal to end")?;
    tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    println!("finishing what is under way");
    let _ = stop.send(true);
    while pollers.join_next().await.is_some() {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_stand_in_for_what_the_template_says() {
        let template = Template::read(&Template::root()).unwrap();
        let with = |name: &str, value: &str| {
            let mut settings = Settings::none();
            settings.set_default(name, value);
            events(&template, &settings)
        };
        let usual = events(&template, &Settings::none()).unwrap();
        assert_eq!(with("WORKER_CONCURRENCY", "7").unwrap(), EventSource { concurrency: 7, ..usual });
        assert_eq!(with(BATCH_SIZE, "1").unwrap(), EventSource { batch_size: 1, ..usual });
        for wrong in ["0", "-1", "many"] {
            assert!(with(BATCH_SIZE, wrong).is_err(), "{wrong}");
        }
    }
}
