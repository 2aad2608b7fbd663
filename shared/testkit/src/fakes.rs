//! Fakes of external services. They record calls, and respond or fail as the test scripts.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use clients::gemini::{Answer, FinishReason, GenerateError, LanguageModel, Observer, Prompt, TokenUsage};
use clients::queue::{DeadLetter, DeadLetterQueue, JobQueue, QueueError};
use clients::sms::{SmsError, SmsSender};
use clients::table::TableError;
use clients::table::switches::SwitchStore;
use domain::switches::{Feature, PausedFeatures};
use domain::{ChatroomId, GenerationId, MobileNumber, RequestOrigin};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

/// A queue that records jobs and delivers none.
#[derive(Debug, Default)]
pub struct FakeQueue {
    sent: Mutex<Vec<(ChatroomId, GenerationId, i32)>>,
    origins: Mutex<Vec<Option<RequestOrigin>>>,
    delays: Mutex<Vec<(String, Duration)>>,
    extensions: Mutex<Vec<(String, Duration)>>,
    deleted: Mutex<Vec<String>>,
    is_failing: AtomicBool,
}

impl FakeQueue {
    /// The jobs that were sent, in order.
    pub fn sent(&self) -> Vec<(ChatroomId, GenerationId)> {
        self.sent.lock().unwrap().iter().map(|(chatroom, generation, _)| (*chatroom, *generation)).collect()
    }

    /// The resend number of each job that was sent, in order.
    pub fn resends(&self) -> Vec<i32> {
        self.sent.lock().unwrap().iter().map(|(_, _, resend)| *resend).collect()
    }

    /// The request of each job that was sent, in order.
    pub fn origins(&self) -> Vec<Option<RequestOrigin>> {
        self.origins.lock().unwrap().clone()
    }

    /// The visibility changes, in order: receipt handle and delay.
    pub fn delays(&self) -> Vec<(String, Duration)> {
        self.delays.lock().unwrap().clone()
    }

    /// The visibility timeouts that a batch set while it was processed, in order.
    pub fn extensions(&self) -> Vec<(String, Duration)> {
        self.extensions.lock().unwrap().clone()
    }

    /// The receipt handles of the messages that were deleted while their batch went on, in order.
    pub fn deleted(&self) -> Vec<String> {
        self.deleted.lock().unwrap().clone()
    }

    /// Makes every call fail.
    pub fn fail_requests(&self) {
        self.is_failing.store(true, Ordering::SeqCst);
    }

    /// Makes calls succeed again.
    pub fn recover(&self) {
        self.is_failing.store(false, Ordering::SeqCst);
    }

    fn check(&self) -> Result<(), QueueError> {
        if self.is_failing.load(Ordering::SeqCst) { Err(QueueError::new("fake", "broken")) } else { Ok(()) }
    }
}

#[async_trait]
impl JobQueue for FakeQueue {
    async fn send_job(
        &self,
        chatroom: ChatroomId,
        generation: GenerationId,
        resend: i32,
        origin: Option<&RequestOrigin>,
    ) -> Result<(), QueueError> {
        self.check()?;
        self.origins.lock().unwrap().push(origin.cloned());
        self.sent.lock().unwrap().push((chatroom, generation, resend));
        Ok(())
    }

    async fn change_visibility(&self, receipt_handle: &str, delay: Duration) -> Result<(), QueueError> {
        self.check()?;
        self.delays.lock().unwrap().push((receipt_handle.to_owned(), delay));
        Ok(())
    }

    async fn change_visibility_of(
        &self,
        receipt_handles: &[String],
        timeout: Duration,
    ) -> Result<(), QueueError> {
        self.check()?;
        let extended = receipt_handles.iter().map(|handle| (handle.clone(), timeout));
        self.extensions.lock().unwrap().extend(extended);
        Ok(())
    }

    async fn delete_job(&self, receipt_handle: &str) -> Result<(), QueueError> {
        self.check()?;
        self.deleted.lock().unwrap().push(receipt_handle.to_owned());
        Ok(())
    }

    async fn ping(&self) -> Result<(), QueueError> {
        self.check()
    }
}

/// A dead-letter queue. Received letters stay invisible until the test ends.
#[derive(Debug, Default)]
pub struct FakeDeadLetters {
    waiting: Mutex<Vec<DeadLetter>>,
    in_flight: Mutex<Vec<DeadLetter>>,
}

impl FakeDeadLetters {
    /// Adds a letter with this body.
    pub fn add(&self, body: &str) {
        let id = format!("letter {}", Uuid::new_v4());
        let letter = DeadLetter { receipt_handle: format!("receipt of {id}"), id, body: body.to_owned() };
        self.waiting.lock().unwrap().push(letter);
    }

    /// The number of letters that were not deleted.
    pub fn remaining(&self) -> usize {
        self.waiting.lock().unwrap().len() + self.in_flight.lock().unwrap().len()
    }
}

#[async_trait]
impl DeadLetterQueue for FakeDeadLetters {
    async fn receive(&self) -> Result<Vec<DeadLetter>, QueueError> {
        let received = std::mem::take(&mut *self.waiting.lock().unwrap());
        self.in_flight.lock().unwrap().extend(received.iter().cloned());
        Ok(received)
    }

    async fn delete(&self, receipt_handle: &str) -> Result<(), QueueError> {
        self.in_flight.lock().unwrap().retain(|letter| letter.receipt_handle != receipt_handle);
        Ok(())
    }
}

/// A model that returns what is scripted and then answers `Echo: ` and the question, in two halves.
#[derive(Debug, Default)]
pub struct FakeModel {
    /// The text of each call, and the error after it if there is one.
    script: Mutex<VecDeque<(String, Option<GenerateError>)>>,
    prompts: Mutex<Vec<Prompt>>,
    /// The number of calls so far, for tests that wait for one.
    called: watch::Sender<usize>,
    held_at: watch::Sender<Option<Moment>>,
}

