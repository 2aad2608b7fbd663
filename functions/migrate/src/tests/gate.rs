//! The gate: what a deployment is refused for, and what it says.

use serde_json::{Value, json};

use super::{events, response_of};

/// The variables of the migrate function, which are secrets.
pub(super) const SECRETS: [(&str, &str); 7] = [
    ("DATABASE_URL", "postgres://user:pg-password@127.0.0.1:1/none"),
    ("REDIS_URL", "rediss://default:redis-password@redis.example.com:6379"),
    ("JWT_SECRET", "a-secret-of-more-than-thirty-two-characters"),
    ("GEMINI_API_KEY", "AIza-gemini-key"),
    ("STRIPE_SECRET_KEY", "sk_test_stripe_key"),
    ("STRIPE_WEBHOOK_SECRET", "whsec_0123456789abcdef"),
    ("AWS_REGION", "eu-central-1"),
];

/// What [`crate::gate::validate`] says with these changes of the secrets and of the event. An empty
/// text: it is satisfied.
fn verdict(secrets: &[(&str, &str)], change: impl Fn(&mut Value)) -> String {
    let environment = |name: &str| {
        let all = secrets.iter().chain(&SECRETS);
        all.clone().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    };
    let mut event = events::create();
    change(&mut event["ResourceProperties"]);
    let result = crate::gate::validate(&event["ResourceProperties"], &environment);
    result.err().map(|error| error.to_string()).unwrap_or_default()
}

fn set<'a>(function: &'a str, variable: &'a str, value: &'a str) -> impl Fn(&mut Value) + 'a {
    move |properties| properties["Functions"][function]["Variables"][variable] = json!(value)
}

#[test]
fn valid_configuration_passes() {
    assert_eq!(verdict(&[], |_| {}), "");
}

/// The fingerprint with these changes of the secrets and of the event.
fn fingerprint(secrets: &[(&str, &str)], change: impl Fn(&mut Value)) -> String {
    let environment = |name: &str| {
        let mut all = secrets.iter().chain(&SECRETS);
        all.find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    };
    let mut event = events::create();
    change(&mut event["ResourceProperties"]);
    crate::gate::validate(&event["ResourceProperties"], &environment).unwrap().fingerprint
}

#[test]
fn fingerprint_changes_with_every_parameter_setting_and_secret_alone() {
    let same = fingerprint(&[], |_| {});
    assert_eq!(fingerprint(&[], |properties| properties["Version"] = json!("2")), same);
    let changes: [&dyn Fn(&mut Value); 4] = [
        &set("worker", "TITLE_MAX_PER_DAY", "99"),
        &|properties| properties["Shared"]["CACHE_TTL"] = json!("601"),
        &|properties| properties["SecretVersionId"] = json!("v2"),
        &|properties| properties["Settings"][0] = json!("2026-11-27"),
    ];
    for (place, change) in changes.iter().enumerate() {
        assert_ne!(fingerprint(&[], change), same, "change {place}");
    }
    for (name, value) in [("GEMINI_API_KEY", "AIza-other"), ("OTP_TEST_NUMBERS", "+12025550100:123456")] {
        assert_ne!(fingerprint(&[(name, value)], |_| {}), same, "{name}");
    }
}

#[test]
fn short_jwt_secret_is_refused_for_every_function_that_has_it() {
    let refused = verdict(&[("JWT_SECRET", "8letters")], |_| {});
    let line = refused.lines().find(|line| line.contains("JWT_SECRET: must have at least 32")).unwrap();
    assert!(line.ends_with("[auth, user, chatroom, stream, subscription, webhook, queue, site]"), "{line}");
    assert!(!refused.contains("8letters"), "{refused}");
}

#[test]
fn missing_key_is_refused_for_the_functions_that_need_it() {
    let refused = verdict(&[("GEMINI_API_KEY", "")], |_| {});
    assert!(refused.contains("GEMINI_API_KEY: is missing"), "{refused}");
    assert!(refused.ends_with("[site, worker]"), "{refused}");
}

#[test]
fn all_problems_are_named_at_once_without_secrets() {
    let secrets = [("JWT_SECRET", "8letters"), ("GEMINI_API_KEY", " "), ("REDIS_URL", "redis-password")];
    let refused = verdict(&secrets, |properties| {
        set("worker", "GEMINI_MODELS", "[{]")(properties);
        set("auth", "OTP_COUNTRIES", "Germany")(properties);
        properties["Shared"]["ENVIRONMENT"] = json!("production");
    });
    for expected in [
        "JWT_SECRET: must have",
        "GEMINI_API_KEY: is missing",
        "GEMINI_MODELS: must be a JSON array of models",
        "OTP_COUNTRIES: must be countries",
        "OTP_DELIVERY: response would show every code to any caller",
    ] {
        assert!(refused.contains(expected), "{expected} in {refused}");
    }
    for secret in ["8letters", "redis-password", "pg-password", "whsec_0123", "sk_test"] {
        assert!(!refused.contains(secret), "{secret} in {refused}");
    }
}

#[test]
fn address_that_no_client_can_be_built_from_is_refused() {
    for (name, value) in [
        ("DATABASE_URL", "postgres://user:pg-password@[/none"),
        ("REDIS_URL", "https://redis-password@redis.example.com"),
    ] {
        let refused = verdict(&[(name, value)], |_| {});
        assert!(refused.contains(name) && refused.contains("[auth, user, "), "{refused}");
        assert!(!refused.contains("password"), "{refused}");
    }
    let refused = verdict(&[], set("subscription", "STRIPE_BASE_URL", "stripe"));
    assert!(refused.ends_with("[subscription]") && refused.lines().count() == 2, "{refused}");
}

#[test]
fn more_than_lambda_allows_is_refused() {
    let instruction = "ä".repeat(2_000);
    let refused = verdict(&[], set("worker", "GEMINI_SYSTEM_INSTRUCTION", &instruction));
    assert!(refused.contains("Lambda allows 4096 [worker]"), "{refused}");
}

#[test]
fn function_that_the_custom_resource_forgets_is_refused() {
    let refused = verdict(&[], |properties| {
        properties["Functions"].as_object_mut().unwrap().remove("sweeper");
    });
    assert!(refused.contains("has no variables of this function [sweeper]"), "{refused}");
    let refused = verdict(&[], |properties| *properties = json!({}));
    assert!(refused.contains("the properties of the custom resource"), "{refused}");
}

#[tokio::test]
async fn refusal_is_reported_before_migrations_run_and_never_prevents_a_deletion() {
    // The database does not exist: a migration would name it.
    let wrong = |name: &str| match name {
        "JWT_SECRET" => Some("8letters".to_owned()),
        _ => SECRETS.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()),
    };
    let failed = response_of(&wrong, "Update").await;
    assert_eq!(failed["Status"], "FAILED", "{failed}");
    let reason = failed["Reason"].as_str().unwrap();
    assert!(reason.contains("JWT_SECRET: must") && !reason.contains("connect"), "{reason}");
    assert_eq!(response_of(&wrong, "Delete").await["Status"], "SUCCESS");
    assert_eq!(response_of(&|_: &str| None, "Delete").await["Status"], "SUCCESS");
}

#[tokio::test]
async fn reason_fits_in_a_response() {
    let failed = response_of(&|_: &str| None, "Create").await;
    let reason = failed["Reason"].as_str().unwrap();
    assert!(reason.contains("DATABASE_URL: is missing"), "{reason}");
    assert!(failed.to_string().len() < 4_096, "{}", failed.to_string().len());
}
