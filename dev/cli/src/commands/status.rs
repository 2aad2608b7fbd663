//! `cargo dev status`

use std::process::ExitCode;

use anyhow::Result;
use stack::services::{aws, names, redis};
use stack::state::{Service, State};
use stack::{StackFolder, web};
use tokio::net::TcpStream;

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

async fn answers(service: &Service) -> bool {
    let get = async |path: &str| web::status(&format!("{}{path}", service.address)).await;
    match service.name.as_str() {
        names::POSTGRES => TcpStream::connect(&service.address).await.is_ok(),
        names::REDIS => {
            let port = service.address.rsplit(':').next().and_then(|port| port.parse().ok());
            redis::answers(port.unwrap_or_default()).await
        }
        names::AWS => aws::answers(&service.address).await,
        names::STRIPE => get("/c/pay/none").await == Some(404),
        names::GEMINI => get("/_control/calls").await == Some(200),
        names::LAMBDA => get("/health").await == Some(200),
        _ => true,
    }
}
