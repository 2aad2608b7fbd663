//! `cargo dev down`

use anyhow::Result;
use stack::StackFolder;
use stack::state::State;

/// Stops the stack of `cargo dev up`.
pub async fn run(folder: &StackFolder) -> Result<()> {
    let _lock = folder.lock()?;
    let Some(state) = State::load(folder)? else {
        println!("No stack runs.");
        return Ok(());
    };
    state.stop(folder).await?;
    println!("Stopped.");
    Ok(())
}
