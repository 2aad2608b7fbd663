//! Search queries: words, phrases in quotes, `OR`, and a minus before a word to exclude.

/// The maximum number of words in a query. Each word makes the search more expensive.
pub const MAX_WORDS: usize = 16;

/// The maximum number of characters that a snippet shows before the first match.
const CONTEXT: usize = 60;
/// The maximum length of a snippet, in characters.
const SNIPPET_LENGTH: usize = 200;

/// The query in a form that `websearch_to_tsquery` of Postgres accepts. It removes each minus that
/// precedes nothing, because 33 of them in a row are an error there.
#[must_use]
pub fn sanitize_query(query: &str) -> String {
    let chars: Vec<char> = query.chars().collect();
    let at = |index: Option<usize>| index.and_then(|index| chars.get(index)).copied();
    let keeps = |index: usize| {
        let (before, after) = (at(index.checked_sub(1)), at(index.checked_add(1)));
        let begins = before.is_none_or(|c| c.is_whitespace() || c == '"');
        let inside = before.is_some_and(char::is_alphanumeric);
        (begins || inside) && after.is_some_and(|c| c.is_alphanumeric() || (begins && c == '"'))
    };
    let clean = |(index, c): (usize, &char)| if *c == '-' && !keeps(index) { ' ' } else { *c };
    chars.iter().enumerate().map(clean).collect()
}

/// The words of a query, in lower case.
pub fn words(query: &str) -> impl Iterator<Item = String> {
    query.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

/// The part of `text` around the first word that is also in `query`, as one line of at most 200
/// characters. An ellipsis marks omitted text. Without such a word it is the beginning of `text`.
#[must_use]
pub fn snippet(text: &str, query: &str) -> String {
    let wanted: Vec<String> = words(query).collect();
    // Lower case can be longer than the original, so positions count characters of the original
    // text.
    let mut position = 0;
    let mut found = None;
    for word in text.split(|c: char| !c.is_alphanumeric()) {
        if !word.is_empty() && wanted.contains(&word.to_lowercase()) {
            found = Some(position);
            break;
        }
        position += word.chars().count() + 1;
    }
    let mut start = found.unwrap_or(0).saturating_sub(CONTEXT);
    if start > 0 {
        // Do not start in the middle of a word.
        start +=
            text.chars().skip(start).take(CONTEXT).position(char::is_whitespace).map_or(0, |gap| gap + 1);
    }
    let mut rest = text.chars().skip(start);
    let part: String = rest.by_ref().take(SNIPPET_LENGTH).collect();
    let line = part.split_whitespace().collect::<Vec<_>>().join(" ");
    let (before, after) = (if start > 0 { "… " } else { "" }, if rest.next().is_some() { " …" } else { "" });
    format!("{before}{line}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_minus_with_a_meaning_is_kept() {
        for (query, clean) in [
            ("a -b", "a -b"),
            ("-\"b c\"", "-\"b c\""),
            ("well-known", "well-known"),
            ("a - b", "a   b"),
            ("--b", "  b"),
            ("- - -", "     "),
            ("a----b", "a    b"),
            ("b-", "b "),
        ] {
            let sanitized = sanitize_query(query);
            let same = sanitized.split_whitespace().eq(clean.split_whitespace());
            assert!(same, "{query:?} became {sanitized:?}");
        }
        assert!(!sanitize_query(&"-".repeat(200)).contains('-'));
    }

    #[test]
    fn snippet_is_short_and_contains_the_match() {
        let text = format!("{} The Größte fish\nof all. {}", "before ".repeat(200), "after ".repeat(200));
        let cut = snippet(&text, "GRÖßTE");
        assert!(cut.starts_with("… ") && cut.ends_with(" …"), "{cut}");
        assert!(
            cut.contains("The Größte fish of all.") && cut.chars().count() <= SNIPPET_LENGTH + 4,
            "{cut}"
        );
        assert_eq!(snippet("a short one", "one"), "a short one");
        assert_eq!(snippet("İİİ found", "found"), "İİİ found");
        assert_eq!(snippet(&"x ".repeat(500), "nothing").chars().count(), SNIPPET_LENGTH - 1 + 2);
        assert_eq!(snippet("", "a"), "");
    }

    #[test]
    fn words_are_split_at_everything_but_letters_and_digits() {
        assert_eq!(words("\"a b\" OR -c, d").collect::<Vec<_>>(), ["a", "b", "or", "c", "d"]);
    }
}
