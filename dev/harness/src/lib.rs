//! What the suites share (`faults`, `bench`, the end-to-end tests): a test environment for each
//! scenario, function processes behind proxies that count and fail, control of the mock servers,
//! and observers of the database and of processes.

#![expect(
    missing_docs,
    clippy::must_use_candidate,
    reason = "an internal tool: comments add only what the names do not say"
)]

pub mod db_observer;
pub mod environment;
mod event_stream;
mod http_transport;
pub mod instrumented_instance;
mod live_text;
pub mod mock_control;
mod outages;
pub mod previous_release;
pub mod processes;
pub mod proxy;
mod queue;
pub mod routes;
mod suite;
mod users;

pub use api_client::{
    PASSWORD, Request, Response, SentMessage, TestUser, Transport, random_number, unique, wait_until,
};

pub use self::db_observer::DbObserver;
pub use self::environment::{TestEnvironment, event, function};
pub use self::event_stream::{EventStream, Pace, StreamEnd, StreamEvent, StreamRequest, StreamedAnswer};
pub use self::http_transport::send_over_http;
pub use self::instrumented_instance::InstrumentedInstance;
pub use self::live_text::LiveAttempt;
pub use self::mock_control::MockControl;
pub use self::previous_release::PreviousRelease;
pub use self::suite::{Scale, Suite};
