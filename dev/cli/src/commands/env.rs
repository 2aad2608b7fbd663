//! `cargo dev env`

use anyhow::Result;
use stack::StackFolder;
use stack::state::State;

pub fn run(folder: &StackFolder) -> Result<()> {
    for (name, value) in &State::load_running(folder)?.env {
        println!("export {name}={}", quoted(value));
    }
    Ok(())
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shell_reads_a_quoted_value_unchanged() {
        let value = "it's $HOME `and` \"more\"";
        let script = format!("printf %s {}", quoted(value));
        let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), value);
    }
}
