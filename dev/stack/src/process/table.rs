//! The system's process table: from `/proc` on Linux, from `ps` elsewhere.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) parent: u32,
    /// The start time in the system's own format. With the process number it identifies a process.
    pub(super) started: String,
}

/// The process `pid`, unless it has ended (a zombie has).
pub(super) fn entry(pid: u32) -> Option<Entry> {
    if cfg!(target_os = "linux") {
        return parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?);
    }
    ps(&["-p", &pid.to_string()]).remove(&pid)
}

pub(super) fn all() -> BTreeMap<u32, Entry> {
    if !cfg!(target_os = "linux") {
        return ps(&["-ax"]);
    }
    let numbers = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter_map(|pid| Some((pid, entry(pid)?))).collect()
}

/// Reads `/proc/PID/stat`: `pid (name) state parent ... start ...`; the name may contain anything,
/// brackets too.
fn parse_stat(stat: &str) -> Option<Entry> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let &[state, parent, ..] = fields.as_slice() else { return None };
    let started = (*fields.get(19)?).to_owned();
    if matches!(state, "Z" | "X") { None } else { Some(Entry { parent: parent.parse().ok()?, started }) }
}

fn ps(choice: &[&str]) -> BTreeMap<u32, Entry> {
    let output = Command::new("ps").args(choice).args(["-o", "pid=,ppid=,stat=,lstart="]).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().filter_map(parse_ps).collect()
}

fn parse_ps(line: &str) -> Option<(u32, Entry)> {
    let mut fields = line.split_whitespace();
    let (pid, parent, state) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?, fields.next()?);
    let started = fields.collect::<Vec<_>>().join(" ");
    if state.starts_with('Z') { None } else { Some((pid, Entry { parent, started })) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_process_is_found() {
        let me = std::process::id();
        let found = entry(me).unwrap();
        assert_eq!(all().get(&me), Some(&found));
        assert_eq!(ps(&["-p", &me.to_string()]).get(&me).map(|entry| entry.parent), Some(found.parent));
    }

    #[test]
    fn name_with_brackets_is_skipped() {
        let stat = format!("7 (a) b) S 3 {} 4242 0", vec!["0"; 17].join(" "));
        assert_eq!(parse_stat(&stat), Some(Entry { parent: 3, started: "4242".to_owned() }));
        assert_eq!(parse_stat(&stat.replace(" S ", " Z ")), None);
    }
}
