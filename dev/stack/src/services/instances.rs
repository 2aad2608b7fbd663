//! The processes of the functions, kept by a process of `cargo dev`.

use anyhow::{Context as _, Result};

use crate::functions::Reload;
use crate::home::Home;
use crate::names;
use crate::process::{Launch, this_program};
use crate::state::Service;

/// Starts the functions of a stack.
///
/// # Errors
/// When they cannot be started.
pub fn start(home: &Home, reload: Reload) -> Result<Service> {
    let log = home.folder("logs")?.join("functions.log");
    let program = this_program()?;
    let reload: &[&str] = if reload == Reload::OnChange { &["--reload"] } else { &[] };
    let launch = Launch::new(program).args(["--home"]).args([home.dir()]).args(["fleet"]).args(reload);
    let handle = launch.detach(&log).context("starting the functions")?;
    Ok(Service::new(names::FUNCTIONS, handle, "behind the API", log))
}
