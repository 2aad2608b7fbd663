//! Deletes the caller's account, everything it owns and its subscription.

use std::sync::Arc;
use std::time::Duration;

use app::AppState;
use app::telemetry::chain;
use axum::extract::State;
use axum::response::IntoResponse;
use domain::password::Password;
use domain::{AccountNumber, UserId, quota};
use garde::Validate;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use services::passwords;
use store::generations::account;
use store::users::credentials;
use store::{StoreError, account_deletion};
use tokio::time::timeout;
use tracing::warn;
use web::{ApiError, CallerOrSuspended, ClientInfo, MessageResponse, Valid, success};

/// How long the request deletes rows. The sweeper deletes the rest.
const DELETION_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the request waits until Stripe has cancelled the subscription.
const STRIPE_TIMEOUT: Duration = Duration::from_secs(8);

/// The password, which confirms the deletion.
#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct DeleteAccount {
    #[serde(default)]
    #[schema(required = true)]
    #[garde(dive)]
    password: Password,
}

/// Deletes the account and everything it owns, and cancels the subscription immediately. Requires
/// the password. After the response the mobile number is free and every session has ended. The last
/// messages of a very large account are deleted within minutes.
#[utoipa::path(
    delete, path = "/api/user/me",
    security(("token" = [])),
    request_body = DeleteAccount,
    responses(
        (status = 200, description = "The account is deleted.", body = MessageResponse),
        (status = 400, description = "`wrong_password`, `validation_failed`, `malformed_request`: The password is wrong, or a field is invalid."),
        (status = 429, description = "`too_many_attempts`, `rate_limited`: Too many wrong passwords, or too many requests."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    CallerOrSuspended(caller): CallerOrSuspended,
    client: ClientInfo,
    Valid(input): Valid<DeleteAccount>,
) -> Result<impl IntoResponse, ApiError> {
    let wrong = || ApiError::wrong_password("password: is not the password of this account");
    let user = caller.user_id;
    let found = credentials::find(&app.db().await?, user).await?;
    let account = found.ok_or_else(wrong)?;
    let number = AccountNumber::from(account.user.mobile_number);
    let hash = account.password_hash;
    passwords::verify(
        &app,
        &client.origin(),
        &caller.password_attempts_key(),
        input.password,
        Some(hash.clone()),
    )
    .await?
    .ok_or_else(wrong)?;
    let number_hash = quota::number_hash(app.config.jwt_secret.expose_secret().as_bytes(), &number);
    let mut db = app.db().await?;
    let ended = account_deletion::start(&mut db, user, &hash, &number_hash, app.clock.now()).await?;
    drop(db);
    // The account is locked: sign-in fails, and no request can read the remaining rows.
    services::sessions::invalidate(&app, &ended.ok_or_else(wrong)?).await;
    services::chatroom_list::invalidate(&app, user).await;
    passwords::delete_attempts(&app, &client.origin(), number.as_str()).await;
    cancel_subscription(&app, user).await;
    let deleted = timeout(DELETION_TIMEOUT, delete_rows(&app, user)).await.unwrap_or(Ok(()));
    if let Err(error) = deleted {
        warn!(error = chain(&error), user.id = %user, "account deletion incomplete; the sweeper continues it");
    }
    // A concurrent login may have written the record of wrong passwords again.
    passwords::delete_attempts(&app, &client.origin(), number.as_str()).await;
    Ok(success(MessageResponse { message: "Account deleted" }))
}

/// Cancels the subscription at Stripe. If that fails, the account stays closed until the sweeper
/// succeeds.
async fn cancel_subscription(app: &AppState, user: UserId) {
    let cancelled = timeout(STRIPE_TIMEOUT, services::billing::sync_subscription(app, user)).await;
    let error = match cancelled {
        Ok(Ok(_)) => return,
        Ok(Err(error)) => chain(&error),
        Err(elapsed) => chain(&elapsed),
    };
    warn!(error, user.id = %user, "subscription of a deleted account not cancelled; the sweeper retries it");
}

async fn delete_rows(app: &AppState, user: UserId) -> Result<(), StoreError> {
    let db = app.db().await?;
    account::cancel_all(&db, user, app.clock.now()).await?;
    while account_deletion::delete_batch(&db, user, account_deletion::BATCH_SIZE).await? {}
    Ok(())
}
