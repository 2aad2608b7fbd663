//! The name of a chatroom that its owner has not named: [`PLACEHOLDER`] at first, then the first words
//! of a question, then the title that a model writes.

use icu_properties::CodePointSetData;
use icu_properties::props::GraphemeExtend;
use unicode_normalization::UnicodeNormalization;

use crate::is_blank;

/// The name until there is a question.
pub const PLACEHOLDER: &str = "New chat";

/// The most characters of a name from here.
pub const MAX_LENGTH: usize = 60;

const ELLIPSIS: char = '…';

/// Marks that a model puts around a title: quotes, and those of Markdown.
const PAIRS: [(&str, &str); 15] = [
    ("**", "**"),
    ("__", "__"),
    ("*", "*"),
    ("_", "_"),
    ("`", "`"),
    ("\"", "\""),
    ("'", "'"),
    ("“", "”"),
    ("„", "“"),
    ("„", "”"),
    ("‘", "’"),
    ("«", "»"),
    ("»", "«"),
    ("「", "」"),
    ("『", "』"),
];

/// The first words of a question.
#[must_use]
pub fn first_words(question: &str) -> String {
    let line = one_line(question);
    if is_blank(&line) { PLACEHOLDER.to_owned() } else { shorten(&line) }
}

/// The title in the text of a model: its first line that shows something, without quotes, Markdown
/// and the full stop. `None` if no line does.
#[must_use]
pub fn from_model(text: &str) -> Option<String> {
    let mut lines = text.lines().map(one_line);
    lines.find_map(|line| {
        let title = undecorated(&line);
        (!is_blank(title) && title.chars().any(char::is_alphanumeric)).then(|| shorten(title))
    })
}

/// The text in NFC with single spaces, without controls. Those of the writing direction would also
/// affect the text around a name.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        let length = line.len();
        if length > 0 {
            line.push(' ');
        }
        let begin = line.len();
        line.extend(word.nfc().filter(|c| !is_dropped(*c)));
        if line.len() == begin {
            line.truncate(length);
        }
    }
    line
}

fn is_dropped(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61C}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}')
}

fn undecorated(line: &str) -> &str {
    let mut title = line;
    loop {
        let before = title;
        title = title.trim().trim_start_matches('#').trim_start();
        for prefix in ["- ", "* ", "> "] {
            title = title.strip_prefix(prefix).unwrap_or(title);
        }
        for (open, close) in PAIRS {
            let inner = title.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
            // Two quoted parts are not one quoted title.
            if let Some(inner) = inner.filter(|inner| !inner.contains(open) && !inner.contains(close)) {
                title = inner;
            }
        }
        title = without_full_stop(title);
        if title == before {
            return title;
        }
    }
}

/// Without the full stop at the end, unless it belongs to an ellipsis or an abbreviation.
fn without_full_stop(title: &str) -> &str {
    let Some(rest) = title.strip_suffix(['.', '。', '．', '।', '۔']) else { return title };
    let last_word = rest.rsplit(' ').next().unwrap_or_default();
    if last_word.contains('.') { title } else { rest }
}

/// At most [`MAX_LENGTH`] characters of a line, cut between two words if that keeps more than half of
/// them.
fn shorten(line: &str) -> String {
    if line.chars().nth(MAX_LENGTH).is_none() {
        return line.to_owned();
    }
    // One place is for the ellipsis.
    let end = line.char_indices().nth(MAX_LENGTH - 1).map_or(line.len(), |(end, _)| end);
    let (head, rest) = line.split_at(end);
    let space = if rest.starts_with(' ') { Some(end) } else { head.rfind(' ') };
    let kept = match space {
        Some(space) if head[..space].chars().count() > MAX_LENGTH / 2 => &head[..space],
        _ => &line[..cluster_boundary(line, end)],
    };
    let mut shortened = kept.trim_end().to_owned();
    shortened.push(ELLIPSIS);
    shortened
}

