//! `cargo dev cost`

use anyhow::Result;
use clap::Args;
use stack::home::Home;
use stack::progress::say;

/// What to do with it.
#[derive(Debug, Args)]
pub struct Options {
    /// Write it into docs/cost.md too.
    #[arg(long)]
    write: bool,
}

/// Prints what a million messages a month cost.
///
/// # Errors
/// When what goes into that cannot be read.
pub fn run(home: &Home, options: &Options) -> Result<()> {
    if options.write {
        cost::write(home.root())?;
    }
    say(cost::report(home.root())?);
    Ok(())
}
