//! The prompt of a language model.
//!
//! The `Debug` output of types that hold text of a user or of the model shows only its length.

use std::fmt;

/// The most output tokens that Gemini accepts, visible text and thoughts together.
///
/// Source: the model pages of <https://ai.google.dev/gemini-api/docs/models>.
pub const MAX_OUTPUT_TOKENS: u32 = 65_536;

/// The factor by which [`Prompt::raise_output_limit`] raises the limit.
const RAISE_FACTOR: u32 = 4;

/// A prompt: the chat so far, which ends with the message to answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Prompt {
    /// The vendor's name of the model, such as `gemini-3.5-flash`.
    pub model: String,
    /// The system instruction; blank counts as none.
    pub system_instruction: Option<String>,
    /// The turns, oldest first.
    pub turns: Vec<Turn>,
    /// The most tokens of the visible text.
    pub max_output_tokens: u32,
    /// The tokens reserved for thoughts, on top of `max_output_tokens`. Gemini counts both against
    /// one limit.
    pub thinking_tokens: u32,
    /// How much the model thinks. `None` leaves it to the model, and suits a model that knows no
    /// levels.
    pub thinking_level: Option<ThinkingLevel>,
}

impl Prompt {
    /// The limit that the request states: the visible text and the thoughts together.
    #[must_use]
    pub fn output_limit(&self) -> u32 {
        self.max_output_tokens.saturating_add(self.thinking_tokens).min(MAX_OUTPUT_TOKENS)
    }

    /// Raises the limit for the second call after [`GenerateError::NoAnswer`] with
    /// [`FinishReason::MaxTokens`]: four times the tokens, all of the increase for thoughts.
    /// Returns false if the limit is already the model's own; a second call would end the same way.
    ///
    /// [`GenerateError::NoAnswer`]: super::GenerateError::NoAnswer
    /// [`FinishReason::MaxTokens`]: super::FinishReason::MaxTokens
    pub fn raise_output_limit(&mut self) -> bool {
        let before = self.output_limit();
        let raised = before.saturating_mul(RAISE_FACTOR).min(MAX_OUTPUT_TOKENS);
        self.thinking_tokens = raised.saturating_sub(self.max_output_tokens);
        raised > before
    }
}

/// How much a model thinks before it answers. Gemini answers 400 to a level that the model does not
/// support.
///
/// Source: <https://ai.google.dev/gemini-api/docs/thinking>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThinkingLevel {
    /// As little as possible.
    Minimal,
    /// Little.
    Low,
    /// The default of the Flash models.
    Medium,
    /// As much as the task can use.
    High,
}

impl ThinkingLevel {
    /// All levels, from the least thinking to the most.
    pub const ALL: [Self; 4] = [Self::Minimal, Self::Low, Self::Medium, Self::High];

    /// The vendor's name of the level.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minimal => "MINIMAL",
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
        }
    }

    /// The name of the level in the configuration and in responses.
    #[must_use]
    pub fn name(self) -> String {
        self.as_str().to_ascii_lowercase()
    }

    /// The level with this name, in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str().eq_ignore_ascii_case(name))
    }
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

impl fmt::Debug for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prompt")
            .field("model", &self.model)
            .field("system_instruction_bytes", &self.system_instruction.as_ref().map(String::len))
            .field("turns", &self.turns)
            .field("max_output_tokens", &self.max_output_tokens)
            .field("thinking_tokens", &self.thinking_tokens)
            .field("thinking_level", &self.thinking_level)
            .finish()
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").field("role", &self.role).field("text_bytes", &self.text.len()).finish()
    }
}
