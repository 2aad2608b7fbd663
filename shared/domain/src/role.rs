//! What a user may do beyond their own account.

use crate::string_enum::string_enum;

string_enum! {
    /// The role of a user. A command assigns it, never the API.
    Role {
        /// An ordinary user.
        User = "user",
        /// An operator: lists failed messages, by id and without their text, and retries them.
        Admin = "admin",
    }
}
