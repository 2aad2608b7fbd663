//! Which sessions a logout ends.

use crate::string_enum::string_enum;

string_enum! {
    /// Which sessions a logout ends.
    #[derive(Default)]
    LogoutScope {
        /// The session of the request.
        #[default]
        This = "this",
        /// All other sessions of the user.
        Others = "others",
        /// All sessions of the user.
        All = "all",
    }
}
