//! The monthly workload that the cost model assumes. The service has no users yet, so every number
//! here is an assumption.

use anyhow::Result;

use super::figures::{Figures, RequestFigures};
use super::markdown::{self, quantity};
use super::prices::LAMBDA_MB_PER_GB;

/// AWS counts a month as 730 hours.
pub(super) const HOURS_PER_MONTH: f64 = 730.0;
pub(super) const SECONDS_PER_MONTH: f64 = HOURS_PER_MONTH * 3_600.0;

/// Logs and storage are billed per GB, data transfer per GiB.
pub(super) const GB: f64 = 1e9;
const GIB: f64 = 1_073_741_824.0;

/// HTTP requests per message sent, by their names in `figures.json`.
const REQUESTS: [(&str, f64); 7] = [
    ("POST message with Idempotency-Key", 1.0),
    ("GET /api/chatroom/{id}", 0.5),
    ("GET /api/chatroom", 0.3),
    ("GET /api/user/me", 0.2),
    ("POST /api/chatroom", CHATROOMS),
    // A user who sends 50 messages a week logs in once, because an access token lives for seven
    // days.
    (LOGIN, 0.02),
    // 10,000 users with 100 messages each, a tenth of them on Pro, four events per renewal.
    (WEBHOOK, 0.004),
];
/// Chatrooms per message sent, all without a name: each gets a title.
pub(super) const CHATROOMS: f64 = 0.05;
pub(super) const LOGIN: &str = "POST /api/auth/login";
pub(super) const WEBHOOK: &str = "POST /api/webhook/stripe";

/// The sweeper runs every minute.
pub(super) const SWEEPS_PER_MONTH: f64 = HOURS_PER_MONTH * 60.0;

/// Duration of a call to Gemini.
const GEMINI_SECONDS: f64 = 2.0;
/// Chunks a second in which Gemini writes an answer. Each is one `delta` of a stream.
const CHUNKS_PER_SECOND: f64 = 5.0;
/// Redis commands of a stream at its start, for its place and its first read, and for each delta:
/// `cargo dev bench stream` counts them.
const COMMANDS_PER_STREAM: f64 = 6.0;
const COMMANDS_PER_DELTA: f64 = 1.0;
/// Bytes that the event of a delta adds to its text.
const DELTA_OVERHEAD_BYTES: f64 = 45.0;
/// Time from enqueueing a message until the worker receives it.
const QUEUE_SECONDS: f64 = 0.1;
/// Tokens of a prompt, including the history, and of an answer.
pub(super) const PROMPT_TOKENS: f64 = 1_500.0;
pub(super) const ANSWER_TOKENS: f64 = 400.0;
/// Tokens of the prompt of a title, which has the beginning of the question and of the answer, and of
/// the title.
pub(super) const TITLE_PROMPT_TOKENS: f64 = 500.0;
pub(super) const TITLE_TOKENS: f64 = 15.0;
/// Bytes of one token in a request to Gemini.
const TOKEN_BYTES: f64 = 4.0;
/// Bytes of a message and its answer in Postgres: about 2 KB of text, the rest rows and indexes.
pub(super) const STORED_BYTES: f64 = 3_000.0;
/// Share of invocations that are cold starts. AWS: "typically under 1%"
/// (<https://aws.amazon.com/blogs/compute/aws-lambda-standardizes-billing-for-init-phase>).
pub(super) const COLD_START_RATE: f64 = 0.01;
/// The busiest second divided by the average second.
pub(super) const PEAK_FACTOR: f64 = 10.0;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Workload {
    /// Per month.
    pub(super) messages: f64,
    /// HTTP requests and their number per message.
    pub(super) requests: &'static [(&'static str, f64)],
    /// Status requests per message that wait for the answer, and that return at once.
    pub(super) long_polls: f64,
    pub(super) polls: f64,
    /// Streams per message, from its acceptance to the end of its answer.
    pub(super) streams: f64,
    /// Messages per invocation of the worker, each from another chatroom.
    pub(super) batch_size: u32,
}

