//! Reading the environment so that one refusal names everything that is wrong with it.

use std::fmt::Display;
use std::str::FromStr;

use secrecy::SecretString;
use thiserror::Error;

/// The environment does not do; the message has a line for every variable that is missing or wrong. Values are not in it.
#[derive(Debug, Error)]
#[error("the configuration is not usable:\n  {}", .0.join("\n  "))]
pub struct ConfigError(pub(crate) Vec<String>);

/// The environment, and what was found wrong with it so far.
pub(crate) struct Env<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<String>,
}

impl<'a> Env<'a> {
    pub(crate) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup, problems: Vec::new() }
    }

    /// The value of `name`; empty counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        (self.lookup)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// Notes that `name` is wrong.
    pub(crate) fn problem(&mut self, name: &str, why: impl Display) {
        self.problems.push(format!("{name}: {why}"));
    }

    /// The value of `name`, which must be there if `needed`; empty otherwise.
    pub(crate) fn required(&mut self, name: &str, needed: bool, what: &str) -> String {
        match self.get(name) {
            Some(value) => value,
            None if needed => {
                self.problem(name, format!("is missing ({what})"));
                String::new()
            }
            None => String::new(),
        }
    }

    /// As [`Self::required`], for what must not be seen.
    pub(crate) fn secret(&mut self, name: &str, needed: bool, what: &str) -> SecretString {
        self.required(name, needed, what).into()
    }

    /// The value of `name` read by `read`, or `default`.
    pub(crate) fn parsed<T>(
        &mut self,
        name: &str,
        default: T,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> T {
        match self.get(name).map(|value| read(&value)) {
            None => default,
            Some(Ok(value)) => value,
            Some(Err(why)) => {
                self.problem(name, why);
                default
            }
        }
    }

    /// The value of `name` as a whole number of at least `min`, or `default`.
    pub(crate) fn number<T: FromStr + PartialOrd + Display + Copy>(
        &mut self,
        name: &str,
        default: T,
        min: T,
    ) -> T {
        self.parsed(name, default, |text| match text.parse() {
            Ok(number) if number >= min => Ok(number),
            _ => Err(format!("must be a whole number of at least {min}")),
        })
    }

    /// `value`, unless something was wrong.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, ConfigError> {
        if self.problems.is_empty() { Ok(value) } else { Err(ConfigError(self.problems)) }
    }
}
