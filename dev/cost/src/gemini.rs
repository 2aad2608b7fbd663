//! What Gemini costs: apart, for it is the same whoever asks.

use std::fmt::Write as _;

use anyhow::Result;

use super::load::Load;
use super::prices::Prices;

/// What all messages of `load` cost at the model of each plan, if all were of that plan.
pub(super) fn table(load: &Load, prices: &Prices) -> Result<String> {
    let mut text = "| all messages by | input | output | dollars a month |\n|---|---|---|---|\n".to_owned();
    for (plan, input, output) in [
        ("the model of the Basic plan", "gemini_basic_input", "gemini_basic_output"),
        ("the model of the Pro plan", "gemini_pro_input", "gemini_pro_output"),
    ] {
        let input = prices.get(input)?.of(load.messages * load.prompt_tokens);
        let output = prices.get(output)?.of(load.messages * load.answer_tokens);
        let _ = writeln!(text, "| {plan} | {input:.0} | {output:.0} | {:.0} |", input + output);
    }
    Ok(text)
}
