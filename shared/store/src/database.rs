//! The way to Postgres: a small pool, opened when first used, healed when a connection died in its sleep.

use std::time::Duration;

use deadpool_postgres::{
    Client, ClientWrapper, Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Timeouts,
};
use rustls::ClientConfig;
use tokio::time::timeout;
use tokio_postgres::NoTls;
use tokio_postgres::config::{Config, Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::StoreError;

/// How long a new connection may take, a sleeping Neon database included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may take to prove that it still lives before another takes its place. The pool's own default
/// waits for ever on a connection that was cut while the execution environment was frozen.
const RECYCLE_TIMEOUT: Duration = Duration::from_millis(500);
/// How long after it was last asked for a connection is taken for living without that proof, which is a trip of its own. An
/// environment that was frozen comes back later than that.
const FRESH: Duration = Duration::from_secs(1);
/// How long sent bytes may stay unacknowledged before the connection counts as dead.
const UNACKNOWLEDGED_TIMEOUT: Duration = Duration::from_secs(5);

/// Where Postgres is and how many connections to keep to it.
#[derive(Debug)]
pub struct DatabaseConfig<'a> {
    /// A `postgres://` address. Without a word in it, TLS is required of any host but this machine.
    pub url: &'a str,
    /// The most connections this process opens.
    pub pool_size: usize,
    /// How TLS is spoken.
    pub tls: ClientConfig,
}

/// The pool. Making one opens nothing; cloning one shares it.
#[derive(Clone)]
pub struct Database {
    pool: Pool,
}

impl Database {
    /// The pool for `config`.
    ///
    /// # Errors
    /// [`StoreError::Setup`] when the address cannot be read; the address itself is not in the message.
    pub fn new(config: DatabaseConfig<'_>) -> Result<Self, StoreError> {
        let setup = |error: &dyn std::fmt::Display| StoreError::Setup(format!("DATABASE_URL: {error}"));
        let pg = parse(config.url)?;
        let manager_config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = match pg.get_ssl_mode() {
            SslMode::Disable => Manager::from_config(pg, NoTls, manager_config),
            _ => Manager::from_config(pg, MakeRustlsConnect::new(config.tls), manager_config),
        };
        let timeouts = Timeouts {
            wait: Some(CONNECT_TIMEOUT),
            create: Some(CONNECT_TIMEOUT),
            recycle: Some(RECYCLE_TIMEOUT),
        };
        let pool = Pool::builder(manager)
            .max_size(config.pool_size)
            .timeouts(timeouts)
            .pre_recycle(Hook::async_fn(|client, metrics| {
                let is_fresh = metrics.last_used() < FRESH;
                Box::pin(async move { if is_fresh { Ok(()) } else { prove(client).await } })
            }))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| setup(&error))?;
        Ok(Self { pool })
    }

    /// A connection that has just been proven to live.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when there is none to be had within the time-outs.
    pub async fn client(&self) -> Result<Client, StoreError> {
        Ok(self.pool.get().await?)
    }

    /// Asks Postgres for nothing, to see that it answers.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.client().await?.simple_query("").await?;
        Ok(())
    }
}

/// Sees that a connection still answers; one that does not is replaced.
async fn prove(client: &ClientWrapper) -> Result<(), HookError> {
    match timeout(RECYCLE_TIMEOUT, client.simple_query("")).await {
        Ok(answer) => answer.map(drop).map_err(HookError::Backend),
        Err(_) => Err(HookError::message("a connection did not answer in time")),
    }
}

/// Reads an address as libpq would, with TLS required of remote hosts: `sslmode=prefer`, the usual default, lets
/// whoever sits in between switch TLS off. `verify-ca` and `verify-full` are what we do anyway.
fn parse(url: &str) -> Result<Config, StoreError> {
    let verified =
        url.replace("sslmode=verify-full", "sslmode=require").replace("sslmode=verify-ca", "sslmode=require");
    let mut config: Config = verified
        .parse()
        .map_err(|error| StoreError::Setup(format!("DATABASE_URL cannot be read: {error}")))?;
    let local = config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
        }
        Host::Unix(_) => true,
    });
    if config.get_ssl_mode() == SslMode::Prefer {
        config.ssl_mode(if local { SslMode::Disable } else { SslMode::Require });
    }
    config
        .application_name("chat-backend")
        .connect_timeout(CONNECT_TIMEOUT)
        .keepalives_idle(Duration::from_secs(30))
        .tcp_user_timeout(UNACKNOWLEDGED_TIMEOUT);
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_is_required_of_remote_hosts() {
        for (url, mode) in [
            ("postgres://u:p@127.0.0.1/db", SslMode::Disable),
            ("postgres://u:p@localhost/db", SslMode::Disable),
            ("postgres://u:p@ep-x.neon.tech/db", SslMode::Require),
            ("postgres://u:p@ep-x.neon.tech/db?sslmode=require&channel_binding=require", SslMode::Require),
            ("postgres://u:p@ep-x.neon.tech/db?sslmode=verify-full", SslMode::Require),
            ("postgres://u:p@172.17.0.1/db?sslmode=disable", SslMode::Disable),
        ] {
            assert_eq!(parse(url).unwrap().get_ssl_mode(), mode, "{url}");
        }
    }

    #[test]
    fn an_address_that_cannot_be_read_is_refused_without_being_repeated() {
        let error = parse("postgres://u:secret@h:port/db").unwrap_err().to_string();
        assert!(error.contains("DATABASE_URL") && !error.contains("secret"), "{error}");
    }
}
