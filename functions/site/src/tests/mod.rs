//! The routes of this function, and what the middleware does for every function.

mod health;
mod problems;
mod rate_limits;
mod responses;
mod speculative_reads;
mod static_files;

use testkit::{TestApp, TestAppBuilder};

fn serving() -> TestAppBuilder {
    TestApp::serving(crate::routes())
}
