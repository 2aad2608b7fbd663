//! `cargo dev cost`

use anyhow::Result;
use clap::Args;
use stack::{StackFolder, progress};

/// Where to write the costs.
#[derive(Debug, Args)]
pub struct Options {
    /// Also write them to docs/cost.md.
    #[arg(long)]
    write: bool,
}

/// Prints the cost of a million messages per month.
pub fn run(folder: &StackFolder, options: &Options) -> Result<()> {
    if options.write {
        cost::write(folder.root())?;
    }
    progress::print(cost::report(folder.root())?);
    Ok(())
}
