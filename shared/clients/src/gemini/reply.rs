//! Reads the JSON of a response with status 200.
//!
//! Source: the reference of `models.generateContent`,
//! <https://ai.google.dev/api/generate-content>. Google bills the answer, so reading is lenient:
//! each field is read on its own, and a field that is missing, `null` or of another type gets a
//! default. A list may be a single element and the reverse; numbers may be strings.

use domain::is_blank;
use domain::message::FinishReason;
use serde_json::Value;

use super::answer::{Answer, TokenUsage};
use super::error::{GenerateError, safe_label};
use super::sanitise::sanitise;

/// Finish reasons with which Gemini stops at content that must not be shown, even in part.
const WITHHELD: [&str; 5] =
    ["BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT"];

/// Finish reasons that explain an answer without text. With text, the answer is only incomplete.
const FILTERED: [&str; 3] = ["SAFETY", "RECITATION", "LANGUAGE"];

/// Reads the body of a 200. `model` is the default when the response does not name its model.
pub(super) fn decode(body: &[u8], model: &str) -> Result<Answer, GenerateError> {
    // The parser's message may quote the body, so it is dropped.
    let reply: Value = serde_json::from_str(&sanitise(body))
        .map_err(|_| GenerateError::InvalidResponse { problem: "not the JSON of an answer" })?;
    let reply = single(&reply);
    let usage = usage(single(&reply["usageMetadata"]));
    // Only one candidate is requested. The first one with text counts, should there be more.
    let candidates = elements(&reply["candidates"]);
    let with_text = candidates.iter().find(|candidate| !is_blank(&text_of(candidate)));
    let Some(candidate) = with_text.or_else(|| candidates.first()) else {
        return Err(without_candidate(reply));
    };
    let (text, label) = (text_of(candidate), finish_label(&candidate["finishReason"]));
    let (is_blank, finish_reason) = (is_blank(&text), finish_reason(label));
    if WITHHELD.contains(&label) || (is_blank && FILTERED.contains(&label)) {
        return Err(GenerateError::BlockedAnswer { reason: label.to_owned(), usage });
    }
    if is_blank {
        return Err(GenerateError::NoAnswer { finish_reason, usage });
    }
    let model = safe_label(reply["modelVersion"].as_str().filter(|name| !name.is_empty()).unwrap_or(model));
    Ok(Answer { text, model, finish_reason, usage })
}

/// The error of a response without candidates: a blocked prompt, or a body that is no answer.
fn without_candidate(reply: &Value) -> GenerateError {
    match single(&reply["promptFeedback"]) {
        feedback @ Value::Object(_) => {
            let reason = safe_label(feedback["blockReason"].as_str().unwrap_or_default());
            GenerateError::BlockedPrompt { reason }
        }
        _ => GenerateError::InvalidResponse { problem: "neither an answer nor a block reason" },
    }
}

/// The visible text of a candidate: all text parts that are no thoughts.
fn text_of(candidate: &Value) -> String {
    let parts = elements(&single(&candidate["content"])["parts"]);
    let visible = parts.iter().filter(|part| !is_thought(&part["thought"]));
    // JSON can contain U+0000, Postgres text cannot.
    visible.filter_map(|part| part["text"].as_str()).collect::<String>().replace('\0', "")
}

/// Whether a part is a thought. A value of another type counts as true, because a thought must
/// never be shown.
fn is_thought(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false)) && value != "false" && value != 0
}

/// The vendor's name of a finish reason, which protobuf's JSON may also write as a number.
fn finish_label(value: &Value) -> &str {
    match value.as_u64() {
        Some(1) => "STOP",
        Some(2) => "MAX_TOKENS",
        Some(3) => "SAFETY",
        Some(4) => "RECITATION",
        _ => value.as_str().unwrap_or_default(),
    }
}

fn finish_reason(label: &str) -> FinishReason {
    match label {
        "STOP" => FinishReason::Stop,
        "MAX_TOKENS" => FinishReason::MaxTokens,
        "SAFETY" => FinishReason::Safety,
        "RECITATION" => FinishReason::Recitation,
        _ => FinishReason::Other,
    }
}

fn usage(usage: &Value) -> TokenUsage {
    let thought_tokens = count(&usage["thoughtsTokenCount"]);
    TokenUsage {
        prompt_tokens: count(&usage["promptTokenCount"]),
        response_tokens: count(&usage["candidatesTokenCount"]).saturating_add(thought_tokens),
        thought_tokens,
        cached_tokens: count(&usage["cachedContentTokenCount"]),
    }
}

/// A count, which may be an integer, a float or a string of either. Anything else is zero.
fn count(value: &Value) -> i32 {
    let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).unwrap_or_default();
    #[expect(clippy::cast_possible_truncation, reason = "a cast of a float saturates, and NaN becomes zero")]
    let count = number as i32;
    count.max(0)
}

/// The elements of a list. A single value counts as a list of one, `null` as an empty list.
fn elements(value: &Value) -> &[Value] {
    match value {
        Value::Array(elements) => elements,
        Value::Null => &[],
        single => std::slice::from_ref(single),
    }
}

/// The value itself, or the first element of a list.
fn single(value: &Value) -> &Value {
    elements(value).first().unwrap_or(&Value::Null)
}
