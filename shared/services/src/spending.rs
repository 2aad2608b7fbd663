//! The spending on one call to the model: reserved before it, settled after it. Without a cap nothing
//! is reserved.
//!
//! A generation's reservation is settled by the statement that ends its attempt. Any other call, such as
//! one for a title, goes through [`CallSpending::reserve_optional`] and [`CallSpending::settle`].

use std::time::Duration;

use app::metrics::{MetricEvent, ModelUse, QuotaReason};
use app::telemetry::chain;
use app::{AppState, Models};
use chrono::NaiveDate;
use clients::gemini::{Answer, GenerateError, Prompt, TokenUsage};
use domain::spending::{BilledTokens, CapScope, Cost};
use domain::{UserId, quota};
use store::generations::processing::Tokens;
use store::spending::{self, NewReservation, Reserved};
use store::{StoreError, with_timeout};
use tracing::{error, info, warn};
use uuid::Uuid;

/// Tokens of a turn beyond its text.
const TURN_TOKENS: usize = 4;
/// The time after which a call that has reached its timeout has certainly ended, and the answer is
/// stored.
const MARGIN: Duration = Duration::from_mins(1);
/// The timeout of a statement, connecting included.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(6);
/// The wait when calls under way have reserved too much.
const BUSY_WAIT: Duration = Duration::from_secs(2);

/// The spending on one call, or on calls that follow each other for the same answer.
#[derive(Debug, Clone, Copy)]
pub struct CallSpending {
    id: Uuid,
    user: UserId,
    day: NaiveDate,
    reserved: i64,
}

/// A call is not allowed now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpendingRefusal {
    /// Whose cap it is.
    pub scope: CapScope,
    /// How long to wait: until the next day, or until calls under way have ended.
    pub wait: Duration,
}

impl CallSpending {
    /// The spending of `user` on a call that starts now. `id` identifies it.
    #[must_use]
    pub fn new(app: &AppState, id: Uuid, user: UserId) -> Self {
        Self { id, user, day: quota::day_of(app.clock.now()), reserved: 0 }
    }

    /// The day to which it counts.
    #[must_use]
    pub fn day(&self) -> NaiveDate {
        self.day
    }

    /// Reserves the most that a call with `prompt` can cost, in place of what is reserved already, and
    /// `spent`, the cost of earlier calls for the same answer.
    pub async fn reserve(
        &mut self,
        app: &AppState,
        prompt: &Prompt,
        spent: Cost,
    ) -> Result<Result<(), SpendingRefusal>, StoreError> {
        let (caps, now) = (app.config.daily_limits.spending, app.clock.now());
        if !caps.are_set() {
            return Ok(Ok(()));
        }
        let reservation = self.reservation(app, prompt, spent);
        let NewReservation { user, micro_usd, .. } = reservation;
        let reserved = with_timeout(STATEMENT_TIMEOUT, async {
            spending::reserve(&app.db().await?, reservation, caps).await
        });
        let (scope, wait) = match reserved.await? {
            Reserved::Granted => {
                self.reserved = micro_usd;
                return Ok(Ok(()));
            }
            Reserved::Busy(scope) => (scope, BUSY_WAIT),
            Reserved::CapReached(scope) => {
                report_reached(app, scope, user);
                (scope, (quota::resets_at(now) - now).to_std().unwrap_or_default())
            }
        };
        Ok(Err(SpendingRefusal { scope, wait }))
    }

    /// As [`reserve`](Self::reserve), for a call that no message waits for. A refusal keeps no message
    /// away. Returns whether the call is allowed.
    pub async fn reserve_optional(&mut self, app: &AppState, prompt: &Prompt) -> Result<bool, StoreError> {
        let caps = app.config.daily_limits.spending;
        if !caps.are_set() {
            return Ok(true);
        }
        let reservation = self.reservation(app, prompt, Cost::default());
        let is_granted = with_timeout(STATEMENT_TIMEOUT, async {
            spending::reserve_optional(&mut app.db().await?, reservation, caps).await
        });
        let is_granted = is_granted.await?;
        if is_granted {
            self.reserved = reservation.micro_usd;
        }
        Ok(is_granted)
    }

