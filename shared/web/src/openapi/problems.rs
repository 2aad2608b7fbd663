//! Moves the responses of failures to `components.responses`: one for each status, set of codes and
//! description.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::names::capitalised;
use super::walk::{change_operations, operations, schema_reference};

/// Codes of failures that belong to no operation: those of the router.
const CODES_OF_THE_ROUTER: [&str; 2] = ["method_not_allowed", "route_not_found"];

/// A failure of one or more operations.
struct Failure {
    status: String,
    description: String,
    /// The id of the first operation with this failure.
    operation: String,
    uses: usize,
}

impl Failure {
    /// The codes: the words in backticks before the colon of the description.
    fn codes(&self) -> Vec<&str> {
        let (codes, _) = self.description.split_once(": ").unwrap_or((&self.description, ""));
        codes.split('`').skip(1).step_by(2).collect()
    }

    fn title(&self) -> &'static str {
        match self.status.parse().map(StatusCode::from_u16) {
            Ok(Ok(status)) => status.canonical_reason().unwrap_or_default(),
            _ => "Failure",
        }
    }

    /// A name made of the codes, if there are few.
    fn short_name(&self) -> Option<String> {
        let codes = self.codes();
        let names: Vec<String> =
            codes.iter().map(|code| code.split('_').map(capitalised).collect()).collect();
        (1..=2).contains(&names.len()).then(|| names.join("Or"))
    }

    /// A name made of the operation and the status.
    fn long_name(&self) -> String {
        capitalised(&self.operation) + &self.title().split_whitespace().collect::<String>()
    }

    /// What happened, without the codes.
    fn meaning(&self) -> &str {
        self.description.split_once(": ").map_or(&self.description, |(_, meaning)| meaning)
    }

    /// The response, whose schema names the codes.
    fn response(&self) -> Value {
        let codes = self.codes();
        let typed = json!({ "properties": { "code": { "enum": codes } } });
        let schema = json!({ "allOf": [{ "$ref": schema_reference("Problem") }, typed] });
        let content = json!({ "application/problem+json": { "schema": schema } });
        let mut response = json!({ "description": self.meaning(), "content": content });
        if self.status == "429"
            || codes.iter().any(|code| ["unavailable", "request_in_flight"].contains(code))
        {
            response["headers"] = json!({ "retry-after": { "$ref": "#/components/headers/RetryAfter" } });
        }
        response
    }
}

/// Replaces the failures of each operation by references to shared responses, and names their codes.
pub(super) fn share(document: &mut Value) {
    let failures = failures(document);
    let codes: BTreeSet<&str> = failures.iter().flat_map(Failure::codes).chain(CODES_OF_THE_ROUTER).collect();
    let description = "The kind of failure, for programs. A code never changes its meaning.";
    let code = json!({ "type": "string", "description": description, "enum": codes });
    let named = named(failures);
    let name_of: BTreeMap<(String, String), String> = named
        .iter()
        .map(|(name, failure)| ((failure.status.clone(), failure.description.clone()), name.clone()))
        .collect();
    change_operations(document, |_, _, operation| {
        for (status, response) in operation["responses"].as_object_mut().into_iter().flatten() {
            let description = response["description"].as_str().unwrap_or_default().to_owned();
            if let Some(name) = name_of.get(&(status.clone(), description)) {
                *response = json!({ "$ref": format!("#/components/responses/{name}") });
            }
        }
    });
    let components = &mut document["components"];
    components["responses"] =
        named.iter().map(|(name, failure)| (name.clone(), failure.response())).collect();
    components["schemas"]["ProblemCode"] = code;
    let problem = &mut components["schemas"]["Problem"]["properties"];
    problem["code"] = json!({ "$ref": schema_reference("ProblemCode") });
    problem["success"]["const"] = false.into();
}

/// The different failures of all operations, in the order of their first use.
fn failures(document: &Value) -> Vec<Failure> {
    let mut failures: Vec<Failure> = Vec::new();
    for (_, _, operation) in operations(document) {
        for (status, response) in operation["responses"].as_object().into_iter().flatten() {
            if !status.starts_with(['4', '5']) {
                continue;
            }
            let description = response["description"].as_str().unwrap_or_default();
            let is_same = |other: &&mut Failure| other.status == *status && other.description == description;
            match failures.iter_mut().find(is_same) {
                Some(failure) => failure.uses += 1,
                None => failures.push(Failure {
                    status: status.clone(),
                    description: description.to_owned(),
                    operation: operation["operationId"].as_str().unwrap_or_default().to_owned(),
                    uses: 1,
                }),
            }
        }
    }
    failures
}

/// The failures by their names. Of two with the same codes the one with more uses has the short
/// name.
fn named(mut failures: Vec<Failure>) -> BTreeMap<String, Failure> {
    failures.sort_by_key(|failure| Reverse(failure.uses));
    let mut named = BTreeMap::new();
    for failure in failures {
        let short = failure.short_name().filter(|name| !named.contains_key(name));
        named.insert(short.unwrap_or_else(|| failure.long_name()), failure);
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(id: &str, failures: &Value) -> Value {
        json!({ "operationId": id, "responses": failures })
    }

    #[test]
    fn equal_failures_are_one_component_with_its_codes() {
        let limited = json!({ "description": "`rate_limited`: Too many requests." });
        let full = json!({ "description": "`a_b`, `c`, `d`: Full." });
        let mut document = json!({ "components": { "schemas": { "Problem": { "properties": {} } } }, "paths": {
            "/a": { "get": operation("getA", &json!({ "429": limited })) },
            "/b": { "get": operation("getB", &json!({ "429": limited, "409": full })) },
        } });
        share(&mut document);
        let reference = json!({ "$ref": "#/components/responses/RateLimited" });
        assert_eq!(document["paths"]["/a"]["get"]["responses"]["429"], reference);
        let responses = document["components"]["responses"].as_object().unwrap();
        assert_eq!(responses.keys().collect::<Vec<_>>(), ["GetBConflict", "RateLimited"]);
        let schema = &responses["GetBConflict"]["content"]["application/problem+json"]["schema"];
        assert_eq!(schema["allOf"][1]["properties"]["code"]["enum"], json!(["a_b", "c", "d"]));
        let codes = &document["components"]["schemas"]["ProblemCode"]["enum"];
        assert_eq!(*codes, json!(["a_b", "c", "d", "method_not_allowed", "rate_limited", "route_not_found"]));
    }
}
