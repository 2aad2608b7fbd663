//! Chooses how much of the chatroom's history goes into the prompt.
//!
//! Google caches equal beginnings of prompts, so the history of consecutive prompts should begin
//! with the same bytes. Two rules keep it so: the exchanges that are read begin at a multiple of
//! [`BLOCK`], and when they exceed the budget the oldest are left out until half of it is free.

use std::collections::VecDeque;

/// Minimum number of exchanges that are read, if the chatroom has so many.
pub const MIN_EXCHANGES: i64 = 48;
/// The first exchange that is read moves on by this number of exchanges at a time.
pub const BLOCK: i64 = 16;
/// Minimum budget: the estimate for one message of the maximum length, 10,000 characters.
pub const MIN_BUDGET: usize = 10_000;

/// Replaces the middle of a text that is too long.
const MARKER: &str = "\n[... shortened ...]\n";

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
    text.chars().map(quarters).sum::<usize>().div_ceil(4)
}

/// The estimate for one character, in quarters of a token.
fn quarters(c: char) -> usize {
    if c.is_ascii() { 1 } else { 4 }
}

/// The newest exchanges that fit into `budget` tokens, oldest first. The newest is always among
/// them; the middle of an exchange that exceeds the budget by itself is left out.
///
/// The exchanges are added oldest first. Each time the sum exceeds the budget, the oldest are
/// removed until half of the budget is free or only the newest is left. The same exchanges and one
/// more therefore begin with the same exchange in most cases.
#[must_use]
pub fn within_budget(newest_first: Vec<Exchange>, budget: usize) -> Vec<Exchange> {
    let (mut kept, mut sum) = (VecDeque::new(), 0);
    for exchange in newest_first.into_iter().rev() {
        let exchange = shorten_exchange(exchange, budget);
        let cost = cost(&exchange);
        kept.push_back((exchange, cost));
        sum += cost;
        if sum > budget {
            while sum > budget / 2 && kept.len() > 1 {
                sum -= kept.pop_front().map_or(0, |(_, cost)| cost);
            }
        }
    }
    kept.into_iter().map(|(exchange, _)| exchange).collect()
}

fn cost(exchange: &Exchange) -> usize {
    estimate_tokens(&exchange.question) + estimate_tokens(&exchange.answer)
}

/// Shortens the question and the answer so that both fit into `budget` tokens. A text that needs
/// less than half of the budget leaves the rest to the other.
fn shorten_exchange(exchange: Exchange, budget: usize) -> Exchange {
    if cost(&exchange) <= budget {
        return exchange;
    }
    let Exchange { question, answer } = exchange;
    let for_question = budget.saturating_sub(estimate_tokens(&answer)).max(budget / 2);
    let question = shorten(question, for_question);
    let for_answer = budget.saturating_sub(estimate_tokens(&question));
    Exchange { question, answer: shorten(answer, for_answer) }
}

/// Replaces the middle of `text` with a mark if `text` has more than `tokens` tokens.
#[must_use]
pub fn shorten(text: String, tokens: usize) -> String {
    if estimate_tokens(&text) <= tokens {
        return text;
    }
    let half = tokens.saturating_sub(estimate_tokens(MARKER)) * 2;
    let head = length_of(text.chars(), half);
    let tail = length_of(text.chars().rev(), half);
    let end = text.len() - tail;
    [&text[..head], MARKER, &text[end..]].concat()
}

/// The bytes of the first characters of `chars` that together cost at most `limit` quarters.
fn length_of(chars: impl Iterator<Item = char>, limit: usize) -> usize {
    let mut left = limit;
    let fitting = chars.take_while(|c| match left.checked_sub(quarters(*c)) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    });
    fitting.map(char::len_utf8).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(tokens: usize, name: &str) -> Exchange {
        Exchange { question: name.to_owned(), answer: "abcd".repeat(tokens - 1) }
    }

    fn questions(newest_first: &[Exchange], budget: usize) -> Vec<String> {
        within_budget(newest_first.to_vec(), budget).into_iter().map(|exchange| exchange.question).collect()
    }

    #[test]
    fn newest_exchanges_that_fit_are_kept_oldest_first() {
        let newest_first = [exchange(10, "c"), exchange(10, "b"), exchange(10, "a")];
        assert_eq!(questions(&newest_first, 30), ["a", "b", "c"]);
        // Half of the budget is free afterwards.
        assert_eq!(questions(&newest_first, 29), ["c"]);
        assert_eq!(questions(&[], 29), [""; 0]);
    }

    #[test]
    fn newest_exchange_is_shortened_in_the_middle() {
        let answer = format!("begin{}end", "文".repeat(9_000));
        let long = Exchange { question: "a question".to_owned(), answer };
        let kept = within_budget(vec![long, exchange(5, "older")], 1_000);
        let [Exchange { question, answer }] = kept.as_slice() else { panic!("{kept:?}") };
        assert_eq!(question, "a question");
        assert!(answer.starts_with("begin文") && answer.ends_with("文end") && answer.contains(MARKER));
        assert!((900..=1_000).contains(&cost(&kept[0])), "{}", cost(&kept[0]));
    }

    #[test]
    fn long_question_and_long_answer_share_the_budget() {
        let long = Exchange { question: "問".repeat(10_000), answer: "答".repeat(10_000) };
        let kept = within_budget(vec![long], 1_000);
        let [Exchange { question, answer }] = kept.as_slice() else { panic!("{kept:?}") };
        for (text, c) in [(question, '問'), (answer, '答')] {
            assert!((480..=500).contains(&text.matches(c).count()), "{}", text.len());
        }
    }

    #[test]
    fn prompts_of_consecutive_messages_begin_with_the_same_exchange_in_most_cases() {
        let all: Vec<Exchange> = (0..200).map(|n| exchange(10, &n.to_string())).collect();
        let first = |count: usize| {
            let newest_first: Vec<Exchange> = all[..count].iter().rev().cloned().collect();
            questions(&newest_first, 400)[0].clone()
        };
        let changes = (1..200).filter(|count| first(*count) != first(count + 1)).count();
        // 40 exchanges fit, and 20 are left out at a time.
        assert_eq!(changes, 8);
    }

    #[test]
    fn non_ascii_characters_count_as_one_token_each() {
        assert_eq!(estimate_tokens("abcdefgh"), 2);
        assert_eq!(estimate_tokens("日本語"), 3);
        assert_eq!(estimate_tokens(""), 0);
    }
}
