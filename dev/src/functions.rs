//! The functions: built, their migrations run, served by `cargo lambda watch`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use tokio::net::TcpStream;

use crate::home::Home;
use crate::process::{Launch, run};
use crate::services::{eventually, start_until};
use crate::settings::CONTRACT;
use crate::state::{Service, State};
use crate::{ports, progress, web};

/// What the service that routes requests is called.
pub const NAME: &str = "api";

/// The port that people know.
pub const PORT: u16 = 9000;

/// The function that is run once and not served.
pub const MIGRATE: &str = "migrate";

/// Where the API is to be served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// Here and nowhere else.
    Fixed(u16),
    /// At [`PORT`] if that is free.
    Usual,
    /// Anywhere.
    Any,
}

/// Whether functions are rebuilt as their source changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reload {
    /// They are.
    OnChange,
    /// What is built when the stack starts is what is served.
    Never,
}

/// How many processes of an HTTP function there are. Each serves one request at a time, as on Lambda, and a long poll
/// holds one of `chatroom` for its whole wait.
#[must_use]
pub fn instances(function: &str) -> usize {
    if function == "chatroom" { 16 } else { 4 }
}

/// Builds the functions, with cargo's own progress on the terminal: as `cargo build` does where code is reloaded; else,
/// for tests, together with these, since cargo would build every dependency once more for the functions alone.
///
/// # Errors
/// When they do not build.
pub async fn build(home: &Home, reload: Reload) -> Result<()> {
    let targets: &[&str] = match reload {
        Reload::OnChange => &["--bins"],
        Reload::Never => &["--workspace", "--all-targets"],
    };
    progress::step("build", async {
        let cargo = Launch::new("cargo").args(["build"]).args(targets).folder(home.root());
        if !run::shown(&cargo).await? {
            bail!("the functions do not build: `{}` says why, above", cargo.line());
        }
        Ok("the functions".to_owned())
    })
    .await?;
    Ok(())
}

/// Builds one function, without a word unless it does not build. Where a stack runs it is built already, as that needed it: with
/// other features of its dependencies, as tests have them, all of these would be built once more.
///
/// # Errors
/// When it does not build.
pub async fn build_one(home: &Home, function: &str) -> Result<()> {
    if State::load(home)?.is_some() {
        return Ok(());
    }
    let cargo = Launch::new("cargo").args(["build", "--quiet", "--bin", function]).folder(home.root());
    run::output(&cargo).await.map(|_| ())
}

/// The folder with the built programs.
///
/// # Errors
/// When cargo cannot say.
pub async fn programs(home: &Home) -> Result<PathBuf> {
    let ask =
        Launch::new("cargo").args(["metadata", "--no-deps", "--format-version", "1"]).folder(home.root());
    let said: Value = serde_json::from_str(&run::output(&ask).await?).context("reading cargo's metadata")?;
    let target = said["target_directory"].as_str().context("cargo does not say where it builds")?;
    Ok(PathBuf::from(target).join("debug"))
}

/// Brings the database's schema up to date, as a step of the start.
///
/// # Errors
/// When a migration fails.
pub async fn migrate(home: &Home, env: &BTreeMap<String, String>) -> Result<()> {
    progress::step("migrations", async {
        run_migrations(home, env).await?;
        Ok("run".to_owned())
    })
    .await?;
    Ok(())
}

/// Brings the database's schema up to date.
///
/// # Errors
/// When a migration fails.
pub async fn run_migrations(home: &Home, env: &BTreeMap<String, String>) -> Result<()> {
    let log = home.folder("logs")?.join("migrate.log");
    let launch = Launch::new(programs(home).await?.join(MIGRATE)).without(CONTRACT).env(env.clone());
    run::logged(&launch.folder(home.root()), &log).await.context("running the migrations")
}

/// Starts what takes requests and routes them as API Gateway would; the functions come to it.
///
/// # Errors
/// When it cannot be started.
pub async fn route(home: &Home, port: u16) -> Result<Service> {
    let log = home.folder("logs")?.join("api.log");
    let launch = Launch::new(home.python().join("bin/cargo-lambda"))
        .args(["lambda", "watch", "--only-lambda-apis", "--disable-cors"])
        .args(["--invoke-address", "127.0.0.1", "--invoke-port", &port.to_string()])
        .without(CONTRACT)
        .folder(home.root());
    let ready = async || TcpStream::connect(("127.0.0.1", port)).await.is_ok();
    let handle = start_until(&launch, &log, ready).await.context("starting cargo lambda watch")?;
    Ok(Service::new(NAME, handle, format!("http://127.0.0.1:{port}"), log))
}

/// Waits until the functions answer.
///
/// # Errors
/// When `GET /health` does not come to answer 200.
pub async fn wait_until_healthy(base_url: &str, functions: &Service) -> Result<()> {
    let url = format!("{base_url}/health");
    let healthy = eventually(&functions.handle, async || web::status(&url).await == Some(200)).await;
    let seen = web::status(&url).await.map_or("nothing".to_owned(), |status| status.to_string());
    ensure!(
        healthy,
        "GET {url} answers {seen}, not 200; the functions' logs are beside {}",
        functions.log.display()
    );
    Ok(())
}

/// The port where the API will be.
///
/// # Errors
/// When the one wanted is taken.
pub fn choose(port: Port) -> Result<u16> {
    match port {
        Port::Any => ports::any(),
        Port::Fixed(port) if ports::is_free(port) => Ok(port),
        Port::Fixed(port) => bail!("port {port} is taken by {}", ports::holder(port)),
        Port::Usual if ports::is_free(PORT) => Ok(PORT),
        Port::Usual => {
            let other = ports::any()?;
            progress::note(format!("port {PORT} is taken by {}: using {other}", ports::holder(PORT)));
            Ok(other)
        }
    }
}
