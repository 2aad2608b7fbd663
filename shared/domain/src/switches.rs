//! The kill switches: features that an operator has paused.

use std::collections::BTreeSet;
use std::fmt;

use thiserror::Error;

/// A feature that can be paused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Feature {
    /// New accounts.
    SignUps,
    /// New messages, and other requests for answers.
    Sending,
    /// One-time codes by text message.
    Sms,
    /// The model with this id.
    Model(String),
}

impl Feature {
    /// The code of the error while the feature is paused.
    #[must_use]
    pub const fn error_code(&self) -> &'static str {
        match self {
            Self::SignUps => "signups_paused",
            Self::Sending => "sending_paused",
            Self::Sms => "sms_paused",
            Self::Model(_) => "model_paused",
        }
    }
}

/// The name that operators use, such as `signups` or `model gemini-3.8-flash`.
impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SignUps => f.write_str("signups"),
            Self::Sending => f.write_str("sending"),
            Self::Sms => f.write_str("sms"),
            Self::Model(id) => write!(f, "model {id}"),
        }
    }
}

/// An operator has paused the feature.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("paused by an operator: {0}")]
pub struct FeaturePaused(pub Feature);

/// The features that are paused. By default none is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PausedFeatures {
    /// Whether sign-ups are.
    pub signups: bool,
    /// Whether sending is.
    pub sending: bool,
    /// Whether codes by text message are.
    pub sms: bool,
    /// The ids of the models that are.
    pub models: BTreeSet<String>,
}

impl PausedFeatures {
    /// Whether `feature` is paused.
    #[must_use]
    pub fn contains(&self, feature: &Feature) -> bool {
        match feature {
            Feature::SignUps => self.signups,
            Feature::Sending => self.sending,
            Feature::Sms => self.sms,
            Feature::Model(id) => self.models.contains(id),
        }
    }

    /// Refuses `feature` while it is paused.
    pub fn check(&self, feature: Feature) -> Result<(), FeaturePaused> {
        if self.contains(&feature) { Err(FeaturePaused(feature)) } else { Ok(()) }
    }

    /// Pauses or resumes `feature`.
    pub fn set(&mut self, feature: &Feature, is_paused: bool) {
        match feature {
            Feature::SignUps => self.signups = is_paused,
            Feature::Sending => self.sending = is_paused,
            Feature::Sms => self.sms = is_paused,
            Feature::Model(id) if is_paused => _ = self.models.insert(id.clone()),
            Feature::Model(id) => _ = self.models.remove(id),
        }
    }
}

/// The names of the paused features, separated by commas, or `nothing`.
impl fmt::Display for PausedFeatures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let single = [Feature::SignUps, Feature::Sending, Feature::Sms];
        let paused = single.into_iter().filter(|feature| self.contains(feature));
        let models = self.models.iter().map(|id| Feature::Model(id.clone()));
        let names: Vec<String> = paused.chain(models).map(|feature| feature.to_string()).collect();
        f.write_str(if names.is_empty() { "nothing" } else { "" })?;
        f.write_str(&names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_feature_is_paused_and_resumed_alone() {
        let features = [Feature::SignUps, Feature::Sending, Feature::Sms, Feature::Model("m".to_owned())];
        let mut paused = PausedFeatures::default();
        for feature in &features {
            paused.set(feature, true);
            for other in &features {
                assert_eq!(paused.check(other.clone()).is_err(), other == feature, "{feature}, {other}");
            }
            paused.set(feature, false);
            assert_eq!(paused, PausedFeatures::default(), "{feature}");
        }
    }
}
