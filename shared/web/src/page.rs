//! Pages of a list. A page is read with one row more than it shows: that row tells whether there is another page.

/// How many rows a page has where nothing else is asked for.
#[must_use]
pub fn default_limit() -> i64 {
    50
}

/// Cuts `rows`, read with one more than `limit`, to a page, and answers whether there is another.
pub fn cut<T>(rows: &mut Vec<T>, limit: i64) -> bool {
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > wanted;
    rows.truncate(wanted);
    more
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_too_many_tells_of_another_page() {
        let mut rows = vec![1, 2, 3];
        assert!(cut(&mut rows, 2));
        assert_eq!(rows, [1, 2]);
        assert!(!cut(&mut rows, 2));
        assert!(!cut(&mut Vec::<i32>::new(), 2));
    }
}
