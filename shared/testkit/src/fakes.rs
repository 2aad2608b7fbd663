//! Fakes of the vendors' services: they do what the test says and keep what they were asked.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use clients::gemini::{Answer, FinishReason, GenerateError, LanguageModel, Prompt};
use clients::queue::{DeadLetter, DeadLetterQueue, JobQueue, QueueError};
use clients::sms::{SmsError, SmsSender};
use domain::{ChatroomId, MessageId, MobileNumber};
use uuid::Uuid;

/// A queue that only keeps what was put on it.
#[derive(Debug, Default)]
pub struct FakeQueue {
    sent: Mutex<Vec<(ChatroomId, MessageId, i32)>>,
    delays: Mutex<Vec<(String, Duration)>>,
    broken: AtomicBool,
}

impl FakeQueue {
    /// What was sent, in order.
    pub fn sent(&self) -> Vec<(ChatroomId, MessageId)> {
        self.sent.lock().unwrap().iter().map(|(room, message, _)| (*room, *message)).collect()
    }

    /// The number of the re-send of each that was sent, in order.
    pub fn resends(&self) -> Vec<i32> {
        self.sent.lock().unwrap().iter().map(|(_, _, resend)| *resend).collect()
    }

    /// What was delayed, in order: receipt handle and delay.
    pub fn delays(&self) -> Vec<(String, Duration)> {
        self.delays.lock().unwrap().clone()
    }

    /// From now on every call fails.
    pub fn break_down(&self) {
        self.broken.store(true, Ordering::SeqCst);
    }

    /// From now on calls go through again.
    pub fn repair(&self) {
        self.broken.store(false, Ordering::SeqCst);
    }

    fn works(&self) -> Result<(), QueueError> {
        if self.broken.load(Ordering::SeqCst) { Err(QueueError::new("fake", "broken")) } else { Ok(()) }
    }
}

#[async_trait]
impl JobQueue for FakeQueue {
    async fn send_message(
        &self,
        room: ChatroomId,
        message: MessageId,
        resend: i32,
    ) -> Result<(), QueueError> {
        self.works()?;
        self.sent.lock().unwrap().push((room, message, resend));
        Ok(())
    }

    async fn change_visibility(&self, receipt_handle: &str, delay: Duration) -> Result<(), QueueError> {
        self.works()?;
        self.delays.lock().unwrap().push((receipt_handle.to_owned(), delay));
        Ok(())
    }

    async fn ping(&self) -> Result<(), QueueError> {
        self.works()
    }
}

/// A dead-letter queue with what the test put in. What is received is in flight until the test ends.
#[derive(Debug, Default)]
pub struct FakeDeadLetters {
    waiting: Mutex<Vec<DeadLetter>>,
    in_flight: Mutex<Vec<DeadLetter>>,
}

impl FakeDeadLetters {
    /// Puts a job in.
    pub fn put(&self, body: &str) {
        let id = format!("letter {}", Uuid::new_v4());
        let letter = DeadLetter { receipt_handle: format!("receipt of {id}"), id, body: body.to_owned() };
        self.waiting.lock().unwrap().push(letter);
    }

    /// How many were not deleted.
    pub fn left(&self) -> usize {
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

/// A model that answers what the test put in, and after that `Echo: ` and the question.
#[derive(Debug, Default)]
pub struct FakeModel {
    script: Mutex<VecDeque<Result<Answer, GenerateError>>>,
    asked: Mutex<Vec<Prompt>>,
}

impl FakeModel {
    /// Fails the next call that has nothing else to answer with `error`.
    pub fn fail_with(&self, error: GenerateError) {
        self.script.lock().unwrap().push_back(Err(error));
    }

    /// The prompts so far, in order.
    pub fn asked(&self) -> Vec<Prompt> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl LanguageModel for FakeModel {
    async fn generate(&self, prompt: &Prompt) -> Result<Answer, GenerateError> {
        self.asked.lock().unwrap().push(prompt.clone());
        let scripted = self.script.lock().unwrap().pop_front();
        scripted.unwrap_or_else(|| {
            let question = prompt.turns.last().map(|turn| turn.text.clone()).unwrap_or_default();
            Ok(Answer {
                text: format!("Echo: {question}"),
                model: prompt.model.clone(),
                finish_reason: FinishReason::Stop,
                prompt_tokens: 7,
                response_tokens: 3,
            })
        })
    }

    async fn ping(&self, _: &str) -> Result<(), GenerateError> {
        Ok(())
    }
}

/// Telephones that receive everything.
#[derive(Debug, Default)]
pub struct FakeSms {
    sent: Mutex<Vec<(MobileNumber, String)>>,
    broken: AtomicBool,
}

impl FakeSms {
    /// What was sent to `number`, in order.
    pub fn to(&self, number: &MobileNumber) -> Vec<String> {
        let sent = self.sent.lock().unwrap();
        sent.iter().filter(|(to, _)| to == number).map(|(_, text)| text.clone()).collect()
    }

    /// Whether every call fails from now on.
    pub fn set_broken(&self, broken: bool) {
        self.broken.store(broken, Ordering::SeqCst);
    }
}

#[async_trait]
impl SmsSender for FakeSms {
    async fn send(&self, number: &MobileNumber, text: &str) -> Result<(), SmsError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(SmsError::new("broken"));
        }
        self.sent.lock().unwrap().push((number.clone(), text.to_owned()));
        Ok(())
    }
}
