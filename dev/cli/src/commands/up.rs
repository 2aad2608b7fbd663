//! `cargo dev up` and `cargo dev down`

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use stack::process::{interrupted, tail};
use stack::progress::{info, print};
use stack::services::names;
use stack::settings::Settings;
use stack::state::State;
use stack::{Durability, Stack, StackFolder, functions, ports, web};
use tokio::time::sleep;

use super::demo;
use super::logs::LogFile;

const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Starts the stack, and fills the sample account for `--demo`. Unless it is detached, waits for Ctrl-C
/// and then stops it.
pub async fn run(folder: &StackFolder, port: Option<u16>, detach: bool, with_demo: bool) -> Result<()> {
    let lock = folder.lock()?;
    if let Some(state) = healthy_state(folder).await? {
        println!(
            "The stack already runs at {}. `cargo dev status` shows its services, `cargo dev down` stops it.",
            state.base_url
        );
        return if with_demo { demo::fill(&state).await } else { Ok(()) };
    }
    stack::stop(folder).await?;
    stack::remove_logs(folder)?;
    let begun = Instant::now();
    let started = tokio::select! {
        started = start(folder, ports::for_api(port)?) => started,
        signal = interrupted() => signal.and_then(|signal| bail!("ended by {signal} during the start")),
    };
    let state = match started {
        Ok(state) => state,
        Err(error) => {
            stack::stop(folder).await?;
            return Err(error);
        }
    };
    print(format_args!("\nReady after {:.1} s.\n\n", begun.elapsed().as_secs_f64()));
    print_instructions(&state, detach);
    drop(lock);
    if with_demo {
        tokio::select! {
            filled = demo::fill(&state) => filled?,
            signal = interrupted() => {
                info(format!("{}: stopping the stack", signal?));
                return stack::stop(folder).await;
            }
        }
    }
    if detach { Ok(()) } else { wait_and_stop(folder).await }
}

async fn start(folder: &StackFolder, port: u16) -> Result<State> {
    let settings = Settings::of_developer(folder.root())?;
    let mut stack = Stack::new(folder, Durability::Persistent, settings);
    stack.start_storage().await?;
    functions::build(folder).await?;
    stack.start_functions(port, true).await
}

async fn healthy_state(folder: &StackFolder) -> Result<Option<State>> {
    let Some(state) = State::load(folder)? else { return Ok(None) };
    let answers = web::status(&format!("{}/health", state.base_url)).await == Some(200);
    if answers && state.ended().is_empty() {
        return Ok(Some(state));
    }
    info("stopping the processes of an earlier start");
    Ok(None)
}

fn print_instructions(state: &State, detach: bool) {
    let url = &state.base_url;
    info(format!("web client    {url}/"));
    info(format!("API           {url}, described at {url}/openapi.json; try it at {url}/docs"));
    info("database      cargo dev psql");
    for (name, title, variable) in
        [(names::GEMINI, "Gemini", "GEMINI_API_KEY"), (names::STRIPE, "Stripe", "STRIPE_SECRET_KEY")]
    {
        if let Some(mock) = state.service(name) {
            info(format!(
                "{title:<13} a mock server at {}; set {variable}, here or in .env, for the real one",
                mock.address
            ));
        }
    }
    info("logs, state   cargo dev logs, cargo dev status");
    let stop = if detach { "cargo dev down" } else { "Ctrl-C here, or cargo dev down elsewhere" };
    info(format!("stop          {stop}"));
    print("\nThree things to try:\n\n");
    let number = r#"{"mobile_number": "+491701234567"}"#;
    let failure = r#"{"steps": [{"kind": "error", "status": 503}]}"#;
    info("Chat in the web client");
    info("    cargo dev open");
    info("Get a code to sign up with");
    info(format!("    curl {url}/api/auth/send-signup-otp --json '{number}'"));
    if let Some(gemini) = state.service(names::GEMINI) {
        info("Let the next call to Gemini fail, send a message, and watch the retry");
        info(format!(
            "    curl {}/_control/script --json '{failure}' && cargo dev logs --follow",
            gemini.address
        ));
    } else {
        info("Send a message, and watch how it is answered");
        info("    cargo dev logs --follow");
    }
    print("\n");
}

/// Waits until a signal arrives or a service ends by itself, then stops the stack.
async fn wait_and_stop(folder: &StackFolder) -> Result<()> {
    let outcome = tokio::select! {
        signal = interrupted() => signal.map(|signal| print(format_args!("\n{signal}: stopping the stack\n"))),
        outcome = watch(folder) => outcome,
    };
    // If another command has the lock, it is stopping the stack too.
    let _lock = folder.lock();
    stack::stop(folder).await?;
    outcome
}

/// Prints the log of the local Lambda (reloads, failed builds, crashes) until the stack is
/// incomplete.
async fn watch(folder: &StackFolder) -> Result<()> {
    let mut log = LogFile::open(folder, names::LAMBDA)?;
    log.skip_to_end()?;
    loop {
        sleep(POLL_INTERVAL).await;
        for line in log.read_lines(false)? {
            print(format_args!("{line}\n"));
        }
        let Some(state) = State::load(folder)? else {
            print("Another command has stopped the stack.\n");
            return Ok(());
        };
        if let Some(service) = state.ended().first() {
            // `cargo dev down` stops services one by one under the lock. Without it, this is a
            // crash.
            sleep(POLL_INTERVAL).await;
            if folder.lock().is_ok() && State::load(folder)?.is_some_and(|state| !state.ended().is_empty()) {
                bail!("{} stopped unexpectedly; {}", service.name, tail(&service.log));
            }
        }
    }
}

pub async fn down(folder: &StackFolder) -> Result<()> {
    let _lock = folder.lock()?;
    if State::load(folder)?.is_none() {
        println!("No stack runs.");
        return Ok(());
    }
    stack::stop(folder).await?;
    println!("Stopped.");
    Ok(())
}
