//! Reads an export page by page, so that neither the service nor the client has all of it in
//! memory.

use std::sync::Arc;
use std::time::Duration;

use app::AppState;
use app::telemetry::chain;
use chrono::{DateTime, Utc};
use domain::{ChatroomId, UserId, quota};
use serde_json::json;
use store::chatrooms::{self, ChatroomDetails};
use store::messages::export::{self, ExportedMessage};
use store::{Client, StoreError, daily_usage, sessions, subscriptions, users};
use tokio::time::Instant;
use tracing::error;

use super::cursor::Cursor;
use super::lines::Lines;

/// The maximum size of one response, in bytes. Lambda allows 6 MB, and base64 adds a third.
const MAX_BYTES: usize = 3 * 1024 * 1024;
/// The maximum time for one response. API Gateway's timeout is 30 seconds.
const MAX_TIME: Duration = Duration::from_secs(15);
/// The number of messages in one page.
const PAGE_SIZE: i64 = 100;

/// An export in progress.
pub(super) struct Export {
    app: Arc<AppState>,
    owner: UserId,
    next: Section,
    started: Instant,
    sent_bytes: usize,
}

/// The section that the next page contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    /// Account, subscription, sessions and usage.
    Account,
    /// The chatroom after this one.
    Chatroom(Option<ChatroomId>),
    /// The messages after this one.
    Messages(Cursor),
    /// Nothing: the response is complete.
    End,
}

impl Export {
    /// An export of the data of `owner`, from the start or after `cursor`.
    pub(super) fn new(app: Arc<AppState>, owner: UserId, cursor: Option<Cursor>) -> Self {
        let next = cursor.map_or(Section::Account, Section::Messages);
        Self { app, owner, next, started: Instant::now(), sent_bytes: 0 }
    }

    /// Whether the response is complete.
    pub(super) fn is_finished(&self) -> bool {
        self.next == Section::End
    }

    /// Counts `bytes` towards the maximum size.
    pub(super) fn count_bytes(&mut self, bytes: usize) {
        self.sent_bytes += bytes;
    }

    /// Reads the next page. After an error, the same page is still the next one.
    pub(super) async fn read_page(&mut self) -> Result<Vec<u8>, StoreError> {
        let mut lines = Lines::default();
        match self.next {
            Section::Account => {
                self.add_account(&mut lines).await?;
                self.next = Section::Chatroom(None);
            }
            Section::Chatroom(Some(last)) if self.is_full(&lines) => {
                self.pause(Cursor::end_of(last), &mut lines);
            }
            Section::Chatroom(after) => self.add_chatroom(after, &mut lines).await?,
            Section::Messages(cursor) => self.add_messages(cursor, &mut lines).await?,
            Section::End => {}
        }
        Ok(lines.into_bytes())
    }

    async fn add_account(&self, lines: &mut Lines) -> Result<(), StoreError> {
        let db = self.app.db().await?;
        self.add_user(&db, lines).await?;
        self.add_subscription(&db, lines).await?;
        for session in sessions::list(&db, self.owner, DateTime::<Utc>::UNIX_EPOCH).await? {
            lines.add(
                "session",
                json!({
                    "id": session.id, "address": session.address, "user_agent": session.user_agent,
                    "created_at": session.created_at, "last_seen_at": session.last_seen_at,
                }),
            );
        }
        for day in daily_usage::list_all(&db, self.owner).await? {
            lines.add(
                "usage",
                json!({
                    "day": day.day, "messages": day.messages, "prompt_tokens": day.prompt_tokens,
                    "cached_tokens": day.cached_tokens, "response_tokens": day.response_tokens,
                    "thought_tokens": day.thought_tokens, "cost_micro_usd": day.cost_micro_usd,
                    "unpriced_calls": day.unpriced_calls,
                }),
            );
        }
        Ok(())
    }

    async fn add_user(&self, db: &Client, lines: &mut Lines) -> Result<(), StoreError> {
        let today = quota::day_of(self.app.clock.now());
        let account = users::find_with_usage(db, self.owner, today).await?;
        let stats = users::find_stats(db, self.owner).await?;
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
        Ok(())
    }

