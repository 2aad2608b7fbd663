//! The table of variables agrees with its documentation and with the template.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_yaml_ng::Value;

use super::super::VARIABLES;
use super::*;

/// Variables that the template does not set, and why.
const NOT_IN_TEMPLATE: [(&str, &str); 8] = [
    ("COMMIT", "a deployment compiles it in"),
    ("COMMIT_TIME", "a deployment compiles it in"),
    ("AWS_REGION", "Lambda sets it"),
    ("AWS_ACCESS_KEY_ID", "Lambda sets it"),
    ("AWS_SECRET_ACCESS_KEY", "Lambda sets it"),
    ("AWS_SESSION_TOKEN", "Lambda sets it"),
    ("GEMINI_BREAKER_FAILURES", "the default fits every deployment so far"),
    ("GEMINI_BREAKER_PAUSE_MS", "the default fits every deployment so far"),
];

/// Variables whose parameter has another default, and why.
const OTHER_DEFAULT_IN_TEMPLATE: [(&str, &str); 1] =
    [("ENVIRONMENT", "the code assumes the safest kind; a new stack is a staging one")];

fn read_file(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap()
}

fn read_template() -> Value {
    let mut template: Value = serde_yaml_ng::from_str(&read_file("template.yaml")).unwrap();
    template.apply_merge().unwrap();
    template
}

fn defaults() -> BTreeMap<String, Option<String>> {
    let entry = |one: &Variable| (one.name.to_owned(), one.default.map(str::to_owned));
    VARIABLES.iter().map(entry).collect()
}

/// The environment variables of all functions in the template, with the references to their values.
fn template_variables(template: &Value) -> BTreeMap<String, Value> {
    let functions = template["Resources"].as_mapping().unwrap().values();
    let environments = functions.map(|resource| &resource["Properties"]["Environment"]);
    let environments = environments.chain([&template["Globals"]["Function"]["Environment"]]);
    environments
        .filter_map(|environment| environment["Variables"].as_mapping())
        .flatten()
        .map(|(name, value)| (name.as_str().unwrap().to_owned(), value.clone()))
        .collect()
}

/// The default of the parameter that `value` refers to by `!Ref`. `None` for another kind of value
/// or a parameter without a default.
fn parameter_default(template: &Value, value: &Value) -> Option<String> {
    let Value::Tagged(reference) = value else { return None };
    let name = reference.value.as_str().filter(|_| reference.tag == "!Ref")?;
    match &template["Parameters"].get(name)?["Default"] {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[test]
fn every_default_is_valid() {
    let config = read(&[], &[]).unwrap();
    assert_eq!(config.billing.billing_address, clients::stripe::BillingAddress::Required);
    assert!(config.billing.tax_id_collection);
    let fallbacks: Vec<&str> = config.gemini.models.fallbacks().map(|model| model.id.as_str()).collect();
    assert_eq!(fallbacks, ["gemini-3.5-flash"]);
}

#[test]
fn documentation_lists_every_variable_with_its_default() {
    let document = read_file("docs/configuration.md");
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| `")?.split(" | ");
        let name = cells.next()?.trim_end_matches('`').to_owned();
        let default = cells.next()?.trim();
        let default = default.strip_prefix('`').and_then(|text| text.strip_suffix('`'));
        Some((name, default.map(str::to_owned)))
    };
    let documented: Vec<_> = document.lines().filter_map(row).collect();
    assert_eq!(documented.len(), VARIABLES.len(), "each variable has one row");
    assert_eq!(documented.into_iter().collect::<BTreeMap<_, _>>(), defaults());
}

#[test]
fn template_sets_every_variable() {
    let template = read_template();
    let set: BTreeSet<String> = template_variables(&template).into_keys().collect();
    let exceptions: BTreeSet<String> = NOT_IN_TEMPLATE.map(|(name, _)| name.to_owned()).into();
    let expected: BTreeSet<String> =
        defaults().into_keys().filter(|name| !exceptions.contains(name)).collect();
    assert_eq!(set, expected);
}

#[test]
fn template_parameters_have_the_defaults_of_their_variables() {
    let template = read_template();
    let defaults = defaults();
    for (name, value) in template_variables(&template) {
        // An empty parameter leaves the variable unset.
        let parameter = parameter_default(&template, &value).filter(|text| !text.is_empty());
        let agrees = parameter == defaults[&name];
        let is_exception = OTHER_DEFAULT_IN_TEMPLATE.iter().any(|(exception, _)| *exception == name);
        assert!(agrees != is_exception, "{name}: {parameter:?} in the template, {:?} here", defaults[&name]);
    }
}
