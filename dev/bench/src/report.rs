//! Rows of results, printed as Markdown and written as JSON.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use cost::markdown;
use serde_json::{Map, Value};
use stack::StackFolder;
use stack::progress::print;

use crate::counters::Counters;
use crate::sample::ms;

/// Values by their column headings, which are the keys in JSON.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row(Vec<(String, Value)>);

impl Row {
    pub(crate) fn text(mut self, heading: &str, text: impl Into<String>) -> Self {
        self.0.push((heading.to_owned(), Value::String(text.into())));
        self
    }

    /// A number, with up to three decimals.
    pub(crate) fn number(mut self, heading: &str, number: impl Into<Option<f64>>) -> Self {
        let number = number.into().map_or(Value::Null, |number| rounded(number).into());
        self.0.push((heading.to_owned(), number));
        self
    }

    pub(crate) fn ms(self, heading: &str, time: impl Into<Option<Duration>>) -> Self {
        self.number(heading, time.into().map(ms))
    }

    pub(crate) fn seconds(self, heading: &str, time: impl Into<Option<Duration>>) -> Self {
        self.number(heading, time.into().map(|time| time.as_secs_f64()))
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub(crate) fn count(self, heading: &str, count: usize) -> Self {
        self.number(heading, count as f64)
    }

    #[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^52")]
    pub(crate) fn mb(self, heading: &str, bytes: u64) -> Self {
        self.number(heading, bytes as f64 / 1_048_576.0)
    }

    pub(crate) fn counters(self, counters: &Counters) -> Self {
        counters.0.iter().fold(self, |row, (name, count)| row.number(name, *count))
    }
}

/// The rows as a Markdown table. All must have the same columns.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let Some(first) = rows.first() else { return String::new() };
    let headings: Vec<&str> = first.0.iter().map(|(heading, _)| heading.as_str()).collect();
    let cell = |(_, value): &(String, Value)| match value {
        Value::String(text) => text.clone(),
        value => value.as_f64().map_or("–".to_owned(), significant),
    };
    let table = markdown::table(&headings, rows.iter().map(|Row(cells)| cells.iter().map(cell).collect()));
    format!("\n{table}")
}

/// The rows as a JSON array of objects.
pub(crate) fn json(rows: &[Row]) -> Value {
    rows.iter().map(|Row(cells)| cells.iter().cloned().collect::<Map<_, _>>()).collect()
}

pub(crate) fn write_json(home: &StackFolder, name: &str, value: &Value) -> Result<()> {
    write(home, name, &format!("{value:#}\n"))
}

/// Writes a file to the folder of the benchmarks and prints its path.
pub(crate) fn write(home: &StackFolder, name: &str, content: &str) -> Result<()> {
    let path = home.subfolder("")?.join(name);
    fs::write(&path, content).with_context(|| format!("writing {}", path.display()))?;
    print(format_args!("  {}\n", path.display()));
    Ok(())
}

/// Rounds to three decimals.
pub(crate) fn rounded(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}

/// Formats three significant digits, or all digits before the decimal point.
fn significant(number: f64) -> String {
    let decimals = [1.0, 10.0, 100.0].iter().filter(|limit| number.abs() < **limit).count();
    rounded(format!("{number:.decimals$}").parse().unwrap_or(number)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_has_three_significant_digits_and_json_three_decimals() {
        let row = Row::default().text("request", "GET").ms("p50 ms", Duration::from_micros(1_234));
        let rows = [row.number("ratio", None).number("count", 119_890.4)];
        let expected =
            "\n| request | p50 ms | ratio | count |\n|---|---|---|---|\n| GET | 1.23 | – | 119890 |\n";
        assert_eq!(markdown(&rows), expected);
        let expected = r#"[{"count":119890.4,"p50 ms":1.234,"ratio":null,"request":"GET"}]"#;
        assert_eq!(json(&rows).to_string(), expected);
    }
}
