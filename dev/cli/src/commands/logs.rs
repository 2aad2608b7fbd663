//! `cargo dev logs`

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, ErrorKind, Write as _, stdout};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use stack::home::Home;
use stack::template::Template;
use tokio::time::sleep;

use super::interrupted;

/// How often followed logs are looked at.
const GLANCE: Duration = Duration::from_millis(200);

/// Shows the log called `name`, of a function or a service; without a name, those of all functions, one after the
/// other. With `follow`, goes on until Ctrl-C.
///
/// # Errors
/// When there is no such log.
pub async fn run(home: &Home, name: Option<&str>, follow: bool) -> Result<()> {
    let mut logs = Vec::new();
    match name {
        Some(name) => logs.push(Log::open(home, name, "")?),
        None => {
            for function in Template::read(home.root())?.binaries() {
                if home.log(&function).exists() {
                    logs.push(Log::open(home, &function, &format!("{function:<8} | "))?);
                }
            }
        }
    }
    tokio::select! {
        shown = show(&mut logs, follow) => shown,
        signal = interrupted() => signal.map(|_| ()),
    }
}

async fn show(logs: &mut [Log], follow: bool) -> Result<()> {
    loop {
        for log in &mut *logs {
            if !log.show_new()? {
                return Ok(());
            }
        }
        if !follow {
            return Ok(());
        }
        sleep(GLANCE).await;
    }
}

/// A log and how far it has been shown.
struct Log {
    reader: BufReader<File>,
    prefix: String,
    /// A line that is not complete yet.
    line: String,
}

impl Log {
    fn open(home: &Home, name: &str, prefix: &str) -> Result<Self> {
        match File::open(home.log(name)) {
            Ok(file) => {
                Ok(Self { reader: BufReader::new(file), prefix: prefix.to_owned(), line: String::new() })
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                bail!("there is no log called {name}; there are: {}", names(home).join(", "))
            }
            Err(error) => Err(error).with_context(|| format!("opening the log {}", home.log(name).display())),
        }
    }

    /// Shows what is new. Answers whether anybody is still reading.
    fn show_new(&mut self) -> Result<bool> {
        while self.reader.read_line(&mut self.line).context("reading a log")? > 0 && self.line.ends_with('\n')
        {
            match stdout().write_all(format!("{}{}", self.prefix, self.line).as_bytes()) {
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(false),
                written => written.context("showing a log")?,
            }
            self.line.clear();
        }
        Ok(true)
    }
}

fn names(home: &Home) -> Vec<String> {
    let entries = fs::read_dir(home.logs()).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".log").map(str::to_owned))
        .collect();
    names.sort();
    names
}
