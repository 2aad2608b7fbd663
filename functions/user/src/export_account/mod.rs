//! Streams all data of the caller as newline-delimited JSON.

mod cursor;
mod lines;
mod pages;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use app::AppState;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse;
use clients::redis::token_bucket::Limit;
use futures::stream;
use garde::Validate;
use serde::Deserialize;
use web::{ApiError, CallerOrSuspended, ValidQuery, user_limit};

use self::cursor::Cursor;
use self::pages::Export;

/// How often a user can request a part of the export. Each reads for up to 15 seconds and sends up to
/// 3 MiB.
const EXPORTS: Limit = Limit { max: 30, window: Duration::from_mins(15) };

#[derive(Debug, Deserialize, Validate, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportAccount {
    /// The `cursor` in the last line of the previous response.
    #[garde(skip)]
    #[param(value_type = Option<String>, pattern = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}[.][0-9]{1,19}$")]
    cursor: Option<Cursor>,
}

/// Exports all stored data of the caller, one JSON object a line: `account`, `subscription`,
/// `session`, `usage`, and each `chatroom` followed by its `message`s in order. The data is
/// streamed in pages.
///
/// The type of the last line says how the response ended. `end`: the export is complete.
/// `continue`: the response reached its maximum size; send its `cursor` to get the rest. `error`:
/// the export failed; send the `cursor` to continue. A response without one of these lines was cut
/// off.
#[utoipa::path(
    get, path = "/api/user/export",
    security(("token" = [])),
    params(ExportAccount),
    responses(
        (status = 200, description = "Newline-delimited JSON, one object a line.", body = String, content_type = "application/x-ndjson", example = json!("{\"type\":\"end\"}")),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    CallerOrSuspended(caller): CallerOrSuspended,
    ValidQuery(query): ValidQuery<ExportAccount>,
) -> Result<impl IntoResponse, ApiError> {
    user_limit::charge(&app, caller.user_id, "exports", EXPORTS).await?;
    let mut export = Export::new(app, caller.user_id, query.cursor);
    // Reads the first page before the response starts, so that an error there is an ordinary
    // problem.
    let first = export.read_page().await?;
    let pages = stream::unfold((Some(first), Some(export)), |(first, export)| async {
        let mut export = export?;
        let page = match first {
            Some(page) => page,
            None => export.read_page().await.unwrap_or_else(|error| export.fail(&error)),
        };
        export.count_bytes(page.len());
        let rest = (!export.is_finished()).then_some(export);
        Some((Ok::<_, Infallible>(Bytes::from(page)), (None, rest)))
    });
    let headers = [
        (CONTENT_TYPE, "application/x-ndjson"),
        (CONTENT_DISPOSITION, "attachment; filename=\"export.ndjson\""),
    ];
    Ok((headers, Body::from_stream(pages)))
}
