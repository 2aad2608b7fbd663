//! [`Mix`]: sends requests to the functions of this release, to those of the release before, or to
//! both in turn.

use std::cell::{Cell, RefCell};

use harness::{PreviousRelease, Transport};

use crate::prelude::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serving {
    Both,
    Previous,
    Current,
}

pub struct Mix<'a> {
    pub run: &'a Run,
    pub previous: PreviousRelease,
    pub serving: Cell<Serving>,
    requests: Cell<u64>,
    /// Requests that a function answered by a 5xx, or did not answer.
    failures: RefCell<Vec<String>>,
}

impl<'a> Mix<'a> {
    pub fn new(run: &'a Run, previous: PreviousRelease) -> Self {
        let (serving, requests) = (Cell::new(Serving::Both), Cell::new(0));
        Self { run, previous, serving, requests, failures: RefCell::default() }
    }

    /// Sends to this release only, for calls that the release before does not have.
    pub async fn send_to_current(&self, request: &Request) -> Result<Response> {
        self.requests.set(self.requests.get() + 1);
        self.note("this release", request, self.run.send(request).await)
    }

    pub async fn send_to_previous(&self, request: &Request) -> Result<Response> {
        self.requests.set(self.requests.get() + 1);
        self.note("the release before", request, self.previous.send(request).await)
    }

    fn note(&self, release: &str, request: &Request, outcome: Result<Response>) -> Result<Response> {
        let failure = match &outcome {
            Ok(response) if response.status.is_server_error() => response.to_string(),
            Ok(_) => return outcome,
            Err(error) => format!("{error:#}"),
        };
        let failure = format!("{release}: {} {}: {failure}", request.method, request.path);
        self.failures.borrow_mut().push(failure);
        outcome
    }

    /// Sweeps by each release that serves.
    pub async fn sweep(&self) -> Result<()> {
        if self.serving.get() != Serving::Previous {
            self.run.sweep().await?;
        }
        if self.serving.get() != Serving::Current {
            self.previous.sweep().await?;
        }
        Ok(())
    }

    /// Kills a busy worker of a release that serves; of both, in turn.
    pub async fn kill_worker(&self, number: usize) -> bool {
        let is_previous = match self.serving.get() {
            Serving::Both => number.is_multiple_of(2),
            serving => serving == Serving::Previous,
        };
        let lambda = if is_previous { &self.previous.lambda } else { &self.run.lambda };
        lambda.kill_busy("worker").await
    }

    pub fn check_failures(&self) {
        let failures = self.failures.borrow();
        check!(
            self.run,
            failures.is_empty(),
            "{} requests failed, such as {:?}",
            failures.len(),
            failures.first()
        );
        self.run.observe(format!(
            "{} requests, {} of them answered by a 5xx",
            self.requests.get(),
            failures.len()
        ));
    }
}

impl Transport for Mix<'_> {
    async fn send(&self, request: &Request) -> Result<Response> {
        let is_previous = match self.serving.get() {
            Serving::Both => self.requests.get().is_multiple_of(2),
            serving => serving == Serving::Previous,
        };
        if is_previous { self.send_to_previous(request).await } else { self.send_to_current(request).await }
    }
}
