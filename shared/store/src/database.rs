//! The connection pool: opens connections lazily and replaces those that died while the Lambda was
//! frozen.

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

/// The timeout for a new connection. It includes the time in which a suspended Neon database
/// starts.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The timeout for the liveness check of a pooled connection, which is replaced afterwards. The
/// pool has none by default, so it would wait forever for a connection that was cut during a
/// freeze.
const LIVENESS_TIMEOUT: Duration = Duration::from_millis(500);
/// How long after its last use a connection needs no liveness check, which costs a round trip. A
/// frozen execution environment thaws later than that.
const CHECK_FREE_TIME: Duration = Duration::from_secs(1);
/// How long sent bytes may stay unacknowledged before TCP closes the connection.
const UNACKNOWLEDGED_TIMEOUT: Duration = Duration::from_secs(5);

/// The address of Postgres and the size of the pool.
#[derive(Debug)]
pub struct DatabaseConfig<'a> {
    /// A `postgres://` URL. Without `sslmode`, TLS is required for every host except localhost.
    pub url: &'a str,
    /// The maximum number of connections of this process.
    pub pool_size: usize,
    /// The TLS configuration.
    pub tls: ClientConfig,
}

/// The pool. Creating one opens no connection; clones share it.
#[derive(Clone)]
pub struct Database {
    pool: Pool,
}

impl Database {
    /// Creates the pool.
    ///
    /// # Errors
    /// [`StoreError::Setup`] if the URL is invalid. The message does not contain the URL.
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
            recycle: Some(LIVENESS_TIMEOUT),
        };
        let pool = Pool::builder(manager)
            .max_size(config.pool_size)
            .timeouts(timeouts)
            .pre_recycle(Hook::async_fn(|client, metrics| {
                let is_fresh = metrics.last_used() < CHECK_FREE_TIME;
                Box::pin(async move { if is_fresh { Ok(()) } else { check_liveness(client).await } })
            }))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| setup(&error))?;
        Ok(Self { pool })
    }

    /// A connection from the pool, used recently or checked to be alive.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if no connection is available within the timeouts.
    pub async fn client(&self) -> Result<Client, StoreError> {
        Ok(self.pool.get().await?)
    }

    /// Sends an empty query to check that Postgres responds.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.client().await?.simple_query("").await?;
        Ok(())
    }
}

/// Checks that a connection still responds. The pool replaces it if this fails.
async fn check_liveness(client: &ClientWrapper) -> Result<(), HookError> {
    match timeout(LIVENESS_TIMEOUT, client.simple_query("")).await {
        Ok(answer) => answer.map(drop).map_err(HookError::Backend),
        Err(_) => Err(HookError::message("a pooled connection did not respond in time")),
    }
}

/// Parses a URL as libpq does, but requires TLS for remote hosts: with `sslmode=prefer`, the usual
/// default, an attacker in between can disable TLS. `verify-ca` and `verify-full` are equal to
/// `require` here, because this service always verifies certificates.
fn parse(url: &str) -> Result<Config, StoreError> {
    let verified =
        url.replace("sslmode=verify-full", "sslmode=require").replace("sslmode=verify-ca", "sslmode=require");
    let mut config: Config =
        verified.parse().map_err(|error| StoreError::Setup(format!("DATABASE_URL is invalid: {error}")))?;
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
    fn tls_is_required_for_remote_hosts() {
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
    fn invalid_url_is_refused_without_repeating_it() {
        let error = parse("postgres://u:secret@h:port/db").unwrap_err().to_string();
        assert!(error.contains("DATABASE_URL") && !error.contains("secret"), "{error}");
    }
}
