//! Reads the body of a successful `streamGenerateContent`.

use std::pin::pin;
use std::time::Duration;

use domain::message::FinishReason;
use reqwest::Response;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::answer::Answer;
use super::assembly::Assembly;
use super::error::GenerateError;
use super::error_body::classify;
use super::events::{EventDecoder, Remainder};
use super::lenient::{count, elements, single};
use super::observer::Observer;
use super::sanitise::sanitise;

/// The most that is read of one stream, in bytes. Every chunk repeats the token counts, so the
/// longest answer takes a few MiB.
pub(super) const MAX_STREAM: usize = 16 * 1024 * 1024;

/// The status of an error in a stream that names none.
const UNKNOWN_STATUS: u16 = 500;

/// How long a stream may take.
pub(super) struct Limits {
    /// When the first piece must have arrived.
    pub(super) first_chunk_by: Instant,
    /// The longest wait for each further piece.
    pub(super) stall_timeout: Duration,
    /// When the answer ends, even if the model has not finished.
    pub(super) ends: Instant,
}

/// Reads a stream to its end, within `limits`, or until `observer` stops it. `model` is the default
/// when the response does not name its model.
pub(super) async fn read(
    mut response: Response,
    limits: Limits,
    model: &str,
    observer: &Observer<'_>,
) -> Result<Answer, GenerateError> {
    let mut reader = StreamReader::new(model, observer);
    let mut stopped = pin!(observer.stopped());
    let mut due = limits.first_chunk_by;
    loop {
        let piece = tokio::select! {
            () = &mut stopped => return reader.stop(),
            piece = timeout_at(due.min(limits.ends), response.chunk()) => piece,
        };
        match piece {
            Ok(piece) => match piece.map_err(GenerateError::from_transport)? {
                Some(piece) => reader.push(&piece)?,
                None => return reader.finish(),
            },
            Err(_) if Instant::now() >= limits.ends => return reader.cut_off(),
            Err(_) if reader.bytes == 0 => return Err(GenerateError::Timeout),
            Err(_) => return Err(GenerateError::Stalled),
        }
        due = Instant::now() + limits.stall_timeout;
    }
}

/// Turns the bytes of one stream into an answer.
struct StreamReader<'a> {
    model: &'a str,
    observer: &'a Observer<'a>,
    decoder: EventDecoder,
    assembly: Assembly,
    bytes: usize,
}

impl<'a> StreamReader<'a> {
    fn new(model: &'a str, observer: &'a Observer<'a>) -> Self {
        let (decoder, assembly) = (EventDecoder::default(), Assembly::default());
        Self { model, observer, decoder, assembly, bytes: 0 }
    }

    /// Reads the next bytes, which can end anywhere.
    fn push(&mut self, piece: &[u8]) -> Result<(), GenerateError> {
        self.bytes += piece.len();
        if self.bytes > MAX_STREAM {
            return Err(GenerateError::InvalidResponse { problem: "larger than an answer can be" });
        }
        self.decoder.push(piece).iter().try_for_each(|data| add(&mut self.assembly, data, self.model))?;
        self.observer.receive(self.assembly.take_text());
        Ok(())
    }

    /// Ends the answer with the text that has arrived, because the caller stopped it.
    fn stop(self) -> Result<Answer, GenerateError> {
        let usage = self.assembly.usage();
        let answer = self.assembly.finish(self.model).map_err(|_| GenerateError::Stopped { usage })?;
        Ok(Answer { finish_reason: FinishReason::Cancelled, ..answer })
    }

    /// Ends the answer with the text that has arrived, because its time is over.
    fn cut_off(self) -> Result<Answer, GenerateError> {
        let answer = self.assembly.finish(self.model).map_err(|_| GenerateError::Timeout)?;
        Ok(Answer { finish_reason: FinishReason::MaxTime, ..answer })
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
            self.observer.receive(self.assembly.take_text());
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
    use std::sync::Mutex;

    use domain::message::ErrorCode;
    use rand::rngs::StdRng;
    use rand::{RngExt as _, SeedableRng as _};
    use serde_json::json;
    use tokio::sync::watch;

    use super::super::answer::TokenUsage;
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
        read_and_observe(pieces).1
    }

