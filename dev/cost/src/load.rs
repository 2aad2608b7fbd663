//! The load: what else is asked while messages are sent, and how. Nobody has measured it, for nobody uses the service yet: these
//! are the assumptions that the bill rests on, each in its one place.

use std::fmt::Write as _;

use anyhow::Result;

use super::figures::Figures;
use super::table::amount;

/// Seconds of a month, as AWS counts it: 730 hours.
pub(super) const SECONDS_A_MONTH: f64 = HOURS_A_MONTH * 3_600.0;
pub(super) const HOURS_A_MONTH: f64 = 730.0;

/// A gigabyte as logs and storage are counted, and as traffic is.
pub(super) const GB: f64 = 1e9;
pub(super) const GIB: f64 = 1_073_741_824.0;

/// Bytes of a token that goes to Gemini.
pub(super) const TOKEN_BYTES: f64 = 4.0;

/// A month's load.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Load {
    /// Messages sent, each with an `Idempotency-Key`, as the client that comes with the service does.
    pub(super) messages: f64,
    /// For each message, so many calls for its status that wait until it is answered...
    pub(super) long_polls: f64,
    /// ...and so many that do not wait.
    pub(super) polls: f64,
    /// For each message, so many readings of its room...
    pub(super) room_reads: f64,
    /// ...of the list of rooms...
    pub(super) lists: f64,
    /// ...and of the account.
    pub(super) accounts: f64,
    /// For each message, so many rooms opened: one for twenty.
    pub(super) rooms: f64,
    /// For each message, so many logins: somebody who sends fifty a week logs in once, for a token lives for seven days.
    pub(super) logins: f64,
    /// For each message, so many events of Stripe's: ten thousand people with a hundred messages each, every tenth of them on Pro,
    /// and four events for each renewal.
    pub(super) webhooks: f64,
    /// Messages that the worker is handed at once, each of another room.
    pub(super) batch: u32,
    /// How long Gemini takes.
    pub(super) gemini_seconds: f64,
    /// From a message's being queued until the worker has it.
    pub(super) queue_seconds: f64,
    /// Of so many invocations one has to start a process. AWS: "typically under 1%"
    /// (<https://aws.amazon.com/blogs/compute/aws-lambda-standardizes-billing-for-init-phase>).
    pub(super) cold: f64,
    /// Tokens of a prompt, its history included, and of an answer.
    pub(super) prompt_tokens: f64,
    pub(super) answer_tokens: f64,
    /// What a message and its answer take in Postgres, indexes included: some 2 KB of text, the rest rows and indexes.
    pub(super) stored_bytes: f64,
    /// How many times the average the busiest second is.
    pub(super) peak: f64,
}

/// One million messages a month.
pub(super) const STANDARD: Load = Load {
    messages: 1_000_000.0,
    long_polls: 1.0,
    polls: 0.0,
    room_reads: 0.5,
    lists: 0.3,
    accounts: 0.2,
    rooms: 0.05,
    logins: 0.02,
    webhooks: 0.004,
    batch: 1,
    gemini_seconds: 2.0,
    queue_seconds: 0.1,
    cold: 0.01,
    prompt_tokens: 1_500.0,
    answer_tokens: 400.0,
    stored_bytes: 3_000.0,
    peak: 10.0,
};

/// The request that asks for a message's status.
pub(super) const STATUS: &str = "GET message status";

impl Load {
    /// The same with nobody there.
    pub(super) fn idle(&self) -> Self {
        Self { messages: 0.0, ..self.clone() }
    }

