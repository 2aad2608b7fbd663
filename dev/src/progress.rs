//! What a person sees while the stack starts: a line a step, with its time.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _, stdout};
use std::time::Instant;

use anyhow::Result;

/// Runs a step, showing `name`, then what came of it and how long it took.
///
/// # Errors
/// The step's own.
pub async fn step<T, F>(name: &str, work: F) -> Result<T>
where
    T: Shown,
    F: Future<Output = Result<T>>,
{
    let begun = Instant::now();
    let live = stdout().is_terminal();
    if live {
        print!("  {name:<11} ...");
        flush();
    }
    let outcome = work.await;
    let back = if live { "\r" } else { "" };
    match &outcome {
        Ok(value) => {
            println!("{back}  {name:<11} {:<62} {:>6.1} s", value.shown(), begun.elapsed().as_secs_f64());
        }
        Err(_) => println!("{back}  {name:<11} {:<62} {:>6.1} s", "failed", begun.elapsed().as_secs_f64()),
    }
    flush();
    outcome
}

/// Says something between the steps.
pub fn note(text: impl Display) {
    println!("  {text}");
    flush();
}

fn flush() {
    // There is nothing to be done about a terminal that has gone away.
    drop(stdout().flush());
}

/// What a step's line says of its outcome.
pub trait Shown {
    /// A few words.
    fn shown(&self) -> String;
}

impl Shown for String {
    fn shown(&self) -> String {
        self.clone()
    }
}

impl Shown for crate::state::Service {
    fn shown(&self) -> String {
        self.address.clone()
    }
}
