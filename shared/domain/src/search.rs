//! What people search for: words, phrases in quotes, `OR`, and a minus before what is not to be there.

/// The most words of a search. What is looked for costs more with each.
pub const MOST_WORDS: usize = 16;

/// How many characters of a text are shown before what was found, and in all.
const BEFORE: usize = 60;
const IN_ALL: usize = 200;

/// A search, in the form that Postgres reads (`websearch_to_tsquery`) and without what it chokes on: a minus that is before
/// nothing, of which 33 in a row are an error.
#[must_use]
pub fn cleaned(query: &str) -> String {
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

/// The words of a search, in lower case.
pub fn words(query: &str) -> impl Iterator<Item = String> {
    query.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

/// The part of `text` in which the first of the words of `query` stands, in one line of at most 200 characters, with an
/// ellipsis where something is left out; its beginning, where none stands there as it was written.
#[must_use]
pub fn snippet(text: &str, query: &str) -> String {
    let wanted: Vec<String> = words(query).collect();
    // Lower case can be longer than what it is of: places are counted in characters of the text itself.
    let mut place = 0;
    let mut found = None;
    for word in text.split(|c: char| !c.is_alphanumeric()) {
        if !word.is_empty() && wanted.contains(&word.to_lowercase()) {
            found = Some(place);
            break;
        }
        place += word.chars().count() + 1;
    }
    let mut start = found.unwrap_or(0).saturating_sub(BEFORE);
    if start > 0 {
        // Not in the middle of a word.
        start += text.chars().skip(start).take(BEFORE).position(char::is_whitespace).map_or(0, |gap| gap + 1);
    }
    let mut rest = text.chars().skip(start);
    let part: String = rest.by_ref().take(IN_ALL).collect();
    let line = part.split_whitespace().collect::<Vec<_>>().join(" ");
    let (before, after) = (if start > 0 { "… " } else { "" }, if rest.next().is_some() { " …" } else { "" });
    format!("{before}{line}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minus_stays_where_it_means_something() {
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
            let cleaned = cleaned(query);
            let same = cleaned.split_whitespace().eq(clean.split_whitespace());
            assert!(same, "{query:?} became {cleaned:?}");
        }
        assert!(!cleaned(&"-".repeat(200)).contains('-'));
    }

    #[test]
    fn a_snippet_has_what_was_found_and_is_short() {
        let text = format!("{} The Größte fish\nof all. {}", "before ".repeat(200), "after ".repeat(200));
        let cut = snippet(&text, "GRÖßTE");
        assert!(cut.starts_with("… ") && cut.ends_with(" …"), "{cut}");
        assert!(cut.contains("The Größte fish of all.") && cut.chars().count() <= IN_ALL + 4, "{cut}");
        assert_eq!(snippet("a short one", "one"), "a short one");
        assert_eq!(snippet("İİİ found", "found"), "İİİ found");
        assert_eq!(snippet(&"x ".repeat(500), "nothing").chars().count(), IN_ALL - 1 + 2);
        assert_eq!(snippet("", "a"), "");
    }

    #[test]
    fn words_are_counted_whatever_stands_between_them() {
        assert_eq!(words("\"a b\" OR -c, d").collect::<Vec<_>>(), ["a", "b", "or", "c", "d"]);
    }
}
