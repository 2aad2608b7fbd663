//! A parsed search query: words, phrases in quotes, `OR`, and a minus before what to exclude.

use super::cursor::Rank;
use super::tokens::{has_indexed_end, is_one_token, wanted_tokens};
use super::units::Units;

/// The maximum number of words in a query. Each word makes the search more expensive.
pub const MAX_WORDS: usize = 16;
/// The number of pairs of signs that a term looks up. The check of the candidates compares all.
const MAX_PAIRS: usize = 16;

/// A search query. Any of its alternatives must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    alternatives: Vec<Alternative>,
    words: usize,
}

/// Terms that must all occur, and terms of which none may occur.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alternative {
    required: Vec<Term>,
    excluded: Vec<Term>,
}

/// A part of a query without spaces, or a phrase in quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    units: Units,
    is_quoted: bool,
}

impl Query {
    /// Parses `text`. Every text is a query, but one without letters, digits and emoji finds
    /// nothing. An `OR` separates alternatives, as in `a b OR c`: (a and b) or c.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let (mut alternatives, mut current, mut words) = (Vec::new(), Alternative::default(), 0);
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let (is_excluded, unsigned) = match rest.strip_prefix('-') {
                Some(after) if !after.starts_with('-') => (true, after),
                _ => (false, rest),
            };
            let (part, is_quoted, after) = split_part(unsigned);
            rest = after.trim_start();
            if part.eq_ignore_ascii_case("or") && !is_quoted && !is_excluded {
                alternatives.push(std::mem::take(&mut current));
                continue;
            }
            let term = Term { units: Units::new(part), is_quoted };
            words += term.units.word_count();
            if term.units.len() > 0 {
                let terms = if is_excluded { &mut current.excluded } else { &mut current.required };
                terms.push(term);
            }
        }
        alternatives.push(current);
        alternatives.retain(|one| !one.required.is_empty() || !one.excluded.is_empty());
        Self { alternatives, words }
    }

    /// The alternatives. Without one the query finds nothing.
    #[must_use]
    pub fn alternatives(&self) -> &[Alternative] {
        &self.alternatives
    }

    /// The number of words, where a run of characters of a script without spaces is one word.
    #[must_use]
    pub fn word_count(&self) -> usize {
        self.words
    }

    /// Whether a candidate of the index may not match, other than by a collision of hashes. The
    /// index does not know the order of words, nor prefixes of every length.
    #[must_use]
    pub fn needs_check(&self, rank: Rank) -> bool {
        let is_ambiguous = |term: &Term| match rank {
            Rank::WholeWords => !is_one_token(&term.units),
            Rank::Prefix => !is_one_token(&term.units) || !(term.is_quoted || has_indexed_end(&term.units)),
        };
        self.alternatives.iter().any(|one| {
            one.required.iter().any(is_ambiguous) || one.excluded.iter().any(|term| term.units.len() > 1)
        })
    }

    /// Whether words of the query may be prefixes of longer words.
    #[must_use]
    pub fn has_prefixes(&self) -> bool {
        self.alternatives.iter().any(|one| one.whole_words() != one.prefixes())
    }

    /// Whether the message `text` matches.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let text = Units::new(text);
        self.alternatives.iter().any(|one| {
            one.required.iter().all(|term| term.find(&text).is_some())
                && !one.excluded.iter().any(|term| text.find(&term.units, false).is_some())
        })
    }

    /// The position in `text`, in characters, of the first term that occurs.
    pub(super) fn find(&self, text: &str) -> Option<usize> {
        let text = Units::new(text);
        let terms = self.alternatives.iter().flat_map(|one| &one.required);
        terms.filter_map(|term| term.find(&text)).min()
    }
}

impl Alternative {
    /// The tokens of messages with every required word as a whole word.
    #[must_use]
    pub fn whole_words(&self) -> Vec<i32> {
        self.required.iter().flat_map(|term| wanted_tokens(&term.units, false, MAX_PAIRS)).collect()
    }

    /// The tokens of messages with every required word, at least as a prefix.
    #[must_use]
    pub fn prefixes(&self) -> Vec<i32> {
        let tokens = |term: &Term| wanted_tokens(&term.units, !term.is_quoted, MAX_PAIRS);
        self.required.iter().flat_map(tokens).collect()
    }

