//! Pagination of lists. A query reads one row more than the page shows; the extra row means that
//! there is another page.

use serde::{Deserialize, Deserializer, de};

/// The rows of a page when the client sets no limit.
#[must_use]
pub fn default_limit() -> i64 {
    50
}

/// Truncates `rows`, read with one more than `limit`, to a page. Returns whether another page
/// follows.
pub fn cut<T>(rows: &mut Vec<T>, limit: i64) -> bool {
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = rows.len() > wanted;
    rows.truncate(wanted);
    has_more
}

/// Reads a cursor whose text is a positive number: the last row of the previous page. For clients it is
/// an opaque string.
pub fn deserialize_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let number = text.parse::<i64>().ok().filter(|number| *number > 0 && number.to_string() == text);
    number.map(Some).ok_or_else(|| de::Error::custom("must be the next_cursor of another page"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_row_means_another_page() {
        let mut rows = vec![1, 2, 3];
        assert!(cut(&mut rows, 2));
        assert_eq!(rows, [1, 2]);
        assert!(!cut(&mut rows, 2));
        assert!(!cut(&mut Vec::<i32>::new(), 2));
    }
}
