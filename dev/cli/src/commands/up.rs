//! `cargo dev up`

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use stack::process::tail;
use stack::progress::{info, print};
use stack::services::names;
use stack::settings::Settings;
use stack::state::State;
use stack::{Durability, Stack, StackFolder, functions, ports, web};
use tokio::time::sleep;

use super::interrupted;

/// Interval between checks of the running stack.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Starts the stack. Unless it is detached, waits for Ctrl-C and then stops it.
pub async fn run(folder: &StackFolder, port: Option<u16>, detach: bool) -> Result<()> {
    let lock = folder.lock()?;
    if let Some(state) = healthy_state(folder).await? {
        println!(
            "The stack already runs at {}. `cargo dev status` shows its services, `cargo dev down` stops it.",
            state.base_url
        );
        return Ok(());
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
    print_instructions(folder, &state, detach);
    drop(lock);
    if detach { Ok(()) } else { wait_and_stop(folder).await }
}

async fn start(folder: &StackFolder, port: u16) -> Result<State> {
    let settings = Settings::of_developer(folder.root())?;
    let mut stack = Stack::new(folder, Durability::Persistent, settings);
    stack.start_storage().await?;
    functions::build(folder).await?;
    stack.start_functions(port, true).await
}

/// The state of the stack, if all of it runs and answers.
async fn healthy_state(folder: &StackFolder) -> Result<Option<State>> {
    let Some(state) = State::load(folder)? else { return Ok(None) };
    let answers = web::status(&format!("{}/health", state.base_url)).await == Some(200);
    if answers && state.ended().is_empty() {
        return Ok(Some(state));
    }
    info("stopping what is left of an earlier start");
    Ok(None)
}

fn print_instructions(folder: &StackFolder, state: &State, detach: bool) {
    let url = &state.base_url;
    let number = r#"{"mobile_number": "+491701234567"}"#;
    let mut lines = vec![
        format!("address   {url}"),
        format!("try it    {url}/ in a browser"),
        format!("          curl {url}/health"),
        format!("          curl {url}/api/auth/send-signup-otp --json '{number}'"),
    ];
    if state.service(names::GEMINI).is_some() {
        lines.push(
            "Gemini    a mock server; set GEMINI_API_KEY, here or in .env, for the real one".to_owned(),
        );
    }
    if let Some(stripe) = state.service(names::STRIPE) {
        let page = &stripe.address;
        lines.push(format!(
            "Stripe    a mock server at {page}; set STRIPE_SECRET_KEY, here or in .env, for the real one"
        ));
    }
    let stop = if detach { "cargo dev down" } else { "Ctrl-C here, or cargo dev down elsewhere" };
    lines.extend([
        format!("logs      cargo dev logs [name] [-f], or {}/*.log", folder.logs().display()),
        "worker    cargo dev stop worker, cargo dev start worker".to_owned(),
        format!("stop      {stop}\n"),
    ]);
    lines.into_iter().for_each(info);
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

/// The log of the local Lambda, printed while the stack runs: reloads, failed builds, crashes.
struct LambdaLog {
    path: PathBuf,
    printed: usize,
}

impl LambdaLog {
    fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), printed: fs::read(path).map_or(0, |bytes| bytes.len()) }
    }

    fn print_new(&mut self) {
        let bytes = fs::read(&self.path).unwrap_or_default();
        print(String::from_utf8_lossy(bytes.get(self.printed..).unwrap_or_default()));
        self.printed = bytes.len();
    }
}

/// Checks the stack until it is incomplete.
async fn watch(folder: &StackFolder) -> Result<()> {
    let mut log = LambdaLog::new(&folder.log(names::LAMBDA));
    loop {
        sleep(POLL_INTERVAL).await;
        log.print_new();
        let Some(state) = State::load(folder)? else {
            print("Another command has stopped the stack.\n");
            return Ok(());
        };
        if let Some(service) = state.ended().first() {
            // `cargo dev down` stops services one by one under the lock. Without it, this is a
            // crash.
            sleep(POLL_INTERVAL).await;
            if folder.lock().is_ok() && State::load(folder)?.is_some_and(|state| !state.ended().is_empty()) {
                bail!("{} has ended by itself; {}", service.name, tail(&service.log));
            }
        }
    }
}
