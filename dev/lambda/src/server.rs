//! The process that serves `cargo dev up` and the end-to-end stack: the API on one port, the
//! functions' schedules, and the reload of functions whose source has changed.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use stack::process::interrupted;
use stack::settings::Settings;
use stack::state::State;
use stack::template::Template;
use stack::{StackFolder, functions};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::event_source_mapping::event_source;
use super::reload::Reloader;
use super::{Lambda, Options, Setup};

/// Maximum number of processes of one function. A long poll occupies one of `chatroom` while it
/// waits.
const CONCURRENCY: usize = 32;

/// Serves the stack in `folder` until a signal. With `reload`, rebuilds and replaces
/// functions whose source has changed.
pub async fn serve(folder: &StackFolder, port: u16, reload: bool) -> Result<()> {
    let state = State::load_running(folder)?;
    let template = Template::read(folder.root())?;
    let settings = Settings::from(state.env.clone());
    let programs = functions::programs(folder).await?;
    let setup = Setup {
        programs: programs.clone(),
        logs: folder.logs(),
        env: state.env.clone(),
        // The event source mapping must never wait for a process.
        concurrency: CONCURRENCY.max(event_source(&template, &settings)?.concurrency),
        // Lambda's maximum. The template has a timeout for each function.
        timeout: Duration::from_mins(15),
    };
    let options = Options { port, timeouts: template.timeouts(), ..Options::default() };
    let lambda = Lambda::start_with(setup, options).await?;
    let mut tasks = JoinSet::new();
    for (function, every) in template.schedules() {
        tasks.spawn(run_schedule(lambda.clone(), function, every));
    }
    if reload {
        tasks.spawn(Reloader::new(folder, &template, &programs, state.env).run(lambda));
    }
    interrupted().await?;
    // Dropping the tasks and the local Lambda kills the functions' processes.
    Ok(())
}

/// Invokes a function at regular times, as EventBridge does.
async fn run_schedule(lambda: Lambda, function: String, every: Duration) {
    let event = json!({
        "version": "0", "detail-type": "Scheduled Event", "source": "aws.events", "resources": [], "detail": {},
    });
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    // The first tick is immediate.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        if let Err(error) = lambda.invoke(&function, event.clone()).await {
            println!("the scheduled invocation of {function} failed: {error:#}");
        }
    }
}
