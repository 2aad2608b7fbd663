//! `DELETE /api/user/me`.

use std::sync::Arc;

use std::time::Duration;

use app::AppState;
use app::telemetry::chain;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::password::Password;
use garde::Validate;
use serde::Deserialize;
use store::{StoreError, deletion, users};
use tokio::time::timeout;
use tracing::warn;
use web::{ApiError, Caller, ClientInfo, MessageResponse, Valid, passwords, success};

/// How long the person waits for all of it to be gone; the sweeper does the rest.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long they wait for Stripe to end what they pay.
const PATIENCE_WITH_STRIPE: Duration = Duration::from_secs(8);

#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct DeleteAccount {
    #[serde(default)]
    #[schema(required = true)]
    #[garde(dive)]
    password: Password,
}

/// Deletes the account of whoever knows its password, with all that it owns, and ends its subscription at once. The number is
/// free and every session has ended once this is answered; of an account with very many messages the last of them are gone
/// within minutes.
#[utoipa::path(
    delete, path = "/api/user/me", operation_id = "delete_account", tag = "User",
    security(("token" = [])),
    request_body = DeleteAccount,
    responses(
        (status = 200, description = "The account is gone.", body = MessageResponse),
        (status = 401, description = "`invalid_credentials`, `not_authenticated`: The password is another, or there is no token that opens anything."),
        (status = 429, description = "`too_many_attempts`, `rate_limited`: Too many wrong passwords, or requests."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    client: ClientInfo,
    Valid(input): Valid<DeleteAccount>,
) -> Result<impl IntoResponse, ApiError> {
    let wrong = || ApiError::wrong_credentials("password: is not the password of this account");
    let found = users::find_credentials(&app.db().await?, caller.user_id).await?;
    let account = found.ok_or_else(wrong)?;
    let (number, hash) = (&account.user.mobile_number, account.password_hash);
    passwords::check(&app, &client, &caller.password_attempts_key(), input.password, Some(hash.clone()))
        .await?
        .ok_or_else(wrong)?;
    let begun = deletion::begin(&mut app.db().await?, caller.user_id, &hash, app.clock.now()).await?;
    // Nobody else is let in from here on, and nothing that is left is looked at any more.
    app.forget_sessions(&begun.ok_or_else(wrong)?).await;
    app.drop_chatroom_list(caller.user_id).await;
    passwords::forget(&app, &client, number).await;
    stop_paying(&app, caller).await;
    let purged = timeout(PATIENCE, purge(&app, caller)).await.unwrap_or(Ok(()));
    if let Err(error) = purged {
        warn!(error = chain(&error), user.id = %caller.user_id, "what is left of an account is the sweeper's to delete");
    }
    // A login beside this may have written it anew.
    passwords::forget(&app, &client, number).await;
    Ok(success(MessageResponse { message: "Account deleted" }))
}

/// Ends the subscription. Where that cannot be done now the account stays, closed to everybody, until the sweeper has done it.
async fn stop_paying(app: &AppState, caller: Caller) {
    let stopped = timeout(PATIENCE_WITH_STRIPE, app.sync_subscription(caller.user_id)).await;
    let error = match stopped {
        Ok(Ok(_)) => return,
        Ok(Err(error)) => chain(&error),
        Err(elapsed) => chain(&elapsed),
    };
    warn!(error, user.id = %caller.user_id, "what a deleted account pays is the sweeper's to end");
}

async fn purge(app: &AppState, caller: Caller) -> Result<(), StoreError> {
    let db = app.db().await?;
    deletion::stop_messages(&db, caller.user_id, app.clock.now()).await?;
    while deletion::purge(&db, caller.user_id, deletion::BATCH).await? {}
    Ok(())
}
