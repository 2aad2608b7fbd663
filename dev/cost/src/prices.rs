//! What things cost: `dev/cost/prices.json`, in dollars, in us-east-1, before tax.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::table::amount;

/// A price.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// What is paid for.
    pub what: String,
    /// By what it is counted.
    pub unit: String,
    /// For `per` of the unit.
    pub dollars: f64,
    /// How many units that buys.
    pub per: f64,
    /// So many units a month are given to every account, for ever.
    #[serde(default)]
    pub free: f64,
    /// The vendor's page, which counts.
    pub source: String,
    /// Where it was read, where the vendor's own page could not be.
    #[serde(default)]
    pub seen: Option<String>,
    /// The month of what was read.
    pub as_of: String,
}

impl Price {
    /// What `quantity` costs.
    #[must_use]
    pub fn of(&self, quantity: f64) -> f64 {
        quantity * self.dollars / self.per
    }
}

/// All prices, by the names that the code has for them.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct Prices(BTreeMap<String, Price>);

impl Prices {
    /// Reads the list.
    ///
    /// # Errors
    /// When it is not there or not as it should be.
    pub fn read(root: &Path) -> Result<Self> {
        let path = root.join("dev/cost/prices.json");
        let text = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("reading {}", path.display()))
    }

    /// The price called `name`.
    ///
    /// # Errors
    /// When there is none.
    pub fn get(&self, name: &str) -> Result<&Price> {
        self.0.get(name).with_context(|| format!("prices.json has no {name}"))
    }

    /// What a function's time costs: `seconds` of it, at `megabytes`.
    ///
    /// # Errors
    /// When that has no price.
    pub fn lambda(&self, seconds: f64, megabytes: f64) -> Result<f64> {
        Ok(self.get("lambda_gb_second")?.of(seconds * megabytes / MEGABYTES_OF_A_GB))
    }

    /// All of them, in Markdown.
    pub(super) fn table(&self) -> String {
        let mut text =
            "| what | dollars | for | free a month | whose page | read in | of |\n|---|---|---|---|---|---|---|\n"
                .to_owned();
        for price in self.0.values() {
            let many = if price.per > 1.0 { format!("{} × ", amount(price.per)) } else { String::new() };
            let free = if price.free > 0.0 { amount(price.free) } else { "–".to_owned() };
            let seen = price.seen.as_deref().map_or("not read anywhere: check it".to_owned(), |seen| {
                if seen.starts_with("http") { format!("[here]({seen})") } else { seen.to_owned() }
            });
            let _ = writeln!(
                text,
                "| {} | {} | {many}{} | {free} | [page]({}) | {seen} | {} |",
                price.what, price.dollars, price.unit, price.source, price.as_of
            );
        }
        text
    }
}

/// Lambda counts memory so.
const MEGABYTES_OF_A_GB: f64 = 1024.0;
