//! `cargo dev status`

use std::process::ExitCode;

use anyhow::Result;
use serde_json::{Value, json};
use stack::StackFolder;
use stack::services::{answers, names};
use stack::state::{Service, State};

use super::exit_code;

/// Prints the state of each service. Succeeds only if all of them run and answer.
pub async fn run(folder: &StackFolder, as_json: bool) -> Result<ExitCode> {
    let Some(state) = State::load(folder)? else {
        if as_json {
            println!("{:#}", json!({ "is_healthy": false, "base_url": null, "services": [] }));
        } else {
            println!("No stack runs. Start it with `cargo dev up`.");
        }
        return Ok(ExitCode::FAILURE);
    };
    let mut conditions = Vec::new();
    for service in &state.services {
        conditions.push((service, condition(&state, service).await));
    }
    let is_healthy = conditions.iter().all(|(_, (_, is_healthy))| *is_healthy);
    if as_json {
        let services: Vec<Value> =
            conditions.iter().map(|(service, condition)| view(service, condition)).collect();
        println!(
            "{:#}",
            json!({ "is_healthy": is_healthy, "base_url": state.base_url, "services": services })
        );
    } else {
        println!("SERVICE              PID      ADDRESS                            STATE");
        for (service, (condition, _)) in conditions {
            println!("{:<20} {:<8} {:<34} {condition}", service.name, service.handle.pid, service.address);
        }
    }
    Ok(exit_code(is_healthy))
}

fn view(service: &Service, (condition, is_healthy): &(String, bool)) -> Value {
    json!({
        "name": service.name, "pid": service.handle.pid, "address": service.address, "state": condition,
        "is_healthy": is_healthy, "log": service.log,
    })
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
