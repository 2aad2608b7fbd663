//! Builds all test programs of the workspace at once, and runs them side by side. `cargo test` runs
//! one after another.

use std::fmt::{self, Display, Formatter};
use std::ops::Add;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::Value;
use stack::StackFolder;
use stack::process::Launch;
use stack::progress::print;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How many test programs run at once. Most of their tests wait for Postgres, Redis or the AWS
/// emulator.
const CONCURRENCY: usize = 4;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestProgram {
    pub package: String,
    /// The name of the target: of a library, a binary or an integration test.
    pub target: String,
    path: PathBuf,
    /// The package's folder, in which cargo runs tests.
    folder: PathBuf,
}

/// Builds all targets of `packages`, or of the workspace if there are none, and returns their test
/// programs. `None` if they do not build; cargo has printed why.
pub async fn build(folder: &StackFolder, packages: &[String]) -> Result<Option<Vec<TestProgram>>> {
    let packages: Vec<&str> = if packages.is_empty() {
        vec!["--workspace"]
    } else {
        packages.iter().flat_map(|package| ["--package", package]).collect()
    };
    let cargo = Launch::new("cargo")
        .args(["build", "--all-targets", "--message-format", "json-render-diagnostics"])
        .args(packages)
        .folder(folder.root());
    let Some(messages) = cargo.output_with_errors_shown().await? else { return Ok(None) };
    let messages =
        messages.lines().map(|line| serde_json::from_str(line).context("reading cargo's messages"));
    let mut programs = Vec::new();
    for message in messages {
        programs.extend(test_program(&message?));
    }
    // The largest program tends to have the most tests: started last, it would run alone.
    let size = |program: &TestProgram| std::fs::metadata(&program.path).map_or(0, |metadata| metadata.len());
    programs.sort_by_key(|program| std::cmp::Reverse(size(program)));
    Ok(Some(programs))
}

fn test_program(message: &Value) -> Option<TestProgram> {
    if message["profile"]["test"] != true {
        return None;
    }
    let folder = Path::new(message["manifest_path"].as_str()?).parent()?.to_owned();
    // `path+file:///checkout/dev/cli#dev@0.1.0`, or `...#0.1.0` if the folder is called like the
    // package.
    let id = message["package_id"].as_str()?.rsplit_once('#')?.1;
    let package = match id.split_once('@') {
        Some((name, _)) => name.to_owned(),
        None => folder.file_name()?.to_string_lossy().into_owned(),
    };
    let target = message["target"]["name"].as_str()?.to_owned();
    Some(TestProgram { package, target, path: message["executable"].as_str()?.into(), folder })
}

impl TestProgram {
    pub fn launch(&self, args: &[String]) -> Launch {
        Launch::new(&self.path)
            .args(args)
            .without_settings()
            .env([("CARGO_MANIFEST_DIR", self.folder.display().to_string())])
            .folder(&self.folder)
    }
}

/// Runs test programs side by side and prints a line for each, with its output if it fails or if
/// `show_output`.
pub async fn run(
    programs: &[TestProgram],
    args: &[String],
    env: &[(&'static str, String)],
    show_output: bool,
) -> Result<Counts> {
    let permits = Arc::new(Semaphore::new(CONCURRENCY));
    let mut runs = JoinSet::new();
    for program in programs {
        let launch = program.launch(args).env(env.iter().cloned());
        let (permits, program) = (permits.clone(), program.clone());
        runs.spawn(async move {
            let _permit = permits.acquire().await;
            let begun = Instant::now();
            (program, launch.try_output().await, begun.elapsed())
        });
    }
    let mut total = Counts::default();
    while let Some(run) = runs.join_next().await {
        let (program, output, duration) = run.context("running a test program")?;
        total = total + report(&program, &output?, duration, show_output);
    }
    Ok(total)
}

fn report(program: &TestProgram, output: &Output, duration: Duration, show_output: bool) -> Counts {
    let text = String::from_utf8_lossy(&output.stdout);
    let is_success = output.status.success();
    if show_output || !is_success {
        print(format_args!("{text}{}", String::from_utf8_lossy(&output.stderr)));
    }
    let summary = text.lines().rev().find_map(|line| line.strip_prefix("test result: "));
    let summary = match summary {
        Some(summary) => summary.split("; finished").next().unwrap_or_default(),
        None => "FAILED: it ended before its last test",
    };
    let counts = Counts::parse(summary, is_success);
    if counts != Counts::default() {
        // `ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out`
        let shown: Vec<&str> = summary.split("; ").filter(|count| !count.starts_with("0 ")).collect();
        let name = format!("{}/{}", program.package, program.target);
        print(format_args!("  {name:<34} {:<36} {:>6.1} s\n", shown.join(", "), duration.as_secs_f64()));
    }
    counts
}

/// How many tests ran. A program that fails without a failed test counts as one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    passed: u32,
    pub failed: u32,
    ignored: u32,
}

impl Counts {
    /// Reads the last line of libtest.
    fn parse(summary: &str, is_success: bool) -> Self {
        let count = |name: &str| {
            let mut counts = summary.split([';', '.']).filter_map(|count| count.trim().strip_suffix(name));
            counts.find_map(|number| number.trim().parse().ok()).unwrap_or(0)
        };
        let failed = count("failed").max(u32::from(!is_success));
        Self { passed: count("passed"), failed, ignored: count("ignored") }
    }
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            passed: self.passed + other.passed,
            failed: self.failed + other.failed,
            ignored: self.ignored + other.ignored,
        }
    }
}

impl Display for Counts {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.ignored > 0 { writeln!(f, "{} ignored", self.ignored) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn test_programs_are_read_from_the_messages_of_cargo() {
        let mut message = json!({
            "reason": "compiler-artifact", "package_id": "path+file:///c/dev/cli#dev@0.1.0",
            "manifest_path": "/c/dev/cli/Cargo.toml", "target": { "name": "dev" },
            "profile": { "test": true }, "executable": "/c/target/debug/deps/dev-1",
        });
        let program = test_program(&message).unwrap();
        assert_eq!((program.package.as_str(), program.target.as_str()), ("dev", "dev"));
        message["package_id"] = "path+file:///c/dev/cli#0.1.0".into();
        assert_eq!(test_program(&message).unwrap().package, "cli");
        message["profile"]["test"] = false.into();
        assert_eq!(test_program(&message), None);
    }

    #[test]
    fn counts_of_programs_are_summed() {
        let passed = Counts::parse("ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out", true);
        let failed = Counts::parse("FAILED. 3 passed; 2 failed; 0 ignored; 0 measured", false);
        let crashed = Counts::parse("FAILED: it ended before its last test", false);
        assert_eq!((passed + failed + crashed).to_string(), "15 passed, 3 failed\n1 ignored\n");
        assert_eq!(failed.to_string(), "3 passed, 2 failed\n");
    }
}
