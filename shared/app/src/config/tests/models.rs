//! The models: those of the list, and those of the plans' variables.

use clients::gemini::ThinkingLevel;
use domain::Tier;
use domain::spending::{BilledTokens, Cost, Price};

use super::*;

const LIST: &str = r#"[
    {"id": "small", "plans": ["basic", "pro"]},
    {"id": "large", "name": "The large one", "plans": ["pro"], "thinking_levels": ["low", "high"],
     "thinking_level": "high", "max_output_tokens": 4096, "max_input_tokens": 30000,
     "price": {"prompt": 500000, "cached": 50000, "output": 3000000}},
    {"id": "spare", "plans": [], "price": {"prompt": 100000, "output": 9000000}}
]"#;

fn models(list: &str, others: &[(&str, &str)]) -> Result<Models, String> {
    let defaults = [
        ("GEMINI_MODEL_BASIC", "small"),
        ("GEMINI_MODEL_PRO", "large"),
        ("GEMINI_MODEL_FALLBACK", "spare,small"),
    ];
    let vars: Vec<_> = others.iter().copied().chain(defaults).chain([("GEMINI_MODELS", list)]).collect();
    read(&[], &vars).map(|config| config.gemini.models)
}

fn ids<'a>(models: impl Iterator<Item = &'a Model>) -> Vec<&'a str> {
    models.map(|model| model.id.as_str()).collect()
}

#[test]
fn list_names_the_models_of_each_plan() {
    let models = models(LIST, &[]).unwrap();
    assert_eq!(ids(models.of_plan(Tier::Basic)), ["small"]);
    assert_eq!(ids(models.of_plan(Tier::Pro)), ["small", "large"]);
    assert_eq!(ids(models.fallbacks()), ["spare", "small"]);
    assert_eq!((models.basic().id.as_str(), models.pro().id.as_str()), ("small", "large"));
    assert_eq!(models.title().id, "small");
    assert_eq!((models.basic().name.as_str(), models.basic().max_output_tokens), ("small", 2_048));
    let large = models.pro();
    assert_eq!(large.thinking_levels, [ThinkingLevel::Low, ThinkingLevel::High]);
    assert_eq!((large.thinking_level, large.max_output_tokens), (Some(ThinkingLevel::High), 4_096));
    assert_eq!((large.history_tokens(12_500), large.history_tokens(20_000)), (12_500, 16_000));
}

#[test]
fn model_that_the_plan_may_not_use_gives_way_to_the_default() {
    let models = models(LIST, &[]).unwrap();
    let chosen = |tier, wanted: &[&str]| models.choose(tier, wanted.iter().copied()).id.clone();
    assert_eq!(chosen(Tier::Pro, &["small", "large"]), "small");
    assert_eq!(chosen(Tier::Basic, &["large"]), "small");
    assert_eq!(chosen(Tier::Pro, &["gone", "spare"]), "large");
    assert_eq!(chosen(Tier::Pro, &[]), "large");
}

#[test]
fn without_a_list_the_variables_of_the_plans_name_the_models() {
    let config = read(&[], &[("GEMINI_MODEL_FALLBACK", "gemini-3.5-flash, gemini-3.8-flash")]).unwrap();
    let models = config.gemini.models;
    assert_eq!(ids(models.all().iter()), ["gemini-3.5-flash-lite", "gemini-3.8-flash", "gemini-3.5-flash"]);
    assert_eq!(ids(models.of_plan(Tier::Basic)), ["gemini-3.5-flash-lite"]);
    assert_eq!(ids(models.of_plan(Tier::Pro)), ["gemini-3.5-flash-lite", "gemini-3.8-flash"]);
    assert_eq!(ids(models.fallbacks()), ["gemini-3.5-flash", "gemini-3.8-flash"]);
    assert_eq!(models.pro().thinking_level, Some(ThinkingLevel::Low));
    assert_eq!(models.highest_price(), None);
    let one = read(&[], &[("GEMINI_MODEL_PRO", "gemini-3.5-flash-lite"), ("GEMINI_MODEL_FALLBACK", "none")]);
    let models = one.unwrap().gemini.models;
    assert_eq!(ids(models.of_plan(Tier::Pro)), ["gemini-3.5-flash-lite"]);
    assert_eq!(models.fallbacks().count(), 0);
}

#[test]
fn model_without_a_price_costs_as_much_as_the_most_expensive() {
    let models = models(LIST, &[]).unwrap();
    let tokens = BilledTokens { prompt: 1_000_000, cached: 0, output: 1_000_000 };
    let cost = |asked, answered| models.cost(asked, answered, tokens);
    assert_eq!(models.highest_price(), Some(Price { prompt: 500_000, cached: 100_000, output: 9_000_000 }));
    assert_eq!(cost("large", "large"), Cost { micro_usd: 3_500_000, is_unpriced: false });
    assert_eq!(cost("large", "large-001"), Cost { micro_usd: 3_500_000, is_unpriced: false });
    assert_eq!(cost("large", "spare"), Cost { micro_usd: 9_100_000, is_unpriced: false });
    for answered in ["small", "large-next", "larger"] {
        assert_eq!(cost("large", answered), Cost { micro_usd: 9_500_000, is_unpriced: true }, "{answered}");
    }
    assert_eq!(models.cost("small", "small", BilledTokens::default()), Cost::default());
}

