//! What a person may do beyond their own account.

use crate::named::named;

named! {
    /// A person's role. It is given by a command, never by the API.
    Role {
        /// Uses the product.
        User = "user",
        /// Operates it: sees what failed, by id and never by text, and has it answered again.
        Admin = "admin",
    }
}
