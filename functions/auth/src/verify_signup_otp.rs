//! Creates an account with a one-time code.

use std::sync::Arc;

use app::AppState;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use domain::otp::{Otp, Purpose};
use domain::password::NewPassword;
use domain::refresh_token::RefreshToken;
use domain::switches::Feature;
use domain::{MobileNumber, SessionId, Text, UserId, quota};
use garde::Validate;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use services::passwords;
use store::users::{self, NewUser, User};
use uuid::Uuid;
use web::{ApiError, ClientInfo, Execution, Operation, Valid, success};

use crate::new_session::{NewSessionView, SessionDraft};
use crate::one_time_codes::{self, AuthorizedPassword, PasswordWithCode};

/// The one-time code and the new account.
#[derive(Debug, Deserialize, Validate, utoipa::ToSchema)]
pub(crate) struct CreateAccount {
    #[serde(default)]
    #[schema(required = true)]
    #[garde(dive)]
    mobile_number: MobileNumber,
    #[serde(default)]
    #[schema(required = true)]
    #[garde(dive)]
    otp: Otp,
    #[serde(default)]
    #[schema(required = true)]
    #[garde(dive)]
    name: Text<2, 100>,
    #[serde(default)]
    #[schema(required = true)]
    #[garde(dive)]
    password: NewPassword,
}

const MESSAGE: &str = "Account created";

/// What the idempotent operation stores of the response: no token, number or name.
#[derive(Debug, Serialize, Deserialize)]
struct Receipt {
    /// The id of the account and of its first session.
    id: Uuid,
    /// The account, if this request created it.
    #[serde(skip)]
    created: Option<User>,
}

/// Creates an account with a one-time code and signs in. A number that already has an account gets
/// the same response as a wrong code.
#[utoipa::path(
    post, path = "/api/auth/verify-signup-otp",
    request_body = CreateAccount,
    responses(
        (status = 201, description = "The account is created and a session has started.", body = NewSessionView),
        (status = 400, description = "`invalid_code`, `validation_failed`, `malformed_request`: The code or another field is invalid."),
        (status = 401, description = "`session_ended`: A repetition, whose session has ended since."),
        (status = 403, description = "`account_suspended`: The code is right, but an operator has suspended the account of this number."),
        (status = 503, description = "`signups_paused`, `unavailable`: An operator has paused sign-ups, or a dependency does not respond."),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    client: ClientInfo,
    operation: Operation,
    Valid(input): Valid<CreateAccount>,
) -> Result<impl IntoResponse, ApiError> {
    let receipt = operation.once(&app, |execution| create(&app, &client, &input, execution)).await?;
    let view = match receipt.created {
        Some(user) => SessionDraft::first(&app, SessionId(receipt.id), client, app.clock.now())
            .into_view(&app, user, MESSAGE)?,
        None => resume(&app, receipt.id, client).await?,
    };
    Ok((StatusCode::CREATED, success(view)))
}

async fn create(
    app: &AppState,
    client: &ClientInfo,
    input: &CreateAccount,
    execution: Execution,
) -> Result<Receipt, ApiError> {
    let (number, id) = (&input.mobile_number, execution.id);
    let existing = Receipt { id, created: None };
    if execution.is_retry && users::exists(&app.db().await?, UserId(id)).await? {
        return Ok(existing);
    }
    app.switches.paused().await.check(Feature::SignUps)?;
    let password = PasswordWithCode {
        field: "password",
        password: input.password.clone(),
        code: &input.otp,
        operation: id,
    };
    let AuthorizedPassword { hash, db, .. } =
        one_time_codes::redeem_for_password(app, client, Purpose::SignUp, number, password).await?;
    let draft = SessionDraft::first(app, SessionId(id), client.clone(), app.clock.now());
    let number_hash = quota::number_hash(app.config.jwt_secret.expose_secret().as_bytes(), number);
    let user = NewUser {
        id: UserId(id),
        mobile_number: number,
        name: input.name.trim(),
        password_hash: &hash,
        number_hash: &number_hash,
    };
    let Some(user) = users::insert_with_session(&db, user, &draft.session()).await? else {
        // Another execution of this operation may have been faster.
        if users::exists(&db, UserId(id)).await? {
            return Ok(existing);
        }
        // The code was right, so the client has the number.
        let is_suspended = users::operators::is_number_suspended(&db, &number_hash).await?;
        return Err(if is_suspended {
            ApiError::account_suspended()
        } else {
            one_time_codes::invalid_code()
        });
    };
    passwords::add_known_network(app, &client.origin(), &user.mobile_number).await;
    Ok(Receipt { id, created: Some(user) })
}

/// The response to a repeated sign-up: the account as it is now, and the current tokens of its session.
async fn resume(app: &AppState, id: Uuid, client: ClientInfo) -> Result<NewSessionView, ApiError> {
    let (session, now) = (SessionId(id), app.clock.now());
    let found = users::find_at_signup(&app.db().await?, UserId(id), session, now).await?;
    let (user, stored) = found.ok_or_else(session_ended)?;
    let secrets = std::iter::once(&app.config.jwt_secret).chain(&app.config.jwt_previous_secret);
    let mut keys = secrets.map(|secret| secret.expose_secret().as_bytes());
    let token = keys.find_map(|key| RefreshToken::first(session, key).current(session, key, &stored));
    let draft = SessionDraft::with_token(app, session, token.ok_or_else(session_ended)?, client, now);
    draft.into_view(app, user, MESSAGE)
}

fn session_ended() -> ApiError {
    let detail =
        "the account was created, but its first session has ended or its password was changed; sign in";
    ApiError::new(StatusCode::UNAUTHORIZED, "session_ended", detail)
}
