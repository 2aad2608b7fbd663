//! Chooses how much of the chatroom's history goes into the prompt.

/// A question and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The message of the user.
    pub question: String,
    /// The answer of the model.
    pub answer: String,
}

/// A cautious estimate of the tokens in `text`. Google counts about four English characters per
/// token; other scripts take up to one token per character.
#[must_use]
pub fn estimate_tokens(text: &str) -> usize {
    let (ascii, other) = text.chars().fold((0_usize, 0_usize), |(ascii, other), c| {
        if c.is_ascii() { (ascii + 1, other) } else { (ascii, other + 1) }
    });
    ascii.div_ceil(4) + other
}

/// The newest exchanges that fit into `budget` tokens, oldest first. The first exchange that does
/// not fit ends the history, because a gap in it would mislead the model.
#[must_use]
pub fn within_budget(newest_first: Vec<Exchange>, budget: usize) -> Vec<Exchange> {
    let mut left = budget;
    let mut kept: Vec<Exchange> = newest_first
        .into_iter()
        .take_while(|exchange| {
            let cost = estimate_tokens(&exchange.question) + estimate_tokens(&exchange.answer);
            let fits = cost <= left;
            left = left.saturating_sub(cost);
            fits
        })
        .collect();
    kept.reverse();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(tokens: usize, name: &str) -> Exchange {
        Exchange { question: name.to_owned(), answer: "abcd".repeat(tokens - 1) }
    }

    #[test]
    fn newest_exchanges_that_fit_are_kept_oldest_first() {
        let newest_first = vec![exchange(10, "c"), exchange(10, "b"), exchange(10, "a")];
        let names = |budget| -> Vec<String> {
            within_budget(newest_first.clone(), budget)
                .into_iter()
                .map(|exchange| exchange.question)
                .collect()
        };
        assert_eq!(names(30), ["a", "b", "c"]);
        assert_eq!(names(29), ["b", "c"]);
        assert_eq!(names(9), [""; 0]);
    }

    #[test]
    fn exchange_that_does_not_fit_ends_the_history() {
        let newest_first = vec![exchange(5, "c"), exchange(100, "b"), exchange(5, "a")];
        assert_eq!(within_budget(newest_first, 20), [exchange(5, "c")]);
    }

    #[test]
    fn non_ascii_characters_count_as_one_token_each() {
        assert_eq!(estimate_tokens("abcdefgh"), 2);
        assert_eq!(estimate_tokens("日本語"), 3);
        assert_eq!(estimate_tokens(""), 0);
    }
}
