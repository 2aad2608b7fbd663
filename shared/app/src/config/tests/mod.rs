//! Values that are accepted or refused, and the agreement of all sources.

mod models;
mod sources;

use super::*;
use clients::gemini::ThinkingLevel;
use secrecy::ExposeSecret;

const ALL: [Dependency; 10] = [
    Dependency::DATABASE,
    Dependency::REDIS,
    Dependency::TOKENS,
    Dependency::CODES,
    Dependency::QUEUE,
    Dependency::DEAD_LETTERS,
    Dependency::TABLE,
    Dependency::GEMINI,
    Dependency::STRIPE,
    Dependency::STRIPE_WEBHOOKS,
];

fn read(dependencies: &[Dependency], vars: &[(&str, &str)]) -> Result<Config, String> {
    let lookup = |name: &str| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    Config::from_lookup(dependencies, &lookup).map_err(|error| error.to_string())
}

#[test]
fn error_names_every_missing_variable() {
    let message = read(&ALL, &[]).unwrap_err();
    for name in [
        "DATABASE_URL",
        "REDIS_URL",
        "JWT_SECRET",
        "OTP_DELIVERY",
        "AWS_REGION",
        "MESSAGE_QUEUE_URL",
        "MESSAGE_DEAD_LETTER_QUEUE_URL",
        "TABLE_NAME",
        "GEMINI_API_KEY",
        "STRIPE_SECRET_KEY",
        "STRIPE_PRICE_ID",
        "STRIPE_WEBHOOK_SECRET",
    ] {
        assert!(message.contains(&format!("{name}: is missing")), "{name} in {message}");
    }
}

#[test]
fn function_needs_only_the_variables_of_its_dependencies() {
    let config = read(&[Dependency::DATABASE], &[("DATABASE_URL", "postgres://h/d")]).unwrap();
    assert_eq!(config.environment, Environment::Production);
    assert_eq!((config.daily_limits.basic, config.daily_limits.pro), (5, 1_000));
    assert_eq!(config.jwt_lifetime.as_secs(), 604_800);
    assert_eq!(config.rate_limits.address, Limit { max: 100, window: Duration::from_mins(15) });
}

#[test]
fn error_names_invalid_variables_without_their_values() {
    let wrong = [
        ("ENVIRONMENT", "prod"),
        ("JWT_SECRET", "short"),
        ("JWT_EXPIRES_IN", "soon"),
        ("BASIC_DAILY_MESSAGE_LIMIT", "-1"),
        ("DATABASE_POOL_SIZE", "0"),
        ("GEMINI_HISTORY_TOKENS", "9999"),
    ];
    let message = read(&[Dependency::TOKENS], &wrong).unwrap_err();
    for (name, value) in wrong {
        assert!(message.contains(&format!("{name}: must")), "{name} in {message}");
        assert!(!message.contains(&format!(" {value} ")), "{value} in {message}");
    }
}

#[test]
fn jwt_secret_may_be_followed_by_the_previous_one() {
    let (new, old) = ("n".repeat(32), "o".repeat(32));
    let secrets = |text: &str| {
        read(&[Dependency::TOKENS], &[("JWT_SECRET", text)]).map(|config| {
            let previous = config.jwt_previous_secret.map(|secret| secret.expose_secret().to_owned());
            (config.jwt_secret.expose_secret().to_owned(), previous)
        })
    };
    assert_eq!(secrets(&new), Ok((new.clone(), None)));
    assert_eq!(secrets(&format!("{new}, {old}")), Ok((new.clone(), Some(old.clone()))));
    for wrong in [format!("{new},short"), format!("{new},"), format!("{new},{old},{old}")] {
        assert!(secrets(&wrong).unwrap_err().contains("JWT_SECRET: must"), "{wrong}");
    }
}

#[test]
fn production_refuses_codes_in_responses() {
    let delivery = |environment, delivery| {
        let vars = [("ENVIRONMENT", environment), ("OTP_DELIVERY", delivery), ("AWS_REGION", "eu-central-1")];
        read(&[Dependency::CODES], &vars).map(|config| config.codes.delivery)
    };
    assert!(delivery("production", "response").unwrap_err().contains("OTP_DELIVERY"));
    assert!(delivery("production", "").unwrap_err().contains("OTP_DELIVERY"));
    assert_eq!(delivery("production", "sns"), Ok(OtpDelivery::Sns));
    assert_eq!(delivery("staging", "response"), Ok(OtpDelivery::Response));
    assert_eq!(delivery("local", ""), Ok(OtpDelivery::Response));
    assert!(delivery("local", "pigeon").unwrap_err().contains("OTP_DELIVERY: must"));
    let without_region = read(&[Dependency::CODES], &[("OTP_DELIVERY", "sns")]).unwrap_err();
    assert!(without_region.contains("AWS_REGION: is missing"), "{without_region}");
}

