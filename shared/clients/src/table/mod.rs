//! The DynamoDB table of records that expire: [`idempotency`], [`jobs`] and [`stripe_events`]; and of
//! the kill [`switches`].
//!
//! Each record is one item with its full key as partition key, so load spreads evenly. DynamoDB may
//! delete expired items days late, so every read compares `expires_at`.

pub mod idempotency;
pub mod jobs;
pub mod stripe_events;
pub mod switches;

use std::collections::HashMap;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Utc};
use thiserror::Error;

/// A call to DynamoDB failed.
#[derive(Debug, Error)]
#[error("dynamodb {action}: {cause}")]
pub struct TableError {
    action: &'static str,
    cause: String,
}

impl TableError {
    fn new<E: std::error::Error>(action: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self { action, cause: DisplayErrorContext(error).to_string() }
    }

    /// DynamoDB left items unprocessed in every attempt.
    fn throttled(action: &'static str) -> Self {
        Self { action, cause: "there is not enough capacity".to_owned() }
    }

    /// A record that this version of the code cannot read.
    fn unreadable(action: &'static str, what: &str) -> Self {
        Self { action, cause: format!("{what} cannot be read") }
    }
}

/// The client for the table.
#[derive(Debug, Clone)]
pub struct Table {
    client: aws_sdk_dynamodb::Client,
    name: String,
}

impl Table {
    /// The table with this name.
    #[must_use]
    pub fn new(config: &SdkConfig, name: &str) -> Self {
        Self { client: aws_sdk_dynamodb::Client::new(config), name: name.to_owned() }
    }

    /// Checks that the table exists.
    pub async fn ping(&self) -> Result<(), TableError> {
        let request = self.client.describe_table().table_name(&self.name);
        request.send().await.map_err(TableError::new("DescribeTable"))?;
        Ok(())
    }
}

/// A record as DynamoDB stores it.
type Item = HashMap<String, AttributeValue>;

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn number(value: impl Into<i64>) -> AttributeValue {
    AttributeValue::N(value.into().to_string())
}

/// A time in the unit in which DynamoDB expires items: whole seconds.
fn seconds(time: DateTime<Utc>) -> AttributeValue {
    number(time.timestamp())
}

fn text_of<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

fn number_of(item: &Item, name: &str) -> Option<i64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}
