//! The commands that pause and resume features, on a table of their own.

use app::{Config, Dependency};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use serde_json::json;
use uuid::Uuid;

use crate::switches;

/// A configuration with a new table, since all tests share one whose switches would stop the others.
pub(super) async fn start() -> Config {
    let (database_url, table) = (testkit::empty_schema().await, format!("switches-{}", Uuid::new_v4()));
    let models = json!([{ "id": "small", "plans": ["basic", "pro"] }, { "id": "large", "plans": ["pro"] }]);
    let lookup = |name: &str| match name {
        "DATABASE_URL" => Some(database_url.clone()),
        "TABLE_NAME" => Some(table.clone()),
        "AWS_REGION" => Some("eu-central-1".to_owned()),
        "AWS_ENDPOINT_URL" => std::env::var("TEST_AWS_ENDPOINT_URL").ok(),
        "GEMINI_MODELS" => Some(models.to_string()),
        "GEMINI_MODEL_BASIC" => Some("small".to_owned()),
        "GEMINI_MODEL_PRO" => Some("large".to_owned()),
        "GEMINI_MODEL_FALLBACK" => Some("none".to_owned()),
        _ => None,
    };
    let config = Config::from_lookup(&[Dependency::DATABASE, Dependency::TABLE], &lookup).unwrap();
    crate::run(&config).await.unwrap();
    let key = KeySchemaElement::builder().attribute_name("pk").key_type(KeyType::Hash).build().unwrap();
    let attribute =
        AttributeDefinition::builder().attribute_name("pk").attribute_type(ScalarAttributeType::S);
    aws_sdk_dynamodb::Client::new(&config.aws.load().unwrap())
        .create_table()
        .table_name(&table)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key)
        .attribute_definitions(attribute.build().unwrap())
        .send()
        .await
        .unwrap();
    config
}

async fn paused(config: &Config) -> String {
    switches::find(config).await.unwrap().to_string()
}

/// The actions and results of the audit log.
async fn logged(config: &Config) -> String {
    let client = crate::database(config).unwrap().client().await.unwrap();
    let sql = "SELECT string_agg(concat_ws(' ', action, target_type, result), ', ' ORDER BY id) FROM operator_actions
        WHERE database_user = current_user";
    client.query_one(sql, &[]).await.unwrap().get::<_, Option<String>>(0).unwrap_or_default()
}

#[tokio::test]
async fn features_are_paused_and_resumed_with_an_entry_each() {
    let config = start().await;
    assert_eq!(paused(&config).await, "nothing");
    for words in [&["signups"][..], &["sending"], &["sms"], &["model", "small"], &["model", "large"]] {
        switches::set(&config, words, true).await.unwrap();
    }
    assert_eq!(paused(&config).await, "signups, sending, sms, model large, model small");
    for words in [&["signups"][..], &["model", "large"]] {
        switches::set(&config, words, false).await.unwrap();
    }
    assert_eq!(paused(&config).await, "sending, sms, model small");
    let entries = logged(&config).await;
    assert!(
        entries.starts_with("pause_feature feature signups, pause_feature feature sending, "),
        "{entries}"
    );
    assert!(
        entries.ends_with("resume_feature feature signups, resume_feature feature model large"),
        "{entries}"
    );
}

#[tokio::test]
async fn unknown_feature_and_unknown_model_are_refused() {
    let config = start().await;
    let refused = switches::set(&config, &["model", "larger"], true).await.unwrap_err().to_string();
    assert_eq!(refused, "no model is called \"larger\"; the models are small, large");
    for words in [&["payments"][..], &["model"], &[], &["signups", "now"]] {
        assert!(switches::set(&config, words, true).await.is_err(), "{words:?}");
    }
    assert_eq!((paused(&config).await.as_str(), logged(&config).await.as_str()), ("nothing", ""));
}

#[tokio::test]
async fn switch_that_cannot_be_written_leaves_no_entry() {
    let mut config = start().await;
    config.table_name = "absent".to_owned();
    assert!(switches::set(&config, &["signups"], true).await.is_err());
    assert_eq!(logged(&config).await, "");
}
