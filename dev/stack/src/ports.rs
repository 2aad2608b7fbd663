//! Ports on the loopback address.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context as _, Result};

use crate::home::Home;

/// Whether nobody listens on `port`.
#[must_use]
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Any free port.
///
/// # Errors
/// When the machine has none left.
pub fn any() -> Result<u16> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("asking for a free port on 127.0.0.1")?;
    Ok(listener.local_addr().context("reading the free port's number")?.port())
}

/// A free port for the service called `name`: if possible that which it had last time, so that addresses written down
/// elsewhere go on working.
///
/// # Errors
/// When there is none, or it cannot be noted down.
pub fn remembered(home: &Home, name: &str) -> Result<u16> {
    let path = home.folder("")?.join("ports.json");
    let mut ports: BTreeMap<String, u16> =
        fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    if let Some(&port) = ports.get(name)
        && is_free(port)
    {
        return Ok(port);
    }
    let port = any()?;
    ports.insert(name.to_owned(), port);
    fs::write(&path, serde_json::to_vec_pretty(&ports)?)
        .with_context(|| format!("writing {}", path.display()))?;
    Ok(port)
}

/// Who listens on `port`, in words, if that can be found out.
#[must_use]
pub fn holder(port: u16) -> String {
    linux_holder(port).unwrap_or_else(|| "another program".to_owned())
}

/// Finds the listening socket's inode in `/proc/net`, then the process that has it open.
fn linux_holder(port: u16) -> Option<String> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"].iter().find_map(|table| {
        let table = fs::read_to_string(table).ok()?;
        table.lines().skip(1).find_map(|line| listening_inode(line, port))
    })?;
    let target = format!("socket:[{inode}]");
    for process in fs::read_dir("/proc").ok()?.flatten() {
        if process.file_name().to_str().is_none_or(|name| name.parse::<u32>().is_err()) {
            continue;
        }
        let Ok(files) = fs::read_dir(process.path().join("fd")) else { continue };
        let has_it = |file: fs::DirEntry| {
            fs::read_link(file.path()).is_ok_and(|link| link.as_os_str() == target.as_str())
        };
        if files.flatten().any(has_it) {
            let command = fs::read(process.path().join("cmdline")).unwrap_or_default();
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            return Some(format!("process {} ({})", process.file_name().display(), command.trim()));
        }
    }
    None
}

/// The inode in a line of `/proc/net/tcp`, if that line is of a socket listening on `port`.
fn listening_inode(line: &str, port: u16) -> Option<u64> {
    const LISTENING: &str = "0A";
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (_, local_port) = fields.get(1)?.rsplit_once(':')?;
    let is_it = u16::from_str_radix(local_port, 16) == Ok(port) && *fields.get(3)? == LISTENING;
    if is_it { fields.get(9)?.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_noticed_and_its_holder_named() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(!is_free(port));
        if cfg!(target_os = "linux") {
            assert!(holder(port).contains(&std::process::id().to_string()), "{}", holder(port));
        }
    }

    #[test]
    fn only_listening_sockets_count() {
        let line = "0: 0100007F:2328 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 777 1";
        assert_eq!(listening_inode(line, 9000), Some(777));
        assert_eq!(listening_inode(line, 9001), None);
        assert_eq!(listening_inode(&line.replace(" 0A ", " 01 "), 9000), None);
    }
}
