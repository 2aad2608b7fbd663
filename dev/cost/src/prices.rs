//! Unit prices from `dev/cost/prices.json`: US dollars in us-east-1, before tax.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::json_file;
use super::markdown::{self, quantity};

/// Lambda's gigabyte has 1,024 MB.
pub(super) const LAMBDA_MB_PER_GB: f64 = 1024.0;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Price {
    /// The service and what it charges for.
    pub(super) item: String,
    /// The unit in which the vendor counts. `per` units cost `dollars`.
    pub(super) unit: String,
    pub(super) dollars: f64,
    per: f64,
    /// The units that AWS's permanent free tier covers each month.
    #[serde(default)]
    pub(super) free_per_month: f64,
    /// The vendor's own price page, which is authoritative.
    source: String,
    /// Where the price was read, if not on the vendor's page.
    #[serde(default)]
    read_at: Option<String>,
    /// The month in which the price was valid.
    as_of: String,
}

impl Price {
    pub(super) fn of(&self, quantity: f64) -> f64 {
        quantity * self.dollars / self.per
    }
}

/// All prices by their keys in `prices.json`.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct Prices(BTreeMap<String, Price>);

impl Prices {
    pub fn read(root: &Path) -> Result<Self> {
        json_file::read(&root.join("dev/cost/prices.json"))
    }

    pub(super) fn get(&self, key: &str) -> Result<&Price> {
        self.0.get(key).with_context(|| format!("prices.json has no {key}"))
    }

    /// The dollars for the duration of Lambda invocations.
    pub fn lambda(&self, seconds: f64, megabytes: f64) -> Result<f64> {
        Ok(self.get("lambda_gb_second")?.of(seconds * megabytes / LAMBDA_MB_PER_GB))
    }

    pub(super) fn table(&self) -> String {
        let row = |price: &Price| {
            let per = if price.per > 1.0 { format!("{} × ", quantity(price.per)) } else { String::new() };
            let free = price.free_per_month;
            let read_at = match price.read_at.as_deref() {
                None => "not verified".to_owned(),
                Some(url) if url.starts_with("http") => format!("[source]({url})"),
                Some(text) => text.to_owned(),
            };
            vec![
                price.item.clone(),
                price.dollars.to_string(),
                per + &price.unit,
                if free > 0.0 { quantity(free) } else { "–".to_owned() },
                format!("[page]({})", price.source),
                read_at,
                price.as_of.clone(),
            ]
        };
        let headings = ["item", "dollars", "per", "free per month", "vendor's page", "read at", "as of"];
        markdown::table(&headings, self.0.values().map(row))
    }
}
