//! Search over the text of messages: which tokens a text is indexed by, what a query asks for, and
//! the snippet of a result.
//!
//! A text is split into words and signs (`units.rs`). Each word has a token for the word and tokens
//! for its prefixes. Scripts without spaces have a token for each character and for each pair of
//! neighbours. The index finds the candidates, and [`Query::matches`] checks them exactly.

mod cursor;
mod fold;
mod query;
mod snippet;
mod tokens;
mod units;

pub use cursor::{Cursor, Rank};
pub use query::{Alternative, MAX_WORDS, Query, sanitize_query};
pub use snippet::snippet;
pub use tokens::tokens;
