//! The custom resource, with a real database and a mock CloudFormation.

mod events;
mod gate;
mod receipts;
mod smoke;
mod switches;
mod template;

use std::time::Duration;

use app::Config;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use tokio::time::timeout;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

/// The number of migrations.
fn migrations() -> usize {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/store/migrations");
    let files = std::fs::read_dir(folder).unwrap();
    files.filter(|file| file.as_ref().unwrap().file_name().to_string_lossy().starts_with('V')).count()
}

fn config(database_url: &str) -> Config {
    Config::from_lookup(&[], &|name| (name == "DATABASE_URL").then(|| database_url.to_owned())).unwrap()
}

/// The secrets of a valid configuration, with this database.
fn environment(database_url: &str) -> impl Fn(&str) -> Option<String> {
    move |name| match name {
        "DATABASE_URL" => Some(database_url.to_owned()),
        _ => gate::SECRETS.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()),
    }
}

/// Sends an event of `request_type`, with a valid configuration, and returns the response that
/// CloudFormation received.
async fn response_to(database_url: &str, request_type: &str) -> Value {
    response_of(&environment(database_url), request_type).await
}

/// As [`response_to`], with the variables of `environment`.
async fn response_of(environment: &dyn Fn(&str) -> Option<String>, request_type: &str) -> Value {
    let cloud_formation = MockServer::start().await;
    Mock::given(method("PUT"))
        .respond_with(ResponseTemplate::new(200))
        .expect(1)
        .mount(&cloud_formation)
        .await;
    let mut event = events::create();
    event["RequestType"] = json!(request_type);
    event["ResponseURL"] = json!(cloud_formation.uri());
    let request = serde_json::from_value(event).unwrap();
    crate::handle(environment, LambdaEvent::new(request, Context::default())).await.unwrap();
    let put = cloud_formation.received_requests().await.unwrap().remove(0);
    // The presigned URL's signature covers an empty content type.
    assert_eq!(put.headers.get_all("content-type").iter().collect::<Vec<_>>(), [""]);
    put.body_json().unwrap()
}

#[tokio::test]
async fn deploy_migrates_once_and_names_what_ran() {
    let url = testkit::empty_schema().await;
    let first = response_to(&url, "Create").await;
    assert_eq!(first["Status"], "SUCCESS", "{first}");
    assert!(first["Reason"].as_str().unwrap().contains("accounts_and_conversations"), "{first}");
    let second = response_to(&url, "Update").await;
    assert_eq!((&second["Status"], &second["Reason"]), (&json!("SUCCESS"), &json!("applied: ")));
    assert_eq!(second["Data"]["Fingerprint"].as_str().unwrap().len(), 16, "{second}");
    for name in ["PhysicalResourceId", "StackId", "RequestId", "LogicalResourceId"] {
        assert!(second[name].is_string(), "{name} in {second}");
    }
}

#[tokio::test]
async fn concurrent_deploys_migrate_once() {
    let config = config(&testkit::empty_schema().await);
    let (one, other) = tokio::join!(crate::run(&config), crate::run(&config));
    let mut applied = [one.unwrap().len(), other.unwrap().len()];
    applied.sort_unstable();
    assert_eq!(applied, [0, migrations()]);
}

#[tokio::test]
async fn unreachable_database_fails_the_deploy_but_not_a_deletion() {
    let url = "postgres://user:secret@127.0.0.1:1/none";
    let failed = response_to(url, "Create").await;
    assert_eq!(failed["Status"], "FAILED", "{failed}");
    assert!(!failed.to_string().contains("secret"), "{failed}");
    assert_eq!(response_to(url, "Delete").await["Status"], "SUCCESS");
}

#[tokio::test]
async fn rollback_leaves_a_newer_schema_unchanged() {
    let url = testkit::empty_schema().await;
    let config = config(&url);
    assert_eq!(crate::run(&config).await.unwrap().len(), migrations());
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let newer = "INSERT INTO refinery_schema_history (version, name, applied_on, checksum)
        SELECT 999, 'from_the_future', max(applied_on), '1' FROM refinery_schema_history";
    client.batch_execute(newer).await.unwrap();
    assert_eq!(response_to(&url, "Update").await["Status"], "SUCCESS");
}

