//! Adds to each operation what follows from its shape: the failures of the middleware and the
//! extractors, and the header `Idempotency-Key`.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Response};

use crate::RoutePolicy;

/// A failure (RFC 9457), with the members that clients of the Node.js service expect. Some failures
/// have more members.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemDocument {
    /// `urn:problem:` followed by the code.
    r#type: String,
    /// The reason phrase of the status.
    title: String,
    /// The HTTP status.
    status: u16,
    /// The kind of failure, for programs. A code never changes its meaning.
    code: String,
    /// What went wrong, for users.
    detail: String,
    /// Identifies the request in the logs.
    request_id: String,
    /// Tells failures from successes.
    success: bool,
    /// The same as `detail`.
    message: String,
    /// One entry `field: reason` for each invalid field.
    #[schema(required = false)]
    errors: Vec<String>,
    /// The seconds of the header `Retry-After`, if the response has it.
    #[schema(required = false)]
    retry_after: u64,
}

/// Completes `operation`, whose route has `policy`.
pub(super) fn add(operation: &mut Operation, policy: RoutePolicy) {
    for (status, codes, description) in failures(operation, policy) {
        let response = operation.responses.responses.entry(status.to_owned());
        response.or_insert_with(|| RefOr::T(Response::new(format!("{codes}: {description}"))));
    }
    if operation.request_body.is_some() {
        let description = format!("`body_too_large`: The body is larger than {}.", policy.body_limit());
        let response = operation.responses.responses.entry("413".to_owned());
        response.or_insert_with(|| RefOr::T(Response::new(description)));
    }
    if policy.is_idempotent() {
        operation.parameters.get_or_insert_default().push(idempotency_key().into());
    }
}

/// Status, codes and description of each failure that middleware and extractors can produce.
fn failures(operation: &Operation, policy: RoutePolicy) -> Vec<(&'static str, &'static str, &'static str)> {
    let has_parameter = |place: ParameterIn| {
        let mut parameters = operation.parameters.iter().flatten();
        parameters.any(|parameter| matches!(parameter, RefOr::T(known) if known.parameter_in == place))
    };
    let has_body = operation.request_body.is_some();
    let is_idempotent = policy.is_idempotent();
    let is_authenticated = operation.security.as_ref().is_some_and(|security| !security.is_empty());
    let server_error = "An internal error, or a dependency of the service does not respond.";
    let mut failures = vec![("5XX", "`internal`, `unavailable`", server_error)];
    if policy != RoutePolicy::SignedWebhook {
        failures.push(("429", "`rate_limited`", "Too many requests."));
    }
    if has_body {
        let description = "Fields are invalid, or the body is not JSON.";
        failures.push(("400", "`validation_failed`, `malformed_request`", description));
    } else if has_parameter(ParameterIn::Query) || is_idempotent {
        failures.push(("400", "`validation_failed`", "A parameter is invalid."));
    }
    // The bytes of a signed body are checked, whatever their type.
    if has_body && policy != RoutePolicy::SignedWebhook {
        failures.push(("415", "`unsupported_media_type`", "The `Content-Type` is not JSON."));
    }
    if is_authenticated {
        failures.push(("401", "`not_authenticated`", "The token is absent, invalid or expired."));
        failures.push(("403", "`account_suspended`", "An operator has suspended the account."));
    }
    if has_parameter(ParameterIn::Path) {
        failures.push(("404", "`not_found`", "It does not exist, or belongs to another user."));
    }
    if is_idempotent {
        failures.push(("409", "`request_in_flight`", "Another request with this key is in progress."));
        failures.push(("422", "`idempotency_key_reused`", "The key was used with a different body."));
    }
    failures
}

fn idempotency_key() -> Parameter {
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .description(Some("Makes a retry safe: requests with the same key and body are executed once."))
        .schema(Some(
            ObjectBuilder::new()
                .schema_type(Type::String)
                .min_length(Some(1))
                .max_length(Some(255))
                .pattern(Some("^[!-~]+$")),
        ))
        .example(Some(Value::from("018f0000-0000-7000-8000-00000000000a")))
        .build()
}
