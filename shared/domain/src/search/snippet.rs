//! The part of a message that a search result shows.

use super::query::Query;

/// The maximum number of characters that a snippet shows before the first match.
const CONTEXT: usize = 60;
/// The maximum length of a snippet, in characters.
const SNIPPET_LENGTH: usize = 200;

/// The part of `text` around the first match of `query`, as one line of at most 200 characters. An
/// ellipsis marks omitted text. Without a match it is the beginning of `text`.
#[must_use]
pub fn snippet(text: &str, query: &Query) -> String {
    let mut start = query.find(text).unwrap_or(0).saturating_sub(CONTEXT);
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

    fn cut(text: &str, query: &str) -> String {
        snippet(text, &Query::parse(query))
    }

    #[test]
    fn snippet_is_short_and_contains_the_match() {
        let text = format!("{} The Größte fish\nof all. {}", "before ".repeat(200), "after ".repeat(200));
        for query in ["GRÖßTE", "groess OR grosst", "\"grösste fish\"", "-bird fis"] {
            let cut = cut(&text, query);
            assert!(cut.starts_with("… ") && cut.ends_with(" …"), "{cut}");
            assert!(
                cut.contains("The Größte fish of all.") && cut.chars().count() <= SNIPPET_LENGTH + 4,
                "{cut}"
            );
        }
        let chinese = format!("{}喝咖啡{}", "我喜欢读书".repeat(100), "和茶".repeat(100));
        assert!(cut(&chinese, "咖啡").contains("喝咖啡和茶"));
        assert_eq!(cut("a short one", "one"), "a short one");
        assert_eq!(cut("İİİ found", "found"), "İİİ found");
        assert_eq!(cut(&"x ".repeat(500), "nothing").chars().count(), SNIPPET_LENGTH - 1 + 2);
        assert_eq!(cut("", "a"), "");
    }
}
