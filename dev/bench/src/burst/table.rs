//! The figures of bursts, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::outcome::Outcome;
use super::usage::WHO;
use crate::sample::milliseconds;

/// In Markdown.
pub(super) fn markdown(outcomes: &[Outcome]) -> String {
    let mut text = String::from(
        "\n| batches of | Gemini ms | ideal s | real s | ratio | wait p50 s | ideal | wait p99 s | ideal | \
         a message beyond Gemini ms | after the call p50 ms | an invocation beyond Gemini p50 ms | p99 | answered once | calls |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for outcome in outcomes {
        let Outcome { ideal, waits, answered_once, calls, .. } = outcome;
        let ideal_waits = ideal.waits();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {:.2} | {} | {} | {} | {} | {} | {} | {} | {} | {answered_once} | {calls} |",
            ideal.batch,
            ideal.latency.as_millis(),
            seconds(Some(ideal.makespan())),
            seconds(Some(outcome.makespan)),
            outcome.ratio(),
            seconds(waits.median()),
            seconds(ideal_waits.median()),
            seconds(waits.percentile(99)),
            seconds(ideal_waits.percentile(99)),
            milliseconds(Some(outcome.share_beyond())),
            milliseconds(outcome.after.median()),
            milliseconds(outcome.beyond.median()),
            milliseconds(outcome.beyond.percentile(99)),
        );
    }
    let _ = writeln!(
        text,
        "\n| batches of | Gemini ms | {} | a message, CPU ms |\n|---|---|{}---|",
        WHO.map(|who| format!("{who}, CPU s")).join(" | "),
        "---|".repeat(WHO.len())
    );
    for Outcome { ideal, usage, .. } in outcomes {
        let times: Vec<String> = usage.by_whom().map(|(_, time)| seconds(Some(time))).collect();
        let each = usage.ours() / u32::try_from(ideal.messages).unwrap_or(u32::MAX);
        let (batch, latency) = (ideal.batch, ideal.latency.as_millis());
        let _ =
            writeln!(text, "| {batch} | {latency} | {} | {} |", times.join(" | "), milliseconds(Some(each)));
    }
    text
}

/// For `burst.json`.
pub(super) fn json(outcomes: &[Outcome]) -> Value {
    let ms = |time: Option<Duration>| time.map(|time| (time.as_secs_f64() * 1e6).round() / 1e3);
    let burst = |outcome: &Outcome| {
        let Outcome { ideal, waits, .. } = outcome;
        let ideal_waits = ideal.waits();
        let usage: BTreeMap<&str, Option<f64>> =
            outcome.usage.by_whom().map(|(who, time)| (who, ms(Some(time)))).collect();
        json!({
            "messages": ideal.messages, "workers": ideal.workers, "batch": ideal.batch,
            "gemini_ms": ms(Some(ideal.latency)), "makespan_ms": ms(Some(outcome.makespan)),
            "ideal_makespan_ms": ms(Some(ideal.makespan())), "ratio": outcome.ratio(),
            "wait_p50_ms": ms(waits.median()), "ideal_wait_p50_ms": ms(ideal_waits.median()),
            "wait_p99_ms": ms(waits.percentile(99)), "ideal_wait_p99_ms": ms(ideal_waits.percentile(99)),
            "message_beyond_gemini_ms": ms(Some(outcome.share_beyond())),
            "after_call_p50_ms": ms(outcome.after.median()),
            "invocation_beyond_gemini_p50_ms": ms(outcome.beyond.median()),
            "invocation_beyond_gemini_p99_ms": ms(outcome.beyond.percentile(99)),
            "answered_once": outcome.answered_once, "gemini_calls": outcome.calls, "cpu_ms": usage,
        })
    };
    json!({ "bursts": outcomes.iter().map(burst).collect::<Vec<_>>() })
}

fn seconds(time: Option<Duration>) -> String {
    time.map_or("–".to_owned(), |time| format!("{:.2}", time.as_secs_f64()))
}
