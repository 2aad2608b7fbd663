//! The kill switches: one item, whose attributes name what an operator has paused. An absent
//! attribute, or an absent item, pauses nothing.

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::switches::{Feature, PausedFeatures};

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
        parse(&item).ok_or_else(|| TableError::unreadable("GetItem", "the item of the switches"))
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

/// The switches of an item. `None` if an attribute has another type than this code writes, for
/// example after a mistake in a command: a switch must not be ignored.
fn parse(item: &Item) -> Option<PausedFeatures> {
    let is_paused = |feature: Feature| match item.get(feature.error_code()) {
        None => Some(false),
        Some(value) => value.as_bool().ok().copied(),
    };
    let models = match item.get(MODELS) {
        None => Vec::new(),
        Some(value) => value.as_ss().ok()?.clone(),
    };
    Some(PausedFeatures {
        signups: is_paused(Feature::SignUps)?,
        sending: is_paused(Feature::Sending)?,
        sms: is_paused(Feature::Sms)?,
        models: models.into_iter().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_attributes_pause_nothing() {
        assert_eq!(parse(&Item::new()), Some(PausedFeatures::default()));
        let item = [("pk", text(KEY)), ("sms_paused", AttributeValue::Bool(false))];
        assert_eq!(
            parse(&item.map(|(name, value)| (name.to_owned(), value)).into()),
            Some(PausedFeatures::default())
        );
    }

    #[test]
    fn attribute_of_another_type_is_no_open_switch() {
        for (name, value) in [
            ("signups_paused", text("true")),
            ("sending_paused", AttributeValue::N("1".to_owned())),
            (MODELS, text("gemini-3.8-flash")),
        ] {
            assert_eq!(parse(&[(name.to_owned(), value)].into()), None, "{name}");
        }
    }
}
