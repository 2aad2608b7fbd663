//! What `EventBridge` does for the deployed functions: invokes those that have a schedule.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::json;
use stack::home::Home;
use stack::state::State;
use stack::template::Template;
use stack::web;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

/// An invocation is waited for no longer than Lambda would have it run.
const PATIENCE: Duration = Duration::from_mins(15);

/// Invokes the functions on their schedules for as long as the answer lives.
pub(super) fn follow(home: &Home) -> Result<JoinSet<()>> {
    let state = State::load(home)?.context("there is no stack whose schedules to follow")?;
    let mut schedules = JoinSet::new();
    for (function, every) in Template::read(home.root())?.schedules() {
        let url = format!("{}/2015-03-31/functions/{function}/invocations", state.base_url);
        schedules.spawn(async move {
            let mut ticks = interval(every);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
            // The first tick is at once, when the functions are still starting.
            ticks.tick().await;
            loop {
                ticks.tick().await;
                if let Err(error) = invoke(&url).await {
                    println!("{function}, on its schedule: {error:#}");
                }
            }
        });
    }
    Ok(schedules)
}

async fn invoke(url: &str) -> Result<()> {
    let event = json!({
        "version": "0", "detail-type": "Scheduled Event", "source": "aws.events", "resources": [], "detail": {},
    });
    let request = web::client().post(url).timeout(PATIENCE).header("content-type", "application/json");
    let answer = request.body(event.to_string()).send().await.context("invoking it")?;
    let status = answer.status();
    anyhow::ensure!(status.is_success(), "it failed ({status}): {}", answer.text().await.unwrap_or_default());
    Ok(())
}
