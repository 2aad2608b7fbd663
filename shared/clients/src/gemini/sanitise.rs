//! Repairs JSON that a strict parser refuses, so that one odd character does not cost a paid answer.

use std::borrow::Cow;
use std::iter::Peekable;
use std::str::Chars;

/// The escape of U+FFFD, which replaces half of a surrogate pair or a raw control character.
const REPLACEMENT: &str = "\\ufffd";

/// The text of a JSON body without a byte order mark, with U+FFFD for invalid UTF-8 and for lone
/// surrogate escapes, and without raw control characters in strings.
pub(super) fn sanitise(body: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(body.trim_ascii());
    let text = match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_start_matches('\u{feff}')),
        Cow::Owned(text) => Cow::Owned(text.trim_start_matches('\u{feff}').to_owned()),
    };
    let is_odd = text.contains("\\u") || text.bytes().any(|byte| byte < b' ');
    if is_odd { Cow::Owned(repair(&text)) } else { text }
}

fn repair(text: &str) -> String {
    let mut repaired = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    let mut is_in_string = false;
    while let Some(c) = rest.next() {
        match c {
            '\\' if is_in_string => repair_escape(&mut rest, &mut repaired),
            '"' => {
                is_in_string = !is_in_string;
                repaired.push(c);
            }
            '\n' if is_in_string => repaired.push_str("\\n"),
            '\t' if is_in_string => repaired.push_str("\\t"),
            '\0'..='\u{1f}' if is_in_string => repaired.push_str(REPLACEMENT),
            _ => repaired.push(c),
        }
    }
    repaired
}

/// Copies the escape whose backslash was just read. A surrogate without its other half becomes
/// U+FFFD.
fn repair_escape(rest: &mut Peekable<Chars<'_>>, repaired: &mut String) {
    if rest.peek() != Some(&'u') {
        repaired.push('\\');
        repaired.extend(rest.next());
        return;
    }
    rest.next();
    let (digits, unit) = code_unit(rest);
    let mut following = rest.clone();
    let is_pair = matches!(unit, Some(0xd800..=0xdbff))
        && (following.next(), following.next()) == (Some('\\'), Some('u'))
        && matches!(code_unit(&mut following).1, Some(0xdc00..=0xdfff));
    if is_pair {
        let low: String = rest.by_ref().take("\\udc00".len()).collect();
        repaired.push_str("\\u");
        repaired.push_str(&digits);
        repaired.push_str(&low);
    } else if matches!(unit, Some(0xd800..=0xdfff)) {
        repaired.push_str(REPLACEMENT);
    } else {
        repaired.push_str("\\u");
        repaired.push_str(&digits);
    }
}

/// The next four characters, and the code unit if they are hexadecimal.
fn code_unit(rest: &mut Peekable<Chars<'_>>) -> (String, Option<u32>) {
    let mut digits = String::new();
    while digits.len() < 4
        && let Some(digit) = rest.next_if(char::is_ascii_hexdigit)
    {
        digits.push(digit);
    }
    let unit = (digits.len() == 4).then(|| u32::from_str_radix(&digits, 16).ok()).flatten();
    (digits, unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_strings_are_repaired_and_others_are_kept() {
        let cases: [(&[u8], &str); 10] = [
            (b"\xef\xbb\xbf {\"a\":1}", "{\"a\":1}"),
            (br#""\ud83d""#, r#""\ufffd""#),
            (br#""\ude00x""#, r#""\ufffdx""#),
            (br#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (br#""\uD83D\uDE00 \u00e9""#, r#""\uD83D\uDE00 \u00e9""#),
            (br#""\ud83d\n\\ud83d""#, r#""\ufffd\n\\ud83d""#),
            (br#""C:\\users \" \ud83d""#, r#""C:\\users \" \ufffd""#),
            (b"{\n\"a\": \"x\ty\"}", "{\n\"a\": \"x\\ty\"}"),
            (b"\"\xff\"", "\"\u{fffd}\""),
            (br#""\ud8"#, r#""\ud8"#),
        ];
        for (body, expected) in cases {
            assert_eq!(sanitise(body).trim_start(), expected, "{}", String::from_utf8_lossy(body));
        }
    }
}
