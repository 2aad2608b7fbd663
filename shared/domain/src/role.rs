//! What a user may do beyond their own account.

use crate::string_enum::string_enum;

string_enum! {
    /// The role of a user. A command assigns it, never the API.
    Role {
        /// An ordinary user.
        User = "user",
        /// An operator: retries failed messages and suspends accounts, without seeing text.
        Admin = "admin",
    }
}
