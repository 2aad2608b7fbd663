//! The text of an answer and the JSON of successful responses.
//!
//! The text quotes the request, so that a reader sees that the question, the history and the system
//! instruction arrived. Equal requests get equal text.

use serde_json::{Value, json};
use uuid::Uuid;

use super::models::{Model, thoughts};
use super::request::ModelRequest;
use super::step::AnswerStep;
use super::tokens::{tokens, truncate};

/// The number of words in each chunk of a stream.
pub const WORDS_PER_CHUNK: usize = 6;

/// Google's signatures of thoughts are opaque base64.
const SIGNATURE: &str = "bW9jaw==";

pub struct Answer {
    envelope: Envelope,
    text: String,
    finish_reason: String,
    /// Scripted parts, in place of the text.
    parts: Option<Value>,
    /// Scripted candidates after the first.
    more_candidates: Vec<Value>,
}

/// The fields that every successful response has, with an answer or without.
pub struct Envelope {
    version: String,
    prompt_tokens: usize,
    thoughts: usize,
    response_id: String,
    /// Scripted `usageMetadata`.
    usage: Option<Value>,
}

pub fn prompt_tokens(request: &ModelRequest) -> usize {
    let instruction = request.system_instruction.as_deref().map_or(0, tokens);
    instruction + request.turns.iter().map(|turn| tokens(&turn.text)).sum::<usize>()
}

/// The text of an answer without a script.
fn default_text(model: &str, request: &ModelRequest) -> String {
    let mut user_texts = request.user_texts().rev();
    let question = excerpt(user_texts.next().unwrap_or_default(), 160);
    let previous = user_texts.next();
    let previous = previous.map(|text| format!(" Before that you said: \"{}\".", excerpt(text, 80)));
    let turns = request.turns.len();
    let plural = if turns == 1 { "" } else { "s" };
    let instruction = request.system_instruction.as_deref();
    let instruction = instruction.map(|text| format!(" My instruction is: \"{}\".", excerpt(text, 80)));
    format!(
        "This is the local mock of {model}. You asked: \"{question}\".{} I have read {turns} turn{plural} of this \
         conversation.{}",
        previous.unwrap_or_default(),
        instruction.unwrap_or_default()
    )
}

/// The start of a text, on one line.
fn excerpt(text: &str, max: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut start: String = line.chars().take(max).collect();
    if start.len() < line.len() {
        start.push('…');
    }
    start
}

impl Envelope {
    pub fn new(model: &str, request: &ModelRequest) -> Self {
        let known = Model::find(model);
        let default_level = known.map_or("MEDIUM", |model| model.default_level);
        Self {
            version: known.map_or(model, |model| model.version).to_owned(),
            prompt_tokens: prompt_tokens(request),
            thoughts: thoughts(request.thinking_level.as_deref().unwrap_or(default_level)),
            response_id: Uuid::new_v4().simple().to_string(),
            usage: None,
        }
    }

    /// Adds the envelope's fields to `response`. `answer_tokens` counts the answer so far.
    fn wrap(&self, mut response: Value, answer_tokens: Option<usize>) -> Value {
        let mut usage = json!({
            "promptTokenCount": self.prompt_tokens,
            "totalTokenCount": self.prompt_tokens,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": self.prompt_tokens}],
        });
        if let Some(answer_tokens) = answer_tokens {
            usage["candidatesTokenCount"] = answer_tokens.into();
            usage["totalTokenCount"] = (self.prompt_tokens + answer_tokens + self.thoughts).into();
            if self.thoughts > 0 {
                usage["thoughtsTokenCount"] = self.thoughts.into();
            }
        }
        response["usageMetadata"] = self.usage.clone().unwrap_or(usage);
        response["modelVersion"] = self.version.as_str().into();
        response["responseId"] = self.response_id.as_str().into();
        response
    }

    /// The response to a blocked prompt: no candidates.
    pub fn blocked_prompt(&self, reason: &str) -> Value {
        self.wrap(json!({"promptFeedback": {"blockReason": reason}}), None)
    }

    /// The response with a blocked answer: a candidate without content.
    pub fn blocked_answer(&self, reason: &str) -> Value {
        self.wrap(json!({"candidates": [{"finishReason": reason, "index": 0}]}), None)
    }
}

impl Answer {
    /// The answer with the scripted or default text. Thoughts and text together are cut at
    /// `maxOutputTokens`, unless the finish reason is scripted.
    pub fn new(model: &str, request: &ModelRequest, step: AnswerStep) -> Self {
        let mut envelope = Envelope::new(model, request);
        envelope.usage = step.usage;
        if let Some(version) = step.model_version {
            envelope.version = version;
        }
        if let Some(thoughts) = step.thoughts {
            envelope.thoughts = thoughts;
        }
        let mut text = step.text.unwrap_or_else(|| default_text(model, request));
        let finish_reason = step.finish_reason.unwrap_or_else(|| {
            let max = request.max_output_tokens.unwrap_or(usize::MAX);
            if envelope.thoughts.saturating_add(tokens(&text)) <= max {
                return "STOP".to_owned();
            }
            envelope.thoughts = envelope.thoughts.min(max);
            text.truncate(truncate(&text, max - envelope.thoughts).len());
            "MAX_TOKENS".to_owned()
        });
        let (parts, more_candidates) = (step.parts, step.more_candidates);
        Self { envelope, text, finish_reason, parts, more_candidates }
    }

    pub fn whole(&self) -> Value {
        self.chunk(&self.text, true, tokens(&self.text))
    }

    /// The chunks of `streamGenerateContent`: cumulative token counts, and a last chunk with the
    /// finish reason and the signature of the thoughts.
    pub fn chunks(&self) -> Vec<Value> {
        if self.parts.is_some() || self.text.is_empty() {
            return vec![self.whole()];
        }
        let words: Vec<&str> = self.text.split_inclusive(' ').collect();
        let mut so_far = String::new();
        let chunk = |words: &[&str]| {
            let piece = words.concat();
            so_far.push_str(&piece);
            self.chunk(&piece, false, tokens(&so_far))
        };
        let mut chunks: Vec<Value> = words.chunks(WORDS_PER_CHUNK).map(chunk).collect();
        let mut last = self.chunk("", true, tokens(&self.text));
        last["candidates"][0]["content"]["parts"] = json!([{"text": "", "thoughtSignature": SIGNATURE}]);
        chunks.push(last);
        chunks
    }

    fn chunk(&self, text: &str, is_last: bool, answer_tokens: usize) -> Value {
        let mut candidate = json!({"content": {"parts": [{"text": text}], "role": "model"}, "index": 0});
        if let Some(parts) = &self.parts {
            candidate["content"]["parts"] = parts.clone();
        } else if text.is_empty() {
            candidate["content"] = json!({"role": "model"});
        }
        if is_last {
            candidate["finishReason"] = self.finish_reason.as_str().into();
        }
        let candidates: Vec<Value> =
            std::iter::once(candidate).chain(self.more_candidates.iter().cloned()).collect();
        self.envelope.wrap(json!({"candidates": candidates}), Some(answer_tokens))
    }
}
