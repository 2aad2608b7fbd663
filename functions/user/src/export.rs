//! `GET /api/user/export`.

use std::sync::Arc;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use app::AppState;
use app::telemetry::chain;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use domain::quota;
use domain::{ChatroomId, UserId};
use futures::stream;
use garde::Validate;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Value, json};
use store::messages::searching::{self, WholeMessage};
use store::{StoreError, chatrooms, sessions, subscriptions, users};
use tokio::time::Instant;
use tracing::error;
use web::{ApiError, Caller, ValidQuery};

/// How much goes into one answer, in bytes: Lambda takes 6 MB in all, and this is sent in base64.
const ENOUGH: usize = 3 * 1024 * 1024;
/// How long one answer is worked at: the gateway waits for 30 seconds.
const PATIENCE: Duration = Duration::from_secs(15);
/// How many messages are read at once.
const PAGE: i64 = 100;

#[derive(Debug, Deserialize, Validate, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct From {
    /// `cursor` of the last line of the answer before.
    #[garde(skip)]
    #[param(value_type = Option<String>, pattern = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}[.][0-9]{1,19}$")]
    cursor: Option<Cursor>,
}

/// The last message that was written: its room, and its place there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cursor(ChatroomId, i64);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl FromStr for Cursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (room, position) = text.split_once('.')?;
            let position = position.parse().ok().filter(|position| *position >= 0)?;
            Some(Self(room.parse().ok()?, position))
        };
        read().ok_or("must be the cursor of another answer")
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Everything that is held on the caller, one JSON object a line: `account`, `subscription`, `session`, `usage`, and each
/// `chatroom` with its `message`s in their order. It is read and sent in pages, so that neither we nor the client ever hold
/// all of it.
///
/// The last line says how it ended: `end`; `continue`, where as much was sent as one answer takes, with the `cursor` to ask
/// for the rest by; or `error`, with the cursor to go on from. An answer without one of these was cut off.
#[utoipa::path(
    get, path = "/api/user/export", operation_id = "export", tag = "User",
    security(("token" = [])),
    params(From),
    responses(
        (status = 200, description = "NDJSON: one object a line.", body = String, content_type = "application/x-ndjson"),
    ),
)]
pub(crate) async fn handle(
    State(app): State<Arc<AppState>>,
    caller: Caller,
    ValidQuery(from): ValidQuery<From>,
) -> Result<impl IntoResponse, ApiError> {
    let mut export =
        Export { app, owner: caller.user_id, next: Next::Account, begun: Instant::now(), sent: 0 };
    if let Some(cursor) = from.cursor {
        export.next = Next::Messages(cursor);
    }
    // What goes wrong at the start is an answer like any other.
    let first = export.page().await?;
    let pages = stream::unfold((Some(first), Some(export)), |(ready, export)| async {
        let mut export = export?;
        let page = match ready {
            Some(page) => page,
            None => export.page().await.unwrap_or_else(|error| export.broken_off(&error)),
        };
        export.sent += page.len();
        let more = export.next != Next::Nothing;
        Some((Ok::<_, std::convert::Infallible>(Bytes::from(page)), (None, more.then_some(export))))
    });
    let headers = [
        (CONTENT_TYPE, "application/x-ndjson"),
        (CONTENT_DISPOSITION, "attachment; filename=\"export.ndjson\""),
    ];
    Ok((headers, Body::from_stream(pages)))
}

/// An export under way.
struct Export {
    app: Arc<AppState>,
    owner: UserId,
    next: Next,
    begun: Instant,
    /// Bytes so far.
    sent: usize,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Account,
    /// The room after this one.
    Room(Option<ChatroomId>),
    /// The messages after this one.
    Messages(Cursor),
    Nothing,
}

impl Export {
    /// The next lines.
    async fn page(&mut self) -> Result<Vec<u8>, StoreError> {
        let mut lines = Lines::default();
        match self.next {
            Next::Account => {
                self.account(&mut lines).await?;
                self.next = Next::Room(None);
            }
            Next::Room(Some(last)) if self.is_enough(&lines) => {
                self.pause(Cursor(last, i64::MAX), &mut lines);
            }
            Next::Room(after) => {
                let db = self.app.db().await?;
                let Some((room, system_prompt)) =
                    chatrooms::list_whole(&db, self.owner, after, 1).await?.pop()
                else {
                    self.next = Next::Nothing;
                    lines.add("end", json!({}));
                    return Ok(lines.0);
                };
                self.next = Next::Messages(Cursor(room.id, 0));
                lines.add(
                    "chatroom",
                    json!({
                        "id": room.id, "name": room.name, "description": room.description,
                        "system_prompt": system_prompt, "created_at": room.created_at,
                        "message_count": room.message_count, "last_message_at": room.last_message_at,
                    }),
                );
            }
            Next::Messages(cursor) => self.messages(cursor, &mut lines).await?,
            Next::Nothing => {}
        }
        Ok(lines.0)
    }

