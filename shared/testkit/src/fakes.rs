//! Fakes of the vendors' services: they do what the test says and keep what they were asked.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use clients::gemini::{Answer, FinishReason, GenerateError, LanguageModel, Prompt};
use clients::queue::{JobQueue, QueueError};
use domain::{ChatroomId, MessageId};

/// A queue that only keeps what was put on it.
#[derive(Debug, Default)]
pub struct FakeQueue {
    sent: Mutex<Vec<(ChatroomId, MessageId)>>,
    delays: Mutex<Vec<(String, Duration)>>,
    broken: AtomicBool,
}

impl FakeQueue {
    /// What was sent, in order.
    pub fn sent(&self) -> Vec<(ChatroomId, MessageId)> {
        self.sent.lock().unwrap().clone()
    }

    /// What was delayed, in order: receipt handle and delay.
    pub fn delays(&self) -> Vec<(String, Duration)> {
        self.delays.lock().unwrap().clone()
    }

    /// From now on every call fails.
    pub fn break_down(&self) {
        self.broken.store(true, Ordering::SeqCst);
    }

    fn works(&self) -> Result<(), QueueError> {
        if self.broken.load(Ordering::SeqCst) { Err(QueueError::new("fake", "broken")) } else { Ok(()) }
    }
}

#[async_trait]
impl JobQueue for FakeQueue {
    async fn send_message(&self, room: ChatroomId, message: MessageId) -> Result<(), QueueError> {
        self.works()?;
        self.sent.lock().unwrap().push((room, message));
        Ok(())
    }

    async fn delay(&self, receipt_handle: &str, delay: Duration) -> Result<(), QueueError> {
        self.works()?;
        self.delays.lock().unwrap().push((receipt_handle.to_owned(), delay));
        Ok(())
    }

    async fn ping(&self) -> Result<(), QueueError> {
        self.works()
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
