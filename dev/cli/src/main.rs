//! `cargo dev`: the local stack and the test runner.

mod commands;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};
use lambda::fleet;
use stack::functions::Reload;
use stack::home::Home;
use stack::progress;
use stack::services::pump;

use self::commands::{admin, bench, cost, down, env, faults, logs, openapi, status, stripe, test, up};

/// The local stack and the test runner.
#[derive(Debug, Parser)]
#[command(name = "cargo dev", bin_name = "cargo dev")]
struct Options {
    /// The folder of another stack than that of `up`.
    #[arg(long, hide = true)]
    home: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start everything and serve the API.
    Up {
        /// Return once it serves, and leave it running.
        #[arg(long)]
        detach: bool,
        /// The port of the API [default: 9000, or another if that is taken].
        #[arg(long)]
        port: Option<u16>,
    },
    /// End everything that `up` has started.
    Down,
    /// Say what runs where.
    Status,
    /// Show the log of a function or a service, or of all functions.
    Logs {
        /// auth, user, chatroom, subscription, webhook, queue, site, worker, sweeper; functions, pump, postgres, redis, aws,
        /// gemini, stripe, migrate.
        name: Option<String>,
        /// Go on until Ctrl-C.
        #[arg(short, long)]
        follow: bool,
    },
    /// Print the variables that the functions run with, for `eval`.
    Env,
    /// Make an account an operator, who may use /api/queue.
    Admin {
        /// The account's mobile number.
        number: String,
        /// Make it an ordinary account again.
        #[arg(long)]
        revoke: bool,
    },
    /// See to what concerns payments.
    Stripe {
        #[command(subcommand)]
        command: stripe::Command,
    },
    /// Stop the worker: what it has begun is finished, messages stay in the queue.
    Stop {
        /// What to stop.
        #[arg(value_enum)]
        part: Part,
    },
    /// Start the worker again.
    Start {
        /// What to start.
        #[arg(value_enum)]
        part: Part,
    },
    /// Run all tests: those of the workspace, the end-to-end suite on a stack of its own, a little of `faults`, and the counts
    /// of `bench`.
    Test(test::Options),
    /// Break a running service on purpose and print what came of it.
    Faults(faults::Options),
    /// Measure how fast the functions start and answer, and what that takes.
    Bench(bench::Options),
    /// Print what a million messages a month cost, by line of the bill.
    Cost(cost::Options),
    /// Write docs/openapi.json anew out of the code.
    Openapi,
    /// Serve the stand-in for Gemini.
    #[command(hide = true)]
    Gemini {
        #[arg(long)]
        port: u16,
    },
    /// Run the functions.
    #[command(hide = true)]
    Fleet {
        #[arg(long)]
        reload: bool,
    },
    /// Drive the worker from its queue.
    #[command(hide = true)]
    Pump,
}

/// What can be stopped and started alone.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Part {
    /// The function that answers messages.
    Worker,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Options::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> Result<ExitCode> {
    let home = options.home.as_deref().map_or_else(Home::of_developer, Home::in_folder);
    match options.command {
        Command::Up { detach, port } => up::run(&home, port, detach).await?,
        Command::Down => down::run(&home).await?,
        Command::Status => return status::run(&home).await,
        Command::Logs { name, follow } => logs::run(&home, name.as_deref(), follow).await?,
        Command::Env => env::run(&home)?,
        Command::Admin { number, revoke } => admin::run(&home, &number, revoke).await?,
        Command::Stripe { command } => stripe::run(&home, command).await?,
        Command::Stop { part: Part::Worker } => {
            let _lock = home.lock()?;
            pump::stop(&home).await?;
            progress::note("the worker is stopped; messages wait for `cargo dev start worker`");
        }
        Command::Start { part: Part::Worker } => {
            let _lock = home.lock()?;
            pump::start(&home).await?;
        }
        Command::Test(options) => return test::run(options).await,
        Command::Faults(options) => return faults::run(options).await,
        Command::Bench(options) => return bench::run(options).await,
        Command::Cost(options) => cost::run(&home, &options)?,
        Command::Openapi => return openapi::run(&home).await,
        Command::Gemini { port } => mock_gemini::serve(port).await?,
        Command::Fleet { reload } => {
            fleet::run(&home, if reload { Reload::OnChange } else { Reload::Never }).await?;
        }
        Command::Pump => lambda::pump::run(&home).await?,
    }
    Ok(ExitCode::SUCCESS)
}