#[test]
fn countries_and_test_numbers_are_validated() {
    let codes = |name, value| {
        read(&[Dependency::CODES], &[("ENVIRONMENT", "local"), (name, value)]).map(|config| config.codes)
    };
    assert_eq!(codes("OTP_COUNTRIES", "DE, at").unwrap().countries, ["DE", "AT"]);
    assert!(codes("OTP_COUNTRIES", "Germany").unwrap_err().contains("OTP_COUNTRIES: must"));
    let read = codes("OTP_TEST_NUMBERS", "+12025550100:123456, +12025550101:000000").unwrap().test_numbers;
    assert_eq!(read.len(), 2);
    assert_eq!((read[0].number.as_str(), read[0].code.as_str()), ("+12025550100", "123456"));
    for wrong in ["+12025550100", "+12025550100:12345", "x:123456", "+12025550100:123456:1"] {
        let error = codes("OTP_TEST_NUMBERS", wrong).unwrap_err();
        assert!(error.contains("OTP_TEST_NUMBERS: must"), "{error}");
    }
}

#[test]
fn empty_and_short_webhook_secrets_are_refused() {
    let secrets = |value| {
        read(&[Dependency::STRIPE_WEBHOOKS], &[("STRIPE_WEBHOOK_SECRET", value)])
            .map(|config| config.billing.webhook_secrets.len())
    };
    for missing in ["", "   "] {
        assert!(secrets(missing).unwrap_err().contains("STRIPE_WEBHOOK_SECRET: is missing"));
    }
    for wrong in [",", "whsec_", "short", "whsec_long_enough_for_one,", "whsec_long_enough_for_one,x"] {
        let outcome = secrets(wrong);
        let is_one = wrong.ends_with("one,");
        assert!(is_one || outcome.unwrap_err().contains("STRIPE_WEBHOOK_SECRET: must"), "{wrong}");
    }
    assert_eq!(secrets("whsec_long_enough_for_one"), Ok(1));
    assert_eq!(secrets("whsec_long_enough_for_one, whsec_long_enough_for_two"), Ok(2));
}

#[test]
fn billing_settings_are_validated() {
    let billing = |name, value| read(&[], &[(name, value)]).map(|config| config.billing);
    assert_eq!(billing("STRIPE_PAST_DUE_GRACE", "0").unwrap().past_due_grace, Duration::ZERO);
    assert_eq!(billing("STRIPE_PAST_DUE_GRACE", "").unwrap().past_due_grace, Duration::from_hours(72));
    assert!(!billing("STRIPE_TAX_ID_COLLECTION", "false").unwrap().tax_id_collection);
    assert_eq!(billing("STRIPE_TRIAL_DAYS", "").unwrap().trial_days, None);
    assert_eq!(billing("STRIPE_TRIAL_DAYS", "730").unwrap().trial_days, Some(730));
    assert!(billing("STRIPE_PROMOTION_CODES", "true").unwrap().promotion_codes);
    let defaults = billing("STRIPE_CANCEL_ON_REFUND", "").unwrap();
    assert!(!defaults.promotion_codes && !defaults.cancel_on_refund);
    assert_eq!(defaults.cancel_on_dispute, CancelOnDispute::Never);
    let on_dispute = |value| billing("STRIPE_CANCEL_ON_DISPUTE", value).unwrap().cancel_on_dispute;
    assert_eq!((on_dispute("opened"), on_dispute("lost")), (CancelOnDispute::Opened, CancelOnDispute::Lost));
    for (name, value) in [
        ("STRIPE_PAST_DUE_GRACE", "soon"),
        ("STRIPE_TAX_ID_COLLECTION", "yes"),
        ("STRIPE_BILLING_ADDRESS", "never"),
        ("STRIPE_TRIAL_DAYS", "-1"),
        ("STRIPE_TRIAL_DAYS", "731"),
        ("STRIPE_TRIAL_DAYS", "14d"),
        ("STRIPE_PROMOTION_CODES", "1"),
        ("STRIPE_CANCEL_ON_REFUND", "partial"),
        ("STRIPE_CANCEL_ON_DISPUTE", "true"),
        ("REDIRECT_HOSTS", "https://app.example.com"),
    ] {
        let error = billing(name, value).unwrap_err();
        assert!(error.contains(&format!("{name}: must")), "{error}");
    }
}

#[test]
fn thinking_levels_and_safety_settings_are_validated() {
    let gemini = |name, value| read(&[], &[(name, value)]).map(|config| config.gemini);
    let level = |value| {
        gemini("GEMINI_THINKING_LEVEL_PRO", value).map(|settings| settings.models.pro().thinking_level)
    };
    assert_eq!(level("High").unwrap(), Some(ThinkingLevel::High));
    assert_eq!(level("default").unwrap(), None);
    assert!(level("deep").unwrap_err().contains("GEMINI_THINKING_LEVEL_PRO: must"));

    let name = "GEMINI_SAFETY_SETTINGS";
    let two = "HARM_CATEGORY_HARASSMENT=OFF, HARM_CATEGORY_HATE_SPEECH=BLOCK_NONE,";
    assert_eq!(gemini(name, two).unwrap().safety_settings.len(), 2);
    for wrong in ["OFF", "HARM_CATEGORY_HARASSMENT=NO", "HARM_CATEGORY_X=OFF,HARM_CATEGORY_X=BLOCK_NONE"] {
        assert!(gemini(name, wrong).unwrap_err().contains(name), "{wrong}");
    }
}

#[test]
fn debug_output_hides_secrets() {
    let config = read(&[Dependency::GEMINI], &[("GEMINI_API_KEY", "AIza-secret")]).unwrap();
    assert!(!format!("{config:?}").contains("AIza-secret"));
}
