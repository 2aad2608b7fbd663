//! The bill of Gemini, which is the same for both services.

use anyhow::Result;

use super::markdown::Table;
use super::prices::Prices;
use super::workload::{ANSWER_TOKENS, PROMPT_TOKENS, Workload};

/// The bill of all messages with the model of each plan, in Markdown.
pub(super) fn table(workload: &Workload, prices: &Prices) -> Result<Table> {
    let mut table = Table::new(["model of all messages", "input", "output", "dollars per month"]);
    for (plan, key) in [("Basic", "gemini_basic"), ("Pro", "gemini_pro")] {
        let input = prices.get(&format!("{key}_input"))?.of(workload.messages * PROMPT_TOKENS);
        let output = prices.get(&format!("{key}_output"))?.of(workload.messages * ANSWER_TOKENS);
        let dollars = [input, output, input + output].map(|dollars| format!("{dollars:.0}"));
        table.row([format!("the {plan} plan's model")].into_iter().chain(dollars));
    }
    Ok(table)
}
