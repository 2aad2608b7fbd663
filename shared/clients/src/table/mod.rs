//! The DynamoDB table of idempotency and job records.

use aws_config::SdkConfig;
use aws_sdk_dynamodb::error::DisplayErrorContext;
use thiserror::Error;

/// DynamoDB did not do what was asked.
#[derive(Debug, Error)]
#[error("dynamodb {action}: {cause}")]
pub struct TableError {
    action: &'static str,
    cause: String,
}

/// The table.
#[derive(Debug, Clone)]
pub struct Table {
    client: aws_sdk_dynamodb::Client,
    name: String,
}

impl Table {
    /// The table called `name`.
    #[must_use]
    pub fn new(config: &SdkConfig, name: &str) -> Self {
        Self { client: aws_sdk_dynamodb::Client::new(config), name: name.to_owned() }
    }

    /// Sees whether the table is there.
    ///
    /// # Errors
    /// When it is not, or DynamoDB does not answer.
    pub async fn ping(&self) -> Result<(), TableError> {
        self.client.describe_table().table_name(&self.name).send().await.map_err(|error| TableError {
            action: "DescribeTable",
            cause: DisplayErrorContext(error).to_string(),
        })?;
        Ok(())
    }
}
