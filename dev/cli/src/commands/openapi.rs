//! `cargo dev openapi`

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use stack::StackFolder;

use super::exit_code;
use super::test::programs;

/// The test that compares the document with the code, and writes it if `OPENAPI_WRITE` is set.
const TEST: &str = "document::the_served_document_matches_the_code";

pub async fn run(folder: &StackFolder) -> Result<ExitCode> {
    let Some(programs) = programs::build(folder, &[]).await? else { return Ok(ExitCode::FAILURE) };
    let contract = programs.iter().find(|program| program.target == "contract");
    let contract = contract.context("dev/tests has no test target `contract`")?;
    let launch = contract.launch(&["--exact".to_owned(), TEST.to_owned()]).env([("OPENAPI_WRITE", "1")]);
    launch.run_in_terminal().await.map(exit_code)
}
