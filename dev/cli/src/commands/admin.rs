//! `cargo dev admin`

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use stack::functions;
use stack::home::Home;
use stack::process::{Launch, run as process};
use stack::progress::note;
use stack::settings::{CONTRACT, Settings};
use stack::state::State;

/// Makes the account of `number` an operator, or one no more: in the database of the stack that runs, or in that of
/// `DATABASE_URL`.
///
/// # Errors
/// When nothing runs and no database is given, or there is no such account.
pub async fn run(home: &Home, number: &str, revoke: bool) -> Result<()> {
    let env = environment(home)?;
    functions::build_one(home, functions::MIGRATE).await?;
    let role = if revoke { "user" } else { "admin" };
    let command = Launch::new(functions::programs(home).await?.join(functions::MIGRATE))
        .args(["role", number, role])
        .without(CONTRACT)
        .env(env)
        .folder(home.root());
    process::output(&command).await.with_context(|| format!("giving {number} the role {role}"))?;
    note(format!("{number} has the role {role} from the next request on"));
    Ok(())
}

/// What the stack that runs has its functions run with, or what is set here if that has a database.
///
/// # Errors
/// When there is neither.
pub(super) fn environment(home: &Home) -> Result<BTreeMap<String, String>> {
    let given = Settings::of_developer(home.root())?;
    if given.get("DATABASE_URL").is_some() {
        return Ok(given.variables().clone());
    }
    Ok(State::load(home)?.context("nothing runs: `cargo dev up` first, or set DATABASE_URL")?.env)
}
