//! The event source mapping between the queue and the worker: receives batches, invokes the
//! function with them, and deletes the processed messages. It runs as a process of its own, which
//! can be stopped alone.

mod batch_response;
pub mod event;
mod poller;

use std::process;

use anyhow::{Context as _, Result};
use stack::StackFolder;
use stack::functions::WORKER;
use stack::process::interrupted;
use stack::services::Aws;
use stack::settings::Settings;
use stack::state::State;
use stack::template::{EventSource, Template};
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::poller::Poller;

pub const BATCH_SIZE: &str = "WORKER_BATCH_SIZE";

/// The worker's event source in the template. `WORKER_CONCURRENCY` and [`BATCH_SIZE`] override it.
pub fn event_source(template: &Template, settings: &Settings) -> Result<EventSource> {
    let mut events = template.event_source(WORKER)?;
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

/// Runs the event source mapping until a signal, then finishes the invocations in progress.
pub async fn run(folder: &StackFolder) -> Result<()> {
    let state = State::load_running(folder)?;
    let settings = Settings::from(state.env);
    let events = event_source(&Template::read(folder.root())?, &settings)?;
    let aws = Aws::from_settings(&settings)?;
    let queue_url = settings.get("MESSAGE_QUEUE_URL").context("MESSAGE_QUEUE_URL is not set")?;
    let invoke_url = format!("{}/2015-03-31/functions/{WORKER}/invocations", state.base_url);
    let poller = Poller::new(aws, queue_url, invoke_url, events);
    println!(
        "process {}: batches of up to {} messages, up to {} concurrent invocations",
        process::id(),
        events.batch_size,
        events.concurrency
    );

    let (stop, stopped) = watch::channel(false);
    let mut pollers = JoinSet::new();
    for _ in 0..events.concurrency {
        pollers.spawn(poller.clone().run(stopped.clone()));
    }
    interrupted().await?;
    println!("stopping: waiting for the invocations in progress");
    let _ = stop.send(true);
    while pollers.join_next().await.is_some() {}
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use stack::checkout;

    #[test]
    fn variables_override_the_template() {
        let template = Template::read(&checkout()).unwrap();
        let with = |name: &str, value: &str| {
            let mut settings = Settings::none();
            settings.set_default(name, value);
            event_source(&template, &settings)
        };
        let usual = event_source(&template, &Settings::none()).unwrap();
        assert_eq!(with("WORKER_CONCURRENCY", "7").unwrap(), EventSource { concurrency: 7, ..usual });
        assert_eq!(with(BATCH_SIZE, "1").unwrap(), EventSource { batch_size: 1, ..usual });
        for wrong in ["0", "-1", "many"] {
            assert!(with(BATCH_SIZE, wrong).is_err(), "{wrong}");
        }
    }
}
