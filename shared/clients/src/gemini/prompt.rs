//! The prompt of a language model and its answer.
//!
//! The `Debug` output of types that hold text of a user or of the model shows only its length.

use std::fmt;

/// A prompt: the chat so far, which ends with the message to answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Prompt {
    /// The vendor's name of the model, such as `gemini-3.5-flash`.
    pub model: String,
    /// The system instruction; blank counts as none.
    pub system_instruction: Option<String>,
    /// The turns, oldest first.
    pub turns: Vec<Turn>,
    /// The most tokens of the answer, thoughts included.
    pub max_output_tokens: u32,
}

/// One turn of the chat.
#[derive(Clone, PartialEq, Eq)]
pub struct Turn {
    /// Its author.
    pub role: Role,
    /// Its text.
    pub text: String,
}

/// The author of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The user.
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

/// The answer of a model.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The text, never empty; the model's thoughts are not in it.
    pub text: String,
    /// The version of the model that answered, which may differ from the requested one.
    pub model: String,
    /// Why the model stopped.
    pub finish_reason: FinishReason,
    /// Tokens of the prompt, history and instruction included.
    pub prompt_tokens: i32,
    /// Tokens of the answer, thoughts included.
    pub response_tokens: i32,
}

/// Why the model stopped. Reasons for which the answer is withheld are errors instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FinishReason {
    /// The answer is complete.
    Stop,
    /// The model reached `max_output_tokens`: the text is cut off.
    MaxTokens,
    /// Another reason, with text. Its name has only letters, digits and `-_.`.
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
