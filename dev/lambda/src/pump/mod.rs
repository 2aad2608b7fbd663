//! What Lambda's event source mapping does for the deployed worker: takes batches from the queue, invokes the function
//! with them, and deletes what it says was done. A process of its own, so that it can be stopped and started.

pub mod event;
mod outcome;
mod source;

use std::process;

use anyhow::{Context as _, Result};
use stack::functions::WORKER;
use stack::home::Home;
use stack::settings::Settings;
use stack::state::State;
use stack::template::{EventSource, Template};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::source::Source;

/// The variable that has the most messages in one invocation, where that is not to be as in the template.
pub const BATCH_SIZE: &str = "WORKER_BATCH_SIZE";

/// How the worker is driven: as the template says, with `WORKER_CONCURRENCY` in the place of its parameter, and
/// [`BATCH_SIZE`] in that of its batch size.
///
/// # Errors
/// When the template does not say that it is, or a variable is no number above 0.
pub fn events(template: &Template, settings: &Settings) -> Result<EventSource> {
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
    let invoke_url = format!("{}/2015-03-31/functions/{WORKER}/invocations", state.base_url);
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
    use stack::home::checkout;

    #[test]
    fn variables_stand_in_for_what_the_template_says() {
        let template = Template::read(&checkout()).unwrap();
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
