//! The JSON of a request.
//!
//! Source: the reference of `models.generateContent`,
//! <https://ai.google.dev/api/generate-content>.

use serde::Serialize;

use super::prompt::{Prompt, Role};
use super::safety::SafetySetting;

/// The body of a request. `temperature`, `topP` and `topK` are deprecated and left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request<'a> {
    contents: Vec<Content<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<Content<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    safety_settings: &'a [SafetySetting],
    generation_config: GenerationConfig,
    /// False, because newer paid projects store prompts and answers by default.
    store: bool,
}

#[derive(Serialize)]
struct Content<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    parts: [TextPart<'a>; 1],
}

#[derive(Serialize)]
struct TextPart<'a> {
    text: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GenerationConfig {
    max_output_tokens: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_config: Option<ThinkingConfig>,
}

/// `thinkingBudget` is the older form; Gemini refuses a request with both.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ThinkingConfig {
    thinking_level: &'static str,
}

impl<'a> Request<'a> {
    pub(super) fn new(prompt: &'a Prompt, safety_settings: &'a [SafetySetting]) -> Self {
        let content =
            |role: Option<Role>, text| Content { role: role.map(Role::as_str), parts: [TextPart { text }] };
        let instruction = prompt.system_instruction.as_deref().filter(|text| !text.trim().is_empty());
        Self {
            contents: prompt.turns.iter().map(|turn| content(Some(turn.role), &turn.text)).collect(),
            system_instruction: instruction.map(|text| content(None, text)),
            safety_settings,
            generation_config: GenerationConfig {
                max_output_tokens: prompt.output_limit(),
                thinking_config: prompt
                    .thinking_level
                    .map(|level| ThinkingConfig { thinking_level: level.as_str() }),
            },
            store: false,
        }
    }
}
