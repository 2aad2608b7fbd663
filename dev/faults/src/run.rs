//! [`Run`]: a running scenario, which collects what it observes.

use std::cell::RefCell;
use std::ops::Deref;
use std::time::Duration;

use anyhow::Result;
use harness::{Request, Response, SentMessage, Suite, TestEnvironment, Transport};
use uuid::Uuid;

use super::ScenarioResult;

/// The environment of a scenario, and its result so far.
pub struct Run {
    env: TestEnvironment,
    result: RefCell<ScenarioResult>,
}

/// Records a failure in these words unless the condition holds.
macro_rules! check {
    ($run:expr, $condition:expr, $($words:tt)+) => {
        $run.check($condition, || format!($($words)+))
    };
}
pub(crate) use check;

impl Run {
    /// Starts the environment of the scenario `name`. `overrides` replace the functions' variables.
    pub async fn start(suite: &Suite, name: &str, overrides: &[(&str, &str)]) -> Result<Self> {
        Ok(Self { env: TestEnvironment::start(suite, name, overrides).await?, result: RefCell::default() })
    }

    pub fn check(&self, is_met: bool, describe: impl FnOnce() -> String) {
        if !is_met {
            self.result.borrow_mut().failures.push(describe());
        }
    }

    pub fn observe(&self, observation: impl Into<String>) {
        self.result.borrow_mut().observations.push(observation.into());
    }

    pub fn recovered_within(&self, time: Duration) {
        self.result.borrow_mut().recovery = Some(time);
    }

    pub fn count(&self, lost: usize, duplicated: usize) {
        let mut result = self.result.borrow_mut();
        result.lost += lost;
        result.duplicated += duplicated;
    }

    pub fn extra_calls(&self) -> usize {
        self.result.borrow().extra_calls
    }

    /// Ends the run. `actions` say what the scenario did, with its counts.
    #[expect(clippy::unnecessary_wraps, reason = "the last expression of each scenario")]
    pub fn done(self, actions: impl Into<String>) -> Result<ScenarioResult> {
        Ok(ScenarioResult { actions: actions.into(), ..self.result.into_inner() })
    }

    /// Counts the accepted messages without an answer, the duplicate answers, and the calls to
    /// Gemini beyond one per message.
    pub async fn check_answers(&self, sent: &[SentMessage]) -> Result<()> {
        const LOST: &str =
            "SELECT sent.id, coalesce(m.processing_status, 'deleted') || coalesce(' ' || m.error_code, '')
            FROM unnest($1::uuid[]) AS sent (id) LEFT JOIN messages m ON m.id = sent.id
            WHERE m.processing_status IS DISTINCT FROM 'completed'
                OR NOT EXISTS (SELECT FROM messages a WHERE a.reply_to = sent.id)";
        // The second term compares the users' counters with the stored answers.
        const DUPLICATES: &str = "SELECT greatest(
            (SELECT count(*) - count(DISTINCT generation_id) FROM messages WHERE message_type = 'ai'),
            (SELECT coalesce(sum(ai_response_count), 0)::bigint FROM users)
                - (SELECT count(DISTINCT generation_id) FROM messages WHERE message_type = 'ai'))";
        let ids: Vec<Uuid> = sent.iter().map(|message| message.id).collect();
        let lost = self.db.query(LOST, &[&ids]).await?;
        for row in lost.iter().take(3) {
            let (id, state): (Uuid, String) = (row.get(0), row.get(1));
            check!(self, false, "message {id} was accepted and is {state}");
        }
        let duplicates: i64 = self.db.value(DUPLICATES, &[]).await?;
        self.count(lost.len(), usize::try_from(duplicates).unwrap_or(usize::MAX));
        let extra = sent.iter().map(|message| self.gemini.calls(&message.text).saturating_sub(1));
        self.result.borrow_mut().extra_calls += extra.sum::<usize>();
        Ok(())
    }

    /// Checks that no answer is stored before the answer to an earlier question of its chatroom.
    pub async fn check_order(&self) -> Result<()> {
        const SQL: &str = "SELECT count(*) FROM (
                SELECT q.position < lag(q.position) OVER (PARTITION BY a.chatroom_id ORDER BY a.position) AS inverted
                FROM messages a JOIN messages q ON q.id = a.reply_to
            ) answers WHERE inverted";
        let inversions: i64 = self.db.value(SQL, &[]).await?;
        check!(self, inversions == 0, "{inversions} answers out of order");
        self.observe(format!("{inversions} inversions"));
        Ok(())
    }

    /// Checks that several functions refuse the token.
    pub async fn check_refused(&self, token: &str, when: &str) -> Result<()> {
        for path in ["/api/user/me", "/api/chatroom", "/api/auth/sessions"] {
            let response = Request::new("GET", path).token(token).send(self).await?;
            let is_suspended = response.status == 403 && response.body["code"] == "account_suspended";
            check!(
                self,
                response.status == 401 || is_suspended,
                "{when}: {path} answered {}",
                response.status
            );
        }
        Ok(())
    }

    /// A message's status, error code and number of attempts, as `failed timeout 3`.
    pub async fn outcome(&self, message: Uuid) -> Result<String> {
        const SQL: &str =
            "SELECT concat_ws(' ', processing_status, error_code, attempts) FROM messages WHERE id = $1";
        self.db.value(SQL, &[&message]).await
    }
}

impl Deref for Run {
    type Target = TestEnvironment;

    fn deref(&self) -> &TestEnvironment {
        &self.env
    }
}

impl Transport for Run {
    async fn send(&self, request: &Request) -> Result<Response> {
        self.env.send(request).await
    }
}
