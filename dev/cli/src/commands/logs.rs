//! `cargo dev logs`

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, ErrorKind, Seek as _, SeekFrom, Write as _, stdout};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use stack::StackFolder;
use stack::process::interrupted;
use stack::template::Template;
use tokio::time::sleep;

const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Prints the log of a function or service, or the logs of all functions. With `follow`, continues
/// until Ctrl-C.
pub async fn run(folder: &StackFolder, name: Option<&str>, follow: bool) -> Result<()> {
    let mut logs = Vec::new();
    match name {
        Some(name) => logs.push(Log::open(folder, name, "")?),
        None => {
            for function in Template::read(folder.root())?.binaries() {
                if folder.log(&function).exists() {
                    logs.push(Log::open(folder, &function, &format!("{function:<8} | "))?);
                }
            }
        }
    }
    tokio::select! {
        outcome = print_logs(&mut logs, follow) => outcome,
        signal = interrupted() => signal.map(|_| ()),
    }
}

async fn print_logs(logs: &mut [Log], follow: bool) -> Result<()> {
    loop {
        for log in &mut *logs {
            if !log.print_new_lines()? {
                return Ok(());
            }
        }
        if !follow {
            return Ok(());
        }
        sleep(POLL_INTERVAL).await;
    }
}

pub(super) struct Log {
    reader: BufReader<File>,
    prefix: String,
    /// The beginning of a line that is still incomplete.
    line: String,
}

impl Log {
    pub(super) fn open(folder: &StackFolder, name: &str, prefix: &str) -> Result<Self> {
        match File::open(folder.log(name)) {
            Ok(file) => {
                Ok(Self { reader: BufReader::new(file), prefix: prefix.to_owned(), line: String::new() })
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                bail!("there is no log called {name}; choose from {}", names(folder).join(", "))
            }
            Err(error) => {
                Err(error).with_context(|| format!("opening the log {}", folder.log(name).display()))
            }
        }
    }

    pub(super) fn skip_to_end(&mut self) -> Result<()> {
        self.reader.seek(SeekFrom::End(0)).map(drop).context("reading a log")
    }

    /// Prints new lines. Returns false if the reader of standard output has gone.
    pub(super) fn print_new_lines(&mut self) -> Result<bool> {
        while self.reader.read_line(&mut self.line).context("reading a log")? > 0 && self.line.ends_with('\n')
        {
            match stdout().write_all(format!("{}{}", self.prefix, self.line).as_bytes()) {
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(false),
                written => written.context("printing a log")?,
            }
            self.line.clear();
        }
        Ok(true)
    }
}

fn names(folder: &StackFolder) -> Vec<String> {
    let entries = fs::read_dir(folder.logs()).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".log").map(str::to_owned))
        .collect();
    names.sort();
    names
}
