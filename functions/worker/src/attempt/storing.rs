//! Stores the answer of an attempt, and counts the tokens of calls without one.

use std::time::Duration;

use app::metrics::MetricEvent;
use app::telemetry::chain;
use chrono::{DateTime, Utc};
use clients::gemini::{Answer, TokenUsage};
use clients::redis::live_text::Ending;
use clients::table::jobs::JobRecord;
use domain::MessageId;
use domain::message::ProcessingStatus;
use services::spending::tokens;
use store::generations::processing::{self, NewReply};
use store::{StoreError, with_timeout};
use tokio::time::sleep;
use tracing::{info, warn};

use super::Attempt;
use crate::outcome::{DEFERRED_MARGIN, DeliveryError, Outcome, STATEMENT_TIMEOUT};

/// The waits before the retries of storing an answer.
const STORE_PAUSES: [Duration; 3] =
    [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(2)];

impl Attempt<'_> {
    /// Counts the tokens and the cost of calls whose answer is not stored, which Google bills all the
    /// same, in place of what is reserved. `reply` is an answer that lost its lease.
    pub(super) async fn count_tokens(&self, usage: TokenUsage, reply: Option<MessageId>) {
        let spending = self.spending.get();
        if usage == TokenUsage::default() && !spending.is_reserved() {
            return;
        }
        let counted = with_timeout(STATEMENT_TIMEOUT, async {
            let (db, tokens) = (self.app.db().await?, tokens(usage, self.cost.get()));
            processing::count_tokens(&db, self.lease, self.user_id, spending.day(), tokens, reply).await
        });
        if let Err(error) = counted.await {
            warn!(error = chain(&error), message.id = %self.question_id, "the tokens of a call are not counted");
        }
    }

    /// Stores the answer. While Postgres is unavailable it retries, as long as there is time,
    /// because the answer has already been paid for.
    pub(super) async fn complete(&self, answer: &Answer) -> Result<Outcome, DeliveryError> {
        let id = MessageId::new(self.app.clock.now());
        let mut pauses = STORE_PAUSES.into_iter();
        let stored = loop {
            match self.store(id, answer).await {
                Err(error) if error.is_unavailable() => match pauses.next() {
                    Some(pause)
                        if self.app.clock.now() + pause + STATEMENT_TIMEOUT + DEFERRED_MARGIN
                            < self.deadline =>
                    {
                        sleep(pause).await;
                    }
                    _ => break Err(error),
                },
                result => break result,
            }
        };
        let (message_id, attempt) = (self.question_id, self.number);
        match stored {
            Ok(Some(status)) => {
                let (prompt_tokens, response_tokens) =
                    (answer.usage.prompt_tokens, answer.usage.response_tokens);
                let status_name = status.as_str();
                info!(
                    message.id = %message_id, attempt, status = status_name, model = answer.model, prompt_tokens,
                    response_tokens, "answered"
                );
                self.measure();
                self.live.finish(Ending::End(status), self.deferred).await;
                self.deferred
                    .record(JobRecord { model: Some(answer.model.clone()), ..self.record(status, attempt) });
                self.deferred.invalidate_chatroom_list(self.user_id);
            }
            // The user cancelled the message, another worker has its lease, or an earlier write took
            // effect and only its result was lost.
            Ok(None) => {
                warn!(message.id = %message_id, attempt, "the lease was lost, or the answer is stored already");
                self.count_tokens(answer.usage, Some(id)).await;
                self.deferred.invalidate_chatroom_list(self.user_id);
            }
            Err(error)
                if error.violates("messages_generation_id_key")
                    || error.violates("messages_reply_to_key") =>
            {
                warn!(message.id = %message_id, attempt, "the message already has an answer; this one is discarded");
            }
            Err(error) => return Err(error.into()),
        }
        Ok(Outcome::Delete)
    }

    /// Measures the stored answer.
    fn measure(&self) {
        let since_acceptance = |then: DateTime<Utc>| (then - self.accepted_at).to_std().unwrap_or_default();
        let now = self.app.clock.now();
        let first_text = self.live.first_text_at().map(|at| now - at.elapsed());
        self.app.metrics.emit(&MetricEvent::MessageAnswered {
            message: self.question_id,
            queue_wait: self.is_first.then(|| since_acceptance(self.started_at)),
            first_text: first_text.map(since_acceptance),
            answer_time: since_acceptance(now),
        });
    }

    async fn store(&self, id: MessageId, answer: &Answer) -> Result<Option<ProcessingStatus>, StoreError> {
        let now = self.app.clock.now();
        let reply = NewReply {
            id,
            content: &answer.text,
            model: &answer.model,
            finish_reason: answer.finish_reason,
            tokens: tokens(answer.usage, self.cost.get()),
            day: self.spending.get().day(),
            created_at: now,
            first_words: self.first_words.as_deref(),
        };
        with_timeout(STATEMENT_TIMEOUT, async {
            processing::complete(&self.app.db().await?, self.lease, reply).await
        })
        .await
    }
}
