//! One attempt at one message: ask Gemini, then store the answer, or put the message off, or give it up.

use std::time::Duration;

use app::telemetry::chain;
use app::{App, rng};
use chrono::{DateTime, Utc};
use clients::gemini::{Answer, GenerateError};
use domain::message::ErrorCode;
use domain::{MessageId, UserId, backoff, quota};
use rand::RngExt;
use store::messages::answering::{self, Lease, NewReply, Work};
use store::{StoreError, within};
use tokio::time::sleep;
use tracing::{info, warn};

use crate::answer::{Fault, Outcome, STATEMENT_TIMEOUT};
use crate::prompt::prompt;

/// How long to wait before each further try to store an answer that is there.
const STORE_PAUSES: [Duration; 3] =
    [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(2)];

/// A message whose lease is ours.
pub(crate) struct Attempt<'a> {
    app: &'a App,
    lease: Lease,
    user_id: UserId,
    /// The number of this attempt, from 1.
    number: i32,
    /// When the function is ended.
    deadline: DateTime<Utc>,
}

impl<'a> Attempt<'a> {
    pub(crate) fn new(app: &'a App, lease: Lease, work: &Work, deadline: DateTime<Utc>) -> Self {
        Self { app, lease, user_id: work.user_id, number: work.attempt, deadline }
    }

    /// Makes the attempt.
    pub(crate) async fn run(&self, work: Work) -> Result<Outcome, Fault> {
        let (message_id, attempt) = (self.lease.message_id, self.number);
        let max_attempts = self.app.config.worker.max_attempts;
        if attempt > max_attempts {
            warn!(message.id = %message_id, attempt, "every attempt before broke off");
            return self.give_up(ErrorCode::Internal).await;
        }
        let model = self.app.model()?;
        let prompt = prompt(&self.app.config.gemini, work);
        info!(message.id = %message_id, attempt, model = prompt.model, turns = prompt.turns.len(), "asking");
        match model.generate(&prompt).await {
            Ok(answer) => self.finish(&answer).await,
            Err(error) if error.is_passing() && attempt < max_attempts => self.put_off(&error).await,
            Err(error) => {
                warn!(error = chain(&error), message.id = %message_id, attempt, "given up");
                self.give_up(error.error_code()).await
            }
        }
    }

    /// Stores the answer. It was paid for, so a database that does not answer is asked again, while there is time,
    /// before it is thrown away.
    async fn finish(&self, answer: &Answer) -> Result<Outcome, Fault> {
        let id = MessageId::new(self.app.clock.now());
        let mut pauses = STORE_PAUSES.into_iter();
        let stored = loop {
            match self.store(id, answer).await {
                Err(error) if error.is_unavailable() => match pauses.next() {
                    Some(pause) if self.app.clock.now() + pause + STATEMENT_TIMEOUT < self.deadline => {
                        sleep(pause).await;
                    }
                    _ => break Err(error),
                },
                outcome => break outcome,
            }
        };
        let (message_id, attempt) = (self.lease.message_id, self.number);
        match stored {
            Ok(true) => {
                let (prompt_tokens, response_tokens) = (answer.prompt_tokens, answer.response_tokens);
                info!(message.id = %message_id, attempt, model = answer.model, prompt_tokens, response_tokens, "answered");
            }
            // Also what a second try finds when the first was stored and only word of it was lost.
            Ok(false) => warn!(message.id = %message_id, attempt, "overtaken, or stored already"),
            Err(error) if error.is_conflict_on("messages_reply_to_key") => {
                warn!(message.id = %message_id, attempt, "answered already; the answer is thrown away");
            }
            Err(error) => return Err(error.into()),
        }
        self.app.drop_chatroom_list(self.user_id).await;
        Ok(Outcome::Done)
    }

    async fn store(&self, id: MessageId, answer: &Answer) -> Result<bool, StoreError> {
        let now = self.app.clock.now();
        let reply = NewReply {
            id,
            content: &answer.text,
            model: &answer.model,
            prompt_tokens: answer.prompt_tokens,
            response_tokens: answer.response_tokens,
            day: quota::day_of(now),
            created_at: now,
        };
        within(STATEMENT_TIMEOUT, async {
            answering::complete(&self.app.db().await?, self.lease, reply).await
        })
        .await
    }

    /// Puts the message back for a further attempt after a wait that doubles each time, or as long as Gemini asked for.
    async fn put_off(&self, error: &GenerateError) -> Result<Outcome, Fault> {
        let jitter = rng().random_range(0.0..1.0);
        let base = self.app.config.worker.retry_base_delay;
        let delay = backoff::delay(self.number, base, jitter, error.retry_delay());
        within(STATEMENT_TIMEOUT, async {
            let now = self.app.clock.now();
            answering::release(&self.app.db().await?, self.lease, now + delay, now).await
        })
        .await?;
        let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        let attempt = self.number;
        warn!(error = chain(error), message.id = %self.lease.message_id, attempt, delay_ms, "put off: backing off");
        Ok(Outcome::Later(Some(delay)))
    }

    async fn give_up(&self, code: ErrorCode) -> Result<Outcome, Fault> {
        let failed = within(STATEMENT_TIMEOUT, async {
            answering::fail(&self.app.db().await?, self.lease, code, self.app.clock.now()).await
        });
        if failed.await? {
            let error_code = code.as_str();
            warn!(message.id = %self.lease.message_id, error_code, "failed; the unit of quota is given back");
        }
        Ok(Outcome::Done)
    }
}