    async fn add_subscription(&self, db: &Client, lines: &mut Lines) -> Result<(), StoreError> {
        let Some(billing) = subscriptions::find(db, self.owner).await? else { return Ok(()) };
        let Some(customer) = billing.customer_id else { return Ok(()) };
        let subscription = billing.subscription.as_ref();
        lines.add(
            "subscription",
            json!({
                "stripe_customer_id": customer,
                "stripe_subscription_id": subscription.map(|one| &one.id),
                "status": subscription.map(|one| one.status),
                "begun_at": subscription.map(|one| one.created_at),
                "current_period_end": subscription.and_then(|one| one.period_end),
                "cancel_at_period_end": subscription.is_some_and(|one| one.cancel_at_period_end),
            }),
        );
        Ok(())
    }

    async fn add_chatroom(&mut self, after: Option<ChatroomId>, lines: &mut Lines) -> Result<(), StoreError> {
        let db = self.app.db().await?;
        let next = chatrooms::list_details(&db, self.owner, after, 1).await?.pop();
        let Some(ChatroomDetails { chatroom, system_prompt, model }) = next else {
            self.next = Section::End;
            lines.add("end", json!({}));
            return Ok(());
        };
        self.next = Section::Messages(Cursor { chatroom: chatroom.id, position: 0 });
        lines.add(
            "chatroom",
            json!({
                "id": chatroom.id, "name": chatroom.name, "description": chatroom.description,
                "system_prompt": system_prompt, "model": model, "created_at": chatroom.created_at,
                "message_count": chatroom.message_count, "last_message_at": chatroom.last_message_at,
            }),
        );
        Ok(())
    }

    async fn add_messages(&mut self, after: Cursor, lines: &mut Lines) -> Result<(), StoreError> {
        let db = self.app.db().await?;
        let chatroom = after.chatroom;
        let page = export::list(&db, self.owner, chatroom, after.position, PAGE_SIZE).await?;
        self.next = Section::Chatroom(Some(chatroom));
        for exported in page {
            let ExportedMessage {
                message,
                parent_id,
                on_active_branch,
                prompt_tokens,
                response_tokens,
                feedback,
            } = exported;
            let feedback = feedback.map(|feedback| {
                json!({
                    "rating": feedback.rating, "comment": feedback.comment, "updated_at": feedback.updated_at,
                })
            });
            let cursor = Cursor { chatroom, position: message.position };
            self.next = Section::Messages(cursor);
            lines.add(
                "message",
                json!({
                    "id": message.id, "chatroom_id": chatroom, "message_type": message.message_type,
                    "content": message.content, "processing_status": message.processing_status,
                    "error_code": message.error_code, "attempts": message.attempts,
                    "created_at": message.created_at, "reply_to": message.reply_to,
                    "parent_id": parent_id, "on_active_branch": on_active_branch,
                    "finish_reason": message.finish_reason, "model": message.model,
                    "prompt_tokens": prompt_tokens, "response_tokens": response_tokens,
                    "feedback": feedback,
                }),
            );
            if self.is_full(lines) {
                self.pause(cursor, lines);
                break;
            }
        }
        Ok(())
    }

    /// Whether the response has reached its maximum size or time.
    fn is_full(&self, lines: &Lines) -> bool {
        self.sent_bytes + lines.len() > MAX_BYTES || self.started.elapsed() > MAX_TIME
    }

    /// Ends this response with the cursor for the next request.
    fn pause(&mut self, last: Cursor, lines: &mut Lines) {
        lines.add("continue", json!({ "cursor": last.to_string() }));
        self.next = Section::End;
    }

    /// Ends this response with an error, and returns its last line.
    pub(super) fn fail(&mut self, cause: &StoreError) -> Vec<u8> {
        error!(error = chain(cause), user.id = %self.owner, "account export failed");
        let cursor = match self.next {
            Section::Chatroom(Some(chatroom)) => Some(Cursor::end_of(chatroom)),
            Section::Messages(cursor) => Some(cursor),
            Section::Account | Section::Chatroom(None) | Section::End => None,
        };
        self.next = Section::End;
        let mut lines = Lines::default();
        lines.add(
            "error",
            json!({
                "message": "the export failed; request the rest with the cursor",
                "cursor": cursor.map(|cursor| cursor.to_string()),
            }),
        );
        lines.into_bytes()
    }
}
