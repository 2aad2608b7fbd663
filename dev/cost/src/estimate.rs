//! An estimated monthly bill: line items, each a quantity at a price.

use std::collections::HashMap;

use anyhow::{Result, ensure};

use super::markdown::{Table, quantity};
use super::prices::{Price, Prices};

/// A line item with its price.
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

    /// The dollars after AWS's permanent free tier, which covers an item once per account and month.
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
    pub(super) fn dollars(&self) -> f64 {
        self.price.of(self.quantity)
    }
}

/// The `estimates` side by side in Markdown. All must have the same line items.
pub(super) fn comparison(estimates: &[(&str, Estimate)]) -> Result<Table> {
    let row = |cells: [String; 3], dollars: &dyn Fn(&Estimate) -> String| {
        cells.into_iter().chain(estimates.iter().map(|(_, one)| dollars(one))).collect::<Vec<_>>()
    };
    let names = estimates.iter().map(|(name, _)| *name);
    let mut table = Table::new(["line item", "per month", "unit"].into_iter().chain(names));
    let count = estimates.first().map_or(0, |(_, first)| first.0.len());
    for number in 0..count {
        let items = || estimates.iter().filter_map(|(_, estimate)| estimate.0.get(number));
        // An estimate that has none of an item may name another size of it.
        let Some(shown) = items().find(|item| item.quantity > 0.0).or_else(|| items().next()) else {
            continue;
        };
        let is_same = items().filter(|item| item.purpose == shown.purpose).count() == estimates.len();
        ensure!(is_same, "the estimates differ in their line item {number}: {}", shown.price.item);
        let separator = if shown.purpose.is_empty() { "" } else { ": " };
        let name = format!("{}{separator}{}", shown.price.item, shown.purpose);
        let dollars = |estimate: &Estimate| format!("{:.2}", estimate.0[number].dollars());
        table.row(row([name, quantity(shown.quantity), shown.price.unit.clone()], &dollars));
    }
    for (what, dollars) in [
        ("dollars per month", Estimate::dollars as fn(&Estimate) -> f64),
        ("after the AWS free tier", Estimate::dollars_after_free_tier),
    ] {
        let cells = [format!("**{what}**"), String::new(), String::new()];
        table.row(row(cells, &|estimate| format!("**{:.2}**", dollars(estimate))));
    }
    Ok(table)
}
