//! Bills beside each other, in Markdown.

use std::fmt::Write as _;

use anyhow::{Result, ensure};

use super::bill::{Bill, Line};

/// The lines of all of `bills`, which have to be the same: how much there is of each, and what it comes to.
pub(super) fn bills(bills: &[(&str, Bill)]) -> Result<String> {
    let [(_, first), ..] = bills else { return Ok(String::new()) };
    let names: Vec<&str> = bills.iter().map(|(name, _)| *name).collect();
    let mut text = format!(
        "| line | a month | unit | {} |\n|---|---|---|{}\n",
        names.join(" | "),
        "---|".repeat(bills.len())
    );
    for (number, line) in first.lines.iter().enumerate() {
        // The first that has any of it: one that has none may name another kind of it.
        let of_all = bills.iter().filter_map(|(_, bill)| bill.lines.get(number));
        let line = of_all.into_iter().find(|line| line.quantity > 0.0).unwrap_or(line);
        let price = &line.price;
        let why = if line.why.is_empty() { String::new() } else { format!(": {}", line.why) };
        let _ = write!(text, "| {}{why} | {} | {} |", price.what, amount(line.quantity), price.unit);
        for (name, bill) in bills {
            let other = bill.lines.get(number).filter(|other| other.why == line.why);
            ensure!(other.is_some(), "{name} has other lines");
            let _ = write!(text, " {:.2} |", other.map_or(0.0, Line::dollars));
        }
        text.push('\n');
    }
    let mut total = |what: &str, sum: fn(&Bill) -> f64| {
        let _ = write!(text, "| **{what}** | | |");
        for (_, bill) in bills {
            let _ = write!(text, " **{:.2}** |", sum(bill));
        }
        text.push('\n');
    };
    total("dollars a month", Bill::dollars);
    total("less what AWS gives everybody", Bill::dollars_after_gifts);
    Ok(text)
}

/// A number for people: whole and in groups of three where it is large.
pub(super) fn amount(number: f64) -> String {
    if number < 100.0 {
        let text = format!("{number:.2}");
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    let digits = format!("{number:.0}");
    let groups = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join(",")
}
