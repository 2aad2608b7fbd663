//! Reads and validates `generationConfig` and `safetySettings` as Google does.

use serde_json::Value;

use super::error::GeminiError;
use super::models::Model;
use super::schema::{elements, field};

const THRESHOLDS: [&str; 6] = [
    "HARM_BLOCK_THRESHOLD_UNSPECIFIED",
    "BLOCK_LOW_AND_ABOVE",
    "BLOCK_MEDIUM_AND_ABOVE",
    "BLOCK_ONLY_HIGH",
    "BLOCK_NONE",
    "OFF",
];

const CATEGORIES: [&str; 5] = [
    "HARM_CATEGORY_HARASSMENT",
    "HARM_CATEGORY_HATE_SPEECH",
    "HARM_CATEGORY_SEXUALLY_EXPLICIT",
    "HARM_CATEGORY_DANGEROUS_CONTENT",
    "HARM_CATEGORY_CIVIC_INTEGRITY",
];

const LEVELS: [&str; 4] = ["MINIMAL", "LOW", "MEDIUM", "HIGH"];

pub fn max_output_tokens(request: &Value) -> Result<Option<usize>, GeminiError> {
    let Some(value) =
        field(request, "generation_config").and_then(|config| field(config, "max_output_tokens"))
    else {
        return Ok(None);
    };
    let tokens = value.as_i64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_default();
    match usize::try_from(tokens) {
        Ok(tokens) if tokens > 0 => Ok(Some(tokens)),
        _ => Err(GeminiError::invalid_argument(
            "* GenerateContentRequest.generation_config.max_output_tokens: max_output_tokens must be positive.\n",
        )),
    }
}

/// The requested level in upper case. Google refuses a level that the model does not support, and a
/// level together with a budget.
pub fn thinking_level(request: &Value, model: &Model) -> Result<Option<String>, GeminiError> {
    let config = field(request, "generation_config").and_then(|config| field(config, "thinking_config"));
    let Some(config) = config else { return Ok(None) };
    let Some(level) = field(config, "thinking_level").filter(|l| *l != "THINKING_LEVEL_UNSPECIFIED") else {
        return Ok(None);
    };
    if field(config, "thinking_budget").is_some() {
        return Err(GeminiError::invalid_argument(
            "You can only set only one of thinking budget and thinking level.",
        ));
    }
    let name = level.as_str().unwrap_or_default().to_ascii_uppercase();
    if !LEVELS.contains(&name.as_str()) {
        let path = "generation_config.thinking_config.thinking_level";
        return Err(invalid_enum(path, "GenerationConfig.ThinkingConfig.ThinkingLevel", level));
    }
    if !model.levels.contains(&name.as_str()) {
        return Err(GeminiError::invalid_argument(format!(
            "Thinking level {name} is not supported for this model. Please retry with other thinking level."
        )));
    }
    Ok(Some(name))
}

/// Google refuses names that it does not know, and two thresholds of one category.
pub fn check_safety_settings(request: &Value) -> Result<(), GeminiError> {
    let mut seen = Vec::new();
    for (index, setting) in elements(request, "safety_settings").iter().enumerate() {
        let names = [
            ("category", "HarmCategory", &CATEGORIES[..]),
            ("threshold", "HarmBlockThreshold", &THRESHOLDS[..]),
        ];
        for (name, kind, known) in names {
            let value = field(setting, name).unwrap_or(&Value::Null);
            if value.as_str().is_none_or(|value| !known.contains(&value)) {
                return Err(invalid_enum(&format!("safety_settings[{index}].{name}"), kind, value));
            }
        }
        let category = field(setting, "category");
        if seen.contains(&category) {
            return Err(GeminiError::invalid_argument(
                "* GenerateContentRequest.safety_settings: element has duplicate category\n",
            ));
        }
        seen.push(category);
    }
    Ok(())
}

fn invalid_enum(path: &str, kind: &str, value: &Value) -> GeminiError {
    GeminiError::invalid_argument(format!(
        "Invalid value at '{path}' (type.googleapis.com/google.ai.generativelanguage.v1beta.{kind}), {value}"
    ))
}
