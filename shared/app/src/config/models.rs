//! The models that answer messages: those of `GEMINI_MODELS`, or else the ones that
//! `GEMINI_MODEL_BASIC`, `GEMINI_MODEL_PRO` and `GEMINI_MODEL_FALLBACK` name. `GEMINI_MODEL_TITLE` is the
//! one of them that writes titles.

use clients::gemini::{MAX_OUTPUT_TOKENS, ThinkingLevel};
use domain::Tier;
use domain::spending::{BilledTokens, Cost, Price};
use domain::switches::PausedFeatures;

use super::env::Env;
use super::model_list::{parse, thinking_level};
use super::variables::{
    GEMINI_MAX_OUTPUT_TOKENS, GEMINI_MODEL_BASIC, GEMINI_MODEL_FALLBACK, GEMINI_MODEL_PRO,
    GEMINI_MODEL_TITLE, GEMINI_MODELS, GEMINI_THINKING_LEVEL_BASIC, GEMINI_THINKING_LEVEL_FALLBACK,
    GEMINI_THINKING_LEVEL_PRO, Variable,
};

/// The most tokens of a prompt beside its history, by the estimate of [`domain::history`]: a message
/// and a system prompt of the maximum length.
pub(super) const MAX_TOKENS_WITHOUT_HISTORY: usize = 14_000;

/// The most bytes of a text for each token of that estimate.
const BYTES_PER_TOKEN: usize = 4;

/// The most tokens of a prompt beyond its text: those of the turns.
const MAX_TOKENS_OF_TURNS: usize = 1_000;

/// A model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Google's name of it.
    pub id: String,
    /// The name that users see.
    pub name: String,
    /// The plans that may use it. With none it is only a fallback.
    pub plans: Vec<Tier>,
    /// The thinking levels that it supports, as far as they are configured.
    pub thinking_levels: Vec<ThinkingLevel>,
    /// How much it thinks. `None` leaves it to the model.
    pub thinking_level: Option<ThinkingLevel>,
    /// The most visible tokens of an answer.
    pub max_output_tokens: u32,
    /// The most tokens of a prompt. `None`: as many as `GEMINI_HISTORY_TOKENS` allows.
    pub max_input_tokens: Option<usize>,
    /// The price, if it is configured.
    pub price: Option<Price>,
}

impl Model {
    /// The most tokens of the history in a prompt, where the service allows `configured`.
    #[must_use]
    pub fn history_tokens(&self, configured: usize) -> usize {
        let limit = self.max_input_tokens.map(|limit| limit.saturating_sub(MAX_TOKENS_WITHOUT_HISTORY));
        limit.map_or(configured, |limit| limit.min(configured))
    }
}

/// The models, the default of each plan, and the fallbacks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Models {
    all: Vec<Model>,
    /// The places in `all` of the default on Basic and on Pro.
    defaults: [usize; 2],
    /// The places in `all` of the fallbacks, in their order.
    fallbacks: Vec<usize>,
    /// The place in `all` of the model for titles. `None`: the default on Basic.
    title: Option<usize>,
}

impl Models {
    /// All models.
    #[must_use]
    pub fn all(&self) -> &[Model] {
        &self.all
    }

    /// The default model on Basic.
    #[must_use]
    pub fn basic(&self) -> &Model {
        self.default_of(Tier::Basic)
    }

    /// The default model on Pro.
    #[must_use]
    pub fn pro(&self) -> &Model {
        self.default_of(Tier::Pro)
    }

    /// The default model of a plan.
    #[must_use]
    pub fn default_of(&self, tier: Tier) -> &Model {
        let [basic, pro] = self.defaults;
        match tier {
            Tier::Basic => &self.all[basic],
            Tier::Pro => &self.all[pro],
        }
    }

    /// The models to use, in this order, when another one has no daily quota left or no longer
    /// exists.
    pub fn fallbacks(&self) -> impl Iterator<Item = &Model> {
        self.fallbacks.iter().map(|place| &self.all[*place])
    }

    /// The model that writes titles.
    #[must_use]
    pub fn title(&self) -> &Model {
        self.title.map_or_else(|| self.basic(), |place| &self.all[place])
    }

    /// Whether any model can answer while `paused` are: `wanted`, or any if it is not known, or else a
    /// fallback.
    #[must_use]
    pub fn can_answer(&self, wanted: Option<&str>, paused: &PausedFeatures) -> bool {
        let is_open = |model: &Model| !paused.models.contains(&model.id);
        let mut wanted_models = self.all.iter().filter(|model| wanted.is_none_or(|id| model.id == id));
        wanted_models.any(is_open) || self.fallbacks().any(is_open)
    }

