//! Progress on the terminal: one line per step, with its duration.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _, stdout};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::Result;

static HIDDEN: AtomicBool = AtomicBool::new(false);

/// Stops printing steps: for suites that start many stacks and print results of their own.
pub fn hide_steps() {
    HIDDEN.store(true, Ordering::Relaxed);
}

/// Runs a step and prints its name, its result and its duration.
pub async fn step<T: Display, F: Future<Output = Result<T>>>(name: &str, work: F) -> Result<T> {
    if HIDDEN.load(Ordering::Relaxed) {
        return work.await;
    }
    let begun = Instant::now();
    let is_terminal = stdout().is_terminal();
    if is_terminal {
        print(format_args!("  {name:<11} ..."));
    }
    let outcome = work.await;
    let line_start = if is_terminal { "\r" } else { "" };
    let result = outcome.as_ref().map_or_else(|_| "failed".to_owned(), T::to_string);
    print(format_args!("{line_start}  {name:<11} {result:<62} {:>6.1} s\n", begun.elapsed().as_secs_f64()));
    outcome
}

/// Prints an indented line.
pub fn info(text: impl Display) {
    print(format_args!("  {text}\n"));
}

/// Prints text. Ignores a closed pipe: the command must still end what it has started.
pub fn print(text: impl Display) {
    let mut out = stdout().lock();
    drop(write!(out, "{text}").and_then(|()| out.flush()));
}
