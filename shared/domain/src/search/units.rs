//! Splits a text into units: words, and single characters ("signs") of scripts without spaces.

use std::ops::Range;

use unicode_normalization::char::is_combining_mark;

use super::fold::fold;

/// A word or a sign of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unit {
    /// Its bytes in the folded text.
    bytes: Range<usize>,
    /// Whether it is a sign.
    pub(super) is_sign: bool,
    /// Whether nothing separates it from the previous unit.
    pub(super) is_glued: bool,
    /// Its first character in the original text.
    pub(super) position: usize,
}

/// A text in units.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Units {
    folded: String,
    units: Vec<Unit>,
}

impl Units {
    /// Splits `text`. Everything but letters, digits, marks and emoji separates units.
    pub(super) fn new(text: &str) -> Self {
        let mut split = Self { folded: String::with_capacity(text.len()), units: Vec::new() };
        let mut previous = Kind::Separator;
        fold(text, |c, position| {
            let kind = Kind::of(c);
            if kind == Kind::Separator {
                previous = kind;
                return;
            }
            let begin = split.folded.len();
            split.folded.push(c);
            let bytes = begin..split.folded.len();
            match split.units.last_mut() {
                Some(word) if kind == Kind::Word && previous == Kind::Word => word.bytes.end = bytes.end,
                _ => split.units.push(Unit {
                    bytes,
                    is_sign: kind == Kind::Sign,
                    is_glued: previous != Kind::Separator,
                    position,
                }),
            }
            previous = kind;
        });
        split
    }

    /// The units, each with its folded text.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Unit, &str)> {
        self.units.iter().map(|unit| (unit, self.text(unit)))
    }

    /// The number of units.
    pub(super) fn len(&self) -> usize {
        self.units.len()
    }

    /// The number of words, where a run of signs counts as one word.
    pub(super) fn word_count(&self) -> usize {
        self.units.iter().filter(|unit| !(unit.is_sign && unit.is_glued)).count()
    }

    /// The position, in characters of this text, of the first place where the units of `wanted`
    /// follow each other. The last word of `wanted` may be the beginning of a longer word if
    /// `is_prefix`.
    pub(super) fn find(&self, wanted: &Self, is_prefix: bool) -> Option<usize> {
        let last = wanted.units.len().checked_sub(1)?;
        let is_match = |window: &[Unit]| {
            window.iter().zip(&wanted.units).enumerate().all(|(index, (here, unit))| {
                let (text, expected) = (self.text(here), wanted.text(unit));
                let matches_text = text == expected
                    || (is_prefix
                        && index == last
                        && unit.allows_prefix(expected)
                        && text.starts_with(expected));
                let is_adjacent = index == 0 || !unit.is_glued || here.is_glued;
                here.is_sign == unit.is_sign && is_adjacent && matches_text
            })
        };
        self.units.windows(last + 1).find(|window| is_match(window)).map(|window| window[0].position)
    }

    fn text(&self, unit: &Unit) -> &str {
        &self.folded[unit.bytes.clone()]
    }
}

impl Unit {
    /// Whether the word `text` also finds longer words. One letter would find nearly every text.
    pub(super) fn allows_prefix(&self, text: &str) -> bool {
        !self.is_sign && text.chars().nth(1).is_some()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A character of a word.
    Word,
    /// A character of a script without spaces, or an emoji.
    Sign,
    Separator,
}

impl Kind {
    fn of(c: char) -> Self {
        match c {
            _ if c.is_ascii() => if c.is_ascii_alphanumeric() { Self::Word } else { Self::Separator },
            // Thai and Lao, except digits and punctuation; Tibetan, Burmese, Khmer.
            '\u{0E01}'..='\u{0E3A}' | '\u{0E40}'..='\u{0E4E}' | '\u{0E81}'..='\u{0ECE}'
            | '\u{0EDC}'..='\u{0EDF}' | '\u{0F40}'..='\u{0FBC}' | '\u{1000}'..='\u{103F}'
            | '\u{1050}'..='\u{109F}' | '\u{1780}'..='\u{17D3}'
            // Korean, Japanese, Chinese.
            | '\u{1100}'..='\u{11FF}' | '\u{2E80}'..='\u{2FDF}' | '\u{3005}'..='\u{3007}'
            | '\u{3041}'..='\u{3096}' | '\u{3099}'..='\u{309F}' | '\u{30A1}'..='\u{30FA}'
            | '\u{30FC}'..='\u{318F}' | '\u{31A0}'..='\u{31BF}' | '\u{31F0}'..='\u{31FF}'
            | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7FF}'
            | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}'
            // Symbols and emoji.
            | '\u{2600}'..='\u{27BF}' | '\u{1F000}'..='\u{1FAFF}' => Self::Sign,
            _ if c.is_alphanumeric() || is_combining_mark(c) => Self::Word,
            _ => Self::Separator,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<String> {
        Units::new(text).iter().map(|(_, text)| text.to_owned()).collect()
    }

    #[test]
    fn texts_are_split_at_everything_but_letters_digits_and_marks() {
        for (text, units) in [
            ("config/app.yaml", vec!["config", "app", "yaml"]),
            ("<script src=\"app.js\"> done", vec!["script", "src", "app", "js", "done"]),
            ("snake_case's", vec!["snake", "case", "s"]),
            ("हिन्दी भाषा", vec!["हिन्दी", "भाषा"]),
            ("我用Rust写", vec!["我", "用", "rust", "写"]),
            ("ไทย", vec!["ไ", "ท", "ย"]),
            ("yes🎉", vec!["yes", "🎉"]),
            ("", vec![]),
            ("?!…", vec![]),
        ] {
            assert_eq!(split(text), units, "{text}");
        }
    }

    #[test]
    fn signs_are_found_only_next_to_each_other() {
        let text = Units::new("喝咖，啡 coffee.");
        assert_eq!(text.find(&Units::new("喝咖"), true), Some(0));
        assert_eq!(text.find(&Units::new("咖啡"), true), None);
        assert_eq!(text.find(&Units::new("cof"), true), Some(5));
        assert_eq!(text.find(&Units::new("cof"), false), None);
        assert_eq!(text.find(&Units::new(""), true), None);
    }
}