    /// The text that the observer received, and the result.
    fn read_and_observe<'a>(
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> (String, Result<Answer, GenerateError>) {
        let received = Mutex::new(String::new());
        let on_text = |text: &str| received.lock().unwrap().push_str(text);
        let observer = Observer::new(&on_text, watch::channel(false).1);
        let mut reader = StreamReader::new("m", &observer);
        let pushed = pieces.into_iter().try_for_each(|piece| reader.push(piece));
        let result = pushed.and_then(|()| reader.finish());
        (received.into_inner().unwrap(), result)
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

    /// Pieces of text that a sanitiser could treat differently at their edges.
    const TEXTS: [&str; 12] = [
        "",
        " ",
        "\n\n",
        "a",
        "é",
        "e\u{301}",
        "👩\u{200d}💻",
        "\u{200b}",
        "\u{feff}",
        "\0",
        "\u{fffd}",
        "data: \"x\"\r\n",
    ];

    /// A body of up to eight chunks of such texts, some of them thoughts, some with lone surrogates.
    fn random_body(random: &mut StdRng) -> String {
        let mut body = String::new();
        for _ in 0..random.random_range(1..8) {
            let texts = (0..random.random_range(0..4)).map(|_| TEXTS[random.random_range(0..TEXTS.len())]);
            let text = texts.collect::<String>();
            let part = json!({ "text": text, "thought": random.random_bool(0.2) });
            let mut chunk = json!({ "candidates": [{ "content": { "parts": [part] } }] }).to_string();
            if random.random_bool(0.3) {
                chunk = chunk.replace('é', r"\ud83d");
            }
            body = body + "data: " + &chunk + "\n\n";
        }
        body + "data: {\"candidates\":[{\"finishReason\":\"STOP\"}]}\n\n"
    }

    #[test]
    fn observed_text_is_the_text_of_the_answer_however_the_body_is_cut() {
        let mut random = StdRng::seed_from_u64(2026);
        for _ in 0..2_000 {
            let body = random_body(&mut random);
            let mut cuts: Vec<usize> = (0..6).map(|_| random.random_range(0..=body.len())).collect();
            cuts.sort_unstable();
            let ends = cuts.iter().copied().chain([body.len()]);
            let starts = std::iter::once(0).chain(cuts.iter().copied());
            let pieces = starts.zip(ends).map(|(start, end)| &body.as_bytes()[start..end]);
            let (text, result) = read_and_observe(pieces);
            assert_eq!(text, result.map_or_else(|_| String::new(), |answer| answer.text), "{body}");
        }
    }

    #[test]
    fn withheld_text_is_not_observed() {
        let chunk = |text: &str, reason: &str| {
            format!(
                "data: {{\"candidates\":[{{\"content\":{{\"parts\":[{{\"text\":\"{text}\"}}]}}{reason}}}]}}\n\n"
            )
        };
        let body = chunk("a", "") + &chunk("b", r#","finishReason":"PROHIBITED_CONTENT""#);
        let (text, result) = read_and_observe(body.split_inclusive("\n\n").map(str::as_bytes));
        assert_eq!(text, "a");
        assert!(matches!(result, Err(GenerateError::BlockedAnswer { .. })), "{result:?}");
    }

    #[test]
    fn stopped_answer_keeps_its_text_and_tokens() {
        let (on_text, stopped) = (|_: &str| {}, watch::channel(true).1);
        let observer = Observer::new(&on_text, stopped);
        let events: Vec<&str> = BODY.split_inclusive("\r\n\r\n").collect();
        for (count, text) in [(2, "Grüße 😀 "), (4, "Grüße 😀 咖啡.")] {
            let mut reader = StreamReader::new("m", &observer);
            reader.push(events[..count].concat().as_bytes()).unwrap();
            let answer = reader.stop().unwrap();
            assert_eq!((answer.text.as_str(), answer.finish_reason), (text, FinishReason::Cancelled));
            assert_eq!(answer.usage.prompt_tokens, 7);
        }
        let mut reader = StreamReader::new("m", &observer);
        reader.push(events[0].as_bytes()).unwrap();
        let usage = TokenUsage { prompt_tokens: 7, ..TokenUsage::default() };
        assert_eq!(reader.stop(), Err(GenerateError::Stopped { usage }));
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
