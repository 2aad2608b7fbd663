//! `cargo dev reset`

use std::io::{IsTerminal as _, Write as _, stdin, stdout};

use anyhow::{Context as _, Result, bail};
use stack::StackFolder;

/// Stops the stack and deletes its data, after a question unless `yes`.
pub async fn run(folder: &StackFolder, yes: bool) -> Result<()> {
    let _lock = folder.lock()?;
    if !yes && !confirm(folder)? {
        println!("Nothing is deleted.");
        return Ok(());
    }
    stack::stop(folder).await?;
    stack::remove_data(folder)?;
    println!("The data of the local stack is deleted. `cargo dev up` starts with an empty database.");
    Ok(())
}

fn confirm(folder: &StackFolder) -> Result<bool> {
    if !stdin().is_terminal() {
        bail!("cannot ask for confirmation without a terminal: repeat with --yes");
    }
    print!(
        "Stop the stack and delete its accounts, messages and payments in {}? [y/N] ",
        folder.dir().display()
    );
    stdout().flush().context("asking for confirmation")?;
    let mut answer = String::new();
    stdin().read_line(&mut answer).context("reading the confirmation")?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
