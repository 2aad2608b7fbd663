//! [`DbObserver`]: a connection to an environment's database that bypasses the proxies and
//! reconnects after an outage.

use anyhow::{Context as _, Result};
use serde_json::Value;
use tokio::sync::{Mutex, MutexGuard};
use tokio_postgres::types::{FromSqlOwned, ToSql};
use tokio_postgres::{Client, NoTls, Row, SimpleQueryMessage, Statement};

/// The number of rows that users' requests can store.
pub const ROWS: &str = "SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM sessions)
    + (SELECT count(*) FROM chatrooms) + (SELECT count(*) FROM messages) + (SELECT count(*) FROM daily_usage)
    + (SELECT count(*) FROM feedback)";

/// A digest of everything that users own.
pub const OWNED_DIGEST: &str = "SELECT coalesce(md5(string_agg(line, ';' ORDER BY line)), '') FROM (
    SELECT m::text AS line FROM messages m UNION ALL SELECT c::text FROM chatrooms c
    UNION ALL SELECT d::text FROM daily_usage d UNION ALL SELECT s::text FROM sessions s
    UNION ALL SELECT f::text FROM feedback f) lines";

pub struct DbObserver {
    url: String,
    client: Mutex<Client>,
}

type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

impl DbObserver {
    pub async fn connect(url: &str) -> Result<Self> {
        Ok(Self { url: url.to_owned(), client: Mutex::new(connect(url).await?) })
    }

    /// The first column of the only row of `sql`.
    pub async fn value<T: FromSqlOwned>(&self, sql: &str, params: Params<'_>) -> Result<T> {
        self.query_one(sql, params).await?.try_get(0).with_context(|| sql.to_owned())
    }

    pub async fn query_one(&self, sql: &str, params: Params<'_>) -> Result<Row> {
        self.client().await?.query_one(sql, params).await.with_context(|| sql.to_owned())
    }

    pub async fn query(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>> {
        self.client().await?.query(sql, params).await.with_context(|| sql.to_owned())
    }

    pub async fn execute(&self, sql: &str, params: Params<'_>) -> Result<u64> {
        self.client().await?.execute(sql, params).await.with_context(|| sql.to_owned())
    }

    pub async fn batch(&self, sql: &str) -> Result<()> {
        self.client().await?.batch_execute(sql).await.with_context(|| sql.to_owned())
    }

    pub async fn plan(&self, sql: &str) -> Result<Value> {
        let response = self.client().await?.simple_query(sql).await.with_context(|| sql.to_owned())?;
        let text = response.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        serde_json::from_str(text.context("no plan")?).context("reading a plan")
    }

    /// Prepares the statement of `GET /me` (`store::users::find_with_usage`).
    pub async fn prepare_me(&self) -> Result<Statement> {
        const SQL: &str = "
            SELECT u.id, u.mobile_number, u.name, u.subscription_tier, u.created_at, coalesce(d.messages, 0) AS used
            FROM users u LEFT JOIN daily_usage d ON d.user_id = u.id AND d.day = current_date
            WHERE u.id = $1 AND u.deleted_at IS NULL";
        self.client().await?.prepare(SQL).await.context("preparing the statement of GET /me")
    }

    /// Executes the statement of `GET /me` for a user who does not exist.
    pub async fn me(&self, statement: &Statement) -> Result<()> {
        let (client, unknown) = (self.client().await?, uuid::Uuid::nil());
        client.query_opt(statement, &[&unknown]).await.context("the statement of GET /me").map(drop)
    }

    async fn client(&self) -> Result<MutexGuard<'_, Client>> {
        let mut client = self.client.lock().await;
        if client.is_closed() {
            *client = connect(&self.url).await?;
        }
        Ok(client)
    }
}

async fn connect(url: &str) -> Result<Client> {
    let (client, connection) =
        tokio_postgres::connect(url, NoTls).await.context("connecting to the database")?;
    tokio::spawn(connection);
    Ok(client)
}