/// The last place up to `end` that is not inside of a letter with its marks, or of an emoji.
fn cluster_boundary(line: &str, end: usize) -> usize {
    const JOINER: char = '\u{200D}';
    let marks = CodePointSetData::new::<GraphemeExtend>();
    let continues = |place: usize| {
        let next = line[place..].chars().next();
        let previous = line[..place].chars().next_back();
        next.is_some_and(|next| next == JOINER || marks.contains(next)) || previous == Some(JOINER)
    };
    let places = line[..end].char_indices().rev().map(|(place, _)| place);
    let boundary = std::iter::once(end).chain(places).find(|place| *place > 0 && !continues(*place));
    boundary.unwrap_or(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn question_of_one_line_is_its_own_name() {
        for (question, name) in [
            ("How do I boil an egg?", "How do I boil an egg?"),
            ("  two\n\nlines\t here ", "two lines here"),
            ("Cafe\u{301}", "Café"),
            ("a\u{202E}b \u{200B} c\u{0}", "ab c"),
            ("❤\u{FE0F}", "❤\u{FE0F}"),
            ("\u{200B}\u{202E}", PLACEHOLDER),
        ] {
            assert_eq!(first_words(question), name, "{question:?}");
        }
    }

    #[test]
    fn long_question_is_cut_between_two_words() {
        let question = "Which of the planets has the most moons, and who found the last one of them?";
        let name = first_words(question);
        assert_eq!(name, "Which of the planets has the most moons, and who found the…");
        let exact = "x".repeat(MAX_LENGTH);
        assert_eq!(first_words(&exact), exact);
        // The next word begins exactly at the limit.
        let word = "x".repeat(MAX_LENGTH - 1);
        assert_eq!(first_words(&format!("{word} y")), format!("{word}…"));
    }

    #[test]
    fn long_text_without_spaces_is_cut_between_two_characters() {
        let name = first_words(&"你好".repeat(100));
        assert_eq!(name, format!("{}你…", "你好".repeat(29)));
        // A space near the beginning would leave too little.
        let name = first_words(&format!("a {}", "x".repeat(100)));
        assert_eq!(name.chars().count(), MAX_LENGTH);
    }

    #[test]
    fn letters_with_marks_and_emojis_stay_whole() {
        let family = "👨\u{200D}👩\u{200D}👧";
        for (text, kept) in [
            (format!("{}{}", "x".repeat(57), family.repeat(9)), "x".repeat(57)),
            (format!("{}{}", "x".repeat(58), "क\u{94D}".repeat(9)), "x".repeat(58)),
        ] {
            assert_eq!(first_words(&text), format!("{kept}…"));
        }
    }

    #[test]
    fn title_loses_quotes_markdown_and_the_full_stop() {
        for (text, title) in [
            ("Boiling Eggs", "Boiling Eggs"),
            ("\"Boiling Eggs.\"\n", "Boiling Eggs"),
            ("**Boiling Eggs**", "Boiling Eggs"),
            ("# Boiling Eggs", "Boiling Eggs"),
            ("```\nBoiling Eggs\n```", "Boiling Eggs"),
            ("\n\n  - `Boiling Eggs`  \nIt is about eggs.", "Boiling Eggs"),
            ("„Eier kochen“", "Eier kochen"),
            ("「卵の茹で方」。", "卵の茹で方"),
            ("Is \"Dune\" a \"Space Opera\"", "Is \"Dune\" a \"Space Opera\""),
            ("\"Dune\" or \"Solaris\"", "\"Dune\" or \"Solaris\""),
            ("History of the U.S.", "History of the U.S."),
            ("And then...", "And then..."),
            ("Why?", "Why?"),
            ("C# and *args", "C# and *args"),
        ] {
            assert_eq!(from_model(text).as_deref(), Some(title), "{text:?}");
        }
        assert_eq!(from_model(&"word ".repeat(50)).unwrap().chars().count(), 60);
    }

    #[test]
    fn text_that_shows_nothing_is_no_title() {
        for text in ["", "\n \n", "\u{200B}\u{3164}", "\"\"", "**", "```\n```", "...", "\u{202E}"] {
            assert_eq!(from_model(text), None, "{text:?}");
        }
    }
}
