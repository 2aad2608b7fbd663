//! Reads the stream of an answer to its end.

use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use super::api::Api;
use super::failure::Failure;

/// The pause before the stream is opened again after it was cut, or after it asked for that.
const PAUSE: Duration = Duration::from_millis(500);

/// A reader of one answer.
#[derive(Debug)]
pub(super) struct StreamReader<'a> {
    api: &'a Api,
    path: String,
    /// The text since the last `restart`.
    text: String,
    last_event_id: Option<String>,
    state: String,
}

impl<'a> StreamReader<'a> {
    /// Reads the answer to `message`.
    pub(super) fn new(api: &'a Api, message: &str) -> Self {
        let state = "the stream could not be opened".to_owned();
        let path = format!("/api/stream/{message}");
        Self { api, path, text: String::new(), last_event_id: None, state }
    }

    /// The last state that the stream has shown, in words.
    pub(super) fn state(&self) -> &str {
        &self.state
    }

    /// Reads until the message is answered, and returns the text of the answer.
    pub(super) async fn run(&mut self) -> Result<String, Failure> {
        loop {
            if let Some(done) = self.read_connection().await? {
                return self.finish(&done);
            }
            sleep(PAUSE).await;
        }
    }

    /// Reads until `done` or the end of the connection.
    async fn read_connection(&mut self) -> Result<Option<Value>, Failure> {
        let mut response = self.api.open(&self.path, self.last_event_id.as_deref()).await?;
        if response.status() != 200 {
            return Err(Failure::Unexpected(format!("{} in place of a stream", response.status())));
        }
        "the stream is open, and no event has arrived".clone_into(&mut self.state);
        let mut buffer = Vec::new();
        // A cut connection ends the stream, which is then resumed.
        while let Ok(Some(chunk)) = response.chunk().await {
            buffer.extend_from_slice(&chunk);
            while let Some(length) = buffer.windows(2).position(|bytes| bytes == b"\n\n") {
                let block: Vec<u8> = buffer.drain(..length + 2).collect();
                if let Some(done) = self.apply_event(&String::from_utf8_lossy(&block))? {
                    return Ok(Some(done));
                }
            }
        }
        Ok(None)
    }

    /// Applies one event. Returns the data of `done`.
    fn apply_event(&mut self, block: &str) -> Result<Option<Value>, Failure> {
        let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let data: Value = field("data:").and_then(|data| serde_json::from_str(data).ok()).unwrap_or_default();
        if let Some(id) = field("id:") {
            self.last_event_id = Some(id.to_owned());
        }
        match field("event:") {
            Some("status") => self.state = waiting(&data),
            Some("delta") => {
                self.text.push_str(data["text"].as_str().unwrap_or_default());
                "the text had begun".clone_into(&mut self.state);
            }
            Some("restart") => {
                self.text.clear();
                "another attempt had begun".clone_into(&mut self.state);
            }
            Some("done") => return Ok(Some(data)),
            Some("error") => {
                let code = data["code"].as_str().unwrap_or("no code");
                return Err(Failure::Unexpected(format!("the stream ended with the error {code}")));
            }
            Some("replaced") => {
                return Err(Failure::Unexpected("another stream has ended this one".to_owned()));
            }
            _ => {}
        }
        Ok(None)
    }

    fn finish(&mut self, done: &Value) -> Result<String, Failure> {
        let status = done["message"]["processing_status"].as_str().unwrap_or("nothing");
        if status != "completed" {
            let error_code = done["message"]["error_code"].as_str().map(str::to_owned);
            return Err(Failure::NotAnswered { status: status.to_owned(), error_code });
        }
        let text = std::mem::take(&mut self.text);
        let problem = match done["reply"]["content"].as_str() {
            _ if text.trim().is_empty() => "the streamed answer is empty",
            Some(reply) if reply == text => return Ok(text),
            _ => "the streamed text is not that of the answer",
        };
        Err(Failure::Unexpected(problem.to_owned()))
    }
}

/// The state of a message that is not final, and what it waits for.
fn waiting(data: &Value) -> String {
    let status = data["processing_status"].as_str().unwrap_or("unknown");
    let state = format!("the last state was {status}");
    match (status, data["waiting_for"].as_str()) {
        (_, Some(reason)) => format!("{state}, waiting for {reason}"),
        ("pending", None) => format!("{state}: no worker has taken the message"),
        (_, None) => state,
    }
}
