//! Reads the body of a successful `streamGenerateContent`.

use std::time::Duration;

use reqwest::Response;
use serde_json::Value;
use tokio::time::timeout;

use super::answer::Answer;
use super::assembly::Assembly;
use super::error::GenerateError;
use super::error_body::classify;
use super::events::{EventDecoder, Remainder};
use super::lenient::{count, elements, single};
use super::sanitise::sanitise;

/// The most that is read of one stream, in bytes. Every chunk repeats the token counts, so the
/// longest answer takes a few MiB.
pub(super) const MAX_STREAM: usize = 16 * 1024 * 1024;

/// The status of an error in a stream that names none.
const UNKNOWN_STATUS: u16 = 500;

/// Reads a stream to its end. `stall_timeout` limits the wait for each piece of it. `model` is the
/// default when the response does not name its model.
pub(super) async fn read(
    mut response: Response,
    stall_timeout: Duration,
    model: &str,
) -> Result<Answer, GenerateError> {
    let mut reader = StreamReader::new(model);
    loop {
        let piece = timeout(stall_timeout, response.chunk()).await.map_err(|_| GenerateError::Stalled)?;
        match piece.map_err(GenerateError::from_transport)? {
            Some(piece) => reader.push(&piece)?,
            None => return reader.finish(),
        }
    }
}

/// Turns the bytes of one stream into an answer.
struct StreamReader<'a> {
    model: &'a str,
    decoder: EventDecoder,
    assembly: Assembly,
    bytes: usize,
}

impl<'a> StreamReader<'a> {
    fn new(model: &'a str) -> Self {
        Self { model, decoder: EventDecoder::default(), assembly: Assembly::default(), bytes: 0 }
    }

    /// Reads the next bytes, which can end anywhere.
    fn push(&mut self, piece: &[u8]) -> Result<(), GenerateError> {
        self.bytes += piece.len();
        if self.bytes > MAX_STREAM {
            return Err(GenerateError::InvalidResponse { problem: "larger than an answer can be" });
        }
        self.decoder.push(piece).iter().try_for_each(|data| add(&mut self.assembly, data, self.model))
    }

    /// Ends the stream. Its answer is complete if Gemini said why it stopped, or if the body is one
    /// JSON document, which a proxy may make of a stream.
    fn finish(mut self) -> Result<Answer, GenerateError> {
        let Remainder { data, other } = self.decoder.finish();
        let is_document = self.assembly.is_empty() && data.is_empty();
        for rest in [data, other] {
            if !rest.is_empty() && !self.assembly.is_finished() {
                add(&mut self.assembly, &rest, self.model)?;
            }
        }
        if is_document || self.assembly.is_finished() {
            return self.assembly.finish(self.model);
        }
        Err(GenerateError::InvalidResponse { problem: "it ended before the answer did" })
    }
}

