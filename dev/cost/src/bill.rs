//! A bill: lines of so much of something.

use anyhow::Result;

use super::prices::{Price, Prices};

/// So much of something.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// What for, beyond what the price says.
    pub(super) why: &'static str,
    pub(super) price: Price,
    /// In the price's units, a month.
    pub(super) quantity: f64,
    /// How much of that is there without any load.
    pub(super) idle: f64,
}

/// A month's bill.
#[derive(Debug, Clone, Default)]
pub(super) struct Bill {
    pub(super) lines: Vec<Line>,
}

impl Line {
    pub(super) fn dollars(&self) -> f64 {
        self.price.of(self.quantity)
    }
}

impl Bill {
    /// Adds `quantity` of what is called `name` in the list.
    ///
    /// # Errors
    /// When it has no price.
    pub(super) fn add(
        &mut self,
        prices: &Prices,
        name: &str,
        why: &'static str,
        quantity: f64,
    ) -> Result<()> {
        self.lines.push(Line { why, price: prices.get(name)?.clone(), quantity, idle: 0.0 });
        Ok(())
    }

    /// Adds what has to be paid for whether it is used or not.
    ///
    /// # Errors
    /// As above.
    pub(super) fn keep(
        &mut self,
        prices: &Prices,
        name: &str,
        why: &'static str,
        quantity: f64,
    ) -> Result<()> {
        self.add(prices, name, why, quantity)?;
        if let Some(line) = self.lines.last_mut() {
            line.idle = quantity;
        }
        Ok(())
    }

    pub(super) fn dollars(&self) -> f64 {
        self.lines.iter().map(Line::dollars).sum()
    }

    /// What has to be paid for without any load.
    pub(super) fn dollars_idle(&self) -> f64 {
        self.lines.iter().map(|line| line.price.of(line.idle)).sum()
    }

    /// What is left to pay after what AWS gives to every account, each month and for ever. It is given once for all that an
    /// account has.
    pub(super) fn dollars_after_gifts(&self) -> f64 {
        let mut given: Vec<(&str, f64)> = Vec::new();
        let mut dollars = 0.0;
        for line in &self.lines {
            let name = line.price.what.as_str();
            let already = given.iter().filter(|(other, _)| *other == name).map(|(_, much)| much).sum::<f64>();
            let gift = line.quantity.min(line.price.free - already).max(0.0);
            given.push((name, gift));
            dollars += line.price.of(line.quantity - gift);
        }
        dollars
    }
}
