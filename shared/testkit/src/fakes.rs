//! Fakes of external services. They record calls, and respond or fail as the test scripts.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use clients::gemini::{Answer, FinishReason, GenerateError, LanguageModel, Prompt, TokenUsage};
use clients::queue::{DeadLetter, DeadLetterQueue, JobQueue, QueueError};
use clients::sms::{SmsError, SmsSender};
use domain::{ChatroomId, MessageId, MobileNumber};
use tokio::sync::watch;
use uuid::Uuid;

/// A queue that records jobs and delivers none.
#[derive(Debug, Default)]
pub struct FakeQueue {
    sent: Mutex<Vec<(ChatroomId, MessageId, i32)>>,
    delays: Mutex<Vec<(String, Duration)>>,
    is_failing: AtomicBool,
}

impl FakeQueue {
    /// The jobs that were sent, in order.
    pub fn sent(&self) -> Vec<(ChatroomId, MessageId)> {
        self.sent.lock().unwrap().iter().map(|(chatroom, message, _)| (*chatroom, *message)).collect()
    }

    /// The resend number of each job that was sent, in order.
    pub fn resends(&self) -> Vec<i32> {
        self.sent.lock().unwrap().iter().map(|(_, _, resend)| *resend).collect()
    }

    /// The visibility changes, in order: receipt handle and delay.
    pub fn delays(&self) -> Vec<(String, Duration)> {
        self.delays.lock().unwrap().clone()
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
    async fn send_message(
        &self,
        chatroom: ChatroomId,
        message: MessageId,
        resend: i32,
    ) -> Result<(), QueueError> {
        self.check()?;
        self.sent.lock().unwrap().push((chatroom, message, resend));
        Ok(())
    }

    async fn change_visibility(&self, receipt_handle: &str, delay: Duration) -> Result<(), QueueError> {
        self.check()?;
        self.delays.lock().unwrap().push((receipt_handle.to_owned(), delay));
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

/// A model that returns the scripted errors and then answers `Echo: ` and the question.
#[derive(Debug, Default)]
pub struct FakeModel {
    script: Mutex<VecDeque<Result<Answer, GenerateError>>>,
    prompts: Mutex<Vec<Prompt>>,
    /// The number of calls so far, for tests that wait for one.
    called: watch::Sender<usize>,
    is_held: watch::Sender<bool>,
}

impl FakeModel {
    /// Keeps calls from returning until [`release`](Self::release).
    pub fn hold(&self) {
        self.is_held.send_replace(true);
    }

    /// Lets held calls return.
    pub fn release(&self) {
        self.is_held.send_replace(false);
    }

    /// Waits until the model was called `count` times.
    pub async fn wait_for_calls(&self, count: usize) {
        self.called.subscribe().wait_for(|called| *called >= count).await.unwrap();
    }

    /// Makes one call fail with `error`, after the errors scripted before.
    pub fn fail_with(&self, error: GenerateError) {
        self.script.lock().unwrap().push_back(Err(error));
    }

    /// The prompts of all calls, in order.
    pub fn prompts(&self) -> Vec<Prompt> {
        self.prompts.lock().unwrap().clone()
    }
}

#[async_trait]
impl LanguageModel for FakeModel {
    async fn generate(&self, prompt: &Prompt) -> Result<Answer, GenerateError> {
        self.prompts.lock().unwrap().push(prompt.clone());
        self.called.send_modify(|called| *called += 1);
        self.is_held.subscribe().wait_for(|is_held| !is_held).await.unwrap();
        let scripted = self.script.lock().unwrap().pop_front();
        scripted.unwrap_or_else(|| {
            let question = prompt.turns.last().map(|turn| turn.text.clone()).unwrap_or_default();
            Ok(Answer {
                text: format!("Echo: {question}"),
                model: prompt.model.clone(),
                finish_reason: FinishReason::Stop,
                usage: TokenUsage { prompt_tokens: 7, response_tokens: 3, ..TokenUsage::default() },
            })
        })
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
