//! What the developer has set: the environment, then `.env`; the environment wins.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use uuid::Uuid;

/// Every variable that the functions read.
pub const CONTRACT: [&str; 59] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "BASIC_DAILY_MESSAGE_LIMIT",
    "CACHE_TTL",
    "CORS_ALLOWED_ORIGINS",
    "DATABASE_POOL_SIZE",
    "DATABASE_URL",
    "ENVIRONMENT",
    "GEMINI_API_KEY",
    "GEMINI_BASE_URL",
    "GEMINI_BREAKER_FAILURES",
    "GEMINI_BREAKER_PAUSE_MS",
    "GEMINI_HISTORY_TOKENS",
    "GEMINI_MAX_OUTPUT_TOKENS",
    "GEMINI_MAX_WAIT_MS",
    "GEMINI_MODEL_BASIC",
    "GEMINI_MODEL_FALLBACK",
    "GEMINI_MODEL_PRO",
    "GEMINI_REQUESTS_PER_MINUTE",
    "GEMINI_SYSTEM_INSTRUCTION",
    "GEMINI_TIMEOUT_MS",
    "GEMINI_TOKENS_PER_MINUTE",
    "JWT_EXPIRES_IN",
    "JWT_SECRET",
    "MESSAGE_DEAD_LETTER_QUEUE_URL",
    "MESSAGE_MAX_ATTEMPTS",
    "MESSAGE_QUEUE_URL",
    "MIGRATION_DATABASE_URL",
    "OTP_COUNTRIES",
    "OTP_DELIVERY",
    "OTP_MAX_PER_ADDRESS",
    "OTP_MAX_PER_BLOCK",
    "OTP_MAX_PER_DAY",
    "OTP_MAX_TOTAL_PER_DAY",
    "OTP_SENDER_ID",
    "OTP_TEST_NUMBERS",
    "PRO_DAILY_MESSAGE_LIMIT",
    "RATE_LIMIT_GLOBAL_PER_SECOND",
    "RATE_LIMIT_MAX_REQUESTS",
    "RATE_LIMIT_PRO_MAX_REQUESTS",
    "RATE_LIMIT_USER_MAX_REQUESTS",
    "RATE_LIMIT_WINDOW_MS",
    "REDIRECT_HOSTS",
    "REDIS_URL",
    "REFRESH_EXPIRES_IN",
    "RESPONSE_CACHE_TTL",
    "RETRY_BASE_DELAY_MS",
    "STRIPE_BASE_URL",
    "STRIPE_BILLING_ADDRESS",
    "STRIPE_PAST_DUE_GRACE",
    "STRIPE_PRICE_ID",
    "STRIPE_SECRET_KEY",
    "STRIPE_TAX_ID_COLLECTION",
    "STRIPE_WEBHOOK_SECRET",
    "TABLE_NAME",
    "WORKER_CONCURRENCY",
];

/// The variables of which a suite, that is many people at one address, is to have enough.
pub const MANY: [&str; 7] = [
    "OTP_MAX_PER_ADDRESS",
    "OTP_MAX_PER_BLOCK",
    "OTP_MAX_TOTAL_PER_DAY",
    "RATE_LIMIT_GLOBAL_PER_SECOND",
    "RATE_LIMIT_MAX_REQUESTS",
    "RATE_LIMIT_PRO_MAX_REQUESTS",
    "RATE_LIMIT_USER_MAX_REQUESTS",
];

/// What is set, and on top of it what the stack adds.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    variables: BTreeMap<String, String>,
}

impl Settings {
    /// The environment's variables of the [`CONTRACT`], and all of `.env` in the checkout's top folder. An empty value
    /// counts as none.
    ///
    /// # Errors
    /// When `.env` cannot be read, or a line of it makes no sense.
    pub fn of_developer(root: &Path) -> Result<Self> {
        let path = root.join(".env");
        let mut variables = match fs::read_to_string(&path) {
            Ok(text) => parse(&text).with_context(|| format!("reading {}", path.display()))?,
            Err(error) if error.kind() == ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        let wanted = |name: &String| CONTRACT.contains(&name.as_str()) || variables.contains_key(name);
        let environment: Vec<_> =
            env::vars().filter(|(name, value)| !value.is_empty() && wanted(name)).collect();
        variables.extend(environment);
        variables.retain(|_, value| !value.is_empty());
        Ok(Self { variables })
    }

    /// Nothing at all: tests see neither the developer's environment nor `.env`.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The value of a variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// Sets a variable, unless it is set.
    pub fn set_default(&mut self, name: &str, value: impl Into<String>) {
        self.variables.entry(name.to_owned()).or_insert_with(|| value.into());
    }

    /// All of them.
    #[must_use]
    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }
}

impl From<BTreeMap<String, String>> for Settings {
    fn from(variables: BTreeMap<String, String>) -> Self {
        Self { variables }
    }
}

/// Reads lines of `NAME=value`; with `export` before it or without, the value in quotes or not, `#` begins a comment.
fn parse(text: &str) -> Result<BTreeMap<String, String>> {
    let mut variables = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once('=') else {
            bail!("line {} is not NAME=value", number + 1);
        };
        variables.insert(name.trim().to_owned(), unquote(value.trim()));
    }
    Ok(variables)
}

fn unquote(value: &str) -> String {
    for quote in ['"', '\''] {
        if let Some((inner, _)) = value.strip_prefix(quote).and_then(|rest| rest.split_once(quote)) {
            return inner.to_owned();
        }
    }
    let end = value.find(" #").unwrap_or(value.len());
    value[..end].trim_end().to_owned()
}

/// A secret of 64 characters that stays the same for this checkout: made at the first asking, kept in `path`, which only
/// its owner can read.
///
/// # Errors
/// When it cannot be read or kept.
pub fn secret(path: &Path) -> Result<String> {
    match fs::read_to_string(path) {
        Ok(kept) if kept.len() >= 64 => return Ok(kept),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    }
    let fresh = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    write_private(path, fresh.as_bytes())?;
    Ok(fresh)
}

/// Writes a file that only its owner can read.
///
/// # Errors
/// When it cannot be written.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let written = options.open(path).and_then(|mut file| file.write_all(bytes));
    written.with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::checkout;

    #[test]
    fn dotenv_is_read_as_people_write_it() {
        let text = "# comment\n\nA=1\nexport B = two words # why\nC=\"x # y\"\nD='a=b'\nE=\nF=a#b\n";
        let read = parse(text).unwrap();
        let expected =
            [("A", "1"), ("B", "two words"), ("C", "x # y"), ("D", "a=b"), ("E", ""), ("F", "a#b")];
        assert_eq!(read, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        assert!(parse("A=1\nnonsense").unwrap_err().to_string().contains("line 2"));
    }

    #[test]
    fn the_contract_names_every_variable_that_the_configuration_reads() {
        let folder = checkout().join("shared/app/src/config");
        let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        let files = files.filter(|path| path.file_name().is_some_and(|name| name != "tests"));
        let code: String = files.map(|path| fs::read_to_string(path).unwrap()).collect();
        assert!(code.contains("DATABASE_URL"), "the configuration is read elsewhere");
        let is_name = |word: &&str| {
            word.len() > 4 && word.contains('_') && word.chars().all(|c| c.is_ascii_uppercase() || c == '_')
        };
        let missing: Vec<&str> = code
            .split('"')
            .skip(1)
            .step_by(2)
            .filter(is_name)
            .filter(|name| !CONTRACT.contains(name))
            .collect();
        assert!(missing.is_empty(), "{missing:?} must be in CONTRACT, in dev/stack/src/settings.rs");
    }
}
