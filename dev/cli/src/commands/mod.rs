//! What `cargo dev` can be told.

pub mod admin;
pub mod bench;
pub mod cost;
pub mod down;
pub mod env;
pub mod faults;
pub mod logs;
pub mod openapi;
pub mod status;
pub mod stripe;
pub mod test;
pub mod up;

use anyhow::{Context as _, Result};
use tokio::signal::unix::{SignalKind, signal};

/// Ends when a person or the system wants us to end, and says by which signal.
///
/// # Errors
/// When signals cannot be listened for.
async fn interrupted() -> Result<&'static str> {
    let listen = |kind| signal(kind).context("listening for signals");
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hang_up = listen(SignalKind::hangup())?;
    Ok(tokio::select! {
        _ = interrupt.recv() => "Ctrl-C",
        _ = terminate.recv() => "the signal to end",
        _ = hang_up.recv() => "the terminal's end",
    })
}
