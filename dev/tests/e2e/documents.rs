//! The commands in README.md, `.github/` and `docs/` run, or their page says why not.
//!
//! The `sh` blocks of a page run in order, in one shell, against the stack under test: the shell
//! replaces the address of `cargo dev up`, and `cargo dev` by a function. A block after a comment
//! `<!-- not run: reason -->` does not run. Commands of `cargo dev` that start or stop a stack, take
//! minutes or wait for input are parsed only, as are those in prose and in blocks that do not run.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use ::stack::checkout;
use tokio::process::Command;
use tokio::time::timeout;

use super::stack::{Stack, stack, variable};

const MAX_TIME: Duration = Duration::from_mins(2);
/// The address of `cargo dev up`, which the documents use.
const ADDRESS: &str = "http://127.0.0.1:9000";
const MARKER: &str = "<!-- not run: ";

/// What the shell runs first. `cargo dev` is the program under test, for the stack under test.
const PRELUDE: &str = r#"
set -euo pipefail
dev() { "$E2E_PROGRAM" --stack-folder "$E2E_HOME" "$@"; }
cargo() {
    if [ "$1" != dev ]; then echo "cargo $* is not run: mark the block" >&2; return 1; fi
    shift
    case " $* " in
        *' --follow '* | *' -f '*) dev --parse-only "$@" ;;
        ' env '* | ' status '* | ' logs '*) dev "$@" ;;
        *) dev --parse-only "$@" ;;
    esac
}
"#;

/// A fenced block of a page.
#[derive(Debug, PartialEq, Eq)]
struct Block<'a> {
    /// The line of its first fence, from 1.
    line: usize,
    language: &'a str,
    /// Why it does not run.
    reason: Option<&'a str>,
    lines: Vec<&'a str>,
}

/// Splits a page into its blocks and its prose.
fn parse(page: &str) -> (Vec<Block<'_>>, String) {
    let (mut blocks, mut prose, mut previous) = (Vec::new(), String::new(), "");
    let mut lines = page.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let trimmed = line.trim_start();
        if let Some(language) = trimmed.strip_prefix("```") {
            let reason = previous.strip_prefix(MARKER).and_then(|rest| rest.strip_suffix("-->"));
            let content = lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim_start() != "```");
            let (reason, lines) = (reason.map(str::trim), content.collect());
            blocks.push(Block { line: index + 1, language: language.trim(), reason, lines });
        } else {
            prose.push_str(trimmed);
            prose.push(' ');
        }
        previous = trimmed;
    }
    (blocks, prose)
}

/// The arguments of every `cargo dev` in the code spans of `prose`.
fn commands_in_prose(prose: &str) -> Vec<Vec<String>> {
    let spans = prose.split('`').skip(1).step_by(2);
    spans.filter_map(|span| span.split_once("cargo dev ")).map(|(_, rest)| arguments(rest)).collect()
}

/// The arguments of every `cargo dev` in a block.
fn commands_in_block(block: &Block<'_>) -> Vec<Vec<String>> {
    block
        .lines
        .iter()
        .filter_map(|line| line.split_once("cargo dev "))
        .map(|(_, rest)| arguments(rest))
        .collect()
}

/// The words of a command up to a comment or an operator of the shell. Brackets mark what is
/// optional.
fn arguments(text: &str) -> Vec<String> {
    let ends = |word: &&str| !word.starts_with(['#', '|', '&', ';', '>', ')']);
    let words = text.split('`').next().unwrap_or_default().split_whitespace().take_while(ends);
    words
        .map(|word| word.trim_matches(['[', ']', ',', '"', ')', ';']).trim_end_matches("]...").to_owned())
        .filter(|word| !word.is_empty())
        .collect()
}

/// The pages, by path in the checkout.
fn pages() -> Vec<(String, String)> {
    let folders = ["", ".github", "docs"].map(|folder| checkout().join(folder));
    let mut paths: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    paths.sort();
    let page = |path: PathBuf| {
        let name = path.strip_prefix(checkout()).unwrap().display().to_string();
        (name, fs::read_to_string(path).unwrap())
    };
    paths.into_iter().map(page).collect()
}

