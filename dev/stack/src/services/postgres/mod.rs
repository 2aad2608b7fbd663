//! PostgreSQL: a cluster for this stack alone. No other server and no other database is touched.

mod binaries;
mod location;

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use nix::unistd::{Uid, User};

use self::binaries::Binaries;
use self::location::Location;
use super::names::POSTGRES;
use crate::folder::StackFolder;
use crate::process::{Launch, StopSignal, Unprivileged};
use crate::settings::{secret, write_private};
use crate::state::Service;
use crate::{Durability, ports, progress, python};

/// The superuser of the cluster, which owns everything in it.
const OWNER: &str = "app";

pub fn url(folder: &StackFolder, address: &str, database: &str) -> Result<String> {
    Ok(format!("postgres://{OWNER}:{}@{address}/{database}", password(folder)?))
}

/// The client psql: the machine's own, else the one beside the server's programs.
pub async fn psql(folder: &StackFolder) -> Result<PathBuf> {
    if let Some(program) = python::on_path("psql") {
        return Ok(program);
    }
    let program = Binaries::find(folder).await?.folder.join("psql");
    ensure!(
        program.is_file(),
        "psql is not installed: install PostgreSQL's client, such as Debian's package postgresql-client"
    );
    Ok(program)
}

/// Removes the data of the cluster, which must not run, and its password.
pub(crate) fn remove(folder: &StackFolder) -> Result<()> {
    remove_folder(&folder.dir().join("postgres"))?;
    remove_folder(&location::fallback_path(folder))?;
    match fs::remove_file(password_file(folder)) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).context("removing the password of Postgres")
        }
        _ => Ok(()),
    }
}

fn password_file(folder: &StackFolder) -> PathBuf {
    folder.dir().join("postgres.password")
}

fn password(folder: &StackFolder) -> Result<String> {
    folder.subfolder("")?;
    secret(&password_file(folder))
}

pub async fn start(folder: &StackFolder, durability: Durability, databases: &[&str]) -> Result<Service> {
    let binaries = Binaries::find(folder).await?;
    progress::step("PostgreSQL", async {
        let location = Location::choose(folder, binaries, unprivileged()?).await?;
        if durability == Durability::Ephemeral {
            remove_folder(&location.data)?;
        }
        if !location.data.join("PG_VERSION").exists() {
            set_up(&location, &password(folder)?, databases, &folder.log("postgres-setup"))
                .await
                .context("setting up PostgreSQL")?;
        }
        let port = ports::for_service(folder, POSTGRES)?;
        let launch = serve(&location, port, durability);
        let pid_file = location.data.join("postmaster.pid");
        let ready = async || fs::read_to_string(&pid_file).is_ok_and(|text| is_ready(&text, port));
        let mut service =
            Service::start(folder, POSTGRES, launch, format!("127.0.0.1:{port}"), ready).await?;
        service.stop_signal = StopSignal::Interrupt;
        Ok(service)
    })
    .await
}

fn serve(location: &Location, port: u16, durability: Durability) -> Launch {
    let mut options = vec![
        "listen_addresses=127.0.0.1".to_owned(),
        format!("port={port}"),
        "unix_socket_directories=".to_owned(),
        // Each process of a function has a connection pool of its own, and `cargo dev bench stream`
        // keeps a thousand processes busy.
        "max_connections=1500".to_owned(),
    ];
    if durability == Durability::Ephemeral {
        options.extend(["fsync=off", "synchronous_commit=off", "full_page_writes=off"].map(str::to_owned));
    }
    let options = options.iter().flat_map(|option| ["-c".to_owned(), option.clone()]);
    location.launch("postgres").args(["-D"]).args([&location.data]).args(options)
}

/// Whether the server accepts connections on `port`: its `postmaster.pid` has the port on the
/// fourth line and the state on the eighth.
fn is_ready(pid_file: &str, port: u16) -> bool {
    let lines: Vec<&str> = pid_file.lines().map(str::trim).collect();
    lines.get(3) == Some(&port.to_string().as_str()) && lines.get(7) == Some(&"ready")
}

/// Creates the cluster in a temporary folder and moves it into place when it is complete.
async fn set_up(location: &Location, password: &str, databases: &[&str], log: &Path) -> Result<()> {
    let draft = location.data.with_extension("new");
    remove_folder(&draft)?;
    let password_file = location.data.with_extension("password");
    write_private(&password_file, password.as_bytes())?;
    if let Some(user) = location.user {
        chown(&password_file, Some(user.uid), Some(user.gid))
            .context("changing the owner of the password file")?;
    }
    let locale = if cfg!(target_os = "linux") { "C.UTF-8" } else { "en_US.UTF-8" };
    let options =
        ["--username", OWNER, "--encoding=UTF8", "--auth=password", "--no-sync", "--locale", locale];
    let initdb = location.launch("initdb").args(options).args(["--pwfile"]).args([&password_file]);
    let outcome = initdb.args(["-D"]).args([&draft]).run_logged(log).await;
    fs::remove_file(&password_file).with_context(|| format!("removing {}", password_file.display()))?;
    outcome?;
    for database in databases {
        create_database(location, &draft, database).await?;
    }
    fs::rename(&draft, &location.data).with_context(|| format!("moving {} into place", draft.display()))
}

/// Creates a database before the server runs, which needs no client program.
async fn create_database(location: &Location, data: &Path, name: &str) -> Result<()> {
    let launch = location.launch("postgres").args(["--single", "-D"]).args([data]).args(["postgres"]);
    let output = launch.try_output_of(&format!("CREATE DATABASE {name}\n")).await?;
    let errors = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() || errors.contains("ERROR") {
        bail!("creating the database {name} failed: {}", errors.trim());
    }
    Ok(())
}

fn remove_folder(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("removing {}", folder.display()))?;
    }
    Ok(())
}

/// The user to run as, since PostgreSQL refuses root.
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
    fn server_is_ready_when_its_pid_file_says_so_for_the_port() {
        let file = "17\n/data\n1795384854\n5544\n\n127.0.0.1\n  5432  1\nready   \n";
        assert!(is_ready(file, 5544));
        assert!(!is_ready(file, 5545));
        assert!(!is_ready(&file.replace("ready   ", "starting"), 5544));
        assert!(!is_ready("", 5544));
    }
}
