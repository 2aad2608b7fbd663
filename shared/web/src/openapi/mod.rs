//! Builds the OpenAPI document from the endpoints of all functions.
//!
//! The Lambdas do not contain this code: `cargo dev openapi` writes the document to a file, tests
//! compare the file with the code, and the function `site` serves the file.

mod common_responses;
mod details;
mod envelope;
mod examples;
mod names;
mod problems;
mod text;
mod walk;

use serde_json::{Value, json};
use utoipa::PartialSchema;
use utoipa::openapi::path::{HttpMethod, Operation};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ComponentsBuilder, ContactBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, PathItem,
    ServerBuilder,
};

use self::common_responses::ProblemDocument;
pub use self::text::to_text;
pub use self::walk::operations;
use crate::routes::to_axum;
use crate::{Route, Routes};

/// The name of the security scheme: a bearer token.
const TOKEN: &str = "token";

/// The routes of a function with their OpenAPI documentation. [`endpoints!`](macro@crate::endpoints)
/// builds it.
pub struct DocumentedRoutes {
    /// The routes.
    pub routes: Routes,
    /// The tag of all operations.
    pub tag: &'static str,
    /// The ids of the operations.
    pub operations: Vec<OperationId>,
    /// What the `#[utoipa::path]` attributes state.
    pub document: OpenApi,
}

/// The id of an operation: the name of its handler's module, in camel case.
pub struct OperationId {
    id: String,
    path: String,
    methods: Vec<HttpMethod>,
}

impl OperationId {
    /// The id of the operation that the `#[utoipa::path]` attribute behind `P` describes. Its
    /// handler is in `module`.
    #[must_use]
    pub fn of<P: utoipa::Path>(module: &str) -> Self {
        Self { id: names::operation_id(module), path: P::path(), methods: P::methods() }
    }
}

/// The whole document: that of each function, and what holds for all operations.
#[must_use]
pub fn document(functions: Vec<DocumentedRoutes>) -> Value {
    let mut document = empty_document();
    let routes: Vec<Route> = functions.iter().flat_map(|function| function.routes.table().to_vec()).collect();
    for mut function in functions {
        for (path, item) in &mut function.document.paths.paths {
            for (method, operation) in operations_mut(item) {
                let mut ids = function.operations.iter();
                let found = ids.find(|found| found.path == *path && found.methods.contains(&method));
                operation.operation_id = found.map(|found| found.id.clone());
                operation.tags = Some(vec![function.tag.to_owned()]);
            }
        }
        document.merge(function.document);
    }
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations_mut(item) {
            let is_of = |route: &&Route| route.path == path && route.method == to_axum(&method).0;
            let policy = routes.iter().find(is_of).map(|route| route.policy).unwrap_or_default();
            common_responses::add(operation, policy);
        }
    }
    finish(serde_json::to_value(document).unwrap_or_default())
}

/// Applies what holds for the whole document: the names, the shared components and the examples.
fn finish(mut document: Value) -> Value {
    let retry_after = "Seconds to wait before the next request.";
    let schema = json!({ "type": "integer", "minimum": 1 });
    document["components"]["headers"] =
        json!({ "RetryAfter": { "description": retry_after, "schema": schema, "example": 2 } });
    document["security"] = json!([{ TOKEN: [] }]);
    names::rename_schemas(&mut document);
    details::complete(&mut document);
    details::share_parameters(&mut document);
    envelope::add(&mut document);
    problems::share(&mut document);
    examples::add(&mut document);
    document
}

fn empty_document() -> OpenApi {
    let license = LicenseBuilder::new().name("MIT").identifier(Some("MIT")).build();
    let description = "Accounts by mobile number, chatrooms, and messages that are answered in the background.\n\n\
                       Every successful JSON response has `success: true`. Every failure is a problem document \
                       (RFC 9457) with `success: false` and a `code`.\n\n\
                       Every response has the header `X-Request-Id`, and those that count against a rate limit have \
                       `X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset`. The id is the one that \
                       the client has sent in this header: 1 to 128 letters, digits and `-_.:=+/@`. A request joins \
                       the trace of its header `traceparent` (W3C Trace Context).";
    let info = InfoBuilder::new()
        .title("AI chat backend")
        .version(env!("CARGO_PKG_VERSION"))
        .license(Some(license))
        .contact(Some(ContactBuilder::new().name(Some("The maintainers")).build()))
        .description(Some(description));
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    let components = ComponentsBuilder::new()
        .schema("Problem", ProblemDocument::schema())
        .security_scheme(TOKEN, SecurityScheme::Http(bearer));
    OpenApiBuilder::new()
        .info(info)
        .servers(Some([ServerBuilder::new().url("/").build()]))
        .components(Some(components.build()))
        .build()
}

fn operations_mut(item: &mut PathItem) -> Vec<(HttpMethod, &mut Operation)> {
    let by_method = [
        (HttpMethod::Get, &mut item.get),
        (HttpMethod::Put, &mut item.put),
        (HttpMethod::Post, &mut item.post),
        (HttpMethod::Patch, &mut item.patch),
        (HttpMethod::Delete, &mut item.delete),
    ];
    by_method.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?))).collect()
}
