//! A look at a world's database that no fault gets in the way of: it goes by no proxy, and connects again when the server was
//! away.

use anyhow::{Context as _, Result};
use tokio::sync::{Mutex, MutexGuard};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Row};

pub(crate) struct Look {
    url: String,
    client: Mutex<Client>,
}

impl Look {
    pub(crate) async fn new(url: &str) -> Result<Self> {
        Ok(Self { url: url.to_owned(), client: Mutex::new(connect(url).await?) })
    }

    /// The one row that `sql` has.
    pub(crate) async fn query_one(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Row> {
        self.client().await?.query_one(sql, params).await.with_context(|| sql.to_owned())
    }

    /// The rows that `sql` has.
    pub(crate) async fn query(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
        self.client().await?.query(sql, params).await.with_context(|| sql.to_owned())
    }

    /// Does `sql` and answers how many rows it was done to.
    pub(crate) async fn execute(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Result<u64> {
        self.client().await?.execute(sql, params).await.with_context(|| sql.to_owned())
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