#[tokio::test]
async fn role_is_granted_and_revoked_by_number() {
    let url = testkit::empty_schema().await;
    let config = config(&url);
    crate::run(&config).await.unwrap();
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let account = "INSERT INTO users (id, mobile_number, name, password_hash, created_at, updated_at)
        VALUES (gen_random_uuid(), '+4915112345678', 'Ada', 'x', now(), now())";
    client.batch_execute(account).await.unwrap();
    let role = async || client.query_one("SELECT role FROM users", &[]).await.unwrap().get::<_, String>(0);

    assert_eq!(role().await, "user");
    crate::roles::set(&config, "0049 1511 2345678", "admin").await.unwrap();
    assert_eq!(role().await, "admin");
    for (number, wrong) in [("+4915112345679", "admin"), ("+4915112345678", "root"), ("", "user")] {
        assert!(crate::roles::set(&config, number, wrong).await.is_err(), "{number} {wrong}");
    }
    for _ in 0..2 {
        crate::roles::set(&config, "+4915112345678", "user").await.unwrap();
    }
    assert_eq!(role().await, "user");
    assert_eq!(logged(&client).await, "grant_admin admin, revoke_admin user");
}

/// The actions and results of the audit log, all by a command on the same account.
async fn logged(client: &tokio_postgres::Client) -> String {
    let sql = "SELECT string_agg(concat_ws(' ', action, result), ', ' ORDER BY a.id) FROM operator_actions a
        JOIN users u ON u.id = target_id WHERE database_user = current_user AND operator_id IS NULL";
    client.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn account_is_suspended_and_restored_by_number() {
    let url = testkit::empty_schema().await;
    let config = config(&url);
    crate::run(&config).await.unwrap();
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let account = "INSERT INTO users (id, mobile_number, name, password_hash, created_at, updated_at)
        VALUES (gen_random_uuid(), '+4915112345678', 'Ada', 'x', now(), now())";
    client.batch_execute(account).await.unwrap();
    let is_suspended = async || {
        let sql = "SELECT suspended_at IS NOT NULL FROM users";
        client.query_one(sql, &[]).await.unwrap().get::<_, bool>(0)
    };
    crate::accounts::suspend(&config, "0049 1511 2345678", Duration::ZERO).await.unwrap();
    assert!(is_suspended().await);
    crate::accounts::restore(&config, "+4915112345678").await.unwrap();
    assert!(!is_suspended().await);
    assert!(crate::accounts::suspend(&config, "+4915112345679", Duration::ZERO).await.is_err());
    assert!(crate::accounts::restore(&config, "+4915112345679").await.is_err());
    assert_eq!(logged(&client).await, "suspend_account suspended, restore_account active");
}

#[tokio::test]
async fn interrupted_index_is_built_again() {
    let url = testkit::empty_schema().await;
    let config = config(&url);
    crate::run(&config).await.unwrap();
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    // What an interrupted build leaves.
    let interrupt =
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'messages_active_branch_idx'::regclass";
    client.batch_execute(interrupt).await.unwrap();
    assert_eq!(response_to(&url, "Update").await["Status"], "SUCCESS");
    let valid = "SELECT count(*) FROM pg_index WHERE indisvalid AND indrelid = 'messages'::regclass
        AND indexrelid IN ('messages_active_branch_idx'::regclass, 'messages_generation_id_key'::regclass,
            'messages_parent_generation_id_idx'::regclass)";
    assert_eq!(client.query_one(valid, &[]).await.unwrap().get::<_, i64>(0), 3);
}

async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

#[tokio::test]
async fn migration_that_waits_for_a_lock_lets_requests_pass() {
    let url = testkit::empty_schema().await;
    let config = config(&url);
    crate::run(&config).await.unwrap();
    // The last migrations are missing, and a long transaction has read the table that they change.
    let (reader, writer) = (connect(&url).await, connect(&url).await);
    let undo = "ALTER TABLE chatrooms DROP COLUMN client_id;
        ALTER TABLE generations DROP COLUMN traceparent, DROP COLUMN request_id;
        DELETE FROM refinery_schema_history WHERE version >= 21";
    reader.batch_execute(undo).await.unwrap();
    reader.batch_execute("BEGIN; SELECT FROM chatrooms").await.unwrap();
    // Far more than either takes: other migrations and a busy machine come first.
    let patience = Duration::from_mins(2);
    let write = async {
        let waits =
            "SELECT EXISTS (SELECT FROM pg_locks WHERE relation = 'chatrooms'::regclass AND NOT granted)";
        let waiting = async {
            while !writer.query_one(waits, &[]).await.unwrap().get::<_, bool>(0) {
                tokio::task::yield_now().await;
            }
        };
        timeout(patience, waiting).await.expect("the migration waits for the table");
        let write = writer.batch_execute("UPDATE chatrooms SET name = ''");
        timeout(patience, write).await.expect("the write waits").unwrap();
        reader.batch_execute("COMMIT").await.unwrap();
    };
    let (applied, ()) = tokio::join!(crate::run(&config), write);
    assert_eq!(applied.unwrap(), ["V21__client_ids", "V22__origins", "V23__paused_features"]);
}
