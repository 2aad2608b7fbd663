//! Free ports on the loopback address.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context as _, Result, bail};

use crate::folder::StackFolder;
use crate::progress;

const API: u16 = 9000;

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

pub fn free() -> Result<u16> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("requesting a free port on 127.0.0.1")?;
    Ok(listener.local_addr().context("reading the number of the free port")?.port())
}

/// The port of the API: the one that the developer chose, else `API`, else any free one.
pub fn for_api(chosen: Option<u16>) -> Result<u16> {
    let port = chosen.unwrap_or(API);
    if is_free(port) {
        return Ok(port);
    }
    let listener = listener_on(port).unwrap_or_else(|| "another program".to_owned());
    if chosen.is_some() {
        bail!("port {port} is taken by {listener}");
    }
    let other = free()?;
    progress::info(format!("port {port} is taken by {listener}: using {other}"));
    Ok(other)
}

/// A free port for a service: the one that it had last time, if possible, so that addresses that a
/// developer has noted elsewhere stay valid.
pub fn for_service(folder: &StackFolder, name: &str) -> Result<u16> {
    let path = folder.subfolder("")?.join("ports.json");
    let mut ports: BTreeMap<String, u16> =
        fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    if let Some(&port) = ports.get(name)
        && is_free(port)
    {
        return Ok(port);
    }
    let port = free()?;
    ports.insert(name.to_owned(), port);
    fs::write(&path, serde_json::to_vec_pretty(&ports)?)
        .with_context(|| format!("writing {}", path.display()))?;
    Ok(port)
}

/// The program that listens on `port`. Linux shows its socket's inode in `/proc/net`, and the
/// process that has this socket open.
fn listener_on(port: u16) -> Option<String> {
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
        let is_target = |file: fs::DirEntry| {
            fs::read_link(file.path()).is_ok_and(|link| link.as_os_str() == target.as_str())
        };
        if files.flatten().any(is_target) {
            let command = fs::read(process.path().join("cmdline")).unwrap_or_default();
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            return Some(format!("process {} ({})", process.file_name().display(), command.trim()));
        }
    }
    None
}

/// The inode in a line of `/proc/net/tcp`, if it is a socket that listens on `port`.
fn listening_inode(line: &str, port: u16) -> Option<u64> {
    const LISTENING: &str = "0A";
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (_, local_port) = fields.get(1)?.rsplit_once(':')?;
    let matches = u16::from_str_radix(local_port, 16) == Ok(port) && *fields.get(3)? == LISTENING;
    if matches { fields.get(9)?.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taken_port_is_refused_and_its_listener_named() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let refused = for_api(Some(port)).unwrap_err().to_string();
        if cfg!(target_os = "linux") {
            assert!(refused.contains(&std::process::id().to_string()), "{refused}");
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
