//! Unit prices from `dev/cost/prices.json`: US dollars in us-east-1, before tax.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::json_file;
use super::markdown::{Table, quantity};

/// The price of one item.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// The service and what it charges for.
    pub item: String,
    /// The unit in which the vendor counts.
    pub unit: String,
    /// The price of `per` units.
    pub dollars: f64,
    /// The number of units that `dollars` buys.
    pub per: f64,
    /// The units that AWS's permanent free tier covers each month.
    #[serde(default)]
    pub free_per_month: f64,
    /// The vendor's own price page, which is authoritative.
    pub source: String,
    /// Where the price was read, if not on the vendor's page.
    #[serde(default)]
    pub read_at: Option<String>,
    /// The month in which the price was valid.
    pub as_of: String,
}

impl Price {
    /// The dollars for `quantity` units.
    #[must_use]
    pub fn of(&self, quantity: f64) -> f64 {
        quantity * self.dollars / self.per
    }
}

/// All prices by their keys in `prices.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct Prices(BTreeMap<String, Price>);

impl Prices {
    /// Reads `dev/cost/prices.json`.
    pub fn read(root: &Path) -> Result<Self> {
        json_file::read(&root.join("dev/cost/prices.json"))
    }

    /// The price with this key.
    pub fn get(&self, key: &str) -> Result<&Price> {
        self.0.get(key).with_context(|| format!("prices.json has no {key}"))
    }

    /// The dollars for `seconds` of Lambda duration at `megabytes` of memory.
    pub fn lambda(&self, seconds: f64, megabytes: f64) -> Result<f64> {
        Ok(self.get("lambda_gb_second")?.of(seconds * megabytes / LAMBDA_MB_PER_GB))
    }

    /// All prices in Markdown.
    pub(super) fn table(&self) -> Table {
        let headings = ["item", "dollars", "per", "free per month", "vendor's page", "read at", "as of"];
        let mut table = Table::new(headings);
        for price in self.0.values() {
            let per = if price.per > 1.0 { format!("{} × ", quantity(price.per)) } else { String::new() };
            let free = price.free_per_month;
            let read_at = match price.read_at.as_deref() {
                None => "not verified".to_owned(),
                Some(url) if url.starts_with("http") => format!("[source]({url})"),
                Some(text) => text.to_owned(),
            };
            table.row([
                price.item.clone(),
                price.dollars.to_string(),
                per + &price.unit,
                if free > 0.0 { quantity(free) } else { "–".to_owned() },
                format!("[page]({})", price.source),
                read_at,
                price.as_of.clone(),
            ]);
        }
        table
    }
}

/// Lambda's gigabyte has 1,024 MB.
pub(super) const LAMBDA_MB_PER_GB: f64 = 1024.0;
