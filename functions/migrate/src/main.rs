//! The Lambda `migrate`. Outside Lambda it is a command: `migrate` runs the migrations once,
//! `migrate role NUMBER admin` (or `user`) sets the role of an account, `migrate suspend NUMBER`
//! and `migrate restore NUMBER` suspend it and end that, `migrate pause FEATURE` and `migrate
//! resume FEATURE` pause a feature and end that, `migrate paused` prints what is paused, and
//! `migrate reopen-receipts TIME` takes back the receipts of requests after a restore of Postgres.

use app::{Config, Dependency, telemetry};
use lambda_runtime::{Error, service_fn};
use tracing::error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    telemetry::run(
        "migrate",
        Box::pin(async {
            if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() {
                // The configuration is read with each request, so that CloudFormation learns of
                // errors in it.
                let handler = |event| migrate::handle(|name: &str| std::env::var(name).ok(), event);
                return lambda_runtime::run(service_fn(handler)).await;
            }
            let args: Vec<String> = std::env::args().skip(1).collect();
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            let uses_table = matches!(args.as_slice(), ["pause" | "resume" | "paused" | "reopen-receipts", ..]);
            let dependencies = [Dependency::DATABASE, Dependency::TABLE];
            let config = Config::from_env(&dependencies[..if uses_table { 2 } else { 1 }])
                .inspect_err(|error| error!("cannot start: {error}"))?;
            let done = match args.as_slice() {
                [] => migrate::run(&config).await.map(|_| ()),
                ["role", number, role] => migrate::roles::set(&config, number, role).await,
                ["suspend", number] => {
                    migrate::accounts::suspend(&config, number, migrate::accounts::SESSION_CACHE).await
                }
                ["restore", number] => migrate::accounts::restore(&config, number).await,
                ["pause", feature @ ..] => migrate::switches::set(&config, feature, true).await,
                ["resume", feature @ ..] => migrate::switches::set(&config, feature, false).await,
                ["paused"] => migrate::switches::find(&config).await.map(|paused| println!("{paused}")),
                ["reopen-receipts", since] => {
                    migrate::receipts::reopen(&config, since).await.map(|count| println!("{count} receipts"))
                }
                _ => Err(
                    "usage: migrate, or migrate role NUMBER admin|user, or migrate suspend|restore NUMBER, \
                     or migrate pause|resume signups|sending|sms|model ID, or migrate paused, or migrate reopen-receipts TIME"
                        .into(),
                ),
            };
            done.inspect_err(|error| error!("{error}"))
        }),
    )
    .await
}
