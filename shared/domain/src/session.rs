//! Sessions, and which of them a person ends.

use crate::named::named;

named! {
    /// Which sessions a logout ends.
    #[derive(Default)]
    LogoutScope {
        /// That of the request.
        #[default]
        This = "this",
        /// All others.
        Others = "others",
        /// All.
        All = "all",
    }
}
