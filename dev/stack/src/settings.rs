//! The functions' variables that the developer has set: in the environment, which takes precedence,
//! or in `.env`.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::LazyLock;

use anyhow::{Context as _, Result, bail};
use uuid::Uuid;

/// The names of all variables that the functions read, from the tables of `docs/configuration.md`.
pub static VARIABLES: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let lines = include_str!("../../../docs/configuration.md").lines();
    lines.filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0)).collect()
});

/// Limits that a test suite, which is many users at one client address, must not reach.
pub const LIMITS_RAISED_IN_TESTS: [&str; 7] = [
    "OTP_MAX_PER_ADDRESS",
    "OTP_MAX_PER_BLOCK",
    "OTP_MAX_TOTAL_PER_DAY",
    "RATE_LIMIT_GLOBAL_PER_SECOND",
    "RATE_LIMIT_MAX_REQUESTS",
    "RATE_LIMIT_PRO_MAX_REQUESTS",
    "RATE_LIMIT_USER_MAX_REQUESTS",
];

/// The developer's settings and the defaults that the stack adds.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    variables: BTreeMap<String, String>,
}

impl Settings {
    /// The [`VARIABLES`] of the environment, and all of `.env` in the checkout's top folder. An
    /// empty value counts as unset.
    pub fn of_developer(root: &Path) -> Result<Self> {
        let path = root.join(".env");
        let text = read_if_exists(&path)?.unwrap_or_default();
        let mut variables = parse(&text).with_context(|| format!("reading {}", path.display()))?;
        let wanted = |name: &String| VARIABLES.contains(&name.as_str()) || variables.contains_key(name);
        let environment: Vec<_> =
            env::vars().filter(|(name, value)| !value.is_empty() && wanted(name)).collect();
        variables.extend(environment);
        variables.retain(|_, value| !value.is_empty());
        Ok(Self { variables })
    }

    /// No settings: tests use neither the developer's environment nor `.env`.
    pub fn none() -> Self {
        Self::default()
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    pub fn set_default(&mut self, name: &str, value: impl Into<String>) {
        self.variables.entry(name.to_owned()).or_insert_with(|| value.into());
    }

    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }
}

impl From<BTreeMap<String, String>> for Settings {
    fn from(variables: BTreeMap<String, String>) -> Self {
        Self { variables }
    }
}

/// Reads lines of `NAME=value`. They may begin with `export`, values may be quoted, and `#` begins
/// a comment.
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

/// The secret of 64 characters in `path`. The first call generates it.
pub fn secret(path: &Path) -> Result<String> {
    if let Some(secret) = read_if_exists(path)?.filter(|secret| secret.len() >= 64) {
        return Ok(secret);
    }
    let secret = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    write_private(path, secret.as_bytes())?;
    Ok(secret)
}

pub(crate) fn read_if_exists(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        read => read.map(Some).with_context(|| format!("reading {}", path.display())),
    }
}

/// Writes a file that only its owner can read.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let written = options.open(path).and_then(|mut file| file.write_all(bytes));
    written.with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotenv_accepts_exports_quotes_and_comments() {
        let text = "# comment\n\nA=1\nexport B = two words # why\nC=\"x # y\"\nD='a=b'\nE=\nF=a#b\n";
        let read = parse(text).unwrap();
        let expected =
            [("A", "1"), ("B", "two words"), ("C", "x # y"), ("D", "a=b"), ("E", ""), ("F", "a#b")];
        assert_eq!(read, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        assert!(parse("A=1\nnonsense").unwrap_err().to_string().contains("line 2"));
    }

    #[test]
    fn variables_are_read_from_the_document() {
        assert!(VARIABLES.len() > 50, "{VARIABLES:?}");
        assert!(["DATABASE_URL", "WORKER_CONCURRENCY"].iter().all(|name| VARIABLES.contains(name)));
    }
}
