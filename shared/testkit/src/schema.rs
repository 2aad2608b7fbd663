//! One database schema per test, which no other test sees.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use clients::tls::client_config;
use store::{Database, DatabaseConfig};
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use crate::env::from_env;

/// All migrations in order and the concurrent indexes, as one script. It takes half the time of
/// running them one by one.
static MIGRATIONS: LazyLock<String> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../store/migrations");
    let files = std::fs::read_dir(folder).expect("the migrations exist");
    let files = files.map(|file| file.expect("the folder is readable").path());
    let (mut files, indexes): (Vec<_>, Vec<_>) =
        files.partition(|file| !file.ends_with("concurrent_indexes.sql"));
    // `V2__x.sql` precedes `V10__y.sql`.
    files.sort_by_key(|file| {
        let name = file.file_name().and_then(|name| name.to_str()).expect("the name is text");
        name[1..].split_once("__").and_then(|(version, _)| version.parse::<u32>().ok()).expect("a version")
    });
    let read = |file: &PathBuf| std::fs::read_to_string(file).expect("the migration is readable");
    let indexes: String = indexes.iter().map(read).collect();
    // The script is one transaction.
    files.iter().map(read).chain([indexes.replace("CONCURRENTLY ", "")]).collect()
});

/// Creates the extensions of the migrations. Concurrent `CREATE EXTENSION IF NOT EXISTS` fails, so
/// this runs before the migrations and under a lock. The lock's key is any number.
static EXTENSIONS: LazyLock<String> = LazyLock::new(|| {
    let extensions = MIGRATIONS.lines().filter(|line| line.starts_with("CREATE EXTENSION"));
    format!("SELECT pg_advisory_xact_lock(7305808869231650665);\n{}", extensions.collect::<String>())
});

/// Creates an empty schema. Returns the database's URL with this schema as its search path.
pub async fn empty_schema() -> String {
    let (schema, url) = schema_url();
    connect().await.batch_execute(&format!("CREATE SCHEMA {schema}")).await.expect("the schema is created");
    url
}

/// Creates a schema with all tables, over the first connection of the returned pool.
pub(crate) async fn migrated_schema(pool_size: usize) -> Database {
    let (schema, url) = schema_url();
    let database = Database::new(DatabaseConfig { url: &url, pool_size, tls: client_config() });
    let database = database.expect("TEST_DATABASE_URL is valid");
    let client = database.client().await.expect("Postgres responds");
    client.batch_execute(&EXTENSIONS).await.expect("the extensions are created");
    let sql = format!("CREATE SCHEMA {schema};\n{}", *MIGRATIONS);
    client.batch_execute(&sql).await.expect("the migrations succeed");
    drop(client);
    database
}

fn schema_url() -> (String, String) {
    let url = from_env("TEST_DATABASE_URL");
    let schema = format!("test_{}", Uuid::new_v4().simple());
    let separator = if url.contains('?') { '&' } else { '?' };
    let url = format!("{url}{separator}options=-c%20search_path%3D{schema}");
    (schema, url)
}

async fn connect() -> Client {
    let connected = tokio_postgres::connect(&from_env("TEST_DATABASE_URL"), NoTls).await;
    let (client, connection) = connected.expect("Postgres responds");
    tokio::spawn(connection);
    client
}
