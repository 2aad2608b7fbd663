//! What each event measures.

use std::time::Duration;

use domain::MessageId;
use domain::message::ErrorCode;

use super::catalog::{
    ANSWER_TIME, BREAKER_REFUSALS, CAUSED_BY_SERVICE, CAUSED_BY_USER, CODES_SENT, CODES_VERIFIED, COST,
    Dimension, ENQUEUE_FAILURES, FIRST_TEXT, LOGINS_REFUSED, MESSAGES_ACCEPTED, MESSAGES_ANSWERED,
    MESSAGES_FAILED, MODEL_CHANGES, Metric, PROMPT_TOKENS, QUEUE_WAIT, QUOTA_REFUSALS, RATE_LIMIT_REFUSALS,
    RESPONSE_TOKENS, STREAMS_OPENED, STREAMS_REPLACED, STREAMS_RESUMED, WEBHOOK_EVENTS,
};

/// Something to count or to measure. Code that causes it emits it once.
#[derive(Debug, Clone, Copy)]
pub enum MetricEvent<'a> {
    /// A request for an answer was stored.
    MessageAccepted {
        /// The question.
        message: MessageId,
    },
    /// An answer was stored.
    MessageAnswered {
        /// The question.
        message: MessageId,
        /// From its acceptance to the first attempt, if this was the first.
        queue_wait: Option<Duration>,
        /// From its acceptance to the first text.
        first_text: Option<Duration>,
        /// From its acceptance to the stored answer.
        answer_time: Duration,
    },
    /// A message failed for good.
    MessageFailed {
        /// The question.
        message: MessageId,
        /// Why.
        code: ErrorCode,
    },
    /// A model was called for an answer or a title.
    ModelCalled(ModelUse<'a>),
    /// A limit of the day refused a message or a call.
    QuotaRefused(QuotaReason),
    /// A request was over a rate limit.
    RateLimited,
    /// The open circuit breaker postponed a call.
    BreakerRefused,
    /// Another model answered than the one asked for, or the model no longer exists.
    ModelChanged,
    /// A job could not be queued.
    EnqueueFailed,
    /// An event of Stripe arrived.
    WebhookReceived(WebhookOutcome),
    /// A one-time code was sent.
    CodeSent,
    /// A one-time code was used.
    CodeVerified,
    /// A login was refused.
    LoginRefused,
    /// A stream began at the beginning.
    StreamOpened,
    /// A stream continued after a lost connection.
    StreamResumed,
    /// A stream ended because the same person opened too many.
    StreamReplaced,
}

/// The tokens and the cost of calls to a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelUse<'a> {
    /// A model of the configuration.
    pub model: &'a str,
    /// Tokens of the prompts.
    pub prompt_tokens: i32,
    /// Tokens of the answers.
    pub response_tokens: i32,
    /// In millionths of a US dollar.
    pub cost_micro_usd: i64,
}

/// Which limit of the day refused a message or a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotaReason {
    /// The messages of a plan.
    DailyMessages,
    /// The spending cap of a user.
    UserSpendCap,
    /// The spending cap of the service.
    ServiceSpendCap,
}

impl QuotaReason {
    pub(super) const ALL: [Self; 3] = [Self::DailyMessages, Self::UserSpendCap, Self::ServiceSpendCap];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::DailyMessages => "daily_messages",
            Self::UserSpendCap => "user_spend_cap",
            Self::ServiceSpendCap => "service_spend_cap",
        }
    }
}

/// The result of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookOutcome {
    /// It was processed, is of no interest, or was processed before.
    Accepted,
    /// Its signature is invalid, or its body is no event.
    Refused,
    /// It could not be processed. Stripe sends it again.
    Failed,
}

impl WebhookOutcome {
    pub(super) const ALL: [Self; 3] = [Self::Accepted, Self::Refused, Self::Failed];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// The metrics of an event with their values.
pub(super) type Values = Vec<(&'static Metric, f64)>;
/// The values of the dimensions of an event. Every metric of the event has them.
pub(super) type DimensionValues<'a> = Vec<(Dimension, &'a str)>;

impl<'a> MetricEvent<'a> {
    pub(super) fn values(&self) -> Values {
        match *self {
            Self::MessageAccepted { .. } => once(MESSAGES_ACCEPTED),
            Self::MessageAnswered { queue_wait, first_text, answer_time, .. } => {
                let times =
                    [(QUEUE_WAIT, queue_wait), (FIRST_TEXT, first_text), (ANSWER_TIME, Some(answer_time))];
                let times =
                    times.into_iter().filter_map(|(metric, time)| Some((metric, milliseconds(time?))));
                once(MESSAGES_ANSWERED).into_iter().chain(times).collect()
            }
            Self::MessageFailed { .. } => once(MESSAGES_FAILED),
            Self::ModelCalled(ModelUse { prompt_tokens, response_tokens, cost_micro_usd, .. }) => vec![
                (PROMPT_TOKENS, f64::from(prompt_tokens)),
                (RESPONSE_TOKENS, f64::from(response_tokens)),
                (COST, micro_usd(cost_micro_usd)),
            ],
            Self::QuotaRefused(_) => once(QUOTA_REFUSALS),
            Self::RateLimited => once(RATE_LIMIT_REFUSALS),
            Self::BreakerRefused => once(BREAKER_REFUSALS),
            Self::ModelChanged => once(MODEL_CHANGES),
            Self::EnqueueFailed => once(ENQUEUE_FAILURES),
            Self::WebhookReceived(_) => once(WEBHOOK_EVENTS),
            Self::CodeSent => once(CODES_SENT),
            Self::CodeVerified => once(CODES_VERIFIED),
            Self::LoginRefused => once(LOGINS_REFUSED),
            Self::StreamOpened => once(STREAMS_OPENED),
            Self::StreamResumed => once(STREAMS_RESUMED),
            Self::StreamReplaced => once(STREAMS_REPLACED),
        }
    }

    pub(super) fn dimensions(&self) -> DimensionValues<'a> {
        match *self {
            Self::MessageFailed { code, .. } => {
                let cause = if code.is_caused_by_user() { CAUSED_BY_USER } else { CAUSED_BY_SERVICE };
                vec![(Dimension::Cause, cause), (Dimension::ErrorCode, code.as_str())]
            }
            Self::ModelCalled(called) => vec![(Dimension::Model, called.model)],
            Self::QuotaRefused(reason) => vec![(Dimension::Reason, reason.name())],
            Self::WebhookReceived(outcome) => vec![(Dimension::Outcome, outcome.name())],
            _ => Vec::new(),
        }
    }

    /// The message that the event is about, which is no dimension: it is in the line for who reads
    /// the log.
    pub(super) fn message(&self) -> Option<MessageId> {
        match *self {
            Self::MessageAccepted { message }
            | Self::MessageAnswered { message, .. }
            | Self::MessageFailed { message, .. } => Some(message),
            _ => None,
        }
    }
}

fn once(metric: &'static Metric) -> Values {
    vec![(metric, 1.0)]
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000.0).round()
}

/// Exact up to nine billion dollars.
#[expect(clippy::cast_precision_loss, reason = "no call costs more than 2^53 millionths of a dollar")]
fn micro_usd(amount: i64) -> f64 {
    amount as f64
}