/// One million messages a month.
pub(super) const STANDARD: Workload =
    Workload { messages: 1e6, requests: &REQUESTS, long_polls: 1.0, polls: 0.0, streams: 0.0, batch_size: 1 };

/// The same with live answers: clients read a stream instead of a long poll.
pub(super) const STREAMED: Workload = Workload { long_polls: 0.0, streams: 1.0, ..STANDARD };

/// The same service without users.
pub(super) const IDLE: Workload = Workload { messages: 0.0, ..STANDARD };

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trigger {
    Http,
    LongPoll,
    Stream,
    Queue,
    Schedule,
}

/// The invocations of one kind in a month.
#[derive(Debug, Clone)]
pub(super) struct Invocations<'a> {
    pub(super) trigger: Trigger,
    name: &'static str,
    pub(super) figures: &'a RequestFigures,
    pub(super) count: f64,
    wait: Wait,
}

impl Workload {
    /// All of a month.
    pub(super) fn invocations<'a>(&self, figures: &'a Figures) -> Result<Vec<Invocations<'a>>> {
        const STATUS: &str = "GET message status";
        let worker = if self.batch_size == 1 { "worker, 1 message" } else { "worker, 10 messages" };
        let gemini = Wait { seconds: GEMINI_SECONDS, ..Wait::default() };
        let answered_after = QUEUE_SECONDS + GEMINI_SECONDS + figures.get(worker)?.billed_ms / 1e3;
        let http = self.requests.iter().copied().chain([(STATUS, self.polls)]);
        let http = http.map(|(name, rate)| (Trigger::Http, name, self.messages * rate, Wait::default()));
        let others = [
            (Trigger::LongPoll, STATUS, self.messages * self.long_polls, Wait::until(answered_after)),
            (Trigger::Stream, STATUS, self.messages * self.streams, Wait::streaming(answered_after)),
            (Trigger::Queue, worker, self.batches(), gemini),
            (Trigger::Schedule, "sweep", SWEEPS_PER_MONTH, Wait::default()),
        ];
        let invocations = http.chain(others).map(|(trigger, name, count, wait)| {
            Ok(Invocations { trigger, name, figures: figures.get(name)?, count, wait })
        });
        invocations.collect()
    }

    pub(super) fn batches(&self) -> f64 {
        self.messages / f64::from(self.batch_size)
    }

    /// GiB sent to the internet: responses and prompts.
    pub(super) fn gib_out(&self, invocations: &[Invocations]) -> f64 {
        let responses = http_total(invocations, |figures| figures.response_bytes);
        let deltas = total(invocations, |one| one.wait.response_bytes);
        (responses + deltas + self.messages * PROMPT_TOKENS * TOKEN_BYTES) / GIB
    }

    /// The workload and its measured figures in Markdown.
    pub(super) fn table(&self, figures: &Figures) -> Result<String> {
        const HEADINGS: &str = "request|per month|billed ms|memory MB|CPU ms|SQL statements|Redis commands|log bytes|response bytes";
        let invocations = self.invocations(figures)?;
        let statements = |one: &Invocations| one.figures.sql_statements + one.wait.sql_statements;
        let row = |one: &Invocations| {
            let figures = one.figures;
            let kind = match one.trigger {
                Trigger::LongPoll => ", long poll",
                Trigger::Stream => ", as a stream",
                _ => "",
            };
            vec![
                format!("{}{kind}", one.name),
                quantity(one.count),
                quantity(one.duration_ms()),
                figures.memory_mb.to_string(),
                format!("{:.2}", figures.cpu_ms),
                quantity(statements(one)),
                quantity(redis_commands(one)),
                quantity(figures.log_bytes),
                quantity(figures.response_bytes),
            ]
        };
        let rows = invocations.iter().filter(|one| one.count > 0.0).map(row);
        let table = markdown::table(&HEADINGS.split('|').collect::<Vec<_>>(), rows);
        let at_peak = |per_month: f64| quantity(per_month / SECONDS_PER_MONTH * PEAK_FACTOR);
        Ok(format!(
            "{table}\nIn the busiest second: {} HTTP requests, {} SQL statements, {} Redis commands.\n",
            at_peak(http_total(&invocations, |_| 1.0)),
            at_peak(total(&invocations, statements)),
            at_peak(total(&invocations, redis_commands)),
        ))
    }
}

