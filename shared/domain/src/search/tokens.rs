//! The tokens of the index: 32-bit hashes of words, prefixes, signs and pairs of signs.
//!
//! The hash is FNV-1a over a letter for the kind and the folded text. It is stored, so it may never
//! change; `dev/bench/src/growth/seed.sql` computes the same. Texts whose hashes collide are
//! candidates that [`Query::matches`](super::Query::matches) rejects.

use super::units::{Unit, Units};

/// The lengths of the prefixes that are indexed, in characters. A prefix of another length is
/// looked up by the next shorter one. Fewer lengths make the index smaller, and more candidates.
const PREFIX_LENGTHS: [usize; 4] = [2, 3, 5, 8];

/// The kind of a token.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Word = b'w' as isize,
    Prefix = b'p' as isize,
    Sign = b's' as isize,
    Pair = b'd' as isize,
}

/// The tokens that the message `text` is indexed by, sorted and without duplicates. There are at
/// most twice as many as characters.
#[must_use]
pub fn tokens(text: &str) -> Vec<i32> {
    let (units, mut tokens, mut previous) = (Units::new(text), Vec::new(), None);
    for (unit, text) in units.iter() {
        if unit.is_sign {
            tokens.push(hash(Kind::Sign, &[text]));
            tokens.extend(pair(previous, unit, text));
        } else {
            tokens.push(hash(Kind::Word, &[text]));
            tokens.extend(prefixes(text).map(|prefix| hash(Kind::Prefix, &[prefix])));
        }
        previous = Some((unit, text));
    }
    tokens.sort_unstable();
    tokens.dedup();
    tokens
}

/// The tokens that every text with `wanted` has. If `is_prefix`, the last word may be the beginning
/// of a longer word. For a run of signs it uses at most `max_pairs` pairs.
pub(super) fn wanted_tokens(wanted: &Units, is_prefix: bool, max_pairs: usize) -> Vec<i32> {
    let (mut tokens, mut pairs, mut previous) = (Vec::new(), 0, None);
    let mut units = wanted.iter().peekable();
    while let Some((unit, text)) = units.next() {
        let next = units.peek();
        if unit.is_sign {
            let joins_next = next.is_some_and(|(next, _)| next.is_sign && next.is_glued);
            match pair(previous, unit, text) {
                Some(pair) if pairs < max_pairs => {
                    pairs += 1;
                    tokens.push(pair);
                }
                Some(_) => {}
                None if joins_next => {}
                None => tokens.push(hash(Kind::Sign, &[text])),
            }
        } else if is_prefix && next.is_none() && unit.allows_prefix(text) {
            tokens.extend(prefixes(text).last().map(|prefix| hash(Kind::Prefix, &[prefix])));
        } else {
            tokens.push(hash(Kind::Word, &[text]));
        }
        previous = Some((unit, text));
    }
    tokens
}

/// Whether one token equals all of `wanted`: a word, a sign or a pair.
pub(super) fn is_one_token(wanted: &Units) -> bool {
    wanted.len() == 1
        || (wanted.len() == 2 && wanted.iter().all(|(unit, _)| unit.is_sign) && wanted.word_count() == 1)
}

/// Whether the last unit is looked up by all of its characters when it is a prefix.
pub(super) fn has_indexed_end(wanted: &Units) -> bool {
    wanted.iter().last().is_none_or(|(unit, text)| {
        !unit.allows_prefix(text) || PREFIX_LENGTHS.contains(&text.chars().count())
    })
}

/// The token of the sign `text` with the unit before it, if that is a sign and adjacent.
fn pair(previous: Option<(&Unit, &str)>, unit: &Unit, text: &str) -> Option<i32> {
    let (_, before) = previous.filter(|(previous, _)| previous.is_sign && unit.is_glued)?;
    Some(hash(Kind::Pair, &[before, text]))
}

/// The indexed prefixes of `word`, the whole word included if it has such a length.
fn prefixes(word: &str) -> impl Iterator<Item = &str> {
    let ends = word.char_indices().map(|(index, _)| index).skip(1).chain([word.len()]).enumerate();
    ends.filter(|(index, _)| PREFIX_LENGTHS.contains(&(index + 1)))
        .take(PREFIX_LENGTHS.len())
        .map(|(_, end)| &word[..end])
}

fn hash(kind: Kind, parts: &[&str]) -> i32 {
    let bytes = parts.iter().flat_map(|part| part.bytes());
    let hash = [kind as u8]
        .into_iter()
        .chain(bytes)
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash.cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(query: &str, text: &str) -> bool {
        let tokens = tokens(text);
        wanted_tokens(&Units::new(query), true, 16).iter().all(|token| tokens.contains(token))
    }

    #[test]
    fn tokens_are_sorted_and_never_change() {
        assert_eq!(tokens("cat"), {
            let mut expected =
                [hash(Kind::Word, &["cat"]), hash(Kind::Prefix, &["ca"]), hash(Kind::Prefix, &["cat"])];
            expected.sort_unstable();
            expected
        });
        assert_eq!(hash(Kind::Word, &["cat"]), hash(Kind::Word, &["c", "at"]));
        assert_eq!(hash(Kind::Word, &["minutes"]), MINUTES);
        assert!(tokens("").is_empty() && tokens("?!").is_empty());
        assert_eq!(tokens("a a a").len(), 1);
    }

    /// As computed by Postgres in `seed.sql`.
    const MINUTES: i32 = 1_210_330_787;

    #[test]
    fn texts_have_the_tokens_of_each_query_that_they_match() {
        for (query, text) in [
            ("whale", "two whales"),
            ("wh", "whale"),
            ("咖啡", "我喜欢在早上喝咖啡和读书"),
            ("茶", "喝茶吗"),
            ("天気", "今日は天気がいい"),
            ("한국", "대한국민"),
            ("ภาษา", "เรียนภาษาไทย"),
            ("app.yaml", "config/app.yaml"),
            ("antidisestablish", "Antidisestablishmentarianism"),
            ("a", "a b"),
        ] {
            assert!(finds(query, text), "{query} in {text}");
        }
        for (query, text) in [("whole", "whale"), ("hale", "whale"), ("咖啡", "啡咖"), ("a", "apple")] {
            assert!(!finds(query, text), "{query} in {text}");
        }
    }

    #[test]
    fn number_of_tokens_is_bounded_by_the_length() {
        let words = "abcdefghij ".repeat(900);
        let signs: String = ('\u{4E00}'..'\u{7000}').collect();
        for text in [words.as_str(), signs.as_str(), &"ab ".repeat(3000)] {
            assert!(tokens(text).len() <= 2 * text.chars().count(), "{}", tokens(text).len());
        }
    }
}
