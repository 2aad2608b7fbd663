//! The OpenAPI document: what the handlers say of themselves, and what holds for all of them.
//!
//! Nothing here is part of a function: the document is made when the code is built, checked against the routes by tests, and
//! served as a file.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{HttpMethod, Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, Content, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, PathItem, Ref, RefOr,
    Response, Schema, ServerBuilder,
};
use utoipa::{PartialSchema, ToSchema};

use crate::{Route, Routes};

/// The name of the one way to say who is asking, for handlers to refer to.
pub const TOKEN: &str = "token";

/// A failure (RFC 9457), with what the original's clients look for. Some failures have further members.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
struct ProblemDocument {
    /// `urn:problem:` and the code.
    r#type: String,
    /// What the status means.
    title: String,
    /// The status.
    status: u16,
    /// What is wrong, for programs: it never changes.
    code: String,
    /// What is wrong, for people.
    detail: String,
    /// By which the request is found in the logs.
    request_id: String,
    /// Always `false`.
    success: bool,
    /// As `detail`.
    message: String,
    /// Where fields are wrong: each as `field: why`.
    #[schema(required = false)]
    errors: Vec<String>,
}

/// What a function has: its routes, and what their handlers say.
pub struct Part {
    /// The routes.
    pub routes: Routes,
    /// What is said of them.
    pub document: OpenApi,
}

/// The whole document of `parts`.
#[must_use]
pub fn document(parts: Vec<Part>) -> OpenApi {
    let mut document = OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("AI chat backend")
                .version(env!("CARGO_PKG_VERSION"))
                .license(Some(LicenseBuilder::new().name("MIT").identifier(Some("MIT")).build()))
                .description(Some(
                    "Accounts by mobile number, conversations, messages answered in the background. Every success has \
                     `success: true`, every failure is a problem document with `success: false`.",
                )),
        )
        .servers(Some([ServerBuilder::new().url("/").build()]))
        .components(Some(
            ComponentsBuilder::new()
                .schema("Problem", ProblemDocument::schema())
                .security_scheme(
                    TOKEN,
                    SecurityScheme::Http(
                        HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build(),
                    ),
                )
                .build(),
        ))
        .build();
    let routes: Vec<Route> = parts.iter().flat_map(|part| part.routes.table().to_vec()).collect();
    for part in parts {
        document.merge(part.document);
    }
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations_mut(item) {
            let idempotent = routes.iter().any(|route| {
                route.idempotent && route.path == path && route.method.as_str() == method_name(&method)
            });
            complete(operation, idempotent);
        }
    }
    let components = serde_json::to_value(&document.components).unwrap_or_default();
    for item in document.paths.paths.values_mut() {
        for (_, operation) in operations_mut(item) {
            exemplify(operation, &components);
        }
    }
    document
}

/// Gives each body that has none an example of what its schema says.
fn exemplify(operation: &mut Operation, components: &Value) {
    let fill = |content: &mut RefOr<Content>| {
        if let RefOr::T(content) = content
            && content.example.is_none()
            && let Some(schema) = content.schema.as_ref().and_then(|schema| serde_json::to_value(schema).ok())
        {
            content.example = Some(example(&schema, components));
        }
    };
    if let Some(RefOr::T(body)) = &mut operation.request_body {
        body.content.values_mut().for_each(fill);
    }
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            response.content.values_mut().for_each(fill);
        }
    }
}

/// A value that `schema` allows, out of the examples in it as far as there are any.
fn example(schema: &Value, components: &Value) -> Value {
    if let Some(name) = schema["$ref"].as_str().and_then(|name| name.rsplit('/').next()) {
        return example(&components["schemas"][name], components);
    }
    if let Some(given) = [&schema["example"], &schema["examples"][0], &schema["default"], &schema["enum"][0]]
        .into_iter()
        .find(|given| !given.is_null())
    {
        return given.clone();
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let mut whole = serde_json::Map::new();
        for part in parts {
            if let Value::Object(members) = example(part, components) {
                whole.extend(members);
            }
        }
        return Value::Object(whole);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let some = choices.iter().find(|choice| choice["type"] != "null");
        return some.map_or(Value::Null, |choice| example(choice, components));
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str()).unwrap_or_default();
    match (kind, schema["format"].as_str()) {
        ("object", _) => {
            let members = schema["properties"].as_object().into_iter().flatten();
            members.map(|(name, member)| (name.clone(), example(member, components))).collect()
        }
        ("array", _) => json!([example(&schema["items"], components)]),
        ("string", Some("uuid")) => json!("018f0000-0000-7000-8000-00000000000a"),
        ("string", Some("date-time")) => json!("2026-11-25T12:00:00Z"),
        ("string", Some("date")) => json!("2026-11-25"),
        ("string", _) => json!("text"),
        ("integer" | "number", _) => schema["minimum"].as_i64().map_or(json!(1), |minimum| json!(minimum)),
        ("boolean", _) => json!(true),
        _ => Value::Null,
    }
}

