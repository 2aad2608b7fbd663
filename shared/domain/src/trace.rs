//! The trace of a request and of the answer that it asks for, as W3C Trace Context defines it.
//!
//! Source: <https://www.w3.org/TR/trace-context/>.

use std::fmt;
use std::str::FromStr;

/// The version of `traceparent` that this code writes.
const VERSION: &str = "00";
/// The length of `traceparent` in this version. Later versions may append to it.
const LENGTH: usize = 55;
/// The flag of a trace that its caller records.
const SAMPLED: u8 = 1;

/// The position of one operation in a trace. Its text is the value of the header `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
    is_sampled: bool,
}

impl TraceContext {
    /// The first operation of a new trace, with random ids. An id of zero is invalid, so it becomes one.
    #[must_use]
    pub fn root(trace_id: u128, span_id: u64) -> Self {
        Self { trace_id: trace_id.max(1), span_id: span_id.max(1), is_sampled: true }
    }

    /// An operation with this random id that `self` has caused.
    #[must_use]
    pub fn child(self, span_id: u64) -> Self {
        Self { span_id: span_id.max(1), ..self }
    }

    /// The id of the trace: 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id(self) -> String {
        format!("{:032x}", self.trace_id)
    }

    /// The id of the operation: 16 hexadecimal digits.
    #[must_use]
    pub fn span_id(self) -> String {
        format!("{:016x}", self.span_id)
    }

    /// Whether the spans of the trace are exported.
    #[must_use]
    pub fn is_sampled(self) -> bool {
        self.is_sampled
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = u8::from(self.is_sampled) * SAMPLED;
        write!(f, "{VERSION}-{:032x}-{:016x}-{flags:02x}", self.trace_id, self.span_id)
    }
}

/// The text is not a valid `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid traceparent")]
pub struct InvalidTraceParent;

impl FromStr for TraceContext {
    type Err = InvalidTraceParent;

    /// Reads any version, as the specification demands: of a later one the parts that this version has.
    fn from_str(text: &str) -> Result<Self, InvalidTraceParent> {
        let mut parts = text.split('-');
        let mut part =
            |length| parts.next().filter(|part| is_lower_hex(part, length)).ok_or(InvalidTraceParent);
        let (version, trace_id, span_id, flags) = (part(2)?, part(32)?, part(16)?, part(2)?);
        if version == "ff" || (version == VERSION && text.len() != LENGTH) {
            return Err(InvalidTraceParent);
        }
        let trace_id = u128::from_str_radix(trace_id, 16).map_err(|_| InvalidTraceParent)?;
        let span_id = u64::from_str_radix(span_id, 16).map_err(|_| InvalidTraceParent)?;
        let flags = u8::from_str_radix(flags, 16).map_err(|_| InvalidTraceParent)?;
        if trace_id == 0 || span_id == 0 {
            return Err(InvalidTraceParent);
        }
        Ok(Self { trace_id, span_id, is_sampled: flags & SAMPLED != 0 })
    }
}

fn is_lower_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The request that has asked for an answer. It is stored with the generation and sent with its jobs, so
/// that the worker logs and traces its work under the ids of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestOrigin {
    /// The request in its trace.
    pub trace: TraceContext,
    /// The request's id in the logs.
    pub request_id: Option<String>,
}

impl RequestOrigin {
    /// The longest id of a request, in bytes.
    pub const MAX_REQUEST_ID: usize = 128;

    /// Reads what [`TraceContext`] and the logs have written. `None` if there is no valid context.
    #[must_use]
    pub fn parse(trace: Option<&str>, request_id: Option<&str>) -> Option<Self> {
        let request_id = request_id.filter(|id| is_request_id(id)).map(str::to_owned);
        Some(Self { trace: trace?.parse().ok()?, request_id })
    }
}

/// Whether `id` can be logged as the id of a request: letters, digits and `-_.:=+/@`, which neither end a
/// line of a log nor a quoted string, and at most [`RequestOrigin::MAX_REQUEST_ID`] of them.
#[must_use]
pub fn is_request_id(id: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:=+/@".contains(&byte);
    (1..=RequestOrigin::MAX_REQUEST_ID).contains(&id.len()) && id.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0c1902b7-01";

    #[test]
    fn traceparent_survives_a_round_trip() {
        let context: TraceContext = PARENT.parse().unwrap();
        assert_eq!(context.to_string(), PARENT);
        assert_eq!(context.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(context.span_id(), "00f067aa0c1902b7");
        let child = context.child(7);
        assert_eq!((child.trace_id(), child.span_id()), (context.trace_id(), "0000000000000007".to_owned()));
    }

    #[test]
    fn flag_of_the_caller_is_kept_and_unknown_flags_are_not() {
        for (flags, written, is_sampled) in [("00", "00", false), ("01", "01", true), ("03", "01", true)] {
            let context: TraceContext = PARENT.replace("-01", &format!("-{flags}")).parse().unwrap();
            assert_eq!(context.is_sampled(), is_sampled, "{flags}");
            assert!(context.to_string().ends_with(&format!("-{written}")), "{context}");
        }
    }

    #[test]
    fn later_version_is_read_as_this_one() {
        let later = format!("cc{}-what-the-future-adds", &PARENT[2..]);
        assert_eq!(later.parse::<TraceContext>().unwrap().to_string(), PARENT);
    }

    #[test]
    fn invalid_traceparents_are_refused() {
        for text in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0c1902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0c1902b7-01",
            "00-00000000000000000000000000000000-00f067aa0c1902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0c1902b7-01-extra",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0c1902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0c1902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0c1902b7-01",
            " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0c1902b7-01",
        ] {
            assert!(text.parse::<TraceContext>().is_err(), "{text}");
        }
    }

    #[test]
    fn ids_of_zero_are_never_written() {
        assert_eq!(TraceContext::root(0, 0).to_string().parse(), Ok(TraceContext::root(1, 1)));
    }

    #[test]
    fn request_ids_are_bounded_and_cannot_end_a_line() {
        for id in ["a", "JKb2hg9jIAMEVPQ=", "0199c1d2-7f00-7000-8000-000000000001", &"x".repeat(128)] {
            assert!(is_request_id(id), "{id}");
        }
        let long = "x".repeat(129);
        for id in ["", &long, "a b", "a\nb", "a\r\n{}", "a\"b", "a\\b", "a\u{1b}[0m", "<script>", "ä", "{}"]
        {
            assert!(!is_request_id(id), "{id:?}");
        }
    }

    #[test]
    fn origin_keeps_its_trace_without_a_usable_request_id() {
        let origin = RequestOrigin::parse(Some(PARENT), Some("not\nusable")).unwrap();
        assert_eq!((origin.trace.to_string(), origin.request_id), (PARENT.to_owned(), None));
        assert_eq!(RequestOrigin::parse(None, Some("r-1")), None);
        assert_eq!(RequestOrigin::parse(Some("invalid"), Some("r-1")), None);
    }
}