/// Runs the blocks of a page that have no reason not to. The error is the end of their output.
async fn run_page(stack: &Stack, name: &str, blocks: &[Block<'_>]) -> Result<(), String> {
    let runs = blocks.iter().filter(|block| block.language == "sh" && block.reason.is_none());
    let echoed =
        |block: &Block<'_>| format!("echo '== {name}:{}' >&2\n{}\n", block.line, block.lines.join("\n"));
    let script: String = std::iter::once(PRELUDE.to_owned()).chain(runs.map(echoed)).collect();
    let command = Command::new("bash")
        .args(["-c", &script.replace(ADDRESS, &stack.base_url)])
        .current_dir(checkout())
        .stdin(Stdio::null())
        .env("NO_PROXY", "127.0.0.1")
        .kill_on_drop(true)
        .output();
    let output = timeout(MAX_TIME, command).await.map_err(|_| format!("takes over {MAX_TIME:?}"))?.unwrap();
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let end = text.lines().rev().take(12).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>();
    Err(end.join("\n"))
}

#[tokio::test]
async fn commands_of_the_documents_run() {
    let stack = stack();
    let _worker = stack.with_worker().await;
    let mut failures = Vec::new();
    for (name, page) in pages() {
        if let Err(problem) = run_page(stack, &name, &parse(&page).0).await {
            failures.push(format!("{name}: {problem}"));
        }
    }
    assert!(
        failures.is_empty(),
        "run them, or mark them with {MARKER}reason -->:\n{}",
        failures.join("\n\n")
    );
}

#[tokio::test]
async fn commands_of_cargo_dev_in_the_documents_exist() {
    let (mut failures, mut count) = (Vec::new(), 0);
    for (name, page) in pages() {
        let (blocks, prose) = parse(&page);
        let in_blocks = blocks.iter().flat_map(commands_in_block);
        for arguments in in_blocks.chain(commands_in_prose(&prose)) {
            count += 1;
            let output = Command::new(variable("E2E_PROGRAM"))
                .arg("--parse-only")
                .args(&arguments)
                .output()
                .await
                .unwrap();
            if !output.status.success() {
                let error = String::from_utf8_lossy(&output.stderr).into_owned();
                failures.push(format!("{name}: cargo dev {}: {error}", arguments.join(" ")));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(count > 50, "only {count} commands were found");
}

#[test]
fn blocks_with_commands_are_marked_as_such_and_reasons_are_given() {
    let programs = ["aws ", "cargo ", "curl ", "docker ", "git ", "npm ", "pip ", "psql ", "sam "];
    for (name, page) in pages() {
        for Block { line, language, reason, lines } in parse(&page).0 {
            assert!(reason.is_none_or(|reason| reason.len() > 9), "{name}:{line} gives no reason");
            let is_command =
                |line: &&&str| programs.iter().any(|program| line.trim_start().starts_with(program));
            let command = lines.iter().find(is_command).filter(|_| language != "sh");
            assert!(command.is_none(), "{name}:{line} has a command but is not marked as sh: {command:?}");
        }
    }
}

#[test]
fn blocks_reasons_and_commands_are_found() {
    let page = "Run `cargo dev logs [NAME] [-f]` or `cargo\ndev down`.\n<!-- not run: needs AWS -->\n```sh\n\
                sam deploy # x\n```\n\n  ```sh\n  cargo dev up --detach   # start\n  ```\n```json\n{}\n```\n";
    let (blocks, prose) = parse(page);
    assert_eq!(blocks.len(), 3);
    assert_eq!((blocks[0].line, blocks[0].language, blocks[0].reason), (4, "sh", Some("needs AWS")));
    assert_eq!(
        (blocks[1].reason, blocks[1].lines.as_slice()),
        (None, ["  cargo dev up --detach   # start"].as_slice())
    );
    assert_eq!(blocks[2].language, "json");
    assert_eq!(commands_in_block(&blocks[1]), [["up", "--detach"]]);
    assert_eq!(commands_in_prose(&prose), [vec!["logs", "NAME", "-f"], vec!["down"]]);
}
