//! `cargo dev env`

use anyhow::{Context as _, Result};
use stack::home::Home;
use stack::state::State;

/// Prints the variables that the functions run with, for a shell to evaluate.
///
/// # Errors
/// When nothing runs.
pub fn run(home: &Home) -> Result<()> {
    let state = State::load(home)?.context("nothing runs: `cargo dev up` first")?;
    for (name, value) in &state.env {
        println!("export {name}={}", quoted(value));
    }
    Ok(())
}

/// A value as a shell takes it literally.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_back_what_was_set() {
        let value = "it's $HOME `and` \"more\"";
        let script = format!("printf %s {}", quoted(value));
        let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), value);
    }
}
