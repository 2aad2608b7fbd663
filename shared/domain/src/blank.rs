//! Text that shows nothing on a screen.

use icu_properties::CodePointSetData;
use icu_properties::props::DefaultIgnorableCodePoint;

/// Whether `text` shows nothing: it is empty, or consists of white space, controls and invisible
/// characters.
#[must_use]
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|char| char.is_whitespace() || is_invisible(char))
}

/// Whether `char` has no glyph and no width of its own, or the glyph of a blank. White space is not
/// included.
///
/// Unicode's property `Default_Ignorable_Code_Point` has most of these characters: zero-width
/// characters, Hangul fillers, variation selectors, tags, controls of the writing direction. It
/// lacks those that an application is supposed to interpret, and blanks that count as symbols.
/// Source: Unicode 17, chapter 5.21 and `DerivedCoreProperties.txt`.
pub(crate) fn is_invisible(char: char) -> bool {
    char.is_control()
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(char)
        || matches!(
            char,
            // The Braille pattern without dots.
            '\u{2800}'
            // Interlinear annotation marks.
            | '\u{FFF9}'..='\u{FFFB}'
            // Joiners of Egyptian hieroglyphs, and their blanks.
            | '\u{13430}'..='\u{1343F}' | '\u{13441}' | '\u{13442}'
            // The filler of the Khitan small script.
            | '\u{16FE4}'
            // The musical symbol of a note without a head.
            | '\u{1D159}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_a_visible_character_is_blank() {
        for text in [
            "",
            " \n\t",
            "\u{85}",
            "\u{a0}",
            "\u{3000}",
            "\u{2028}",
            "\u{0}\u{1b}",
            "\u{200b}",
            "\u{200d}",
            "\u{3164}",
            "\u{115f}\u{1160}",
            "\u{ffa0}",
            "\u{2800}",
            "\u{ad}",
            "\u{34f}",
            "\u{61c}",
            "\u{17b4}",
            "\u{180e}",
            "\u{202e}\u{202c}",
            "\u{2066}\u{2069}",
            "\u{2060}",
            "\u{fe0f}",
            "\u{feff}",
            "\u{fff9}",
            "\u{1bca0}",
            "\u{1d159}",
            "\u{1d173}",
            "\u{e0061}\u{e007f}",
            "\u{e0100}",
            " \u{200b}\n\u{3164} ",
        ] {
            assert!(is_blank(text), "{text:?}");
        }
    }

    #[test]
    fn text_with_a_visible_character_is_not_blank() {
        for text in [
            "a",
            "\u{200b}.",
            "0",
            "ㅤ가",
            "❤\u{fe0f}",
            "👩\u{200d}💻",
            "⠁",
            "\u{301}",
            "ः",
            "\u{fffd}",
            "\u{e000}",
        ] {
            assert!(!is_blank(text), "{text:?}");
        }
    }
}
