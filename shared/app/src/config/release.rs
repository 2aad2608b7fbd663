//! The commit and the deployment of a function.

use chrono::{DateTime, Utc};

use super::env::Env;
use super::variables::{COMMIT, COMMIT_TIME, DEPLOYMENT};

/// The commit that the program was built from, and its deployment. `None` where one is not known.
///
/// A build takes it from the variables of the same names, so that the program cannot claim another
/// commit than its own, whatever a later deployment sets. It is the commit's time, not that of the
/// build: the same commit gives the same bytes. Without them, as on a laptop, where each commit would
/// build everything again, it is read at start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// The hash of the commit.
    pub commit: Option<String>,
    /// When it was made.
    pub committed_at: Option<DateTime<Utc>>,
    /// The fingerprint of the deployment's configuration.
    pub deployment: Option<String>,
}

impl Release {
    pub(super) fn read(env: &mut Env<'_>) -> Self {
        Self::of_build(option_env!("COMMIT"), option_env!("COMMIT_TIME"), env)
    }

    fn of_build(commit: Option<&str>, time: Option<&str>, env: &mut Env<'_>) -> Self {
        let deployment = env.get(DEPLOYMENT);
        let Some(commit) = commit.filter(|commit| !commit.is_empty()) else {
            let committed_at = env.parsed(COMMIT_TIME, |text| parse(text).map(Some));
            return Self { commit: env.get(COMMIT), committed_at, deployment };
        };
        let committed_at = time.and_then(|text| parse(text).ok());
        Self { commit: Some(commit.to_owned()), committed_at, deployment }
    }
}

fn parse(text: &str) -> Result<DateTime<Utc>, String> {
    let time = DateTime::parse_from_rfc3339(text);
    time.map(|time| time.to_utc()).map_err(|_| "must be a time such as 2026-11-27T12:00:00Z".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_START: [(&str, &str); 2] = [("COMMIT", "b2"), ("COMMIT_TIME", "2026-11-27T13:00:00+01:00")];

    fn read(commit: Option<&str>, time: Option<&str>, vars: &[(&str, &str)]) -> Release {
        let lookup =
            |name: &str| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let mut env = Env::new(&lookup);
        let release = Release::of_build(commit, time, &mut env);
        env.finish(release).unwrap()
    }

    #[test]
    fn commit_of_the_build_cannot_be_replaced_at_start() {
        let built = read(Some("a1"), Some("2026-11-26T12:00:00Z"), &AT_START);
        assert_eq!(built.commit.as_deref(), Some("a1"));
        assert_eq!(built.committed_at.unwrap().to_rfc3339(), "2026-11-26T12:00:00+00:00");
        assert_eq!(read(Some("a1"), None, &AT_START).committed_at, None);
    }

    #[test]
    fn build_without_a_commit_reads_it_at_start() {
        for commit in [None, Some("")] {
            let read = read(commit, None, &AT_START);
            assert_eq!(read.commit.as_deref(), Some("b2"));
            assert_eq!(read.committed_at.unwrap().to_rfc3339(), "2026-11-27T12:00:00+00:00");
        }
        assert_eq!(read(None, None, &[]), Release { commit: None, committed_at: None, deployment: None });
    }
}
