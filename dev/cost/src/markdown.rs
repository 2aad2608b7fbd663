//! Markdown tables and the numbers in them.

use std::fmt::{self, Display};

/// A table under construction.
#[derive(Debug, Clone)]
pub struct Table(String);

impl Table {
    /// A table without rows.
    pub fn new<T: Display>(headings: impl IntoIterator<Item = T>) -> Self {
        let mut table = Self(String::new());
        table.row(headings);
        let columns = table.0.matches(" |").count();
        table.0.extend(["|", &"---|".repeat(columns), "\n"]);
        table
    }

    /// Adds a row.
    pub fn row<T: Display>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.0.push('|');
        self.0.extend(cells.into_iter().map(|cell| format!(" {cell} |")));
        self.0.push('\n');
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Formats a quantity: with up to two decimals below 100, else as a whole number in groups of three digits.
#[must_use]
pub fn quantity(number: f64) -> String {
    if number < 100.0 {
        let text = format!("{number:.2}");
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    let digits = format!("{number:.0}");
    let groups = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join(",")
}
