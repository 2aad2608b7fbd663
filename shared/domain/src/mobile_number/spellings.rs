//! Spellings of a number that earlier plans or a national habit have left behind.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat};

use super::{NATIONAL_DIGITS, parse, read};

const MEXICO: &str = "+52";
const OLD_MEXICAN_PREFIX: &str = "521";

/// A Mexican number without the 1 of an earlier plan, which many phones still store. libphonenumber's
/// metadata for MX has a `nationalNumberPattern` of `[2-9]\d{9}`; earlier versions also had mobile
/// numbers of eleven digits, which began with the 1. `digits` may begin with `00`.
pub(super) fn without_old_prefix(digits: &str) -> Option<String> {
    let national = digits.strip_prefix("00").unwrap_or(digits).strip_prefix(OLD_MEXICAN_PREFIX)?;
    (national.len() == NATIONAL_DIGITS).then(|| format!("{MEXICO}{national}"))
}

/// Other texts that are read as `number`: with the 1 of Mexico's earlier plan, and as it is dialled
/// within its country, with the trunk prefix and without its zero.
pub(super) fn earlier_spellings(number: &str) -> Vec<String> {
    let Some(parsed) = parse(number) else { return Vec::new() };
    let national = PHONE_NUMBER_UTIL.format(&parsed, PhoneNumberFormat::National);
    let national = PHONE_NUMBER_UTIL.normalize_digits_only(&national);
    let country = parsed.country_code;
    let mut spellings = vec![
        format!("+{country}{national}"),
        format!("+{country}{}", national.strip_prefix('0').unwrap_or(&national)),
    ];
    spellings.extend(number.strip_prefix(MEXICO).map(|rest| format!("+{OLD_MEXICAN_PREFIX}{rest}")));
    spellings.retain(|spelling| read(spelling).is_ok_and(|same| same == number));
    spellings
}

/// The digits of `text` with a `+`.
pub(super) fn typed(text: &str) -> String {
    let digits = PHONE_NUMBER_UTIL.normalize_digits_only(text);
    format!("+{}", digits.strip_prefix("00").unwrap_or(&digits))
}

#[cfg(test)]
mod tests {
    use crate::MobileNumber;

    #[test]
    fn mobile_prefixes_of_old_plans_are_left_out() {
        assert_eq!(MobileNumber::from("+52 1 55 1234 5678").as_str(), "+525512345678");
        assert_eq!(MobileNumber::from("5215512345678").as_str(), "+525512345678");
        // libphonenumber's metadata for AR has the `nationalPrefixTransformRule` `9$1` for the 15.
        assert_eq!(MobileNumber::from("+54 11 15 2345 6789").as_str(), "+5491123456789");
        assert_eq!(MobileNumber::from("+54 9 11 2345 6789").as_str(), "+5491123456789");
    }

    #[test]
    fn numbers_of_different_subscribers_stay_apart() {
        assert_eq!(MobileNumber::from("+54 11 2345 6789").as_str(), "+541123456789");
        // libphonenumber's metadata for BR has `possibleLengths` of ten and eleven digits.
        assert_eq!(MobileNumber::from("+55 11 7712 3456").as_str(), "+551177123456");
        assert_eq!(MobileNumber::from("+55 11 97712 3456").as_str(), "+5511977123456");
    }

    #[test]
    fn number_is_looked_up_as_typed_then_as_today_then_as_earlier() {
        for (typed, spellings) in [
            ("+52 1 55 1234 5678", &["+5215512345678", "+525512345678"][..]),
            ("0052 55 1234 5678", &["+525512345678", "+5215512345678"]),
            ("+49 151 12345678", &["+4915112345678", "+49015112345678"]),
            ("+49 (0) 151 12345678", &["+49015112345678", "+4915112345678"]),
            ("+54 9 11 2345 6789", &["+5491123456789", "+5401115234567 89", "+541115 23456789"]),
            ("+1 202 555 0123", &["+12025550123"]),
            ("", &[]),
        ] {
            let expected: Vec<String> = spellings.iter().map(|text| text.replace(' ', "")).collect();
            assert_eq!(MobileNumber::from(typed).spellings(), expected, "{typed}");
        }
    }

    #[test]
    fn every_spelling_is_read_as_the_number() {
        for text in ["+525512345678", "+4915112345678", "+5491123456789", "+390612345678", "+79161234567"] {
            let number = MobileNumber::from(text);
            for spelling in number.spellings() {
                assert_eq!(MobileNumber::from(spelling.as_str()), number, "{spelling}");
            }
        }
    }
}
