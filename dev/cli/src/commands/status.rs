//! `cargo dev status`

use std::process::ExitCode;

use anyhow::Result;
use stack::home::Home;
use stack::services::{aws, redis};
use stack::state::{Service, State};
use stack::{names, web};
use tokio::net::TcpStream;

/// Says what runs where. Succeeds only when all of it runs and answers.
///
/// # Errors
/// When what was written down cannot be read.
pub async fn run(home: &Home) -> Result<ExitCode> {
    let Some(state) = State::load(home)? else {
        println!("Nothing runs. `cargo dev up` starts it.");
        return Ok(ExitCode::FAILURE);
    };
    let mut code = ExitCode::SUCCESS;
    println!("SERVICE    PID      ADDRESS                            STATE");
    for service in &state.services {
        let (condition, good) = condition(&state, service).await;
        println!("{:<10} {:<8} {:<34} {condition}", service.name, service.handle.pid, service.address);
        if !good {
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

async fn condition(state: &State, service: &Service) -> (String, bool) {
    if !service.handle.is_alive() {
        if service.name == names::PUMP && state.worker_stopped {
            return ("stopped (cargo dev start worker)".to_owned(), true);
        }
        return (format!("ended; its log is {}", service.log.display()), false);
    }
    let answers = match service.name.as_str() {
        names::POSTGRES => TcpStream::connect(&service.address).await.is_ok(),
        names::REDIS => {
            let port = service.address.rsplit(':').next().and_then(|port| port.parse().ok());
            redis::answers(port.unwrap_or_default()).await
        }
        names::AWS => aws::answers(&service.address).await,
        names::STRIPE => web::status(&format!("{}/c/pay/none", service.address)).await == Some(404),
        names::GEMINI => web::status(&format!("{}/_control/calls", service.address)).await == Some(200),
        names::API => web::status(&format!("{}/health", service.address)).await == Some(200),
        _ => true,
    };
    if answers { ("healthy".to_owned(), true) } else { ("runs, but does not answer".to_owned(), false) }
}
