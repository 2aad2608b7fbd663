//! The API against its OpenAPI document: schemathesis sends valid and invalid requests, with a
//! token and without, and applies all of its checks to each response.

use stack::process::Launch;
use stack::python;

use crate::prelude::*;

/// Operations that need a secret and answer 401 to every generated value, with and without a token.
const ALWAYS_UNAUTHORISED: [&str; 4] = [
    "DELETE /api/user/me",
    "POST /api/auth/change-password",
    "POST /api/auth/login",
    "POST /api/auth/refresh",
];

pub async fn run(suite: &Suite) -> Result<ScenarioResult> {
    let examples: usize = suite.scale.of(100, 8);
    python::install(&suite.home, "contract").await?;
    let run = Run::start(suite, "contract", &[("OTP_MAX_PER_DAY", "1000000")]).await?;
    // Long polls return once their message is answered.
    run.start_worker().await?;
    let (operator, other) = (TestUser::sign_up(&run).await?, TestUser::sign_up(&run).await?);
    run.make_admin(&operator).await?;
    // With a subscription the routes that cancel and reactivate it can succeed.
    run.pay_for_pro(&operator).await?;
    let numbers = format!("{},{}", operator.number, other.number);
    for (access, password) in [("with a token", PASSWORD), ("without", "")] {
        run_schemathesis(suite, &run, (access, password), &numbers, examples).await?;
    }
    run.done(format!("schemathesis, all checks, {examples} random examples an operation"))
}

async fn run_schemathesis(
    suite: &Suite,
    run: &Run,
    (access, password): (&str, &str),
    numbers: &str,
    examples: usize,
) -> Result<()> {
    let log = run.home.subfolder("logs")?.join(format!("schemathesis {access}.log"));
    let url = run.lambda.base_url();
    let launch = Launch::new(suite.home.python().join("bin/schemathesis"))
        .args(["--config-file", "dev/faults/schemathesis/schemathesis.toml", "run"])
        .args([format!("{url}/openapi.json")])
        .args(["--no-color", "--max-examples", &examples.to_string()])
        .env([("CONTRACT_BASE_URL", url.as_str()), ("CONTRACT_PASSWORD", password)])
        .env([("CONTRACT_NUMBERS", numbers)])
        .env([("PYTHONDONTWRITEBYTECODE", "1"), ("NO_PROXY", "127.0.0.1")])
        .env([("HYPOTHESIS_STORAGE_DIRECTORY", run.home.subfolder("hypothesis")?.display().to_string())])
        .folder(suite.home.root());
    let outcome = launch.run_logged(&log).await;
    let text = std::fs::read_to_string(&log).with_context(|| format!("reading {}", log.display()))?;
    check!(run, outcome.is_ok(), "{access}: {}", findings(&text));
    let refused = always_refused(&text);
    let expected: &[&str] = if password.is_empty() { &refused } else { &ALWAYS_UNAUTHORISED };
    let are_expected = refused.iter().all(|operation| expected.contains(operation));
    check!(run, are_expected, "{access}: every request was refused at {}", refused.join(", "));
    let cases = text.lines().find(|line| line.contains(" generated,")).unwrap_or("no cases").trim();
    check!(run, cases != "no cases", "{access}: no requests were sent; see {}", log.display());
    run.observe(format!("{access}: {cases}"));
    Ok(())
}

/// The operations that answered every request by 401 or 403: with an invalid token nothing would be
/// tested.
fn always_refused(log: &str) -> Vec<&str> {
    let lines = log.lines().map(str::trim).skip_while(|line| !line.starts_with("Authentication failed"));
    let lines = lines.take_while(|line| !line.starts_with("💡"));
    lines.filter_map(|line| line.strip_prefix("- ")).collect()
}

/// The operations with findings, each with the names of the checks that failed.
fn findings(log: &str) -> String {
    let lines = log.lines().map(str::trim).skip_while(|line| !line.contains("= FAILURES ="));
    let found: Vec<&str> = lines
        .take_while(|line| !line.contains("= WARNINGS =") && !line.contains("= SUMMARY ="))
        .filter_map(|line| {
            let operation = line.strip_prefix("__").map(|line| line.trim_matches(['_', ' ']));
            operation.or_else(|| line.strip_prefix("- "))
        })
        .collect();
    if found.is_empty() { "aborted; see its log".to_owned() } else { found.join(", ") }
}