#[test]
fn wrong_lists_are_refused() {
    let one = |fields: &str| format!(r#"[{{"id": "small", "plans": ["basic", "pro"]{fields}}}]"#);
    let too_long = format!(r#", "name": "{}""#, "x".repeat(101));
    for (list, why) in [
        ("small".to_owned(), "JSON array"),
        ("[]".to_owned(), "at least one"),
        (r#"[{"id": "small"}]"#.to_owned(), "missing field `plans`"),
        (r#"[{"id": "a b", "plans": []}]"#.to_owned(), "an id"),
        (r#"[{"id": "small", "plans": ["gold"]}]"#.to_owned(), "unknown variant"),
        (one(r#", "colour": 1"#), "unknown field"),
        (one(r#", "name": " ""#), "a name"),
        (one(&too_long), "a name"),
        (one(r#", "thinking_levels": ["deep"]"#), "must be minimal"),
        (one(r#", "thinking_level": "low""#), "among its thinking_levels"),
        (one(r#", "max_output_tokens": 0"#), "max_output_tokens"),
        (one(r#", "max_output_tokens": 65537"#), "max_output_tokens"),
        (one(r#", "max_input_tokens": 23999"#), "max_input_tokens"),
        (one(r#", "price": {"prompt": 1}"#), "missing field `output`"),
        (one(r#", "price": {"prompt": -1, "output": 1}"#), "prices from 0"),
        (one(r#"}, {"id": "small", "plans": []"#), "twice"),
    ] {
        let error = models(&list, &[]).unwrap_err();
        assert!(error.contains("GEMINI_MODELS: must") && error.contains(why), "{list}: {error}");
    }
}

#[test]
fn defaults_and_fallbacks_are_models_of_the_list() {
    for (name, value) in [
        ("GEMINI_MODEL_BASIC", "large"),
        ("GEMINI_MODEL_PRO", "spare"),
        ("GEMINI_MODEL_FALLBACK", "gone"),
        ("GEMINI_MODEL_TITLE", "gone"),
    ] {
        let error = models(LIST, &[(name, value)]).unwrap_err();
        assert!(error.contains(&format!("{name}: must")), "{error}");
    }
}

#[test]
fn any_model_may_write_titles() {
    assert_eq!(models(LIST, &[("GEMINI_MODEL_TITLE", "spare")]).unwrap().title().id, "spare");
    let config = read(&[], &[("GEMINI_MODEL_TITLE", "gemini-3.5-flash")]).unwrap();
    assert_eq!(config.gemini.models.title().id, "gemini-3.5-flash");
}

#[test]
fn spending_caps_need_prices_and_room_for_the_largest_call() {
    let caps = |list: &str, cap: &str| {
        let vars = [
            ("GEMINI_API_KEY", "key"),
            ("GEMINI_MODELS", list),
            ("GEMINI_MODEL_BASIC", "m"),
            ("GEMINI_MODEL_PRO", "m"),
            ("GEMINI_MODEL_FALLBACK", "none"),
            ("SPEND_CAP_USER_MICRO_USD", cap),
        ];
        read(&[Dependency::GEMINI], &vars).map(|config| config.daily_limits.spending)
    };
    let unpriced = r#"[{"id": "m", "plans": ["basic", "pro"]}]"#;
    assert!(
        caps(unpriced, "1000000").unwrap_err().contains("SPEND_CAP_USER_MICRO_USD: must not be set without")
    );
    assert_eq!(caps(unpriced, "").unwrap(), SpendCaps::default());
    // 107,000 tokens of a prompt and 6,144 of an answer.
    let priced =
        r#"[{"id": "m", "plans": ["basic", "pro"], "price": {"prompt": 1000000, "output": 1000000}}]"#;
    assert_eq!(caps(priced, "113144").unwrap().user, Some(113_144));
    assert!(caps(priced, "113143").unwrap_err().contains("must be at least 113144"));
    for wrong in ["0", "-1", "1.5", "many"] {
        assert!(
            caps(priced, wrong).unwrap_err().contains("SPEND_CAP_USER_MICRO_USD: must be a whole number")
        );
    }
    // A function that calls no model need not know the prices.
    assert_eq!(
        read(&[], &[("SPEND_CAP_SERVICE_MICRO_USD", "5")]).unwrap().daily_limits.spending.service,
        Some(5)
    );
}