    /// How many requests there are of each kind, by the names of the figures, but for those that wait.
    pub(super) fn requests(&self) -> [(&'static str, f64); 8] {
        [
            ("POST message, keyed", 1.0),
            (STATUS, self.polls),
            ("GET /api/chatroom/{id}", self.room_reads),
            ("GET /api/chatroom", self.lists),
            ("GET /api/user/me", self.accounts),
            ("POST /api/chatroom", self.rooms),
            ("POST /api/auth/login", self.logins),
            ("POST /api/webhook/stripe", self.webhooks),
        ]
        .map(|(name, share)| (name, share * self.messages))
    }

    /// How many calls wait for an answer.
    pub(super) fn waits(&self) -> f64 {
        self.long_polls * self.messages
    }

    /// Requests over HTTP.
    pub(super) fn http_requests(&self) -> f64 {
        self.requests().iter().map(|(_, count)| count).sum::<f64>() + self.waits()
    }

    /// The figure of the worker for this load's batches.
    pub(super) fn worker(&self) -> &'static str {
        if self.batch == 1 { "worker, 1 message" } else { "worker, 10 messages" }
    }

    /// From a message's being sent until it is answered, in seconds.
    pub(super) fn answered_after(&self, figures: &Figures) -> Result<f64> {
        Ok(self.queue_seconds + self.gemini_seconds + figures.get(self.worker())?.billed_ms / 1e3)
    }

    /// What is asked and what that takes, in Markdown.
    pub(super) fn table(&self, figures: &Figures) -> Result<String> {
        let mut text = "| request | a month | billed ms | at MB | CPU ms | statements | Redis commands | log bytes | answer bytes |\n\
                        |---|---|---|---|---|---|---|---|---|\n"
            .to_owned();
        let (mut statements, mut commands) = (0.0, 0.0);
        let mut row = |name: &str, what: &str, count: f64, wait: &Wait| -> Result<()> {
            let figure = figures.get(name)?;
            let per_request = figure.statements + wait.looks;
            statements += count * per_request;
            commands += count * figure.redis_commands;
            let _ = writeln!(
                text,
                "| {what} | {} | {} | {} | {:.2} | {} | {} | {} | {} |",
                amount(count),
                amount(figure.billed_ms + wait.seconds * 1e3),
                figure.memory_mb,
                figure.cpu_ms,
                amount(per_request),
                amount(figure.redis_commands),
                amount(figure.log_bytes),
                amount(figure.response_bytes),
            );
            Ok(())
        };
        let none = Wait { seconds: 0.0, looks: 0.0 };
        for (name, count) in self.requests() {
            if count > 0.0 {
                row(name, name, count, &none)?;
            }
        }
        row(STATUS, "the same, waiting", self.waits(), &Wait::until(self.answered_after(figures)?))?;
        let gemini = Wait { seconds: self.gemini_seconds, looks: 0.0 };
        row(self.worker(), self.worker(), self.messages / f64::from(self.batch), &gemini)?;
        row(SWEEP, SWEEP, SWEEPS_A_MONTH, &none)?;
        let at_peak = |a_month: f64| amount(a_month / SECONDS_A_MONTH * self.peak);
        let _ = writeln!(
            text,
            "\nIn the busiest second: {} requests, {} statements, {} commands of Redis.",
            at_peak(self.http_requests()),
            at_peak(statements),
            at_peak(commands)
        );
        Ok(text)
    }
}

/// The sweep of every minute, when there is nothing to sweep.
pub(super) const SWEEP: &str = "sweep";
pub(super) const SWEEPS_A_MONTH: f64 = HOURS_A_MONTH * 60.0;

/// How long a call waits beyond what it takes without, and how often it looks meanwhile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Wait {
    pub(super) seconds: f64,
    pub(super) looks: f64,
}

impl Wait {
    /// A wait for what comes after so many seconds: as `functions/chatroom/src/get_message_status.rs` looks, after a tenth of a second
    /// and then each time after twice as long, up to a second.
    pub(super) fn until(answered_after: f64) -> Self {
        let (mut seconds, mut looks, mut pause) = (0.0, 0.0, 0.1_f64);
        while seconds < answered_after {
            seconds += pause;
            looks += 1.0;
            pause = (pause * 2.0).min(1.0);
        }
        Self { seconds, looks }
    }
}
