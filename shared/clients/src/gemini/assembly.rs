//! Assembles an answer from the chunks of `streamGenerateContent`.
//!
//! Source: the reference of `GenerateContentResponse`,
//! <https://ai.google.dev/api/generate-content#v1beta.GenerateContentResponse>. Google bills the
//! answer, so reading is lenient: each field is read on its own (`lenient.rs`).

use domain::is_blank;
use domain::message::FinishReason;
use serde_json::Value;

use super::answer::{Answer, TokenUsage};
use super::error::{GenerateError, safe_label};
use super::lenient::{count, elements, is_set, single};

/// Finish reasons with which Gemini stops at content that must not be shown, even in part.
const WITHHELD: [&str; 5] =
    ["BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT"];

/// Finish reasons that explain an answer without text. With text, the answer is only incomplete.
const FILTERED: [&str; 3] = ["SAFETY", "RECITATION", "LANGUAGE"];

/// The answer as far as it has arrived.
#[derive(Default)]
pub(super) struct Assembly {
    candidates: Vec<Candidate>,
    /// The position of the candidate whose text was the first to show something.
    shown: Option<usize>,
    /// The bytes of its text that were taken.
    taken: usize,
    usage: TokenUsage,
    model_version: Option<String>,
    /// The reason for which Gemini blocked the prompt.
    block_reason: Option<String>,
}

struct Candidate {
    index: i32,
    text: String,
    /// The vendor's name of the finish reason; empty before Gemini sends one.
    finish_label: String,
}

impl Assembly {
    /// Adds the next chunk.
    pub(super) fn push(&mut self, chunk: &Value) {
        for (position, candidate) in elements(&chunk["candidates"]).iter().enumerate() {
            let index = &candidate["index"];
            let index =
                if index.is_null() { i32::try_from(position).unwrap_or(i32::MAX) } else { count(index) };
            self.push_candidate(index, candidate);
        }
        self.usage = max(self.usage, usage(single(&chunk["usageMetadata"])));
        if let Some(name) = chunk["modelVersion"].as_str().filter(|name| !name.is_empty()) {
            self.model_version = Some(safe_label(name));
        }
        if let feedback @ Value::Object(_) = single(&chunk["promptFeedback"]) {
            self.block_reason = Some(safe_label(feedback["blockReason"].as_str().unwrap_or_default()));
        }
    }

    fn push_candidate(&mut self, index: i32, chunk: &Value) {
        let position = self.candidates.iter().position(|candidate| candidate.index == index);
        let position = position.unwrap_or_else(|| {
            self.candidates.push(Candidate { index, text: String::new(), finish_label: String::new() });
            self.candidates.len() - 1
        });
        let candidate = &mut self.candidates[position];
        candidate.text.push_str(&text_of(chunk));
        if self.shown.is_none() && !is_blank(&candidate.text) {
            self.shown = Some(position);
        }
        // Every chunk can have a finish reason; the last one is final.
        let label = finish_label(&chunk["finishReason"]);
        if !label.is_empty() {
            label.clone_into(&mut candidate.finish_label);
        }
    }

    /// The text that has arrived since the last call. Text that shows nothing waits for text that
    /// does, because it may turn out to be no answer.
    pub(super) fn take_text(&mut self) -> &str {
        let Some(candidate) = self.shown.and_then(|position| self.candidates.get(position)) else {
            return "";
        };
        if WITHHELD.contains(&candidate.finish_label.as_str()) {
            return "";
        }
        let start = std::mem::replace(&mut self.taken, candidate.text.len());
        &candidate.text[start..]
    }

    /// The tokens of the call so far.
    pub(super) fn usage(&self) -> TokenUsage {
        self.usage
    }

    /// Whether no chunk has arrived.
    pub(super) fn is_empty(&self) -> bool {
        self.candidates.is_empty() && self.block_reason.is_none()
    }

    /// Whether Gemini has said why it stopped, or that it does not begin. Without either, the end
    /// of the stream is not the end of the answer.
    pub(super) fn is_finished(&self) -> bool {
        match self.chosen() {
            Some(candidate) => !candidate.finish_label.is_empty(),
            None => self.block_reason.is_some(),
        }
    }

    /// The whole answer. `model` is the default when the response does not name its model.
    pub(super) fn finish(self, model: &str) -> Result<Answer, GenerateError> {
        let Some(Candidate { text, finish_label, .. }) = self.chosen() else {
            return Err(match self.block_reason {
                Some(reason) => GenerateError::BlockedPrompt { reason },
                None => GenerateError::InvalidResponse { problem: "neither an answer nor a block reason" },
            });
        };
        let (usage, label) = (self.usage, finish_label.as_str());
        let (is_blank, finish_reason) = (is_blank(text), finish_reason(label));
        if WITHHELD.contains(&label) || (is_blank && FILTERED.contains(&label)) {
            return Err(GenerateError::BlockedAnswer { reason: label.to_owned(), usage });
        }
        if is_blank {
            return Err(GenerateError::NoAnswer { finish_reason, usage });
        }
        let model = self.model_version.clone().unwrap_or_else(|| safe_label(model));
        Ok(Answer { text: text.clone(), model, finish_reason, usage })
    }

    /// Only one candidate is requested. Should there be more, the first to have text counts, since
    /// its text has been taken by then.
    fn chosen(&self) -> Option<&Candidate> {
        self.candidates.get(self.shown.unwrap_or_default())
    }
}

/// The visible text of a candidate's chunk: all text parts that are no thoughts. A flag that is
/// neither true nor false marks a thought, because a thought must never be shown.
fn text_of(candidate: &Value) -> String {
    let parts = elements(&single(&candidate["content"])["parts"]);
    let visible = parts.iter().filter(|part| !is_set(&part["thought"]));
    // JSON can contain U+0000, Postgres text cannot.
    visible.filter_map(|part| part["text"].as_str()).collect::<String>().replace('\0', "")
}

/// The vendor's name of a finish reason, which protobuf's JSON may also write as a number.
fn finish_label(value: &Value) -> &str {
    match value.as_u64() {
        Some(1) => "STOP",
        Some(2) => "MAX_TOKENS",
        Some(3) => "SAFETY",
        Some(4) => "RECITATION",
        _ => value.as_str().filter(|label| *label != "FINISH_REASON_UNSPECIFIED").unwrap_or_default(),
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

/// The counts of a stream are cumulative, and a chunk may leave some of them out.
fn max(a: TokenUsage, b: TokenUsage) -> TokenUsage {
    TokenUsage {
        prompt_tokens: a.prompt_tokens.max(b.prompt_tokens),
        response_tokens: a.response_tokens.max(b.response_tokens),
        thought_tokens: a.thought_tokens.max(b.thought_tokens),
        cached_tokens: a.cached_tokens.max(b.cached_tokens),
    }
}
