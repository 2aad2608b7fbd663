//! `cargo dev down`

use anyhow::Result;
use stack::home::Home;
use stack::state::State;

/// Ends what `up` has started.
///
/// # Errors
/// When another command is at it.
pub async fn run(home: &Home) -> Result<()> {
    let _lock = home.lock()?;
    let Some(state) = State::load(home)? else {
        println!("Nothing runs.");
        return Ok(());
    };
    state.stop(home).await?;
    println!("Ended.");
    Ok(())
}
