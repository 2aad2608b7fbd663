//! Pagination of lists. A query reads one row more than the page shows; the extra row means that
//! there is another page.

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
