//! Serves the scripts, style sheets and icons of the web client and of the API explorer.

use std::path::Path;

use axum::extract::Path as PathParameter;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use web::ApiError;

use crate::static_file::{StaticFile, static_file};

/// The files by their names, which contain hashes of their content.
static ASSETS: &[(&str, StaticFile)] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// Returns a script, a style sheet or an icon of the web client or of the API explorer.
///
/// The name contains a hash of the content, so clients may keep the file for a year.
#[utoipa::path(
    get, path = "/assets/{name}",
    params(("name" = String, Path, description = "The name of the file, as the page refers to it.", example = "app-3VWFP7XZ.js")),
    responses(
        (status = 200, description = "The file.", body = String, content_type = "text/javascript", example = json!("'use strict';")),
        (status = 304, description = "The client has the file."),
    ),
)]
pub(crate) async fn handle(
    PathParameter(name): PathParameter<String>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, ApiError> {
    let file = ASSETS.iter().find(|(known, _)| *known == name);
    let (name, file) = file.ok_or_else(|| ApiError::not_found("file"))?;
    Ok(file.serve_asset(&headers, content_type(name)))
}

fn content_type(name: &str) -> &'static str {
    match Path::new(name).extension().and_then(|extension| extension.to_str()) {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
