//! Markdown tables and the numbers in them.

#[must_use]
pub fn table(headings: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let head = format!("| {} |\n|{}\n", headings.join(" | "), "---|".repeat(headings.len()));
    rows.into_iter().fold(head, |text, cells| text + &format!("| {} |\n", cells.join(" | ")))
}

/// Up to two decimals below 100, else a whole number in groups of three digits.
pub(super) fn quantity(number: f64) -> String {
    if number < 100.0 {
        let text = format!("{number:.2}");
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    let digits = format!("{number:.0}");
    let groups = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join(",")
}
