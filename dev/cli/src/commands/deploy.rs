//! `cargo dev deploy`

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum};
use deploy::Build;
use stack::StackFolder;

use super::{exit_code, run_suite};

#[derive(Debug, Args)]
pub struct Options {
    /// Deploy to the AWS emulator of this machine, and rehearse what an operator does.
    #[arg(long, required_unless_present = "build", conflicts_with = "build")]
    emulator: bool,
    /// Only build what `sam deploy` deploys, for this processor: .aws-sam/build.
    #[arg(long, value_enum, value_name = "PROCESSOR", num_args = 0..=1, default_missing_value = "arm64")]
    build: Option<Processor>,
    /// Deploy the functions as the tests build them, which takes seconds after a change.
    #[arg(long, requires = "emulator")]
    debug: bool,
    /// Run only these cases, by their names in the table, after the deployment.
    #[arg(long, value_name = "CASE", requires = "emulator")]
    only: Vec<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Processor {
    Arm64,
    #[value(name = "x86_64")]
    X86_64,
}

/// Builds, or rehearses and prints the results. Fails when a case fails.
pub async fn run(options: Options) -> Result<ExitCode> {
    let folder = StackFolder::of_suite("deploy");
    if let Some(processor) = options.build {
        let architecture = match processor {
            Processor::Arm64 => "arm64",
            Processor::X86_64 => "x86_64",
        };
        let built = deploy::build(&folder, architecture).await?;
        println!("Deploy it with `sam deploy`, see docs/deploy.md: {}", built.template.display());
        return Ok(ExitCode::SUCCESS);
    }
    let build = if options.debug { Build::Debug } else { Build::Release };
    let rehearse = async |folder: &StackFolder| deploy::rehearse(folder, build, &options.only).await;
    run_suite(&folder, stack::stop, rehearse).await.map(exit_code)
}
