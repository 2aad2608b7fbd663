//! What takes requests and routes them to the functions: `cargo lambda watch`.

use anyhow::{Context as _, Result, bail, ensure};
use tokio::net::TcpStream;

use crate::home::Home;
use crate::process::{Launch, eventually, start_until};
use crate::settings::CONTRACT;
use crate::state::Service;
use crate::{names, ports, progress, web};

/// The port that people know.
pub const PORT: u16 = 9000;

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

/// Starts what takes requests and routes them as API Gateway would; the functions come to it.
///
/// # Errors
/// When it cannot be started.
pub async fn start(home: &Home, port: u16) -> Result<Service> {
    let log = home.folder("logs")?.join("api.log");
    let launch = Launch::new(home.python().join("bin/cargo-lambda"))
        .args(["lambda", "watch", "--only-lambda-apis", "--disable-cors"])
        .args(["--invoke-address", "127.0.0.1", "--invoke-port", &port.to_string()])
        .without(CONTRACT)
        .folder(home.root());
    let ready = async || TcpStream::connect(("127.0.0.1", port)).await.is_ok();
    let handle = start_until(&launch, &log, ready).await.context("starting cargo lambda watch")?;
    Ok(Service::new(names::API, handle, format!("http://127.0.0.1:{port}"), log))
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
