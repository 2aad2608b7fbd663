//! What most scenarios import.

pub use std::time::{Duration, Instant};

pub use anyhow::{Context as _, Result, ensure};
pub use futures::future::try_join_all;
pub use futures::{StreamExt as _, TryStreamExt as _, stream};
pub use harness::proxy::Mode;
pub use harness::routes::{self, Route, UNKNOWN_ID};
pub use harness::{
    InstrumentedInstance, PASSWORD, Request, Response, SentMessage, Suite, TestUser, event, function,
    random_number, unique, wait_until,
};
pub use serde_json::{Value, json};
pub use tokio::time::sleep;
pub use uuid::Uuid;

pub use crate::reader::{Reader, random_below, varied_text};
pub use crate::run::Run;
pub(crate) use crate::run::check;
pub use crate::scenario_result::ScenarioResult;
