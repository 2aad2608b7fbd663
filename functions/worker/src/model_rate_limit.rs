//! Taking turns at Gemini: by the log that all workers share in Redis; without Redis, by this process's own.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use app::AppState;
use app::telemetry::chain;
use clients::gemini::{Answer, GenerateError};
use clients::redis::model_rate_limit::{Ask, Settlement};
use domain::model_quota::{Admission, CallLog};
use tracing::warn;
use uuid::Uuid;

/// The calls of this process, by model. Kept while Redis is there too, so that they count once it is gone.
static LOGS: LazyLock<Mutex<HashMap<String, CallLog>>> = LazyLock::new(Mutex::default);

fn logs() -> MutexGuard<'static, HashMap<String, CallLog>> {
    LOGS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the call `ask` may be made.
pub(crate) async fn admit(app: &AppState, ask: Ask<'_>) -> Admission {
    let (settings, now) = (&app.config.gemini, app.clock.now());
    let admission = match app.redis.admit(ask, settings.quota).await {
        Ok(admission) => admission,
        Err(error) => {
            warn!(error = chain(&error), model = ask.model, "Gemini's quota is shared out without Redis");
            let workers = app.config.worker.concurrency;
            logs().entry(ask.model.to_owned()).or_default().admit(now, ask.tokens, settings.quota, workers)
        }
    };
    if admission == Admission::Go {
        logs().entry(ask.model.to_owned()).or_default().record(now, ask.tokens);
    }
    admission
}

/// Tells the other workers how a call ended.
pub(crate) async fn settle(app: &AppState, model: &str, call: Uuid, result: &Result<Answer, GenerateError>) {
    let settled = app.redis.settle(model, call, settlement(result), app.config.gemini.breaker).await;
    if let Err(error) = settled {
        warn!(error = chain(&error), model, "how a call ended is not shared");
    }
}

fn settlement(result: &Result<Answer, GenerateError>) -> Settlement {
    match result {
        Ok(answer) => {
            let prompt_tokens = u32::try_from(answer.prompt_tokens).ok().filter(|tokens| *tokens > 0);
            Settlement::Well { prompt_tokens }
        }
        Err(
            GenerateError::Overloaded { .. }
            | GenerateError::Timeout
            | GenerateError::Unreachable { .. }
            | GenerateError::Cut { .. }
            | GenerateError::Garbage { .. },
        ) => Settlement::Overloaded,
        Err(GenerateError::MinuteQuota { retry_delay, .. }) => {
            Settlement::QuotaExceeded { retry_delay: *retry_delay }
        }
        Err(GenerateError::DailyQuota { .. } | GenerateError::ModelAbsent { .. }) => Settlement::Exhausted,
        Err(
            GenerateError::BlockedPrompt { .. }
            | GenerateError::BlockedAnswer { .. }
            | GenerateError::InvalidRequest { .. }
            | GenerateError::KeyRefused { .. }
            | GenerateError::TokensUsedUp,
        ) => Settlement::Well { prompt_tokens: None },
    }
}
