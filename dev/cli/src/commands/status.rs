//! `cargo dev status`

use std::process::ExitCode;

use anyhow::Result;
use stack::StackFolder;
use stack::services::{answers, names};
use stack::state::{Service, State};

use super::exit_code;

/// Prints the state of each service. Succeeds only if all of them run and answer.
pub async fn run(folder: &StackFolder) -> Result<ExitCode> {
    let Some(state) = State::load(folder)? else {
        println!("No stack runs. Start it with `cargo dev up`.");
        return Ok(ExitCode::FAILURE);
    };
    let mut all_healthy = true;
    println!("SERVICE              PID      ADDRESS                            STATE");
    for service in &state.services {
        let (condition, is_healthy) = condition(&state, service).await;
        println!("{:<20} {:<8} {:<34} {condition}", service.name, service.handle.pid, service.address);
        all_healthy &= is_healthy;
    }
    Ok(exit_code(all_healthy))
}

async fn condition(state: &State, service: &Service) -> (String, bool) {
    if !service.handle.is_alive() {
        if service.name == names::EVENT_SOURCE_MAPPING && state.worker_stopped {
            return ("stopped (cargo dev start worker)".to_owned(), true);
        }
        return (format!("ended; see its log {}", service.log.display()), false);
    }
    if answers(service).await { ("healthy".to_owned(), true) } else { ("does not answer".to_owned(), false) }
}
