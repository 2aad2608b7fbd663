//! `cargo dev openapi`

use std::process::ExitCode;

use anyhow::Result;
use stack::home::Home;
use stack::process::{Launch, run as process};

/// The test that compares the document with the code, or, told so, writes it.
const TEST: &str = "document::the_served_document_matches_the_code";

/// Writes `docs/openapi.json` anew out of the code.
///
/// # Errors
/// When it cannot be done.
pub async fn run(home: &Home) -> Result<ExitCode> {
    let launch = Launch::new("cargo")
        .args(["test", "--quiet", "-p", "dev-tests", "--test", "contract", "--", "--exact", TEST])
        .env([("OPENAPI_WRITE", "1")])
        .folder(home.root());
    Ok(if process::shown(&launch).await? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