/// The operations of a path.
#[must_use]
pub fn operations(item: &PathItem) -> Vec<(&'static str, &Operation)> {
    let named = [
        ("GET", &item.get),
        ("PUT", &item.put),
        ("POST", &item.post),
        ("PATCH", &item.patch),
        ("DELETE", &item.delete),
    ];
    named.into_iter().filter_map(|(name, operation)| Some((name, operation.as_ref()?))).collect()
}

fn operations_mut(item: &mut PathItem) -> Vec<(HttpMethod, &mut Operation)> {
    let named = [
        (HttpMethod::Get, &mut item.get),
        (HttpMethod::Put, &mut item.put),
        (HttpMethod::Post, &mut item.post),
        (HttpMethod::Patch, &mut item.patch),
        (HttpMethod::Delete, &mut item.delete),
    ];
    named.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?))).collect()
}

fn method_name(method: &HttpMethod) -> &'static str {
    match method {
        HttpMethod::Get => "GET",
        HttpMethod::Put => "PUT",
        HttpMethod::Post => "POST",
        HttpMethod::Patch => "PATCH",
        HttpMethod::Delete => "DELETE",
        _ => "",
    }
}

/// Says of an operation what follows from its form.
fn complete(operation: &mut Operation, idempotent: bool) {
    let parameters = operation.parameters.iter().flatten();
    let has = |place: ParameterIn| {
        parameters
            .clone()
            .any(|parameter| matches!(parameter, RefOr::T(known) if known.parameter_in == place))
    };
    let (has_query, has_id) = (has(ParameterIn::Query), has(ParameterIn::Path));
    let has_body = operation.request_body.is_some();
    let is_secured = operation.security.as_ref().is_some_and(|security| !security.is_empty());
    let mut failures = vec![
        (429, "rate_limited", "Too many requests."),
        (500, "internal", "A fault of ours."),
        (503, "unavailable", "Something that we depend on does not answer."),
    ];
    if has_query || has_body || idempotent {
        failures.push((400, "validation_failed", "What was sent cannot be read, or fields of it are wrong."));
    }
    if has_body {
        failures.push((413, "body_too_large", "The body is larger than 64 KiB."));
        failures.push((415, "unsupported_media_type", "The body is not said to be JSON."));
    }
    if is_secured {
        failures.push((401, "not_authenticated", "There is no token, or it opens nothing."));
    }
    if has_id {
        failures.push((404, "not_found", "There is none, or it is somebody else's."));
    }
    if idempotent {
        failures.push((409, "request_in_flight", "A request with this key is being executed."));
        failures.push((422, "idempotency_key_reused", "This key was used with another body."));
        operation.parameters.get_or_insert_default().push(idempotency_key().into());
    }
    for (status, code, why) in failures {
        let response = operation.responses.responses.entry(status.to_string());
        response.or_insert_with(|| RefOr::T(Response::new(format!("`{code}`: {why}"))));
    }
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        match status.parse::<u16>() {
            Ok(status) if status >= 400 => fail(response, status),
            _ => succeed(response),
        }
        response.headers.insert("x-request-id".to_owned(), HeaderBuilder::new().build().into());
    }
}

/// The body of a failure, with an example that has the first code that its description names.
fn fail(response: &mut Response, status: u16) {
    let mut named = response.description.split('`');
    let code = named.nth(1).unwrap_or("malformed_request").to_owned();
    let example = json!({
        "type": format!("urn:problem:{code}"), "title": title(status), "status": status, "code": code,
        "detail": "what is wrong, for people", "request_id": "0b1f6f2e-3c1a-4a53-9f0e-0a6a7b1f2c3d", "success": false,
        "message": "what is wrong, for people",
    });
    let mut content = Content::new(Some(Ref::from_schema_name("Problem")));
    content.example = Some(example);
    response.content.insert("application/problem+json".to_owned(), RefOr::T(content));
}

fn title(status: u16) -> &'static str {
    axum::http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or_default()
}

/// A success says that it is one.
fn succeed(response: &mut Response) {
    if let Some(RefOr::T(content)) = response.content.get_mut("application/json") {
        let said = ObjectBuilder::new()
            .property("success", ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([true])))
            .required("success");
        let whole = AllOfBuilder::new().item(said);
        let whole = match content.schema.take() {
            Some(body) => whole.item(body),
            None => whole,
        };
        content.schema = Some(RefOr::T(Schema::AllOf(whole.build())));
    }
}

fn idempotency_key() -> Parameter {
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .description(Some("Lets the request be sent again: with the same key and body it is executed once."))
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
