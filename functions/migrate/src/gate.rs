//! The gate of a deployment: validates the configuration of every function before anything changes.
//! A function with an invalid configuration would exit at start, after CloudFormation has put it into
//! service.

use std::collections::BTreeMap;

use app::functions::{FUNCTIONS, Function};
use app::{AppState, Config, ConfigProblem, Dependency};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// The most bytes of all variables of a function together: Lambda's limit.
const MAX_BYTES: usize = 4_096;

/// The variables that Lambda sets in every function.
const SET_BY_LAMBDA: [&str; 4] =
    ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

/// The properties of the custom resource in `template.yaml`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    /// The variables of every function.
    shared: BTreeMap<String, Value>,
    /// The variables of each function, by the name of its binary.
    functions: BTreeMap<String, FunctionProperties>,
    /// The version of the secret, if the deployment names one.
    #[serde(default)]
    secret_version_id: Value,
    /// What else a version of a function keeps.
    #[serde(default)]
    settings: Value,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FunctionProperties {
    /// The names of its secrets. This function has the same, as environment variables: CloudFormation
    /// resolves no secret for a custom resource.
    secrets: Vec<String>,
    /// Its other variables.
    variables: BTreeMap<String, Value>,
}

/// Why the gate is closed: one line for each problem, with the functions that have it. The message
/// contains no secret.
#[derive(Debug, Error)]
#[error("the configuration is not usable:\n  {}", .0.join("\n  "))]
pub(crate) struct GateError(Vec<String>);

/// A valid configuration.
#[derive(Debug)]
pub(crate) struct Validated {
    /// The configuration of this function.
    pub(crate) config: Config,
    /// Changes with any parameter, setting or secret of any function.
    pub(crate) fingerprint: String,
}

/// Validates the configuration of every function. `environment` looks up a variable of this function.
pub(crate) fn validate(
    properties: &Value,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Validated, GateError> {
    let properties = Properties::deserialize(properties)
        .map_err(|error| GateError(vec![format!("the properties of the custom resource: {error}")]))?;
    let mut found: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for function in FUNCTIONS {
        for problem in problems(function, &properties, environment) {
            found.entry(problem).or_default().push(function.name);
        }
    }
    let own = Config::from_lookup(&[Dependency::DATABASE], environment);
    let own = own.map_err(|error| {
        for problem in error.into_problems() {
            found.entry(problem.to_string()).or_default().push("migrate");
        }
    });
    match own {
        Ok(config) if found.is_empty() => {
            let fingerprint = fingerprint(&properties, environment);
            Ok(Validated { config, fingerprint })
        }
        _ => Err(GateError(lines(found))),
    }
}

fn lines(found: BTreeMap<String, Vec<&str>>) -> Vec<String> {
    found.into_iter().map(|(problem, functions)| format!("{problem} [{}]", functions.join(", "))).collect()
}

/// Why `function` would not start.
fn problems(
    function: &Function,
    properties: &Properties,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Vec<String> {
    let Some(own) = properties.functions.get(function.name) else {
        return vec!["the custom resource has no variables of this function".to_owned()];
    };
    let variables = variables(own, &properties.shared, environment);
    let lookup = |name: &str| {
        let by_lambda = || environment(name).filter(|_| SET_BY_LAMBDA.contains(&name));
        variables.get(name).cloned().or_else(by_lambda)
    };
    let mut problems = match Config::from_lookup(function.dependencies, &lookup) {
        Ok(config) => {
            let problems = AppState::problems(&config, function.dependencies);
            problems.iter().map(ToString::to_string).collect()
        }
        Err(error) => error.into_problems().iter().map(ConfigProblem::to_string).collect::<Vec<_>>(),
    };
    let bytes: usize = variables.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > MAX_BYTES {
        problems.push(format!("all variables: have {bytes} bytes, and Lambda allows {MAX_BYTES}"));
    }
    problems
}

/// All variables that the template sets for a function.
fn variables(
    own: &FunctionProperties,
    shared: &BTreeMap<String, Value>,
    environment: &dyn Fn(&str) -> Option<String>,
) -> BTreeMap<String, String> {
    let plain = shared.iter().chain(&own.variables).map(|(name, value)| (name.clone(), text(value)));
    let secrets = own.secrets.iter().map(|name| (name.clone(), environment(name).unwrap_or_default()));
    plain.chain(secrets).collect()
}

/// The beginning of a SHA-256 over everything that functions get. It can be shown: `JWT_SECRET`, of at
/// least 32 random characters, is part of it, so that the other secrets cannot be guessed from it.
fn fingerprint(properties: &Properties, environment: &dyn Fn(&str) -> Option<String>) -> String {
    let secrets = properties.functions.values().flat_map(|function| &function.secrets);
    let secrets: BTreeMap<&String, Option<String>> = secrets.map(|name| (name, environment(name))).collect();
    let Properties { shared, functions, secret_version_id, settings } = properties;
    let all = json!([shared, functions, secret_version_id, settings, secrets]).to_string();
    hex::encode(&Sha256::digest(all)[..8])
}

/// The value of a variable. CloudFormation turns numbers and booleans into text.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
