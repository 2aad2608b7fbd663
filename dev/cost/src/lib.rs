//! `cargo dev cost`: what one million messages a month cost, by line of the bill, and what the service that this one replaces
//! costs under the same load.
//!
//! Three things go in: what a request takes, measured (`dev/bench/figures.json`, which `cargo dev bench memory --figures` writes);
//! what things cost (`dev/cost/prices.json`, each with its source); and how many requests of each kind there are
//! (`load::Load`). All else is multiplication.

mod bill;
pub mod figures;
mod gemini;
mod load;
mod machines;
pub mod prices;
mod serverless;
mod table;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use stack::template::Template;

use self::bill::Bill;
use self::figures::Figures;
use self::load::{Load, STANDARD};
use self::prices::Prices;
use self::serverless::Deployed;

/// The document that has all of this in it.
const DOCUMENT: &str = "docs/cost.md";

/// What is before and after it there.
const MARKS: [&str; 2] = ["<!-- By `cargo dev cost --write`, to the end mark -->\n", "<!-- End -->"];

/// All of it, in Markdown.
///
/// # Errors
/// When a file that goes in cannot be read.
pub fn report(root: &Path) -> Result<String> {
    let (figures, prices) = (Figures::read(root)?, Prices::read(root)?);
    let deployed = Deployed::read(&Template::read(root)?)?;
    let bill = |load: &Load| serverless::bill(load, &figures, &prices, &deployed);
    let idle = bill(&STANDARD.idle())?;
    let columns = [
        ("one by one", bill(&STANDARD)?),
        ("ten at once", bill(&Load { batch: 10, ..STANDARD })?),
        ("asked thrice", bill(&Load { polls: 3.0, long_polls: 0.0, ..STANDARD })?),
        ("idle", idle.clone()),
    ];
    let mut text = String::new();
    if figures.build != "release" {
        let _ = writeln!(text, "**These figures are of {} programs, and say little.**\n", figures.build);
    }
    let _ = writeln!(text, "### The load\n\n{}", STANDARD.table(&figures)?);
    let _ = writeln!(text, "### This service\n\n{}", table::bills(&columns)?);
    let _ = writeln!(text, "### Gemini\n\n{}", gemini::table(&STANDARD, &prices)?);
    let machines = machines::bills(&STANDARD, &figures, &prices)?;
    let _ = writeln!(text, "### The service before this one\n\n{}", table::bills(&machines)?);
    let _ = writeln!(text, "### Both\n\n{}", both(&columns[0].1, &idle, &machines));
    let _ = write!(text, "### Prices\n\n{}", prices.table());
    Ok(text)
}

/// Both services, with the load and without.
fn both(own: &Bill, idle: &Bill, machines: &[(&str, Bill)]) -> String {
    let mut text = "| service | a month | idle |\n|---|---|---|\n".to_owned();
    let mut row = |what: &str, busy: f64, idle: f64| {
        let _ = writeln!(text, "| {what} | {busy:.2} | {idle:.2} |");
    };
    row("this one", own.dollars(), idle.dollars());
    row("this one, less what AWS gives everybody", own.dollars_after_gifts(), idle.dollars_after_gifts());
    for (what, bill) in machines {
        row(&format!("the one before, {what}"), bill.dollars(), bill.dollars_idle());
    }
    text
}

/// Writes [`report`] into the document.
///
/// # Errors
/// When that cannot be done.
pub fn write(root: &Path) -> Result<()> {
    let path = root.join(DOCUMENT);
    let document = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let (before, _) = document.split_once(MARKS[0]).with_context(|| format!("{DOCUMENT} has no mark"))?;
    let (_, after) = document.split_once(MARKS[1]).with_context(|| format!("{DOCUMENT} has no end mark"))?;
    let text = format!("{before}{}\n{}\n{}{after}", MARKS[0], report(root)?, MARKS[1]);
    fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
}
