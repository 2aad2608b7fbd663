//! The text of an answer and the JSON of successful responses.
//!
//! The text quotes the request, so that a reader sees that the question, the history and the system
//! instruction arrived. Equal requests get equal text.

use serde_json::{Value, json};
use uuid::Uuid;

use super::request::ModelRequest;

/// Tokens that a model spends on thinking. The lite model does not think.
const THOUGHTS: usize = 24;

const WORDS_PER_CHUNK: usize = 6;

pub struct Answer {
    envelope: Envelope,
    text: String,
    finish_reason: String,
}

/// The fields that every successful response has, with an answer or without.
pub struct Envelope {
    model: String,
    prompt_tokens: usize,
    response_id: String,
}

/// Estimates the tokens of a text at four characters each.
pub fn tokens(text: &str) -> usize {
    text.chars().count().div_ceil(4)
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
        let response_id = Uuid::new_v4().simple().to_string();
        Self { model: model.to_owned(), prompt_tokens: prompt_tokens(request), response_id }
    }

    fn thoughts(&self) -> usize {
        if self.model.ends_with("-lite") { 0 } else { THOUGHTS }
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
            usage["totalTokenCount"] = (self.prompt_tokens + answer_tokens + self.thoughts()).into();
            if self.thoughts() > 0 {
                usage["thoughtsTokenCount"] = self.thoughts().into();
            }
        }
        response["usageMetadata"] = usage;
        response["modelVersion"] = self.model.as_str().into();
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
    /// The answer with the scripted or default text. The text is cut at `maxOutputTokens`, unless
    /// the finish reason is scripted.
    pub fn new(
        envelope: Envelope,
        request: &ModelRequest,
        text: Option<String>,
        finish_reason: Option<String>,
    ) -> Self {
        let mut text = text.unwrap_or_else(|| default_text(&envelope.model, request));
        let finish_reason = finish_reason.unwrap_or_else(|| match request.max_output_tokens {
            Some(max) if tokens(&text) > max => {
                text = text.chars().take(max.saturating_mul(4)).collect();
                "MAX_TOKENS".to_owned()
            }
            _ => "STOP".to_owned(),
        });
        Self { envelope, text, finish_reason }
    }

    pub fn whole(&self) -> Value {
        self.chunk(&self.text, true, tokens(&self.text))
    }

    /// The chunks of `streamGenerateContent`: cumulative token counts, the finish reason in the
    /// last.
    pub fn chunks(&self) -> Vec<Value> {
        let words: Vec<&str> = self.text.split_inclusive(' ').collect();
        if words.is_empty() {
            return vec![self.whole()];
        }
        let pieces: Vec<String> = words.chunks(WORDS_PER_CHUNK).map(<[&str]>::concat).collect();
        let mut so_far = String::new();
        let chunk = |(index, piece): (usize, &String)| {
            so_far.push_str(piece);
            self.chunk(piece, index + 1 == pieces.len(), tokens(&so_far))
        };
        pieces.iter().enumerate().map(chunk).collect()
    }

    fn chunk(&self, text: &str, is_last: bool, answer_tokens: usize) -> Value {
        let mut candidate = json!({"content": {"parts": [{"text": text}], "role": "model"}, "index": 0});
        if text.is_empty() {
            candidate["content"] = json!({"role": "model"});
        }
        if is_last {
            candidate["finishReason"] = self.finish_reason.as_str().into();
        }
        self.envelope.wrap(json!({"candidates": [candidate]}), Some(answer_tokens))
    }
}
