//! A look at a world's database that no fault gets in the way of: it goes by no proxy, and connects again when the server was
//! away.

use anyhow::{Context as _, Result};
use serde_json::Value;
use tokio::sync::{Mutex, MutexGuard};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Row, SimpleQueryMessage, Statement};

/// A connection to the database.
pub struct Look {
    url: String,
    client: Mutex<Client>,
}

impl Look {
    /// Connects to the database at `url`.
    pub async fn new(url: &str) -> Result<Self> {
        Ok(Self { url: url.to_owned(), client: Mutex::new(connect(url).await?) })
    }

    /// The one row that `sql` has.
    pub async fn query_one(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Row> {
        self.client().await?.query_one(sql, params).await.with_context(|| sql.to_owned())
    }

    /// The rows that `sql` has.
    pub async fn query(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        self.client().await?.query(sql, params).await.with_context(|| sql.to_owned())
    }

    /// Does `sql` and answers how many rows it was done to.
    pub async fn execute(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<u64> {
        self.client().await?.execute(sql, params).await.with_context(|| sql.to_owned())
    }

    /// Does several statements, none of which takes or answers anything.
    pub async fn batch(&self, sql: &str) -> Result<()> {
        self.client().await?.batch_execute(sql).await.with_context(|| sql.to_owned())
    }

    /// How Postgres would execute `sql`: the answer of an `EXPLAIN (FORMAT JSON)`, which is what `sql` has to be.
    pub async fn plan(&self, sql: &str) -> Result<Value> {
        let said = self.client().await?.simple_query(sql).await.with_context(|| sql.to_owned())?;
        let text = said.iter().find_map(|one| match one {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        serde_json::from_str(text.context("no plan")?).context("reading a plan")
    }

    /// The statement of `GET /me` (`store::users::find_with_usage`), for anybody, prepared.
    pub async fn prepare_me(&self) -> Result<Statement> {
        const SQL: &str = "
            SELECT u.id, u.mobile_number, u.name, u.subscription_tier, u.created_at, coalesce(d.messages, 0) AS used
            FROM users u LEFT JOIN daily_usage d ON d.user_id = u.id AND d.day = current_date
            WHERE u.id = $1 AND u.deleted_at IS NULL";
        self.client().await?.prepare(SQL).await.context("preparing the statement of GET /me")
    }

    /// Executes it for somebody who is not there.
    pub async fn me(&self, statement: &Statement) -> Result<()> {
        let nobody = uuid::Uuid::nil();
        self.client()
            .await?
            .query_opt(statement, &[&nobody])
            .await
            .context("the statement of GET /me")
            .map(drop)
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
        tokio_postgres::connect(url, NoTls).await.context("looking into the database")?;
    tokio::spawn(connection);
    Ok(client)
}
