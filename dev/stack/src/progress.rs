//! What a person sees while the stack starts: a line a step, with its time.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _, stdout};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::Result;

/// Whether steps are run without a word.
static QUIET: AtomicBool = AtomicBool::new(false);

/// From now on steps are run without a word: for those who start many stacks and have something else to show.
pub fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// Runs a step, showing `name`, then what came of it and how long it took.
///
/// # Errors
/// The step's own.
pub async fn step<T, F>(name: &str, work: F) -> Result<T>
where
    T: Shown,
    F: Future<Output = Result<T>>,
{
    if QUIET.load(Ordering::Relaxed) {
        return work.await;
    }
    let begun = Instant::now();
    let live = stdout().is_terminal();
    if live {
        say(format_args!("  {name:<11} ..."));
    }
    let outcome = work.await;
    let back = if live { "\r" } else { "" };
    let what = outcome.as_ref().map_or_else(|_| "failed".to_owned(), Shown::shown);
    say(format_args!("{back}  {name:<11} {what:<62} {:>6.1} s\n", begun.elapsed().as_secs_f64()));
    outcome
}

/// Says something between the steps.
pub fn note(text: impl Display) {
    say(format_args!("  {text}\n"));
}

/// Says something as it is. A reader that has gone away is no reason to stop: what is begun must be ended in order.
pub fn say(text: impl Display) {
    let mut out = stdout().lock();
    drop(write!(out, "{text}").and_then(|()| out.flush()));
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
