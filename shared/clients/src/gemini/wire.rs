//! The vendor's JSON: the request, and the fields that are read from a response.
//!
//! Source: the reference of `models.generateContent`,
//! <https://ai.google.dev/api/generate-content>. Reading is lenient: unknown fields, parts and
//! reasons are ignored, and counts may be missing.

use serde::{Deserialize, Serialize};

use super::error::{GenerateError, safe_label};
use super::prompt::{Answer, FinishReason, Prompt, Role};

/// Finish reasons with which Gemini withholds the answer, or with which its partial text must not
/// be shown.
const WITHHELD: [&str; 8] = [
    "SAFETY",
    "RECITATION",
    "LANGUAGE",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
];

/// The body of a request. `temperature`, `topP` and `topK` are deprecated and left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request<'a> {
    contents: Vec<Content<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<Content<'a>>,
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
}

impl<'a> Request<'a> {
    pub(super) fn new(prompt: &'a Prompt) -> Self {
        let content =
            |role: Option<Role>, text| Content { role: role.map(Role::as_str), parts: [TextPart { text }] };
        let instruction = prompt.system_instruction.as_deref().filter(|text| !text.trim().is_empty());
        Self {
            contents: prompt.turns.iter().map(|turn| content(Some(turn.role), &turn.text)).collect(),
            system_instruction: instruction.map(|text| content(None, text)),
            generation_config: GenerationConfig { max_output_tokens: prompt.max_output_tokens },
            store: false,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    candidates: Option<Vec<Candidate>>,
    prompt_feedback: Option<PromptFeedback>,
    usage_metadata: Option<Usage>,
    model_version: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    content: Option<CandidateContent>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct CandidateContent {
    parts: Option<Vec<Part>>,
}

#[derive(Deserialize)]
struct Part {
    text: Option<String>,
    thought: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PromptFeedback {
    block_reason: Option<String>,
}

/// Token counts.
#[derive(Deserialize, Default)]
struct Usage {
    #[serde(rename = "promptTokenCount")]
    prompt: Option<i64>,
    #[serde(rename = "candidatesTokenCount")]
    candidates: Option<i64>,
    #[serde(rename = "thoughtsTokenCount")]
    thoughts: Option<i64>,
}

/// Reads the body of a 200. `model` is the default when the response does not name its model.
pub(super) fn decode(body: &[u8], model: &str) -> Result<Answer, GenerateError> {
    // The parser's message may quote the body, so it is dropped.
    let reply: Reply = serde_json::from_slice(body)
        .map_err(|_| GenerateError::InvalidResponse { problem: "not the JSON of an answer" })?;
    let Some(candidate) = reply.candidates.and_then(|candidates| candidates.into_iter().next()) else {
        return Err(match reply.prompt_feedback {
            Some(PromptFeedback { block_reason }) => GenerateError::BlockedPrompt {
                reason: safe_label(block_reason.as_deref().unwrap_or_default()),
            },
            None => GenerateError::InvalidResponse { problem: "neither an answer nor a block reason" },
        });
    };
    let (text, finish_reason) = read_candidate(candidate)?;
    let usage = reply.usage_metadata.unwrap_or_default();
    let response_tokens = usage.candidates.unwrap_or(0).saturating_add(usage.thoughts.unwrap_or(0));
    Ok(Answer {
        text,
        model: safe_label(reply.model_version.as_deref().unwrap_or(model)),
        finish_reason,
        prompt_tokens: count(usage.prompt.unwrap_or(0)),
        response_tokens: count(response_tokens),
    })
}

fn read_candidate(candidate: Candidate) -> Result<(String, FinishReason), GenerateError> {
    let reason = candidate.finish_reason.unwrap_or_default();
    if WITHHELD.contains(&reason.as_str()) {
        return Err(GenerateError::BlockedAnswer { reason });
    }
    let parts = candidate.content.and_then(|content| content.parts).unwrap_or_default();
    let visible = parts.into_iter().filter(|part| part.thought != Some(true));
    // JSON can contain U+0000, Postgres text cannot.
    let text = visible.filter_map(|part| part.text).collect::<String>().replace('\0', "");
    match (text.trim().is_empty(), reason.as_str()) {
        (false, "STOP") => Ok((text, FinishReason::Stop)),
        (false, "MAX_TOKENS") => Ok((text, FinishReason::MaxTokens)),
        (false, other) => Ok((text, FinishReason::Other(safe_label(other)))),
        (true, "MAX_TOKENS") => Err(GenerateError::OutputLimitReached),
        (true, _) => Err(GenerateError::InvalidResponse { problem: "an answer without text" }),
    }
}

fn count(tokens: i64) -> i32 {
    i32::try_from(tokens.max(0)).unwrap_or(i32::MAX)
}
