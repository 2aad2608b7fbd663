//! Estimates the tokens of a text by its script.
//!
//! Source: <https://ai.google.dev/gemini-api/docs/tokens> for about four characters of English per
//! token. Scripts with larger alphabets need more tokens.

/// Quarters of a token that a character costs.
fn quarters(c: char) -> usize {
    match c {
        '\0'..='\u{24f}' => 1,
        // Greek, Cyrillic, Semitic and Indic scripts, Thai.
        '\u{250}'..='\u{10ff}' => 2,
        // Chinese, Japanese and Korean, symbols and emoji.
        _ => 4,
    }
}

pub fn tokens(text: &str) -> usize {
    text.chars().map(quarters).sum::<usize>().div_ceil(4)
}

/// The longest start of a text with at most `max` tokens.
pub fn truncate(text: &str, max: usize) -> &str {
    let mut left = max.saturating_mul(4);
    let end = text.char_indices().find(|(_, c)| {
        let cost = quarters(*c);
        let is_over = cost > left;
        left = left.saturating_sub(cost);
        is_over
    });
    end.map_or(text, |(index, _)| &text[..index])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_have_different_densities() {
        for (text, count) in [("", 0), ("12345", 2), ("привет", 3), ("咖啡", 2), ("😀", 1)] {
            assert_eq!(tokens(text), count, "{text}");
        }
        assert_eq!(
            (truncate("abcdefgh", 1), truncate("我喜欢", 2), truncate("ab", 9)),
            ("abcd", "我喜", "ab")
        );
    }
}
