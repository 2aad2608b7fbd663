//! The API against its own OpenAPI document: schemathesis asks what the document allows and what it does not, with a token
//! and without, and looks at each answer by all of its checks.

use anyhow::{Context as _, Result};
use harness::Suite;
use harness::person::{PASSWORD, Person};
use harness::world::World;
use stack::process::Launch;
use stack::python::{self, Packages};

use crate::figure::Figure;

pub(super) async fn run(suite: &Suite) -> Result<Figure> {
    let examples: usize = suite.scale.of(100, 8);
    python::install(&suite.home, Packages::Contract).await?;
    let world = World::start(suite, "contract", &[("OTP_MAX_PER_DAY", "1000000")]).await?;
    // Who waits for an answer is not to wait in vain.
    world.start_worker().await?;
    let (person, other) =
        (Person::sign_up(&world).await?.make_admin(&world).await?, Person::sign_up(&world).await?);
    // So that there is something to cancel.
    person.pay(&world).await?;
    let mut figure =
        Figure::new(format!("schemathesis, all checks, {examples} random examples an operation"));
    for (who, password) in [("with a token", PASSWORD), ("without", "")] {
        let log = world.home.subfolder("logs")?.join(format!("schemathesis {who}.log"));
        let url = world.lambda.base_url();
        let launch = Launch::new(suite.home.python().join("bin/schemathesis"))
            .args(["--config-file", "dev/faults/schemathesis/schemathesis.toml", "run"])
            .args([format!("{url}/openapi.json")])
            .args(["--no-color", "--max-examples", &examples.to_string()])
            .env([("CONTRACT_BASE_URL", url.as_str()), ("CONTRACT_PASSWORD", password)])
            .env([("CONTRACT_NUMBERS", format!("{},{}", person.number, other.number))])
            .env([("PYTHONDONTWRITEBYTECODE", "1"), ("NO_PROXY", "127.0.0.1")])
            .env([(
                "HYPOTHESIS_STORAGE_DIRECTORY",
                world.home.subfolder("hypothesis")?.display().to_string(),
            )])
            .folder(suite.home.root());
        let outcome = launch.run_logged(&log).await;
        let text = std::fs::read_to_string(&log).with_context(|| format!("reading {}", log.display()))?;
        figure.check(outcome.is_ok(), || format!("{who}: {}", findings(&text)));
        let shut_out = shut_out(&text);
        let expected: &[&str] = if password.is_empty() { &shut_out } else { &KNOWS_NOBODY };
        figure.check(shut_out.iter().all(|operation| expected.contains(operation)), || {
            format!("{who}: never let in at {}", shut_out.join(", "))
        });
        let cases = text.lines().find(|line| line.contains(" generated,")).unwrap_or("no cases").trim();
        figure.check(cases != "no cases", || format!("{who}: nothing was tried; see {}", log.display()));
        figure.seen.push(format!("{who}: {cases}"));
    }
    Ok(figure)
}

/// What asks for a secret, and answers 401 to everything that is made up, whoever asks.
const KNOWS_NOBODY: [&str; 4] = [
    "DELETE /api/user/me",
    "POST /api/auth/change-password",
    "POST /api/auth/login",
    "POST /api/auth/refresh",
];

/// The operations that were answered 401 or 403 alone: with a token that opens nothing any more nothing is tried.
fn shut_out(log: &str) -> Vec<&str> {
    let lines = log.lines().map(str::trim).skip_while(|line| !line.starts_with("Authentication failed"));
    let lines = lines.take_while(|line| !line.starts_with("💡"));
    lines.filter_map(|line| line.strip_prefix("- ")).collect()
}

/// What schemathesis says that it found.
fn findings(log: &str) -> String {
    let lines = log.lines().map(str::trim).skip_while(|line| !line.contains("SUMMARY"));
    let found: Vec<&str> = lines.filter(|line| line.starts_with('❌')).collect();
    if found.is_empty() { "it broke off; see its log".to_owned() } else { found.join(", ") }
}
