//! `cargo dev logs` and `cargo dev trace`

mod entry;
mod file;
mod filter;
mod path;
mod related;

use std::collections::BTreeSet;
use std::fs;
use std::io::{ErrorKind, IsTerminal as _, Write as _, stdout};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use chrono::{TimeDelta, Utc};
use clap::Args;
use stack::StackFolder;
use stack::process::interrupted;
use stack::template::Template;
use tokio::time::sleep;

use self::entry::{Entry, Level};
pub(super) use self::file::LogFile;
use self::filter::{Filter, duration};
pub use self::path::trace;
use self::related::Related;

const POLL_INTERVAL: Duration = Duration::from_millis(200);

#[derive(Debug, Default, Args)]
pub struct Options {
    /// Names of functions, or of services as `cargo dev status` shows them [default: all functions].
    names: Vec<String>,
    /// Continue with new entries until Ctrl-C.
    #[arg(short, long)]
    follow: bool,
    /// Print only the last entries.
    #[arg(short = 'n', long = "lines", value_name = "COUNT")]
    lines: Option<usize>,
    /// Print only entries that are not older, such as 90s, 10m, 2h or 1d.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    since: Option<TimeDelta>,
    /// Print only entries of this level or above. Lines without a level are always printed.
    #[arg(long, value_enum, ignore_case = true)]
    level: Option<Level>,
    /// Print only entries that name this id of a request, a message or a trace, those about the messages
    /// in them, and those of their requests, in all functions.
    #[arg(long, value_name = "ID")]
    request: Option<String>,
    /// Print the lines as the functions write them, as JSON.
    #[arg(long)]
    json: bool,
}

/// Prints the logs of functions and services, merged by time. With `follow`, continues until
/// Ctrl-C.
pub async fn run(folder: &StackFolder, options: Options) -> Result<()> {
    if let Some(unknown) = options.names.iter().find(|name| !folder.log(name).exists()) {
        match names(folder) {
            known if known.is_empty() => bail!("there are no logs yet: start the stack with `cargo dev up`"),
            known => bail!("there is no log called {unknown}; choose from {}", known.join(", ")),
        }
    }
    tokio::select! {
        outcome = print_logs(folder, &options) => outcome,
        signal = interrupted() => signal.map(|_| ()),
    }
}

async fn print_logs(folder: &StackFolder, options: &Options) -> Result<()> {
    #[expect(clippy::disallowed_methods, reason = "the age of entries is relative to the real time")]
    let oldest = options.since.map(|since| Utc::now() - since);
    let filter = Filter { oldest, level: options.level };
    let mut related = options.request.as_deref().map(Related::new);
    let mut files: Vec<LogFile> = Vec::new();
    let mut limit = options.lines;
    loop {
        open_new(folder, options, &mut files)?;
        let mut entries = Vec::new();
        for file in &mut files {
            entries.extend(file.read_entries(!options.follow)?);
        }
        if let Some(related) = &mut related {
            related.learn(&entries);
        }
        let is_wanted = |entry: &Entry| related.as_ref().is_none_or(|related| related.admits(entry));
        entries.retain(|entry| filter.admits(entry) && is_wanted(entry));
        // Stable: lines without a time stay behind the line before them.
        entries.sort_by_key(|entry| entry.time);
        let skipped = limit.take().map_or(0, |limit| entries.len().saturating_sub(limit));
        if !print_entries(&entries[skipped..], options.json)? || !options.follow {
            return Ok(());
        }
        sleep(POLL_INTERVAL).await;
    }
}

/// Opens the logs that are not open yet: a function's appears with its first invocation.
fn open_new(folder: &StackFolder, options: &Options, files: &mut Vec<LogFile>) -> Result<()> {
    let wanted = match options.names.as_slice() {
        [] => Template::read(folder.root())?.binaries(),
        names => names.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect(),
    };
    for name in wanted {
        if folder.log(&name).exists() && files.iter().all(|file| file.name() != name) {
            files.push(LogFile::open(folder, &name)?);
        }
    }
    Ok(())
}

/// Returns false if the reader of standard output has gone.
fn print_entries(entries: &[Entry], as_json: bool) -> Result<bool> {
    let mut out = stdout().lock();
    let is_coloured = out.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    for entry in entries {
        let line = if as_json { entry.line.clone() } else { entry.readable(is_coloured) };
        match writeln!(out, "{line}") {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(false),
            written => written.context("printing a log")?,
        }
    }
    Ok(true)
}

fn names(folder: &StackFolder) -> Vec<String> {
    let entries = fs::read_dir(folder.logs()).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".log").map(str::to_owned))
        .collect();
    names.sort();
    names
}
