//! Reads environment variables and collects all problems, so that one error names every one of
//! them.

use std::fmt::Display;
use std::str::FromStr;

use secrecy::SecretString;
use thiserror::Error;

use super::variables::Variable;

/// The environment is incomplete or wrong. The message has one line for each missing or invalid
/// variable, without its value.
#[derive(Debug, Error)]
#[error("the configuration is not usable:\n  {}", join(.0))]
pub struct ConfigError(Vec<ConfigProblem>);

impl ConfigError {
    /// The problems, at least one.
    #[must_use]
    pub fn into_problems(self) -> Vec<ConfigProblem> {
        self.0
    }
}

/// What is wrong with a variable, without its value if that is a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{variable}: {why}")]
pub struct ConfigProblem {
    /// The variable.
    pub variable: &'static str,
    /// What is wrong with it.
    pub why: String,
}

fn join(problems: &[ConfigProblem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  ")
}

/// The environment, and the problems found so far.
pub(crate) struct Env<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<ConfigProblem>,
}

impl<'a> Env<'a> {
    pub(crate) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup, problems: Vec::new() }
    }

    /// The value of `variable`, else its default. An empty value counts as unset.
    pub(crate) fn get(&self, variable: Variable) -> Option<String> {
        let value = (self.lookup)(variable.name).map(|value| value.trim().to_owned());
        value.filter(|value| !value.is_empty()).or_else(|| variable.default.map(str::to_owned))
    }

    /// As [`Self::get`], for a variable that has a default.
    pub(crate) fn text(&self, variable: Variable) -> String {
        self.get(variable).unwrap_or_default()
    }

    /// The items of a list separated by commas.
    pub(crate) fn list(&self, variable: Variable) -> Vec<String> {
        let text = self.text(variable);
        text.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect()
    }

    /// Adds a problem with `variable`.
    pub(crate) fn problem(&mut self, variable: Variable, why: impl Display) {
        self.problems.push(ConfigProblem { variable: variable.name, why: why.to_string() });
    }

    /// The value of `variable`, or empty. It is a problem when it is unset but `needed`; `what`
    /// describes the value.
    pub(crate) fn required(&mut self, variable: Variable, needed: bool, what: &str) -> String {
        let value = self.get(variable);
        if value.is_none() && needed {
            self.problem(variable, format!("is missing ({what})"));
        }
        value.unwrap_or_default()
    }

    /// As [`Self::required`], for a secret.
    pub(crate) fn secret(&mut self, variable: Variable, needed: bool, what: &str) -> SecretString {
        self.required(variable, needed, what).into()
    }

    /// The value of `variable`, parsed by `parse`. An invalid value is a problem, and the result is
    /// then a placeholder that [`Self::finish`] discards.
    pub(crate) fn parsed<T: Default>(
        &mut self,
        variable: Variable,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> T {
        let parsed = self.get(variable).map(|value| parse(&value)).transpose();
        parsed
            .unwrap_or_else(|why| {
                self.problem(variable, why);
                None
            })
            .unwrap_or_default()
    }

    /// The value of `variable` as a whole number of at least `min`.
    pub(crate) fn number<T: FromStr + PartialOrd + Display + Default + Copy>(
        &mut self,
        variable: Variable,
        min: T,
    ) -> T {
        self.parsed(variable, |text| match text.parse() {
            Ok(number) if number >= min => Ok(number),
            _ => Err(format!("must be a whole number of at least {min}")),
        })
    }

    /// `value`, unless there were problems.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, ConfigError> {
        if self.problems.is_empty() { Ok(value) } else { Err(ConfigError(self.problems)) }
    }
}
