//! Every metric: its name, unit and dimensions. `docs/RUNBOOK.md` lists them, and tests compare the
//! alarms of `template.yaml` with this list.
//!
//! AWS charges for each series, which is a metric with one value of each of its dimensions. So there
//! are few of both, and no dimension is a user's data or without a bound.

use domain::message::ErrorCode;

use super::event::{QuotaReason, WebhookOutcome};

/// The unit of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// A duration.
    Milliseconds,
}

/// What a metric is split by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// Why a message failed.
    ErrorCode,
    /// Whether a failure is the service's or Google's, or was caused by what the user sent.
    Cause,
    /// A model of the configuration.
    Model,
    /// Which limit of the day refused a message.
    Reason,
    /// The result of a webhook.
    Outcome,
}

/// The values of [`Dimension::Cause`].
pub(super) const CAUSED_BY_SERVICE: &str = "service";
pub(super) const CAUSED_BY_USER: &str = "user";

/// The most models that a configuration is expected to have.
const MODELS: usize = 10;

impl Dimension {
    /// Its name in CloudWatch.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ErrorCode => "ErrorCode",
            Self::Cause => "Cause",
            Self::Model => "Model",
            Self::Reason => "Reason",
            Self::Outcome => "Outcome",
        }
    }

    /// Its values. `None`: the models of the configuration, and `other`.
    #[must_use]
    pub fn values(self) -> Option<Vec<&'static str>> {
        match self {
            Self::ErrorCode => Some(ErrorCode::ALL.iter().map(|code| code.as_str()).collect()),
            Self::Cause => Some(vec![CAUSED_BY_SERVICE, CAUSED_BY_USER]),
            Self::Model => None,
            Self::Reason => Some(QuotaReason::ALL.map(QuotaReason::name).into()),
            Self::Outcome => Some(WebhookOutcome::ALL.map(WebhookOutcome::name).into()),
        }
    }
}

/// A metric.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name in CloudWatch.
    pub name: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// What it is split by. `None`: also, or only, the total.
    pub by: &'static [Option<Dimension>],
}

impl Metric {
    /// The number of series that it can have.
    #[must_use]
    pub fn series(&self) -> usize {
        let values = |dimension: Dimension| dimension.values().map_or(MODELS + 1, |values| values.len());
        self.by.iter().map(|dimension| dimension.map_or(1, values)).sum()
    }
}

/// The most series of all metrics together.
pub const MAX_SERIES: usize = 80;

const TOTAL: &[Option<Dimension>] = &[None];
const BY_MODEL: &[Option<Dimension>] = &[None, Some(Dimension::Model)];

/// Declares a constant for each metric, and [`METRICS`], the list of them all.
macro_rules! metrics {
    ($($(#[$doc:meta])+ $constant:ident = $name:literal, $unit:ident, $by:expr;)*) => {
        $(
            $(#[$doc])+
            pub(super) const $constant: &Metric = &Metric { name: $name, unit: Unit::$unit, by: $by };
        )*

        /// Every metric.
        pub const METRICS: &[&Metric] = &[$($constant),*];
    };
}

metrics! {
    /// Requested answers that were stored: by a new message, an edited one or a regeneration.
    MESSAGES_ACCEPTED = "MessagesAccepted", Count, TOTAL;
    /// Stored answers, complete or not.
    MESSAGES_ANSWERED = "MessagesAnswered", Count, TOTAL;
    /// Messages that failed for good.
    MESSAGES_FAILED = "MessagesFailed", Count, &[Some(Dimension::Cause), Some(Dimension::ErrorCode)];
    /// From the acceptance of a message to its first attempt.
    QUEUE_WAIT = "QueueWait", Milliseconds, TOTAL;
    /// From the acceptance of a message to the first text of its answer.
    FIRST_TEXT = "FirstText", Milliseconds, TOTAL;
    /// From the acceptance of a message to its stored answer.
    ANSWER_TIME = "AnswerTime", Milliseconds, TOTAL;
    /// Tokens of prompts.
    PROMPT_TOKENS = "PromptTokens", Count, BY_MODEL;
    /// Tokens of answers, thoughts included.
    RESPONSE_TOKENS = "ResponseTokens", Count, BY_MODEL;
    /// The cost of calls by the configured prices, in millionths of a US dollar.
    COST = "CostMicroUsd", Count, BY_MODEL;
    /// Messages and calls that a limit of the day refused.
    QUOTA_REFUSALS = "QuotaRefusals", Count, &[Some(Dimension::Reason)];
    /// Requests over a rate limit.
    RATE_LIMIT_REFUSALS = "RateLimitRefusals", Count, TOTAL;
    /// Calls to Gemini that the open circuit breaker postponed.
    BREAKER_REFUSALS = "BreakerRefusals", Count, TOTAL;
    /// Calls that another model answered than the one asked for, or whose model no longer exists.
    MODEL_CHANGES = "ModelChanges", Count, TOTAL;
    /// Jobs that could not be queued; the sweeper sends them again.
    ENQUEUE_FAILURES = "EnqueueFailures", Count, TOTAL;
    /// Events of Stripe.
    WEBHOOK_EVENTS = "WebhookEvents", Count, &[Some(Dimension::Outcome)];
    /// One-time codes that were sent.
    CODES_SENT = "CodesSent", Count, TOTAL;
    /// One-time codes that were used.
    CODES_VERIFIED = "CodesVerified", Count, TOTAL;
    /// Logins with a wrong number or password.
    LOGINS_REFUSED = "LoginsRefused", Count, TOTAL;
    /// Streams that began at the beginning.
    STREAMS_OPENED = "StreamsOpened", Count, TOTAL;
    /// Streams that continued after a lost connection.
    STREAMS_RESUMED = "StreamsResumed", Count, TOTAL;
    /// Streams that ended because the same person opened too many.
    STREAMS_REPLACED = "StreamsReplaced", Count, TOTAL;
}
