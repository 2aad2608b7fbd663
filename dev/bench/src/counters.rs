//! Named counters and their arithmetic.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counters(pub(crate) BTreeMap<String, f64>);

impl Counters {
    /// The counters in the fields of a struct.
    pub(crate) fn of(fields: impl Serialize) -> Result<Self> {
        Ok(serde_json::from_value(serde_json::to_value(fields)?)?)
    }

    pub(crate) fn from<const N: usize>(counters: [(&str, f64); N]) -> Self {
        Self(counters.into_iter().map(|(name, count)| (name.to_owned(), count)).collect())
    }

    /// Zero if nothing was counted.
    pub(crate) fn get(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (name, count) in &other.0 {
            *self.0.entry(name.clone()).or_default() += count;
        }
    }

    /// The increase since `before`.
    pub(crate) fn since(mut self, before: &Self) -> Self {
        for (name, count) in &mut self.0 {
            *count -= before.get(name);
        }
        self
    }

    /// The average of `times` requests, rounded to two decimals.
    pub(crate) fn per(mut self, times: usize) -> Self {
        let times = u32::try_from(times).map_or(f64::NAN, f64::from);
        self.0.values_mut().for_each(|count| *count = (*count / times * 100.0).round() / 100.0);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_sums_and_averages_are_taken_by_name() {
        let before = Counters::from([("redis", 1.0)]);
        let mut after = Counters::from([("postgres", 2.0), ("redis", 3.0)]).since(&before);
        assert_eq!(after, Counters::from([("postgres", 2.0), ("redis", 2.0)]));
        after.add(&before);
        assert_eq!(after.per(9), Counters::from([("postgres", 0.22), ("redis", 0.33)]));
    }
}