/// A moment of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    BeforeText,
    InMidText,
}

impl FakeModel {
    /// Keeps calls from sending text until [`release`](Self::release).
    pub fn hold(&self) {
        self.held_at.send_replace(Some(Moment::BeforeText));
    }

    /// Keeps calls from sending the second half of their text until [`release`](Self::release).
    pub fn hold_in_mid_text(&self) {
        self.held_at.send_replace(Some(Moment::InMidText));
    }

    /// Lets held calls go on.
    pub fn release(&self) {
        self.held_at.send_replace(None);
    }

    /// Waits until the model was called `count` times.
    pub async fn wait_for_calls(&self, count: usize) {
        self.called.subscribe().wait_for(|called| *called >= count).await.unwrap();
    }

    /// Makes one call answer `text`, after what is scripted before.
    pub fn answer_with(&self, text: &str) {
        self.script.lock().unwrap().push_back((text.to_owned(), None));
    }

    /// Makes one call fail with `error`, after what is scripted before.
    pub fn fail_with(&self, error: GenerateError) {
        self.fail_after("", error);
    }

    /// As [`fail_with`](Self::fail_with), after the call has sent `text`.
    pub fn fail_after(&self, text: &str, error: GenerateError) {
        self.script.lock().unwrap().push_back((text.to_owned(), Some(error)));
    }

    /// The prompts of all calls, in order.
    pub fn prompts(&self) -> Vec<Prompt> {
        self.prompts.lock().unwrap().clone()
    }

    /// Waits while calls are held at `moment`. Returns false if the observer stops the call.
    async fn pass(
        &self,
        moment: Moment,
        ends: Instant,
        observer: &Observer<'_>,
    ) -> Result<bool, GenerateError> {
        let mut held_at = self.held_at.subscribe();
        tokio::select! {
            () = observer.stopped() => Ok(false),
            released = timeout_at(ends, held_at.wait_for(|held_at| *held_at != Some(moment))) => {
                released.map(|_| true).map_err(|_| GenerateError::Timeout)
            }
        }
    }
}

#[async_trait]
impl LanguageModel for FakeModel {
    async fn generate(
        &self,
        prompt: &Prompt,
        time_limit: Duration,
        observer: &Observer<'_>,
    ) -> Result<Answer, GenerateError> {
        let ends = Instant::now() + time_limit;
        self.prompts.lock().unwrap().push(prompt.clone());
        self.called.send_modify(|called| *called += 1);
        if !self.pass(Moment::BeforeText, ends, observer).await? {
            return Err(GenerateError::Stopped { usage: TokenUsage::default() });
        }
        let question = prompt.turns.last().map(|turn| turn.text.as_str()).unwrap_or_default();
        let (mut text, error) = match self.script.lock().unwrap().pop_front() {
            Some(scripted) => scripted,
            None => (format!("Echo: {question}"), None),
        };
        let middle = text.floor_char_boundary(text.len() / 2);
        observer.receive(&text[..middle]);
        let mut finish_reason = FinishReason::Stop;
        if self.pass(Moment::InMidText, ends, observer).await? {
            observer.receive(&text[middle..]);
            if let Some(error) = error {
                return Err(error);
            }
        } else {
            text.truncate(middle);
            finish_reason = FinishReason::Cancelled;
        }
        let usage = TokenUsage { prompt_tokens: 7, response_tokens: 3, ..TokenUsage::default() };
        Ok(Answer { text, model: prompt.model.clone(), finish_reason, usage })
    }

    async fn ping(&self, _: &str) -> Result<(), GenerateError> {
        Ok(())
    }
}

/// An SMS sender that records messages.
#[derive(Debug, Default)]
pub struct FakeSms {
    sent: Mutex<Vec<(MobileNumber, String)>>,
    is_failing: AtomicBool,
}

impl FakeSms {
    /// The texts sent to `number`, in order.
    pub fn texts_to(&self, number: &MobileNumber) -> Vec<String> {
        let sent = self.sent.lock().unwrap();
        sent.iter().filter(|(to, _)| to == number).map(|(_, text)| text.clone()).collect()
    }

    /// Makes every call fail.
    pub fn fail_requests(&self) {
        self.is_failing.store(true, Ordering::SeqCst);
    }

    /// Makes calls succeed again.
    pub fn recover(&self) {
        self.is_failing.store(false, Ordering::SeqCst);
    }
}

#[async_trait]
impl SmsSender for FakeSms {
    async fn send(&self, number: &MobileNumber, text: &str) -> Result<(), SmsError> {
        if self.is_failing.load(Ordering::SeqCst) {
            return Err(SmsError::new("broken"));
        }
        self.sent.lock().unwrap().push((number.clone(), text.to_owned()));
        Ok(())
    }
}

/// A store of kill switches that the test sets.
#[derive(Debug, Default)]
pub struct FakeSwitches {
    paused: Mutex<PausedFeatures>,
    is_silent: AtomicBool,
}

impl FakeSwitches {
    /// Pauses or resumes `feature`. A process learns of it within 30 seconds.
    pub fn set(&self, feature: &Feature, is_paused: bool) {
        self.paused.lock().unwrap().set(feature, is_paused);
    }

    /// Makes the store answer no more.
    pub fn silence(&self) {
        self.is_silent.store(true, Ordering::SeqCst);
    }
}

#[async_trait]
impl SwitchStore for FakeSwitches {
    async fn find_paused(&self) -> Result<PausedFeatures, TableError> {
        if self.is_silent.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        Ok(self.paused.lock().unwrap().clone())
    }
}
