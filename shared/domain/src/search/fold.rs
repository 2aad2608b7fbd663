//! The form in which texts are compared: without case, without accents, and the same for composed
//! and decomposed characters and for full and half width.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

/// Calls `emit` with each character of `text` in folded form and the position, in characters of
/// `text`, that it comes from.
pub(super) fn fold(text: &str, mut emit: impl FnMut(char, usize)) {
    let mut chars = text.chars().enumerate().peekable();
    let mut cluster = String::new();
    while let Some((position, first)) = chars.next() {
        let is_single = chars.peek().is_none_or(|(_, next)| !is_extension(*next));
        if first.is_ascii() && is_single {
            emit(first.to_ascii_lowercase(), position);
            continue;
        }
        cluster.clear();
        cluster.push(first);
        while let Some((_, next)) = chars.next_if(|(_, next)| is_extension(*next)) {
            cluster.push(next);
        }
        let composed = cluster.nfkd().filter(|c| !is_ignored(*c)).nfc();
        for c in composed.flat_map(char::to_lowercase).filter(|c| !is_ignored(*c)) {
            match equivalent(c) {
                Some(letters) => letters.chars().for_each(|letter| emit(letter, position)),
                None => emit(c, position),
            }
        }
    }
}

/// Whether `c` belongs to the character before it: a combining mark, or a vowel or final consonant
/// of a decomposed Korean syllable.
fn is_extension(c: char) -> bool {
    !c.is_ascii()
        && (canonical_combining_class(c) != 0
            || matches!(c, '\u{1160}'..='\u{11FF}' | '\u{FF9E}' | '\u{FF9F}'))
}

/// Accents of Latin, Greek and Cyrillic letters, Hebrew and Arabic vowel points, the Arabic
/// elongation, and characters that have no width. Marks of other scripts distinguish words.
fn is_ignored(c: char) -> bool {
    matches!(c,
        '\u{0300}'..='\u{036F}' | '\u{0591}'..='\u{05BD}' | '\u{05BF}' | '\u{05C1}' | '\u{05C2}'
        | '\u{05C4}' | '\u{05C5}' | '\u{05C7}' | '\u{0610}'..='\u{061A}' | '\u{0640}'
        | '\u{064B}'..='\u{065F}' | '\u{0670}' | '\u{00AD}' | '\u{200B}'..='\u{200F}'
        | '\u{2060}'..='\u{2064}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}')
}

/// The letters that people type for a letter that has no decomposition.
fn equivalent(c: char) -> Option<&'static str> {
    Some(match c {
        'ß' => "ss",
        'ς' => "σ",
        'ı' => "i",
        'ł' => "l",
        'ø' => "o",
        'đ' => "d",
        'æ' => "ae",
        'œ' => "oe",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> String {
        let mut folded = String::new();
        fold(text, |c, _| folded.push(c));
        folded
    }

    #[test]
    fn equal_for_a_reader_is_equal_when_folded() {
        for (one, other) in [
            ("Café", "cafe\u{301}"),
            ("café", "CAFE"),
            ("Größe", "GROSSE"),
            ("ẞ", "ss"),
            ("İstanbul", "ıSTANBUL"),
            ("ΟΔΟΣ", "οδός"),
            ("Łódź", "lodz"),
            ("\u{FB01}le", "file"),
            ("ＡＢＣ１", "abc1"),
            ("ｶﾞ", "ガ"),
            ("か\u{3099}", "が"),
            ("\u{1112}\u{1161}\u{11AB}", "한"),
            ("co\u{AD}operate", "cooperate"),
            ("مُحَمَّد", "محمد"),
            ("שָׁלוֹם", "שלום"),
            ("Tiếng Việt", "tieng viet"),
            ("ё", "е"),
        ] {
            assert_eq!(folded(one), folded(other), "{one} and {other}");
        }
    }

    #[test]
    fn marks_that_distinguish_words_remain() {
        for (one, other) in [("が", "か"), ("กา", "กำ"), ("कि", "की"), ("पानी", "पान")]
        {
            assert_ne!(folded(one), folded(other), "{one} and {other}");
        }
    }

    #[test]
    fn positions_count_characters_of_the_original() {
        let mut positions = Vec::new();
        fold("ße\u{301}\u{200B}x", |c, position| positions.push((c, position)));
        assert_eq!(positions, [('s', 0), ('s', 0), ('e', 1), ('x', 4)]);
    }
}
