//! What the stand-in answers: a few sentences made from the request, so that a reader sees that the question, the
//! history and the system instruction arrived, and the same every time.

use serde_json::{Value, json};
use uuid::Uuid;

use super::request::Asked;

/// Tokens that a model spends on thinking. The lite model does not think.
const THOUGHTS: usize = 24;

/// Words in one piece of a streamed answer.
const WORDS_PER_PIECE: usize = 6;

/// An answer of the model, before it is put in JSON.
pub(super) struct Answer {
    envelope: Envelope,
    text: String,
    finish_reason: String,
}

/// What surrounds every reply of the service, answer or not.
pub(super) struct Envelope {
    model: String,
    prompt_tokens: usize,
    response_id: String,
}

/// Tokens of a text, about as many as a model counts.
pub(super) fn tokens(text: &str) -> usize {
    text.chars().count().div_ceil(4)
}

/// Tokens of everything that was asked.
pub(super) fn prompt_tokens(asked: &Asked) -> usize {
    let instruction = asked.system_instruction.as_deref().map_or(0, tokens);
    instruction + asked.turns.iter().map(|turn| tokens(&turn.text)).sum::<usize>()
}

/// The sentences that answer a request when no script says otherwise.
pub(super) fn sentences(model: &str, asked: &Asked) -> String {
    let mut said = asked.user_texts().rev();
    let question = excerpt(said.next().unwrap_or_default(), 160);
    let before = said.next().map(|text| format!(" Before that you said: \"{}\".", excerpt(text, 80)));
    let turns = asked.turns.len();
    let plural = if turns == 1 { "" } else { "s" };
    let instruction = asked.system_instruction.as_deref();
    let instruction = instruction.map(|text| format!(" My instruction is: \"{}\".", excerpt(text, 80)));
    format!(
        "This is the local stand-in for {model}. You asked: \"{question}\".{} I have read {turns} turn{plural} of this \
         conversation.{}",
        before.unwrap_or_default(),
        instruction.unwrap_or_default()
    )
}

/// The start of a text, on one line.
fn excerpt(text: &str, longest: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    let mut cut: String = line.chars().take(longest).collect();
    if cut.len() < line.len() {
        cut.push('…');
    }
    cut
}

impl Envelope {
    pub(super) fn new(model: &str, asked: &Asked) -> Self {
        let response_id = Uuid::new_v4().simple().to_string();
        Self { model: model.to_owned(), prompt_tokens: prompt_tokens(asked), response_id }
    }

    fn thoughts(&self) -> usize {
        if self.model.ends_with("-lite") { 0 } else { THOUGHTS }
    }

    /// Closes a reply; `spoken` counts the tokens of the answer so far.
    fn close(&self, mut reply: Value, spoken: Option<usize>) -> Value {
        let mut usage = json!({
            "promptTokenCount": self.prompt_tokens,
            "totalTokenCount": self.prompt_tokens,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": self.prompt_tokens}],
        });
        if let Some(spoken) = spoken {
            usage["candidatesTokenCount"] = spoken.into();
            usage["totalTokenCount"] = (self.prompt_tokens + spoken + self.thoughts()).into();
            if self.thoughts() > 0 {
                usage["thoughtsTokenCount"] = self.thoughts().into();
            }
        }
        reply["usageMetadata"] = usage;
        reply["modelVersion"] = self.model.as_str().into();
        reply["responseId"] = self.response_id.as_str().into();
        reply
    }

    /// A prompt that was refused: a 200 without candidates.
    pub(super) fn blocked_prompt(&self, reason: &str) -> Value {
        self.close(json!({"promptFeedback": {"blockReason": reason}}), None)
    }

    /// An answer that was withheld: a candidate without content.
    pub(super) fn blocked_answer(&self, reason: &str) -> Value {
        self.close(json!({"candidates": [{"finishReason": reason, "index": 0}]}), None)
    }
}

impl Answer {
    /// The answer to a request: the text given or made, cut at `maxOutputTokens` unless a finish reason is given too.
    pub(super) fn new(
        envelope: Envelope,
        asked: &Asked,
        text: Option<String>,
        finish_reason: Option<String>,
    ) -> Self {
        let mut text = text.unwrap_or_else(|| sentences(&envelope.model, asked));
        let finish_reason = finish_reason.unwrap_or_else(|| match asked.max_output_tokens {
            Some(most) if tokens(&text) > most => {
                text = text.chars().take(most.saturating_mul(4)).collect();
                "MAX_TOKENS".to_owned()
            }
            _ => "STOP".to_owned(),
        });
        Self { envelope, text, finish_reason }
    }

    /// The reply of `generateContent`.
    pub(super) fn whole(&self) -> Value {
        self.reply(&self.text, true, tokens(&self.text))
    }

    /// The replies of `streamGenerateContent`: the text in pieces, counted as it grows, the reason with the last.
    pub(super) fn pieces(&self) -> Vec<Value> {
        let words: Vec<&str> = self.text.split_inclusive(' ').collect();
        let pieces: Vec<String> = words.chunks(WORDS_PER_PIECE).map(<[&str]>::concat).collect();
        let mut said = String::new();
        let mut replies: Vec<Value> = Vec::new();
        for (index, piece) in pieces.iter().enumerate() {
            said.push_str(piece);
            replies.push(self.reply(piece, index + 1 == pieces.len(), tokens(&said)));
        }
        if replies.is_empty() { vec![self.whole()] } else { replies }
    }

    fn reply(&self, text: &str, last: bool, spoken: usize) -> Value {
        let mut candidate = json!({"content": {"parts": [{"text": text}], "role": "model"}, "index": 0});
        if text.is_empty() {
            candidate["content"] = json!({"role": "model"});
        }
        if last {
            candidate["finishReason"] = self.finish_reason.as_str().into();
        }
        self.envelope.close(json!({"candidates": [candidate]}), Some(spoken))
    }
}
