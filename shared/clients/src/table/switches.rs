//! The kill switches: one item, whose attributes name what an operator has paused. An absent
//! attribute, or an absent item, pauses nothing.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::switches::{Feature, PausedFeatures};
use tracing::error;

use super::{Item, Table, TableError, text};

/// The partition key of the item. It never expires.
const KEY: &str = "switches";

/// The attribute with the ids of the paused models, a set of strings.
const MODELS: &str = "models_paused";

/// Where the switches are kept. It is a trait so that tests need no item that all of them share.
#[async_trait]
pub trait SwitchStore: Send + Sync {
    /// The features that are paused.
    async fn find_paused(&self) -> Result<PausedFeatures, TableError>;
}

#[async_trait]
impl SwitchStore for Table {
    async fn find_paused(&self) -> Result<PausedFeatures, TableError> {
        let get = self.client.get_item().table_name(&self.name).key("pk", text(KEY));
        let item = get.send().await.map_err(TableError::new("GetItem"))?.item.unwrap_or_default();
        Ok(parse(&item))
    }
}

impl Table {
    /// Pauses or resumes `feature`.
    pub async fn set_paused(&self, feature: &Feature, is_paused: bool) -> Result<(), TableError> {
        let update = self.client.update_item().table_name(&self.name).key("pk", text(KEY));
        let update = match feature {
            Feature::Model(id) => update
                .update_expression(format!("{} {MODELS} :id", if is_paused { "ADD" } else { "DELETE" }))
                .expression_attribute_values(":id", AttributeValue::Ss(vec![id.clone()])),
            other => update
                .update_expression(format!("SET {} = :is_paused", other.error_code()))
                .expression_attribute_values(":is_paused", AttributeValue::Bool(is_paused)),
        };
        update.send().await.map_err(TableError::new("UpdateItem"))?;
        Ok(())
    }
}

/// The switches of an item. An attribute of another type than this code writes, for example after a
/// mistake in a command, counts as paused: a switch must not be ignored, and must not open the others.
fn parse(item: &Item) -> PausedFeatures {
    let report = |name: &str| error!(attribute = name, "a kill switch has a wrong type; it counts as set");
    let is_paused = |feature: Feature| {
        let name = feature.error_code();
        item.get(name).is_some_and(|value| {
            value.as_bool().copied().unwrap_or_else(|_| {
                report(name);
                true
            })
        })
    };
    let models = item.get(MODELS).map_or_else(Vec::new, |value| {
        value.as_ss().cloned().unwrap_or_else(|_| {
            report(MODELS);
            value.as_s().into_iter().cloned().collect()
        })
    });
    PausedFeatures {
        signups: is_paused(Feature::SignUps),
        sending: is_paused(Feature::Sending),
        sms: is_paused(Feature::Sms),
        models: models.into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_attributes_pause_nothing() {
        assert_eq!(parse(&Item::new()), PausedFeatures::default());
        let item = [("pk", text(KEY)), ("sms_paused", AttributeValue::Bool(false))];
        assert_eq!(
            parse(&item.map(|(name, value)| (name.to_owned(), value)).into()),
            PausedFeatures::default()
        );
    }

    #[test]
    fn attribute_of_another_type_counts_as_paused_and_opens_no_other_switch() {
        let item = [
            ("signups_paused", AttributeValue::Bool(true)),
            ("sms_paused", text("true")),
            ("sending_paused", AttributeValue::N("1".to_owned())),
            (MODELS, text("gemini-3.8-flash")),
        ];
        let paused = parse(&item.map(|(name, value)| (name.to_owned(), value)).into());
        assert!(paused.signups && paused.sms && paused.sending);
        assert_eq!(paused.models.into_iter().collect::<Vec<_>>(), ["gemini-3.8-flash"]);
    }
}