    /// The model `id`.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<&Model> {
        self.all.iter().find(|model| model.id == id)
    }

    /// The models that a plan may use.
    pub fn of_plan(&self, tier: Tier) -> impl Iterator<Item = &Model> {
        self.all.iter().filter(move |model| model.plans.contains(&tier))
    }

    /// The first model of `wanted` that the plan may use, or else the plan's default.
    #[must_use]
    pub fn choose<'a>(&self, tier: Tier, wanted: impl IntoIterator<Item = &'a str>) -> &Model {
        let allowed = |id| self.of_plan(tier).find(|model| model.id == id);
        wanted.into_iter().find_map(allowed).unwrap_or_else(|| self.default_of(tier))
    }

    /// The highest configured price of each kind of tokens. `None` without any price.
    #[must_use]
    pub fn highest_price(&self) -> Option<Price> {
        self.all.iter().filter_map(|model| model.price).reduce(Price::highest)
    }

    /// The price of a call to the model `asked` that the model `answered` answered. A model without
    /// a configured price costs as much as the most expensive one.
    #[must_use]
    pub fn cost(&self, asked: &str, answered: &str, tokens: BilledTokens) -> Cost {
        let price_of = |id| self.find(id).and_then(|model| model.price);
        let known = price_of(answered).or_else(|| price_of(asked).filter(|_| is_version_of(asked, answered)));
        let price = known.or_else(|| self.highest_price());
        Cost {
            micro_usd: price.map_or(0, |price| price.cost(tokens)),
            is_unpriced: known.is_none() && tokens != BilledTokens::default(),
        }
    }

    /// The most that a call to the model `id` can cost, with a prompt of at most `prompt_tokens` and an
    /// answer of at most `output_tokens`. `None` without any price.
    #[must_use]
    pub fn most_expensive_call(&self, id: &str, prompt_tokens: usize, output_tokens: u32) -> Option<i64> {
        let price = self.find(id).and_then(|model| model.price).or_else(|| self.highest_price())?;
        let count = |tokens: usize| i32::try_from(tokens).unwrap_or(i32::MAX);
        let output = i32::try_from(output_tokens).unwrap_or(i32::MAX);
        // A cached token that costs more than another would be a mistake in the configuration.
        let price = Price { prompt: price.prompt.max(price.cached), ..price };
        Some(price.cost(BilledTokens { prompt: count(prompt_tokens), cached: 0, output }))
    }

    /// The most that a call can cost where a prompt has up to `history_tokens` of history and an answer
    /// up to `thinking_tokens` of thoughts. `None` without any price.
    #[must_use]
    pub fn largest_call(&self, history_tokens: usize, thinking_tokens: u32) -> Option<i64> {
        let calls = self.all.iter().filter_map(|model| {
            let text = model.history_tokens(history_tokens) + MAX_TOKENS_WITHOUT_HISTORY;
            let output = model.max_output_tokens.saturating_add(thinking_tokens).min(MAX_OUTPUT_TOKENS);
            self.most_expensive_call(&model.id, text * BYTES_PER_TOKEN + MAX_TOKENS_OF_TURNS, output)
        });
        calls.max()
    }

    pub(super) fn read(env: &mut Env<'_>) -> Self {
        let default_output = env.number(GEMINI_MAX_OUTPUT_TOKENS, 1);
        let is_listed = env.get(GEMINI_MODELS).is_some();
        let all = if is_listed {
            env.parsed(GEMINI_MODELS, |text| parse(text, default_output))
        } else {
            named_models(env, default_output)
        };
        if is_listed && all.is_empty() {
            // The problem with the list is recorded; the others would only follow from it.
            return Self::default();
        }
        let mut models = Self { all, ..Self::default() };
        for (place, tier, variable) in
            [(0, Tier::Basic, GEMINI_MODEL_BASIC), (1, Tier::Pro, GEMINI_MODEL_PRO)]
        {
            let id = env.text(variable);
            let is_default = |model: &Model| model.id == id && model.plans.contains(&tier);
            match models.all.iter().position(is_default) {
                Some(found) => models.defaults[place] = found,
                None => env.problem(variable, "must be a model of GEMINI_MODELS that the plan may use"),
            }
        }
        for id in fallback_ids(env) {
            match models.all.iter().position(|model| model.id == id) {
                Some(found) => models.fallbacks.push(found),
                None => env.problem(GEMINI_MODEL_FALLBACK, "must name models of GEMINI_MODELS, or be none"),
            }
        }
        if let Some(id) = env.get(GEMINI_MODEL_TITLE) {
            models.title = models.all.iter().position(|model| model.id == id);
            if models.title.is_none() {
                env.problem(GEMINI_MODEL_TITLE, "must be one of the other models");
            }
        }
        models
    }
}

/// Whether `answered` is the model `asked`, or a version of it such as `gemini-3.8-flash-001`.
#[must_use]
pub fn is_version_of(asked: &str, answered: &str) -> bool {
    let version = answered.strip_prefix(asked).and_then(|rest| rest.strip_prefix('-'));
    answered == asked || version.is_some_and(|version| version.bytes().all(|byte| byte.is_ascii_digit()))
}

fn fallback_ids(env: &Env<'_>) -> Vec<String> {
    env.list(GEMINI_MODEL_FALLBACK).into_iter().filter(|id| id != "none").collect()
}

/// The models of the plans' variables, without prices. Pro may also use the model of Basic.
fn named_models(env: &mut Env<'_>, max_output_tokens: u32) -> Vec<Model> {
    let mut models: Vec<Model> = Vec::new();
    let mut add = |env: &mut Env<'_>, id: String, level: Variable, plans: &[Tier]| {
        let thinking_level = env.parsed(level, thinking_level);
        if let Some(known) = models.iter_mut().find(|model| model.id == id) {
            known.plans.extend(plans.iter().filter(|plan| !known.plans.contains(plan)).collect::<Vec<_>>());
            return;
        }
        models.push(Model {
            name: id.clone(),
            id,
            plans: plans.to_vec(),
            thinking_levels: thinking_level.into_iter().collect(),
            thinking_level,
            max_output_tokens,
            max_input_tokens: None,
            price: None,
        });
    };
    let (basic, pro) = (env.text(GEMINI_MODEL_BASIC), env.text(GEMINI_MODEL_PRO));
    add(env, basic, GEMINI_THINKING_LEVEL_BASIC, &[Tier::Basic, Tier::Pro]);
    add(env, pro, GEMINI_THINKING_LEVEL_PRO, &[Tier::Pro]);
    for id in fallback_ids(env) {
        add(env, id, GEMINI_THINKING_LEVEL_FALLBACK, &[]);
    }
    models
}
