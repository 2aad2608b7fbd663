//! The Lambda `migrate`. Outside Lambda it is a command: `migrate` runs the migrations once,
//! `migrate role NUMBER admin` (or `user`) sets the role of an account, `migrate suspend NUMBER` and
//! `migrate restore NUMBER` suspend it and end that, `migrate pause FEATURE` and `migrate resume FEATURE`
//! pause a feature and end that, `migrate paused` prints what is paused, and `migrate smoke URL` runs the
//! smoke test against the API at that address; a second URL is that of streams.

use app::{Config, Dependency, telemetry};
use lambda_runtime::{Error, service_fn};
use migrate::smoke::Target;
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
            let uses_table = matches!(args.as_slice(), ["pause" | "resume" | "paused", ..]);
            let dependencies = match args.as_slice() {
                ["smoke", ..] => migrate::smoke::DEPENDENCIES,
                _ if uses_table => &[Dependency::DATABASE, Dependency::TABLE],
                _ => &[Dependency::DATABASE],
            };
            let config =
                Config::from_env(dependencies).inspect_err(|error| error!("cannot start: {error}"))?;
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
                ["smoke", api] => smoke(&config, api, None).await,
                ["smoke", api, streams] => smoke(&config, api, Some(streams)).await,
                _ => Err(
                    "usage: migrate, or migrate role NUMBER admin|user, or migrate suspend|restore NUMBER, \
                     or migrate pause|resume signups|sending|sms|model ID, or migrate paused, \
                     or migrate smoke URL [STREAM_URL]"
                        .into(),
                ),
            };
            done.inspect_err(|error| error!("{error}"))
        }),
    )
    .await
}

/// Runs the smoke test and prints its steps.
async fn smoke(config: &Config, api: &str, streams: Option<&str>) -> Result<(), Error> {
    let (api_url, stream_url) = (api.to_owned(), streams.map(str::to_owned));
    let target = Target { api_url, stream_url, ..Target::default() };
    let report = Box::pin(migrate::smoke::run(config, &target)).await?;
    print!("{report}");
    match report.failure() {
        Some(failure) => Err(failure.into()),
        None => {
            println!("{}", report.summary());
            Ok(())
        }
    }
}