    async fn account(&self, lines: &mut Lines) -> Result<(), StoreError> {
        let (db, now) = (self.app.db().await?, self.app.clock.now());
        let account = users::find_with_usage(&db, self.owner, quota::day_of(now)).await?;
        let stats = users::find_stats(&db, self.owner).await?;
        if let (Some((user, _)), Some(stats)) = (account, stats) {
            lines.add(
                "account",
                json!({
                    "id": user.id, "mobile_number": user.mobile_number, "name": user.name,
                    "subscription_tier": user.tier, "created_at": user.created_at,
                    "chatroom_count": stats.chatroom_count, "message_count": stats.message_count,
                    "ai_response_count": stats.ai_response_count, "prompt_tokens": stats.prompt_tokens,
                    "response_tokens": stats.response_tokens,
                }),
            );
        }
        let billing = subscriptions::find(&db, self.owner).await?;
        if let Some((billing, customer)) = billing.and_then(|one| Some((one.subscription, one.customer_id?)))
        {
            let one = billing.as_ref();
            lines.add(
                "subscription",
                json!({
                    "stripe_customer_id": customer, "stripe_subscription_id": one.map(|one| &one.id),
                    "status": one.map(|one| one.status), "begun_at": one.map(|one| one.created_at),
                    "current_period_end": one.and_then(|one| one.period_end),
                    "cancel_at_period_end": one.is_some_and(|one| one.cancel_at_period_end),
                }),
            );
        }
        for session in sessions::list(&db, self.owner, DateTime::<Utc>::UNIX_EPOCH).await? {
            lines.add(
                "session",
                json!({
                    "id": session.id, "address": session.address, "user_agent": session.user_agent,
                    "created_at": session.created_at, "last_seen_at": session.last_seen_at,
                }),
            );
        }
        for day in users::list_whole_usage(&db, self.owner).await? {
            lines.add(
                "usage",
                json!({
                    "day": day.day, "messages": day.messages, "prompt_tokens": day.prompt_tokens,
                    "response_tokens": day.response_tokens,
                }),
            );
        }
        Ok(())
    }

    async fn messages(&mut self, Cursor(room, after): Cursor, lines: &mut Lines) -> Result<(), StoreError> {
        let db = self.app.db().await?;
        let found = searching::list_whole(&db, self.owner, room, after, PAGE).await?;
        self.next = Next::Room(Some(room));
        for WholeMessage { message, error_code, reply_to, model, prompt_tokens, response_tokens } in found {
            self.next = Next::Messages(Cursor(room, message.position));
            lines.add(
                "message",
                json!({
                    "id": message.id, "chatroom_id": room, "message_type": message.message_type,
                    "content": message.content, "processing_status": message.processing_status, "error_code": error_code,
                    "created_at": message.created_at, "reply_to": reply_to, "model": model,
                    "prompt_tokens": prompt_tokens, "response_tokens": response_tokens,
                }),
            );
            if self.is_enough(lines) {
                self.pause(Cursor(room, message.position), lines);
                break;
            }
        }
        Ok(())
    }

    fn is_enough(&self, lines: &Lines) -> bool {
        self.sent + lines.0.len() > ENOUGH || self.begun.elapsed() > PATIENCE
    }

    /// Ends this answer; the next goes on after `last`.
    fn pause(&mut self, last: Cursor, lines: &mut Lines) {
        lines.add("continue", json!({ "cursor": last.to_string() }));
        self.next = Next::Nothing;
    }

    /// The last line of an export that cannot go on.
    fn broken_off(&mut self, cause: &StoreError) -> Vec<u8> {
        error!(error = chain(cause), user.id = %self.owner, "an export broke off");
        let cursor = match self.next {
            Next::Room(Some(room)) => Some(Cursor(room, i64::MAX).to_string()),
            Next::Messages(cursor) => Some(cursor.to_string()),
            Next::Account | Next::Room(None) | Next::Nothing => None,
        };
        self.next = Next::Nothing;
        let mut lines = Lines::default();
        lines.add(
            "error",
            json!({ "message": "the export broke off; go on from the cursor", "cursor": cursor }),
        );
        lines.0
    }
}

/// Lines of JSON.
#[derive(Debug, Default)]
struct Lines(Vec<u8>);

#[derive(Serialize)]
struct Line {
    r#type: &'static str,
    #[serde(flatten)]
    object: Value,
}

impl Lines {
    fn add(&mut self, r#type: &'static str, object: Value) {
        // Writing JSON into memory fails for keys that are not text, of which there are none.
        if serde_json::to_writer(&mut self.0, &Line { r#type, object }).is_ok() {
            self.0.push(b'\n');
        }
    }
}
