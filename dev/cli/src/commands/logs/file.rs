//! A log file that is read as it grows.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use chrono::{DateTime, Utc};
use stack::StackFolder;

use super::entry::Entry;

pub struct LogFile {
    name: String,
    path: PathBuf,
    reader: BufReader<File>,
    /// The number of bytes read.
    position: u64,
    /// The beginning of a line that is still incomplete.
    line: Vec<u8>,
    /// The time of the last entry that has one.
    time: Option<DateTime<Utc>>,
}

impl LogFile {
    pub fn open(folder: &StackFolder, name: &str) -> Result<Self> {
        let path = folder.log(name);
        let file = File::open(&path).with_context(|| format!("opening the log {}", path.display()))?;
        let reader = BufReader::new(file);
        Ok(Self { name: name.to_owned(), path, reader, position: 0, line: Vec::new(), time: None })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub fn skip_to_end(&mut self) -> Result<()> {
        self.position = self.reader.seek(SeekFrom::End(0)).context("reading a log")?;
        Ok(())
    }

    /// The new lines. `is_last`: nothing more is read, so an incomplete line counts too.
    pub fn read_lines(&mut self, is_last: bool) -> Result<Vec<String>> {
        self.reopen_if_replaced()?;
        let mut lines = Vec::new();
        loop {
            let read = self.reader.read_until(b'\n', &mut self.line).context("reading a log")?;
            self.position += read as u64;
            let is_complete = self.line.ends_with(b"\n");
            if !is_complete && (!is_last || self.line.is_empty()) {
                return Ok(lines);
            }
            lines.push(String::from_utf8_lossy(&self.line).trim_end_matches(['\r', '\n']).to_owned());
            self.line.clear();
        }
    }

    /// The new lines as entries. A line without a time has that of the line before it.
    pub(super) fn read_entries(&mut self, is_last: bool) -> Result<Vec<Entry>> {
        let lines = self.read_lines(is_last)?;
        let entry = |line| {
            let entry = Entry::parse(&self.name, line, self.time);
            self.time = entry.time;
            entry
        };
        Ok(lines.into_iter().map(entry).collect())
    }

    /// `cargo dev up` removes the logs of the last start.
    fn reopen_if_replaced(&mut self) -> Result<()> {
        let is_shorter = fs::metadata(&self.path).is_ok_and(|metadata| metadata.len() < self.position);
        if is_shorter {
            self.reader = BufReader::new(File::open(&self.path).context("opening a log again")?);
            (self.position, self.time) = (0, None);
            self.line.clear();
        }
        Ok(())
    }
}
