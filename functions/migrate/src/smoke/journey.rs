//! The steps of a user: from the sign-up to the deletion of the account.

use std::time::Duration;

use app::telemetry::chain;
use app::{Clock, Config};
use clients::redis::Redis;
use clients::redis::one_time_codes::{ANY_NETWORK, StoreCodeOutcome};
use domain::otp::Purpose;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};
use tracing::{error, info, warn};

use super::account::{Account, NAME, random_hex};
use super::api::Api;
use super::failure::Failure;
use super::report::{Outcome, Report};
use super::step::Step;
use super::stream::StreamReader;
use super::{Target, abandoned_accounts, health};

/// What the model is asked: a question with a short answer.
const QUESTION: &str = "This is the smoke test of a deployment. Answer with the word pong.";

/// The journey has ended early: the report has the reason.
struct JourneyStopped;

/// One run.
pub(super) struct Journey<'a> {
    config: &'a Config,
    target: &'a Target,
    api: Api,
    account: Account,
    report: Report,
}

impl<'a> Journey<'a> {
    pub(super) fn new(config: &'a Config, target: &'a Target, api: Api) -> Self {
        Self { config, target, api, account: Account::random(config), report: Report::default() }
    }

    /// Runs all steps, and deletes the account however they end.
    pub(super) async fn run(mut self) -> Report {
        let Ok(streams) = self.health().await else { return self.report };
        if self.sign_up().await.is_ok() {
            let _ = self.chat(&streams).await;
            if self.delete_account().await.is_ok() {
                return self.report;
            }
        }
        // Also after a failed sign-up, whose response alone may have been lost.
        abandoned_accounts::delete_account(self.config, &self.account.number).await;
        self.report
    }

    /// Waits until this deployment serves, and returns the API of streams.
    async fn health(&mut self) -> Result<Api, JourneyStopped> {
        let work = health::wait(&self.api, self.target);
        step(&mut self.report, self.config, Step::Health, work).await
    }

    /// Stores a code, which is not sent, and creates the account with it.
    async fn sign_up(&mut self) -> Result<(), JourneyStopped> {
        let code = store_code(self.config, &self.account);
        step(&mut self.report, self.config, Step::StoreCode, code).await?;
        let body = self.account.sign_up();
        let token = self.post(Step::SignUp, "/api/auth/verify-signup-otp", &body, "/token").await?;
        self.api.sign_in(token);
        Ok(())
    }

    /// Sends a message and follows its answer.
    async fn chat(&mut self, streams: &Api) -> Result<(), JourneyStopped> {
        let (room, question) = (json!({ "name": NAME }), json!({ "content": QUESTION }));
        let room = self.post(Step::CreateChatroom, "/api/chatroom", &room, "/chatroom/id").await?;
        let path = format!("/api/chatroom/{room}/message");
        let message = self.post(Step::SendMessage, &path, &question, "/message/id").await?;
        let streams = streams.signed_in_as(&self.api);
        let answer = follow(&streams, &message, self.target.timeouts.answer);
        let text = step(&mut self.report, self.config, Step::Answer, answer).await?;
        let comparison = compare(&self.api, &message, &text);
        step(&mut self.report, self.config, Step::ReadAnswer, comparison).await
    }

    async fn delete_account(&mut self) -> Result<(), JourneyStopped> {
        let body = self.account.deletion();
        let deletion = async { self.api.delete("/api/user/me", &body).await.map(drop) };
        step(&mut self.report, self.config, Step::DeleteAccount, deletion).await
    }

    /// Posts `body` as one step, and returns the text at `pointer` of the response.
    async fn post(
        &mut self,
        name: Step,
        path: &str,
        body: &Value,
        pointer: &str,
    ) -> Result<String, JourneyStopped> {
        let key = random_hex();
        let work = async { text_at(&self.api.post(path, body, &key).await?, pointer) };
        step(&mut self.report, self.config, name, work).await
    }
}

/// Runs one step with its timeout, and adds it to `report`.
async fn step<T>(
    report: &mut Report,
    config: &Config,
    step: Step,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, JourneyStopped> {
    let (start, limit) = (Instant::now(), step.timeout());
    let result = timeout(limit, work).await.unwrap_or(Err(Failure::TimedOut(limit)));
    let (elapsed, name) = (start.elapsed(), step.name());
    let seconds = elapsed.as_secs_f64();
    let failure = match result {
        Ok(value) => {
            info!(step = name, seconds, "passed");
            report.add(step, elapsed, Outcome::Passed);
            return Ok(value);
        }
        Err(failure) => failure,
    };
    let cause = chain(&failure);
    if let Some(reason) = failure.reason_to_skip(config) {
        warn!(step = name, seconds, cause, reason, "skipped");
        report.add(step, elapsed, Outcome::Skipped(format!("{reason} ({cause})")));
    } else {
        error!(step = name, seconds, cause, "failed");
        report.add(step, elapsed, Outcome::Failed(cause));
    }
    Err(JourneyStopped)
}

/// Stores the code of the account's sign-up as `send-signup-otp` does, without sending it. It is
/// charged to no limit, and valid for five minutes.
async fn store_code(config: &Config, account: &Account) -> Result<(), Failure> {
    let redis = Redis::new(config.redis_url.expose_secret())
        .map_err(|_| Failure::Unexpected("REDIS_URL is invalid".to_owned()))?;
    let (hash, now) = (account.code_hash(config), Clock::default().now());
    match redis.store_code(Purpose::SignUp, &account.number, &hash, ANY_NETWORK, &[], now).await? {
        StoreCodeOutcome::Stored => Ok(()),
        StoreCodeOutcome::SentRecently(_) | StoreCodeOutcome::RateLimited(_) => {
            Err(Failure::Unexpected("another smoke test has just used this number".to_owned()))
        }
    }
}

/// The text of the streamed answer.
async fn follow(streams: &Api, message: &str, limit: Duration) -> Result<String, Failure> {
    let mut reader = StreamReader::new(streams, message);
    match timeout(limit, reader.run()).await {
        Ok(text) => text,
        Err(_) => Err(Failure::NoAnswer { limit, state: reader.state().to_owned() }),
    }
}

/// Checks that the stored answer is the streamed one.
async fn compare(api: &Api, message: &str, streamed: &str) -> Result<(), Failure> {
    let status = api.get(&format!("/api/chatroom/message/{message}/status")).await?;
    if text_at(&status, "/message/reply/content")? == streamed {
        return Ok(());
    }
    Err(Failure::Unexpected("the stored answer is not the streamed one".to_owned()))
}

fn text_at(body: &Value, pointer: &str) -> Result<String, Failure> {
    let text = body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    text.ok_or_else(|| Failure::Unexpected(format!("the response has no text at {pointer}")))
}
