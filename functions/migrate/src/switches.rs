//! Pauses and resumes features: commands for an operator with access to the database and the table.

use app::{Clock, Config, Models};
use clients::table::Table;
use clients::table::switches::SwitchStore as _;
use domain::switches::{Feature, PausedFeatures};
use lambda_runtime::Error;
use store::operator_actions::{self, Operator};
use tracing::info;

use crate::database;

/// Pauses or resumes the feature of these words, such as `signups` or `model gemini-3.8-flash`. Every
/// process of the service learns of it within 30 seconds, or before its next request if it was idle.
///
/// # Errors
/// There is no such feature or model, or Postgres or DynamoDB does not respond. Then nothing changes,
/// unless DynamoDB's response was lost.
pub async fn set(config: &Config, words: &[&str], is_paused: bool) -> Result<(), Error> {
    let feature = feature(words, &config.gemini.models)?;
    let table = Table::new(&config.aws.load()?, &config.table_name);
    let mut client = database(config)?.client().await?;
    let transaction = client.transaction().await?;
    let now = Clock::default().now();
    operator_actions::insert_feature(&transaction, &feature, is_paused, Operator::COMMAND, now).await?;
    table.set_paused(&feature, is_paused).await?;
    transaction.commit().await?;
    info!(%feature, is_paused, "the kill switch is set");
    Ok(())
}

/// The features that are paused.
pub async fn find(config: &Config) -> Result<PausedFeatures, Error> {
    Ok(Table::new(&config.aws.load()?, &config.table_name).find_paused().await?)
}

fn feature(words: &[&str], models: &Models) -> Result<Feature, Error> {
    match words {
        ["signups"] => Ok(Feature::SignUps),
        ["sending"] => Ok(Feature::Sending),
        ["sms"] => Ok(Feature::Sms),
        ["model", id] if models.find(id).is_some() => Ok(Feature::Model((*id).to_owned())),
        ["model", id] => {
            let known: Vec<&str> = models.all().iter().map(|model| model.id.as_str()).collect();
            Err(format!("no model is called {id:?}; the models are {}", known.join(", ")).into())
        }
        _ => Err("a feature is signups, sending, sms, or model and its id".into()),
    }
}
