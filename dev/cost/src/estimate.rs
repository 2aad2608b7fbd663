//! An estimated monthly bill: line items, each a quantity at a price.

use std::collections::HashMap;

use anyhow::{Result, ensure};

use super::markdown::{self, quantity};
use super::prices::{Price, Prices};

#[derive(Debug, Clone)]
pub(super) struct LineItem {
    /// Empty unless several line items have the same price.
    pub(super) purpose: &'static str,
    pub(super) price: Price,
    /// In the price's unit, per month.
    pub(super) quantity: f64,
}

/// The line items of a month.
#[derive(Debug, Clone)]
pub(super) struct Estimate(pub(super) Vec<LineItem>);

impl Estimate {
    /// Prices the `usage`: the key of the price, the purpose, and the quantity.
    pub(super) fn new(prices: &Prices, usage: &[(&str, &'static str, f64)]) -> Result<Self> {
        let items = usage.iter().map(|&(key, purpose, quantity)| {
            Ok(LineItem { purpose, price: prices.get(key)?.clone(), quantity })
        });
        Ok(Self(items.collect::<Result<_>>()?))
    }

    pub(super) fn dollars(&self) -> f64 {
        self.0.iter().map(LineItem::dollars).sum()
    }

    /// The dollars after AWS's permanent free tier, which covers an item once per account and
    /// month.
    pub(super) fn dollars_after_free_tier(&self) -> f64 {
        let mut free = HashMap::new();
        let dollars = self.0.iter().map(|LineItem { price, quantity, .. }| {
            let left = free.entry(&price.item).or_insert(price.free_per_month);
            let covered = quantity.min(*left);
            *left -= covered;
            price.of(quantity - covered)
        });
        dollars.sum()
    }
}

impl LineItem {
    fn dollars(&self) -> f64 {
        self.price.of(self.quantity)
    }
}

/// The `estimates` side by side in Markdown. All must have the same line items.
pub(super) fn comparison(estimates: &[(&str, Estimate)]) -> Result<String> {
    let mut headings = vec!["line item", "per month", "unit"];
    headings.extend(estimates.iter().map(|(name, _)| name));
    let count = estimates.first().map_or(0, |(_, first)| first.0.len());
    let mut rows = Vec::new();
    for number in 0..count {
        let items: Vec<_> = estimates.iter().filter_map(|(_, one)| one.0.get(number)).collect();
        // An estimate that has none of an item may name another size of it.
        let LineItem { purpose, price, quantity: shown } =
            items.iter().find(|item| item.quantity > 0.0).unwrap_or(&items[0]);
        let is_same = items.len() == estimates.len() && items.iter().all(|item| item.purpose == *purpose);
        ensure!(is_same, "the estimates differ in their line item {number}: {}", price.item);
        let separator = if purpose.is_empty() { "" } else { ": " };
        let name = format!("{}{separator}{purpose}", price.item);
        let mut row = vec![name, quantity(*shown), price.unit.clone()];
        row.extend(items.iter().map(|item| format!("{:.2}", item.dollars())));
        rows.push(row);
    }
    for (what, dollars) in [
        ("dollars per month", Estimate::dollars as fn(&Estimate) -> f64),
        ("after the AWS free tier", Estimate::dollars_after_free_tier),
    ] {
        let mut row = vec![format!("**{what}**"), String::new(), String::new()];
        row.extend(estimates.iter().map(|(_, one)| format!("**{:.2}**", dollars(one))));
        rows.push(row);
    }
    Ok(markdown::table(&headings, rows))
}
