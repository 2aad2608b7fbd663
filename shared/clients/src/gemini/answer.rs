//! The answer of a language model, and the tokens of a call.

use std::fmt;
use std::ops::Add;

use domain::message::FinishReason;

/// The answer of a model.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The text, which always shows something; the model's thoughts are not in it.
    pub text: String,
    /// The version of the model that answered, which may differ from the requested one.
    pub model: String,
    /// Why the model stopped. Any reason but `Stop` means that the text is incomplete.
    pub finish_reason: FinishReason,
    /// The tokens of the call.
    pub usage: TokenUsage,
}

/// The tokens of a call. A count that Gemini does not report is zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenUsage {
    /// Tokens of the prompt, history and instruction included.
    pub prompt_tokens: i32,
    /// Tokens of the answer, thoughts included.
    pub response_tokens: i32,
    /// Tokens of the thoughts alone.
    pub thought_tokens: i32,
    /// Tokens of the prompt that Gemini read from its cache and bills at a lower price.
    pub cached_tokens: i32,
}

/// The tokens of two calls for the same message.
impl Add for TokenUsage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            prompt_tokens: self.prompt_tokens.saturating_add(other.prompt_tokens),
            response_tokens: self.response_tokens.saturating_add(other.response_tokens),
            thought_tokens: self.thought_tokens.saturating_add(other.thought_tokens),
            cached_tokens: self.cached_tokens.saturating_add(other.cached_tokens),
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("text_bytes", &self.text.len())
            .field("model", &self.model)
            .field("finish_reason", &self.finish_reason)
            .field("usage", &self.usage)
            .finish()
    }
}
