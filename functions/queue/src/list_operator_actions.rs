//! Lists the audit log of operators' actions.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use domain::{OperatorAction, OperatorTarget, UserId};
use garde::Validate;
use serde::{Deserialize, Serialize};
use store::operator_actions::{self, Entry};
use uuid::Uuid;
use web::{Admin, ApiError, ValidQuery, page, success};

#[derive(Debug, Deserialize, Validate, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct OperatorActionsQuery {
    #[serde(default = "page::default_limit")]
    #[param(minimum = 1, maximum = 100, default = 50)]
    #[garde(range(min = 1, max = 100))]
    limit: i64,
    /// `next_cursor` of the previous page.
    #[serde(default, deserialize_with = "page::deserialize_number")]
    #[garde(skip)]
    #[param(value_type = Option<String>, pattern = "^[1-9][0-9]{0,17}$")]
    cursor: Option<i64>,
}

/// An entry of the audit log.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct OperatorActionEntry {
    action: OperatorAction,
    target_type: OperatorTarget,
    /// The id of the account or the message.
    target_id: Uuid,
    /// The state of the target after the action.
    result: String,
    /// The operator's account; null for a command.
    operator_id: Option<UserId>,
    /// The database user who ran a command.
    database_user: Option<String>,
    /// The id of the request; null for a command.
    request_id: Option<String>,
    created_at: DateTime<Utc>,
}

impl From<Entry> for OperatorActionEntry {
    fn from(entry: Entry) -> Self {
        Self {
            action: entry.action,
            target_type: entry.target_type,
            target_id: entry.target_id,
            result: entry.result,
            operator_id: entry.operator_id,
            database_user: entry.database_user,
            request_id: entry.request_id,
            created_at: entry.created_at,
        }
    }
}

/// A page of the audit log.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct OperatorActionList {
    actions: Vec<OperatorActionEntry>,
    next_cursor: Option<String>,
}

/// Lists what operators did, the latest action first: who, what, to which account or message, when,
/// and in which request.
///
/// Requires the role admin. Entries are kept for two years.
#[utoipa::path(
    get, path = "/api/queue/actions",
    security(("token" = [])),
    params(OperatorActionsQuery),
    responses(
        (status = 200, description = "A page of actions.", body = OperatorActionList),
        (status = 403, description = "`forbidden`, `account_suspended`: This requires the role admin."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    _: Admin,
    ValidQuery(query): ValidQuery<OperatorActionsQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let mut entries = operator_actions::list(&app.db().await?, query.cursor, query.limit + 1).await?;
    let has_more = page::cut(&mut entries, query.limit);
    let next_cursor = entries.last().filter(|_| has_more).map(|entry| entry.id.to_string());
    let actions = entries.into_iter().map(Into::into).collect();
    Ok(success(OperatorActionList { actions, next_cursor }))
}