/// Adds the JSON of an event, which may be a list of chunks, or returns the error that it holds.
fn add(assembly: &mut Assembly, data: &[u8], model: &str) -> Result<(), GenerateError> {
    // The parser's message may quote the body, so it is dropped.
    let document: Value = serde_json::from_str(&sanitise(data))
        .map_err(|_| GenerateError::InvalidResponse { problem: "not the JSON of an answer" })?;
    for chunk in elements(&document) {
        if let error @ Value::Object(_) = single(&chunk["error"]) {
            let status = u16::try_from(count(&error["code"])).ok().filter(|status| *status >= 400);
            let status = status.unwrap_or(UNKNOWN_STATUS);
            return Err(classify(status, None, chunk.to_string().as_bytes(), model));
        }
        assembly.push(chunk);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use domain::message::{ErrorCode, FinishReason};

    use super::*;

    /// Two parts with text, thoughts, escapes of a surrogate pair, and a last chunk with a
    /// signature only, as Gemini sends it.
    const BODY: &str = concat!(
        r#"data: {"candidates":[{"content":{"parts":[{"text":"hm","thought":true}]}}],"usageMetadata":{"promptTokenCount":7}}"#,
        "\r\n\r\n",
        r#"data: {"candidates":[{"content":{"parts":[{"text":"Grüße \ud83d\ude00 "}]}}],"usageMetadata":{"candidatesTokenCount":2}}"#,
        "\r\n\r\n",
        r#"data: {"candidates":[{"content":{"parts":[{"text":"咖啡."}]}}],"usageMetadata":{"candidatesTokenCount":5,"thoughtsTokenCount":3}}"#,
        "\r\n\r\n",
        r#"data: {"candidates":[{"content":{"parts":[{"text":"","thoughtSignature":"c2ln"}]},"finishReason":"STOP"}],"modelVersion":"m-1"}"#,
        "\r\n\r\n",
    );

    fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Answer, GenerateError> {
        let mut reader = StreamReader::new("m");
        pieces.into_iter().try_for_each(|piece| reader.push(piece))?;
        reader.finish()
    }

    fn problem(body: &str) -> GenerateError {
        read([body.as_bytes()]).unwrap_err()
    }

    #[test]
    fn answer_is_the_same_in_pieces_of_any_size() {
        for size in 1..BODY.len() {
            let answer = read(BODY.as_bytes().chunks(size)).unwrap();
            assert_eq!((answer.text.as_str(), answer.model.as_str()), ("Grüße 😀 咖啡.", "m-1"), "{size}");
            assert_eq!(answer.finish_reason, FinishReason::Stop);
            let usage = answer.usage;
            assert_eq!((usage.prompt_tokens, usage.response_tokens, usage.thought_tokens), (7, 8, 3));
        }
    }

    #[test]
    fn stream_that_ends_before_the_last_chunk_is_no_answer() {
        let last_chunk_ends = BODY.trim_end().len();
        for end in 0..last_chunk_ends {
            let error = read([&BODY.as_bytes()[..end]]).unwrap_err();
            assert!(error.is_transient(), "after {end} bytes: {error}");
            assert!(matches!(error, GenerateError::InvalidResponse { .. }), "after {end} bytes: {error}");
        }
        for end in last_chunk_ends..=BODY.len() {
            assert!(read([&BODY.as_bytes()[..end]]).is_ok(), "after {end} bytes");
        }
    }

    #[test]
    fn finish_reason_is_the_last_one_and_may_come_without_content() {
        let chunk = |text: &str, reason: &str| {
            format!("data: {{\"candidates\":[{{{text}\"finishReason\":{reason}}}]}}\n\n")
        };
        let text = r#""content":{"parts":[{"text":"a"}]},"#;
        for (body, expected, reason) in [
            ([chunk(text, "\"STOP\""), chunk(text, "\"STOP\"")], "aa", FinishReason::Stop),
            ([chunk(text, "null"), chunk("", "\"STOP\"")], "a", FinishReason::Stop),
            ([chunk(text, "\"STOP\""), chunk(text, "\"MAX_TOKENS\"")], "aa", FinishReason::MaxTokens),
            ([chunk(text, "\"FINISH_REASON_UNSPECIFIED\""), chunk("", "1")], "a", FinishReason::Stop),
        ] {
            let answer = read([body.concat().as_bytes()]).unwrap();
            assert_eq!((answer.text.as_str(), answer.finish_reason), (expected, reason), "{body:?}");
        }
    }

    #[test]
    fn error_in_mid_stream_is_classified_in_any_form() {
        let start = &BODY[..BODY.find("\r\n\r\n").unwrap() + 4];
        let error = r#"{"error":{"code":503,"status":"UNAVAILABLE","message":"overloaded"}}"#;
        for form in
            [format!("data: {error}\n\n"), format!("data: {error}"), error.to_owned(), format!("[{error}]")]
        {
            let overloaded = GenerateError::Overloaded { status: 503, retry_delay: None };
            assert_eq!(problem(&format!("{start}{form}")), overloaded, "{form}");
        }
        let quota = r#"data: {"error":{"code":"429","message":"per minute"}}"#;
        assert_eq!(problem(&format!("{start}{quota}\n\n")).error_code(), ErrorCode::GeminiQuota);
        let nameless = problem(&format!("{start}data: {{\"error\":{{}}}}\n\n"));
        assert_eq!(nameless, GenerateError::Overloaded { status: 500, retry_delay: None });
    }

    #[test]
    fn candidates_are_kept_apart() {
        let body = r#"data: {"candidates":[{"content":{"parts":[{"text":"a"}]}},{"content":{"parts":[{"text":"b"}]}}]}

data: {"candidates":[{"index":1,"content":{"parts":[{"text":"d"}]}},{"index":0,"content":{"parts":[{"text":"c"}]},"finishReason":"STOP"}]}"#;
        assert_eq!(read([body.as_bytes()]).unwrap().text, "ac");
    }

    #[test]
    fn blocked_prompt_needs_no_finish_reason() {
        let error = problem("data: {\"promptFeedback\":{\"blockReason\":\"PROHIBITED_CONTENT\"}}\n\n");
        assert_eq!(error, GenerateError::BlockedPrompt { reason: "PROHIBITED_CONTENT".to_owned() });
    }
}
