//! What a user says about an answer.

use crate::string_enum::string_enum;

string_enum! {
    /// How a user rates an answer.
    Rating {
        /// The answer is good.
        Up = "up",
        /// The answer is bad.
        Down = "down",
    }
}
