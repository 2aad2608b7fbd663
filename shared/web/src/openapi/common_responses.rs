//! Adds to each operation what follows from its shape: the responses of the middleware and the
//! extractors, the envelope of responses, and the header `Idempotency-Key`.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder, Type};
use utoipa::openapi::{Content, Ref, RefOr, Response, Schema};

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
    /// Always `false`.
    success: bool,
    /// The same as `detail`.
    message: String,
    /// One entry `field: reason` for each invalid field.
    #[schema(required = false)]
    errors: Vec<String>,
}

/// Completes `operation`, whose route accepts an `Idempotency-Key` if `is_idempotent`.
pub(super) fn add(operation: &mut Operation, is_idempotent: bool) {
    for (status, code, description) in failures(operation, is_idempotent) {
        let response = operation.responses.responses.entry(status.to_string());
        response.or_insert_with(|| RefOr::T(Response::new(format!("`{code}`: {description}"))));
    }
    if is_idempotent {
        operation.parameters.get_or_insert_default().push(idempotency_key().into());
    }
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        match status.parse::<u16>() {
            Ok(status) if status >= 400 => set_problem_body(response, status),
            _ => add_success_member(response),
        }
        response.headers.insert("x-request-id".to_owned(), HeaderBuilder::new().build().into());
    }
}

/// Status, code and description of each failure that middleware and extractors can produce.
fn failures(operation: &Operation, is_idempotent: bool) -> Vec<(u16, &'static str, &'static str)> {
    let has_parameter = |place: ParameterIn| {
        let mut parameters = operation.parameters.iter().flatten();
        parameters.any(|parameter| matches!(parameter, RefOr::T(known) if known.parameter_in == place))
    };
    let has_body = operation.request_body.is_some();
    let is_authenticated = operation.security.as_ref().is_some_and(|security| !security.is_empty());
    let mut failures = vec![
        (429, "rate_limited", "Too many requests."),
        (500, "internal", "An internal error."),
        (503, "unavailable", "A dependency of the service does not respond."),
    ];
    if has_parameter(ParameterIn::Query) || has_body || is_idempotent {
        failures.push((400, "validation_failed", "The request cannot be parsed, or fields are invalid."));
    }
    if has_body {
        failures.push((413, "body_too_large", "The body is larger than 64 KiB."));
        failures.push((415, "unsupported_media_type", "The `Content-Type` is not JSON."));
    }
    if is_authenticated {
        failures.push((401, "not_authenticated", "The token is absent, invalid or expired."));
    }
    if has_parameter(ParameterIn::Path) {
        failures.push((404, "not_found", "It does not exist, or belongs to another user."));
    }
    if is_idempotent {
        failures.push((409, "request_in_flight", "Another request with this key is in progress."));
        failures.push((422, "idempotency_key_reused", "The key was used with a different body."));
    }
    failures
}

/// Gives a failure its body, with an example that has the first code in the response's description.
fn set_problem_body(response: &mut Response, status: u16) {
    let code = response.description.split('`').nth(1).unwrap_or("malformed_request").to_owned();
    let title = axum::http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let example = json!({
        "type": format!("urn:problem:{code}"), "title": title.unwrap_or_default(), "status": status, "code": code,
        "detail": "what went wrong, for users", "request_id": "0b1f6f2e-3c1a-4a53-9f0e-0a6a7b1f2c3d",
        "success": false, "message": "what went wrong, for users",
    });
    let mut content = Content::new(Some(Ref::from_schema_name("Problem")));
    content.example = Some(example);
    response.content.insert("application/problem+json".to_owned(), RefOr::T(content));
}

/// Adds `success: true` to the schema of a success.
fn add_success_member(response: &mut Response) {
    if let Some(RefOr::T(content)) = response.content.get_mut("application/json") {
        let success = ObjectBuilder::new()
            .property("success", ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([true])))
            .required("success");
        let envelope = AllOfBuilder::new().item(success);
        let envelope = match content.schema.take() {
            Some(body) => envelope.item(body),
            None => envelope,
        };
        content.schema = Some(RefOr::T(Schema::AllOf(envelope.build())));
    }
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
