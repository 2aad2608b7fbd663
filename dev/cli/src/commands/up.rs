//! `cargo dev up`

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use stack::functions::Reload;
use stack::home::Home;
use stack::process::tail;
use stack::progress::{note, say};
use stack::services::api::{self, Port};
use stack::services::postgres::Durability;
use stack::settings::Settings;
use stack::state::State;
use stack::{Plan, Stack};
use stack::{names, web};
use tokio::time::sleep;

use super::interrupted;

/// How often the running stack is looked at.
const GLANCE: Duration = Duration::from_millis(500);

/// Starts the stack; attached, stays until Ctrl-C and then ends it.
///
/// # Errors
/// When it cannot be started, or a part of it ends by itself.
pub async fn run(home: &Home, port: Option<u16>, detach: bool) -> Result<()> {
    let lock = home.lock()?;
    if let Some(state) = healthy(home).await? {
        println!(
            "It is up already, at {}. `cargo dev status` says more, `cargo dev down` ends it.",
            state.base_url
        );
        return Ok(());
    }
    stack::clear(home).await?;
    stack::fresh_logs(home)?;
    let begun = Instant::now();
    let plan = Plan {
        port: api::choose(port.map_or(Port::Usual, Port::Fixed))?,
        reload: Reload::OnChange,
        durability: Durability::Kept,
    };
    let started = tokio::select! {
        started = start(home, plan) => started,
        signal = interrupted() => Err(anyhow::anyhow!("ended by {} while starting", signal?)),
    };
    let state = match started {
        Ok(state) => state,
        Err(error) => {
            stack::clear(home).await?;
            return Err(error);
        }
    };
    say(format_args!("\nReady after {:.1} s.\n\n", begun.elapsed().as_secs_f64()));
    welcome(home, &state, detach);
    drop(lock);
    if detach { Ok(()) } else { stay(home).await }
}

async fn start(home: &Home, plan: Plan) -> Result<State> {
    let mut stack = Stack::new(home, plan, Settings::of_developer(home.root())?);
    stack.start_storage().await?;
    stack.start_functions().await
}

/// What runs, if all of it does and answers.
async fn healthy(home: &Home) -> Result<Option<State>> {
    let Some(state) = State::load(home)? else { return Ok(None) };
    let serves = web::status(&format!("{}/health", state.base_url)).await == Some(200);
    if serves && state.dead().is_empty() {
        return Ok(Some(state));
    }
    note("what was left of an earlier start is ended first");
    Ok(None)
}

fn welcome(home: &Home, state: &State, detach: bool) {
    let url = &state.base_url;
    let number = r#"{"mobile_number": "+491701234567"}"#;
    let mut lines = vec![
        format!("address   {url}"),
        format!("try it    {url}/ in a browser"),
        format!("          curl {url}/health"),
        format!("          curl {url}/api/auth/send-signup-otp --json '{number}'"),
    ];
    if state.service(names::GEMINI).is_some() {
        lines.push("Gemini    a stand-in: set GEMINI_API_KEY, here or in .env, for the real one".to_owned());
    }
    if let Some(stripe) = state.service(names::STRIPE) {
        let page = &stripe.address;
        lines.push(format!(
            "Stripe    a stand-in at {page}: set STRIPE_SECRET_KEY, here or in .env, for the real one"
        ));
    }
    let stop = if detach { "cargo dev down" } else { "Ctrl-C, or cargo dev down elsewhere" };
    lines.extend([
        format!("logs      cargo dev logs [name] [-f], or {}/*.log", home.logs().display()),
        "worker    cargo dev stop worker, cargo dev start worker".to_owned(),
        format!("stop      {stop}\n"),
    ]);
    lines.into_iter().for_each(note);
}

/// Stays until told to end, or something has ended by itself.
async fn stay(home: &Home) -> Result<()> {
    let outcome = tokio::select! {
        signal = interrupted() => signal.map(|signal| say(format_args!("\n{signal}: ending the stack\n"))),
        outcome = watch(home) => outcome,
    };
    // Waits for a `cargo dev stop` or `start` that is just at it; whatever has the lock longer than that ends the stack.
    let _lock = home.lock();
    stack::clear(home).await?;
    outcome
}

/// What the functions' keeper has to say while the stack runs: reloads, builds that failed, processes that ended.
struct News {
    log: PathBuf,
    shown: usize,
}

impl News {
    fn new(log: &Path) -> Self {
        Self { log: log.to_owned(), shown: fs::read(log).map_or(0, |bytes| bytes.len()) }
    }

    fn show(&mut self) {
        let bytes = fs::read(&self.log).unwrap_or_default();
        say(String::from_utf8_lossy(bytes.get(self.shown..).unwrap_or_default()));
        self.shown = bytes.len();
    }
}

/// Looks at the stack until it is no longer whole.
async fn watch(home: &Home) -> Result<()> {
    let mut news = News::new(&home.log(names::FUNCTIONS));
    loop {
        sleep(GLANCE).await;
        news.show();
        let Some(state) = State::load(home)? else {
            say("The stack was ended from elsewhere.\n");
            return Ok(());
        };
        let dead = state.dead();
        if let Some(service) = dead.first() {
            // `down` from elsewhere ends services one by one; a crash is what is still written down a moment later.
            sleep(GLANCE).await;
            if home.lock().is_ok() && State::load(home)?.is_some_and(|state| !state.dead().is_empty()) {
                bail!("{} has ended by itself; {}", service.name, tail(&service.log));
            }
        }
    }
}