    /// The tokens of which a matching message has none. Only exclusions of one word have a token.
    #[must_use]
    pub fn excluded(&self) -> Vec<i32> {
        let words = self.excluded.iter().filter(|term| term.units.len() == 1);
        words.flat_map(|term| wanted_tokens(&term.units, false, MAX_PAIRS)).collect()
    }
}

impl Term {
    fn find(&self, text: &Units) -> Option<usize> {
        text.find(&self.units, !self.is_quoted)
    }
}

/// Splits the first part off `text`, which begins with it: the part, whether it is in quotes, and
/// the rest. A quote inside a part, as in `src="app.js"`, belongs to the part.
fn split_part(text: &str) -> (&str, bool, &str) {
    if let Some(quoted) = text.strip_prefix('"') {
        let (part, rest) = quoted.split_once('"').unwrap_or((quoted, ""));
        return (part, true, rest);
    }
    let (part, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (part, false, rest)
}

/// The query in a form that `websearch_to_tsquery` of Postgres accepts, for messages that have no
/// tokens yet. It removes each minus that precedes nothing, because 33 of them in a row are an
/// error there.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_match_as_documented() {
        let code = "run <script src=\"app.js\"> from config/app.yaml --verbose";
        for (query, text) in [
            ("whale", "Two WHALES"),
            ("cafe", "au café"),
            ("café", "cafe\u{301}"),
            ("app.yaml", code),
            ("<script src=\"app.js\">", code),
            ("config/app", code),
            ("--verbose", code),
            ("\"src app js\"", code),
            ("a b OR c", "c"),
            ("x or c", "c"),
            ("fish -fishes", "a fish"),
            ("fish -\"two fishes\"", "fishes two"),
            ("-bird", "fish"),
            ("咖啡", "我喜欢在早上喝咖啡和读书"),
            ("早上喝咖", "我喜欢在早上喝咖啡和读书"),
            ("한국", "대\u{1112}\u{1161}\u{11AB}\u{1100}\u{116E}\u{11A8}어"),
            ("🎉", "done🎉"),
            ("antidisestablish", "Antidisestablishmentarianism"),
        ] {
            assert!(Query::parse(query).matches(text), "{query} in {text}");
        }
        for (query, text) in [
            ("hale", "whale"),
            ("\"two whale\"", "two whales"),
            ("\"src js\"", code),
            ("app.toml", code),
            ("fish -fish", "a fish"),
            ("fish -two", "two fishes"),
            ("上早", "早上"),
            ("喝咖啡", "喝咖。咖啡"),
            ("a", "apple"),
            ("antidisestablishx", "antidisestablishment"),
            ("++", "c++"),
            ("OR", "or"),
        ] {
            assert!(!Query::parse(query).matches(text), "{query} not in {text}");
        }
    }

    #[test]
    fn every_match_is_a_candidate_of_the_index() {
        let texts = ["Two whales, a fish", "我喜欢在早上喝咖啡", "config/app.yaml", "a b", "Größe é x"];
        let queries = [
            "whale",
            "whal fis",
            "\"a fish\"",
            "喜欢",
            "喝咖啡",
            "欢",
            "app.ya",
            "groß",
            "grosse e",
            "a OR 早上",
            "whale -bird",
            "-bird",
            "two -\"a bird\"",
        ];
        for (text, query) in texts.iter().flat_map(|text| queries.map(|query| (text, query))) {
            let (tokens, parsed) = (super::super::tokens(text), Query::parse(query));
            let is_candidate = parsed.alternatives().iter().any(|one| {
                one.prefixes().iter().all(|token| tokens.contains(token))
                    && !one.excluded().iter().any(|token| tokens.contains(token))
            });
            let matches = parsed.matches(text);
            assert!(is_candidate || !matches, "{query} in {text}");
            assert!(matches || !is_candidate || parsed.needs_check(Rank::Prefix), "{query} not in {text}");
        }
    }

    #[test]
    fn words_are_counted_without_operators_and_signs_by_run() {
        for (query, words) in [("\"a b\" OR -c, d", 4), ("我喜欢 咖啡", 2), ("app.yaml", 2), ("- +", 0)]
        {
            assert_eq!(Query::parse(query).word_count(), words, "{query}");
        }
        let many = "喜".repeat(200);
        assert!(Query::parse(&many).alternatives()[0].prefixes().len() <= MAX_PAIRS);
    }

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
}
