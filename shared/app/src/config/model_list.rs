//! The JSON of `GEMINI_MODELS`.

use clients::gemini::{MAX_OUTPUT_TOKENS, ThinkingLevel};
use domain::Tier;
use domain::history::MIN_BUDGET;
use domain::spending::{MAX_PRICE, Price};
use serde::Deserialize;

use super::models::{MAX_TOKENS_WITHOUT_HISTORY, Model};

/// The longest id and name of a model, in characters.
const MAX_NAME: usize = 100;

/// An element of `GEMINI_MODELS`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    name: Option<String>,
    plans: Vec<Tier>,
    #[serde(default)]
    thinking_levels: Vec<String>,
    thinking_level: Option<String>,
    max_output_tokens: Option<u32>,
    max_input_tokens: Option<usize>,
    price: Option<PriceEntry>,
}

/// Micro-dollars for a million tokens.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceEntry {
    prompt: i64,
    /// That of `prompt` if it is absent.
    cached: Option<i64>,
    output: i64,
}

/// The models of `text`, at least one. Those without `max_output_tokens` get `default_output`.
pub(super) fn parse(text: &str, default_output: u32) -> Result<Vec<Model>, String> {
    let entries: Vec<Entry> =
        serde_json::from_str(text).map_err(|error| format!("must be a JSON array of models: {error}"))?;
    let mut models: Vec<Model> = Vec::with_capacity(entries.len());
    for entry in entries {
        let (id, place) = (entry.id.clone(), models.len());
        let model =
            model(entry, default_output).map_err(|why| format!("must be valid: model {place} {why}"))?;
        if models.iter().any(|other| other.id == id) {
            return Err(format!("must have each model once: {id} is there twice"));
        }
        models.push(model);
    }
    if models.is_empty() {
        return Err("must have at least one model".to_owned());
    }
    Ok(models)
}

fn model(entry: Entry, default_output: u32) -> Result<Model, String> {
    let name = entry.name.unwrap_or_else(|| entry.id.clone());
    let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if entry.id.is_empty() || entry.id.len() > MAX_NAME || !entry.id.chars().all(is_safe) {
        return Err(format!("must have an id of at most {MAX_NAME} letters, digits and -_."));
    }
    if domain::is_blank(&name) || name.chars().count() > MAX_NAME {
        return Err(format!("must have a name of at most {MAX_NAME} characters"));
    }
    let levels = entry.thinking_levels.iter().map(|level| thinking_level(level));
    let levels: Vec<Option<ThinkingLevel>> = levels.collect::<Result<_, _>>()?;
    let thinking_levels: Vec<ThinkingLevel> = levels.into_iter().flatten().collect();
    let thinking_level = entry.thinking_level.map_or(Ok(None), |level| thinking_level(&level))?;
    if thinking_level.is_some_and(|level| !thinking_levels.contains(&level)) {
        return Err("must have its thinking_level among its thinking_levels".to_owned());
    }
    let max_output_tokens = entry.max_output_tokens.unwrap_or(default_output);
    if !(1..=MAX_OUTPUT_TOKENS).contains(&max_output_tokens) {
        return Err(format!("must have max_output_tokens from 1 to {MAX_OUTPUT_TOKENS}"));
    }
    let least_input = MAX_TOKENS_WITHOUT_HISTORY + MIN_BUDGET;
    if entry.max_input_tokens.is_some_and(|tokens| tokens < least_input) {
        return Err(format!("must have max_input_tokens of at least {least_input}"));
    }
    let price = entry.price.map(|PriceEntry { prompt, cached, output }| Price {
        prompt,
        cached: cached.unwrap_or(prompt),
        output,
    });
    let is_valid = |Price { prompt, cached, output }: &Price| {
        [prompt, cached, output].into_iter().all(|price| (0..=MAX_PRICE).contains(price))
    };
    if price.as_ref().is_some_and(|price| !is_valid(price)) {
        return Err(format!("must have prices from 0 to {MAX_PRICE}"));
    }
    Ok(Model {
        id: entry.id,
        name,
        plans: entry.plans,
        thinking_levels,
        thinking_level,
        max_output_tokens,
        max_input_tokens: entry.max_input_tokens,
        price,
    })
}

/// A thinking level. `default` means none: the model decides.
pub(super) fn thinking_level(name: &str) -> Result<Option<ThinkingLevel>, String> {
    if name == "default" {
        return Ok(None);
    }
    let level = ThinkingLevel::from_name(name);
    level.map(Some).ok_or_else(|| "must be minimal, low, medium, high or default".to_owned())
}
