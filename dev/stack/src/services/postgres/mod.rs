//! PostgreSQL: a cluster of our own, with one database of our own; no other server and no other database is touched.

mod binaries;
mod place;

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use nix::unistd::{Uid, User};

use self::binaries::Binaries;
use self::place::Place;
use crate::home::Home;
use crate::process::{Launch, StopSignal, Unprivileged, run, start_until};
use crate::settings::{secret, write_private};
use crate::state::Service;
use crate::{names, ports, progress};

/// The owner of everything in the cluster.
const OWNER: &str = "app";

/// How much a stack cares for its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Kept from one start to the next, through a crash of the machine.
    Kept,
    /// Begun anew at each start, and fast.
    ThrownAway,
}

/// A running server.
#[derive(Debug)]
pub struct Postgres {
    /// The process.
    pub service: Service,
    password: String,
}

impl Postgres {
    /// The address of one of its databases.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{OWNER}:{}@{}/{database}", self.password, self.service.address)
    }
}

impl progress::Shown for Postgres {
    fn shown(&self) -> String {
        self.service.address.clone()
    }
}

/// Starts a server that has these `databases`.
///
/// # Errors
/// When it cannot be installed, set up or started.
pub async fn start(home: &Home, durability: Durability, databases: &[&str]) -> Result<Postgres> {
    let binaries = Binaries::find(home).await?;
    progress::step("PostgreSQL", async {
        let log = home.folder("logs")?.join("postgres.log");
        let place = Place::choose(home, binaries, unprivileged()?).await?;
        if durability == Durability::ThrownAway && place.data.exists() {
            fs::remove_dir_all(&place.data).with_context(|| format!("emptying {}", place.data.display()))?;
        }
        let password = secret(&home.folder("")?.join("postgres.password"))?;
        if !place.data.join("PG_VERSION").exists() {
            set_up(&place, &password, databases, &home.log("postgres-setup"))
                .await
                .context("setting up PostgreSQL")?;
        }
        let port = ports::remembered(home, names::POSTGRES)?;
        let launch = serve(&place, port, durability);
        let pid_file = place.data.join("postmaster.pid");
        let ready = async || fs::read_to_string(&pid_file).is_ok_and(|text| is_ready(&text, port));
        let handle = start_until(&launch, &log, ready).await.context("starting PostgreSQL")?;
        let mut service = Service::new(names::POSTGRES, handle, format!("127.0.0.1:{port}"), log);
        service.stop_signal = StopSignal::Interrupt;
        Ok(Postgres { service, password })
    })
    .await
}

fn serve(place: &Place, port: u16, durability: Durability) -> Launch {
    let mut options = vec![
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
        "unix_socket_directories=".to_owned(),
        // Every instance of every function has a pool of its own.
        "max_connections=400".to_owned(),
    ];
    if durability == Durability::ThrownAway {
        options.extend(["fsync=off", "synchronous_commit=off", "full_page_writes=off"].map(str::to_owned));
    }
    let options = options.iter().flat_map(|option| ["-c".to_owned(), option.clone()]);
    place.launch("postgres").args(["-D"]).args([&place.data]).args(options)
}

/// Whether the server has written that it takes connections: on the eighth line of its `postmaster.pid`, the port being
/// on the fourth.
fn is_ready(pid_file: &str, port: u16) -> bool {
    let lines: Vec<&str> = pid_file.lines().map(str::trim).collect();
    lines.get(3) == Some(&port.to_string().as_str()) && lines.get(7) == Some(&"ready")
}

/// Makes the cluster, beside its place until it is complete.
async fn set_up(place: &Place, password: &str, databases: &[&str], log: &Path) -> Result<()> {
    let draft = place.data.with_extension("new");
    if draft.exists() {
        fs::remove_dir_all(&draft).with_context(|| format!("removing {}", draft.display()))?;
    }
    let password_file = place.data.with_extension("password");
    write_private(&password_file, password.as_bytes())?;
    if let Some(user) = place.user {
        chown(&password_file, Some(user.uid), Some(user.gid)).context("handing over the password file")?;
    }
    let locale = if cfg!(target_os = "linux") { "C.UTF-8" } else { "en_US.UTF-8" };
    let options =
        ["--username", OWNER, "--encoding=UTF8", "--auth=password", "--no-sync", "--locale", locale];
    let initdb = place.launch("initdb").args(options).args(["--pwfile"]).args([&password_file]);
    let made = run::logged(&initdb.args(["-D"]).args([&draft]), log).await;
    fs::remove_file(&password_file).with_context(|| format!("removing {}", password_file.display()))?;
    made?;
    for database in databases {
        create_database(place, &draft, database)?;
    }
    fs::rename(&draft, &place.data).with_context(|| format!("moving {} into place", draft.display()))
}

/// Creates a database before the server runs: that needs no client program.
fn create_database(place: &Place, data: &Path, name: &str) -> Result<()> {
    let launch = place.launch("postgres").args(["--single", "-D"]).args([data]).args(["postgres"]);
    let mut command: Command = launch.command();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("starting `{}`", launch.line()))?;
    if let Some(mut input) = child.stdin.take() {
        use std::io::Write as _;
        writeln!(input, "CREATE DATABASE {name}")
            .with_context(|| format!("talking to `{}`", launch.line()))?;
    }
    let output = child.wait_with_output().with_context(|| format!("waiting for `{}`", launch.line()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() || said.contains("ERROR") {
        bail!("creating the database {name} by `{}` failed: {}", launch.line(), said.trim());
    }
    Ok(())
}

/// Whom to run as: PostgreSQL refuses root.
fn unprivileged() -> Result<Option<Unprivileged>> {
    if !Uid::effective().is_root() {
        return Ok(None);
    }
    for name in ["postgres", "nobody"] {
        if let Some(user) = User::from_name(name).with_context(|| format!("looking up the user {name}"))? {
            return Ok(Some(Unprivileged { uid: user.uid.as_raw(), gid: user.gid.as_raw() }));
        }
    }
    bail!("PostgreSQL does not run as root, and there is neither a user `postgres` nor `nobody` to run it as")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_is_when_the_server_says_so_for_our_port() {
        let file = "17\n/data\n1795384854\n5544\n\n127.0.0.1\n  5432  1\nready   \n";
        assert!(is_ready(file, 5544));
        assert!(!is_ready(file, 5545));
        assert!(!is_ready(&file.replace("ready   ", "starting"), 5544));
        assert!(!is_ready("", 5544));
    }
}
