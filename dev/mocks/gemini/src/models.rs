//! The models that exist, and how much each of them thinks.
//!
//! Source: <https://ai.google.dev/gemini-api/docs/models> and
//! <https://ai.google.dev/gemini-api/docs/thinking>, November 2026.

const ALL_LEVELS: &[&str] = &["MINIMAL", "LOW", "MEDIUM", "HIGH"];
/// The models of 3.7 and later cannot turn thinking off.
const LEVELS_FROM_LOW: &[&str] = &["LOW", "MEDIUM", "HIGH"];

pub struct Model {
    pub name: &'static str,
    /// The model that really answers: Google routes some names to a newer model.
    pub version: &'static str,
    /// The thinking levels that it supports.
    pub levels: &'static [&'static str],
    pub default_level: &'static str,
}

impl Model {
    const fn flash(name: &'static str, version: &'static str, levels: &'static [&'static str]) -> Self {
        Self { name, version, levels, default_level: "MEDIUM" }
    }

    const fn lite(name: &'static str) -> Self {
        Self { name, version: name, levels: ALL_LEVELS, default_level: "MINIMAL" }
    }

    pub fn find(name: &str) -> Option<&'static Self> {
        MODELS.iter().find(|model| model.name == name)
    }
}

static MODELS: [Model; 7] = [
    Model::flash("gemini-4-argon", "gemini-4-argon", LEVELS_FROM_LOW),
    Model::flash("gemini-3.8-flash", "gemini-3.8-flash", LEVELS_FROM_LOW),
    Model::flash("gemini-3.7-flash", "gemini-3.8-flash", LEVELS_FROM_LOW),
    Model::flash("gemini-3.6-flash", "gemini-3.6-flash", ALL_LEVELS),
    Model::flash("gemini-3.5-flash", "gemini-3.6-flash", ALL_LEVELS),
    Model::lite("gemini-3.5-flash-lite"),
    Model::lite("gemini-3.1-flash-lite"),
];

/// Tokens that a model spends on thoughts at a level.
pub fn thoughts(level: &str) -> usize {
    match level {
        "MINIMAL" => 0,
        "LOW" => 12,
        "HIGH" => 96,
        _ => 24,
    }
}