impl Invocations<'_> {
    fn duration_ms(&self) -> f64 {
        self.figures.billed_ms + self.wait.seconds * 1e3
    }

    /// Lambda duration of one invocation.
    pub(super) fn gb_seconds(&self) -> f64 {
        self.duration_ms() / 1e3 * self.memory_gb()
    }

    /// Lambda duration that a cold start adds to one invocation.
    pub(super) fn cold_start_gb_seconds(&self) -> f64 {
        let RequestFigures { init_ms, first_request_ms, billed_ms, .. } = self.figures;
        (init_ms + first_request_ms - billed_ms).max(0.0) / 1e3 * self.memory_gb()
    }

    #[expect(clippy::cast_precision_loss, reason = "memory sizes are small")]
    fn memory_gb(&self) -> f64 {
        self.figures.memory_mb as f64 / LAMBDA_MB_PER_GB
    }
}

/// The Redis commands of one invocation.
pub(super) fn redis_commands(one: &Invocations) -> f64 {
    one.figures.redis_commands + one.wait.redis_commands
}

/// The sum over a month, given the value of one invocation.
pub(super) fn total(invocations: &[Invocations], of_one: impl Fn(&Invocations) -> f64) -> f64 {
    invocations.iter().map(|one| of_one(one) * one.count).sum()
}

/// The sum over the HTTP requests of a month, given the value of one request.
pub(super) fn http_total(invocations: &[Invocations], of_one: impl Fn(&RequestFigures) -> f64) -> f64 {
    let is_http =
        |one: &Invocations| matches!(one.trigger, Trigger::Http | Trigger::LongPoll | Trigger::Stream);
    total(invocations, |one| if is_http(one) { of_one(one.figures) } else { 0.0 })
}

pub(super) fn count_of(invocations: &[Invocations], name: &str) -> f64 {
    invocations.iter().filter(|one| one.name == name).map(|one| one.count).sum()
}

/// The time that an invocation waits beyond its measured duration, and what it does meanwhile beyond
/// the measured figures.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Wait {
    pub(super) seconds: f64,
    pub(super) sql_statements: f64,
    pub(super) redis_commands: f64,
    pub(super) response_bytes: f64,
}

impl Wait {
    /// A long poll for an answer that arrives after so many seconds.
    /// `functions/chatroom/src/long_poll.rs` waits on the stream of the answer. It reads every 0.3 s while
    /// text arrives, and asks Postgres at the end, and every 5 s before.
    pub(super) fn until(answered_after: f64) -> Self {
        let mut wait = Self::default();
        if answered_after > 0.0 {
            wait.seconds = (answered_after / 0.3).ceil() * 0.3;
            wait.sql_statements = 1.0 + (answered_after / 5.0).floor();
        }
        wait
    }

    /// A stream of an answer that is complete after so many seconds. It is a status request that also
    /// reads the text from Redis while it is written, and the final state from Postgres.
    fn streaming(answered_after: f64) -> Self {
        let deltas = GEMINI_SECONDS * CHUNKS_PER_SECOND;
        Self {
            seconds: answered_after,
            sql_statements: 1.0,
            redis_commands: COMMANDS_PER_STREAM + deltas * COMMANDS_PER_DELTA,
            response_bytes: deltas * DELTA_OVERHEAD_BYTES + ANSWER_TOKENS * TOKEN_BYTES,
        }
    }
}
