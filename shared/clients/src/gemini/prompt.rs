//! What a language model is asked and what it answers.
//!
//! The types that hold text of people or of the model show only its length in `Debug`.

use std::fmt;

/// One question to a model: the conversation so far, ending with what it shall answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Prompt {
    /// The model's name as the vendor knows it, such as `gemini-3.5-flash`.
    pub model: String,
    /// How the model shall behave; blank counts as none.
    pub system_instruction: Option<String>,
    /// The turns, oldest first.
    pub turns: Vec<Turn>,
    /// The most tokens that the answer may have, thoughts included.
    pub max_output_tokens: u32,
}

/// One contribution to the conversation.
#[derive(Clone, PartialEq, Eq)]
pub struct Turn {
    /// Who said it.
    pub role: Role,
    /// What was said.
    pub text: String,
}

/// The two sides of a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The person.
    User,
    /// The model.
    Model,
}

impl Role {
    /// The vendor's name of the role.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Model => "model",
        }
    }
}

/// What the model said.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The text, never empty; the model's thoughts are not in it.
    pub text: String,
    /// The version of the model that answered, which may differ from the one asked for.
    pub model: String,
    /// Why the model stopped.
    pub finish_reason: FinishReason,
    /// Tokens of the question, history and instruction included.
    pub prompt_tokens: i32,
    /// Tokens of the answer, thoughts included.
    pub response_tokens: i32,
}

/// Why the model stopped speaking. Reasons that withhold the answer are errors instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FinishReason {
    /// It was done.
    Stop,
    /// It reached `max_output_tokens`: the text breaks off.
    MaxTokens,
    /// A reason of another name, with text all the same. Letters, digits and underscores only.
    Other(String),
}

impl FinishReason {
    /// The vendor's name of the reason.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Stop => "STOP",
            Self::MaxTokens => "MAX_TOKENS",
            Self::Other(name) => name,
        }
    }
}

impl fmt::Debug for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prompt")
            .field("model", &self.model)
            .field("system_instruction_bytes", &self.system_instruction.as_ref().map(String::len))
            .field("turns", &self.turns)
            .field("max_output_tokens", &self.max_output_tokens)
            .finish()
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").field("role", &self.role).field("text_bytes", &self.text.len()).finish()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("text_bytes", &self.text.len())
            .field("model", &self.model)
            .field("finish_reason", &self.finish_reason)
            .field("prompt_tokens", &self.prompt_tokens)
            .field("response_tokens", &self.response_tokens)
            .finish()
    }
}
