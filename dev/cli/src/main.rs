//! `cargo dev`: the local stack, the tests, the measurements and the cost model.

mod commands;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};
use stack::services::event_source_mapping;
use stack::{StackFolder, progress};

use self::commands::{
    admin, bench, deploy, env, faults, logs, open, openapi, psql, reset, screenshots, smoke, status, stripe,
    test, up,
};

/// The local stack, the tests, the measurements and the cost model.
#[derive(Debug, Parser)]
#[command(name = "cargo dev", bin_name = "cargo dev", version = concat!(env!("CARGO_PKG_VERSION"), " (", env!("COMMIT_OF_TOOLS"), ")"))]
struct Options {
    /// The folder of a stack other than that of `up`.
    #[arg(long, hide = true)]
    stack_folder: Option<PathBuf>,
    /// Only parse the arguments, as the test of the documents does.
    #[arg(long, hide = true)]
    parse_only: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start everything and serve the API.
    Up {
        /// Return when the API answers, and leave everything running.
        #[arg(long)]
        detach: bool,
        /// The port of the API [default: 9000, or another if that is taken].
        #[arg(long)]
        port: Option<u16>,
        /// Fill a sample account with chatrooms, and print its number and password.
        #[arg(long)]
        demo: bool,
    },
    /// Stop everything that `up` has started.
    Down,
    /// Stop everything and delete the data: accounts, messages, payments and logs.
    Reset {
        /// Do not ask for confirmation.
        #[arg(long)]
        yes: bool,
    },
    /// Show the services and their state.
    Status {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print the logs of functions and services, merged by time.
    Logs(logs::Options),
    /// Print the path of a message from its request to its answer: a line for each step, with its time.
    Trace {
        /// The id of a request, a message or a trace.
        id: String,
    },
    /// Open the web client in a browser.
    Open,
    /// Make the pictures of README.md from the sample account of `up --demo`.
    Screenshots,
    /// Run psql on the database of the running stack.
    Psql {
        /// Arguments of psql, such as `-c "SELECT count(*) FROM users"`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Print the functions' variables, for `eval`.
    Env,
    /// Make an account an operator, who may use /api/queue and suspend accounts.
    Admin {
        /// The account's mobile number.
        number: String,
        /// Make it an ordinary account again.
        #[arg(long)]
        revoke: bool,
    },
    /// Suspend an account.
    Suspend {
        /// The account's mobile number.
        number: String,
        /// End the suspension.
        #[arg(long)]
        restore: bool,
    },
    /// Pause a feature: signups, sending, sms, or `model ID`. Without one, show what is paused.
    Pause {
        /// The feature.
        #[arg(num_args = 0..=2)]
        feature: Vec<String>,
        /// End the pause.
        #[arg(long, requires = "feature")]
        resume: bool,
    },
    /// Run the smoke test of a deployment: sign up, send a message, follow its answer, delete the account.
    Smoke,
    /// Administer payments.
    Stripe {
        #[command(subcommand)]
        command: stripe::Command,
    },
    /// Stop the worker: invocations in progress finish, messages stay in the queue.
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
    /// Run all tests: unit tests, end-to-end tests, a short run of `faults`, and the counts of
    /// `bench`.
    Test(test::Options),
    /// Run chaos and attack scenarios against a running service and print the results.
    Faults(faults::Options),
    /// Measure cold starts, response times, and the statements and round trips of each request.
    Bench(bench::Options),
    /// Print the cost of a million messages per month, by line of the bill.
    Cost {
        /// Also write them to docs/cost.md.
        #[arg(long)]
        write: bool,
    },
    /// Build for a deployment, or rehearse a whole one in the AWS emulator.
    Deploy(deploy::Options),
    /// Generate docs/openapi.json from the code.
    Openapi,
    /// Serve mock Gemini.
    #[command(hide = true)]
    Gemini {
        #[arg(long)]
        port: u16,
    },
    /// Serve the API and run the functions.
    #[command(hide = true)]
    Lambda {
        #[arg(long)]
        port: u16,
        #[arg(long)]
        reload: bool,
    },
    /// Invoke the worker with the queue's messages.
    #[command(hide = true)]
    EventSourceMapping,
}

/// A part of the stack that can be stopped and started alone.
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
    if options.parse_only {
        return Ok(ExitCode::SUCCESS);
    }
    let folder = options.stack_folder.as_deref().map_or_else(StackFolder::of_up, StackFolder::at);
    match options.command {
        Command::Up { detach, port, demo } => up::run(&folder, port, detach, demo).await?,
        Command::Down => up::down(&folder).await?,
        Command::Reset { yes } => reset::run(&folder, yes).await?,
        Command::Status { json } => return status::run(&folder, json).await,
        Command::Logs(options) => logs::run(&folder, options).await?,
        Command::Trace { id } => logs::trace(&folder, &id)?,
        Command::Open => open::run(&folder)?,
        Command::Screenshots => screenshots::run(&folder).await?,
        Command::Psql { arguments } => match psql::run(&folder, &arguments).await? {},
        Command::Env => env::run(&folder)?,
        Command::Admin { number, revoke } => admin::run(&folder, &number, revoke).await?,
        Command::Suspend { number, restore } => admin::suspend(&folder, &number, restore).await?,
        Command::Pause { feature, resume } => admin::pause(&folder, &feature, resume).await?,
        Command::Smoke => return smoke::run(&folder).await,
        Command::Stripe { command } => stripe::run(&folder, command).await?,
        Command::Stop { part: Part::Worker } => {
            let _lock = folder.lock()?;
            event_source_mapping::stop(&folder).await?;
            progress::info("the worker is stopped; messages wait until `cargo dev start worker`");
        }
        Command::Start { part: Part::Worker } => {
            let _lock = folder.lock()?;
            event_source_mapping::start(&folder).await?;
        }
        Command::Test(options) => return Box::pin(test::run(options)).await,
        Command::Faults(options) => return faults::run(options).await,
        Command::Bench(options) => return bench::run(options).await,
        Command::Cost { write } => {
            if write {
                cost::write(folder.root())?;
            }
            progress::print(cost::report(folder.root())?);
        }
        Command::Deploy(options) => return deploy::run(options).await,
        Command::Openapi => return openapi::run(&folder).await,
        Command::Gemini { port } => mock_gemini::serve(port).await?,
        Command::Lambda { port, reload } => lambda::server::serve(&folder, port, reload).await?,
        Command::EventSourceMapping => lambda::event_source_mapping::run(&folder).await?,
    }
    Ok(ExitCode::SUCCESS)
}