    fn reservation(&self, app: &AppState, prompt: &Prompt, spent: Cost) -> NewReservation {
        let models = &app.config.gemini.models;
        let most = models.most_expensive_call(&prompt.model, most_tokens(prompt), prompt.output_limit());
        let Self { id, user, day, .. } = *self;
        NewReservation {
            id,
            user,
            day,
            micro_usd: most.unwrap_or_default() + spent.micro_usd,
            expires_at: app.clock.now() + app.config.gemini.timeout + MARGIN,
        }
    }

    /// The cost of a call to the model `asked` that ended with `result` and, with earlier ones for the
    /// same answer, used `usage`. A call that ended without token counts, and that Google may bill,
    /// costs what is reserved.
    #[must_use]
    pub fn cost(
        &self,
        models: &Models,
        asked: &str,
        result: &Result<Answer, GenerateError>,
        usage: TokenUsage,
    ) -> Cost {
        let answered = result.as_ref().map_or(asked, |answer| answer.model.as_str());
        let cost = models.cost(asked, answered, billed(usage));
        if cost.is_unpriced && models.highest_price().is_some() {
            warn!(
                event = "unpriced_model",
                asked, answered, "the model has no price; it counts as the most expensive"
            );
        }
        match result {
            Err(error) if error.may_be_billed() => {
                Cost { micro_usd: cost.micro_usd.max(self.reserved), ..cost }
            }
            _ => cost,
        }
    }

    /// Whether an amount is reserved that must be settled or released.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        self.reserved > 0
    }

    /// Counts the tokens and the cost of a call that belongs to no generation, in place of what is
    /// reserved.
    pub async fn settle(self, app: &AppState, usage: TokenUsage, cost: Cost) -> Result<(), StoreError> {
        with_timeout(STATEMENT_TIMEOUT, async {
            let db = app.db().await?;
            spending::settle(&db, self.id, self.user, self.day, tokens(usage, cost)).await
        })
        .await
    }

    /// Releases what is reserved, because no call was made.
    pub async fn release(self, app: &AppState) {
        if !self.is_reserved() {
            return;
        }
        if let Err(error) = self.settle(app, TokenUsage::default(), Cost::default()).await {
            warn!(error = chain(&error), user.id = %self.user, "a reservation is not released; it will be charged");
        }
    }
}

/// Logs and counts that a cap is reached.
pub fn report_reached(app: &AppState, scope: CapScope, user: UserId) {
    let reason = match scope {
        CapScope::Service => {
            error!("the service has reached its spending cap of the day");
            QuotaReason::ServiceSpendCap
        }
        CapScope::User => {
            info!(user.id = %user, "a user has reached the spending cap of the day");
            QuotaReason::UserSpendCap
        }
    };
    app.metrics.emit(&MetricEvent::QuotaRefused(reason));
}

/// Counts the tokens and the cost of calls to `model`, one of the configuration.
pub fn count_use(app: &AppState, model: &str, usage: TokenUsage, cost: Cost) {
    let model = app.config.gemini.models.find(model).map_or("other", |model| &model.id);
    app.metrics.emit(&MetricEvent::ModelCalled(ModelUse {
        model,
        prompt_tokens: usage.prompt_tokens,
        response_tokens: usage.response_tokens,
        cost_micro_usd: cost.micro_usd,
    }));
}

/// The tokens and the cost in the form in which they are stored.
#[must_use]
pub fn tokens(usage: TokenUsage, cost: Cost) -> Tokens {
    let TokenUsage { prompt_tokens, response_tokens, thought_tokens, cached_tokens } = usage;
    Tokens {
        prompt: prompt_tokens,
        cached: cached_tokens,
        response: response_tokens,
        thoughts: thought_tokens,
        cost,
    }
}

fn billed(usage: TokenUsage) -> BilledTokens {
    BilledTokens { prompt: usage.prompt_tokens, cached: usage.cached_tokens, output: usage.response_tokens }
}

/// The most tokens that Google can count for `prompt`: no token is shorter than a byte.
fn most_tokens(prompt: &Prompt) -> usize {
    let texts =
        prompt.turns.iter().map(|turn| turn.text.as_str()).chain(prompt.system_instruction.as_deref());
    texts.map(|text| text.len() + TURN_TOKENS).sum()
}
