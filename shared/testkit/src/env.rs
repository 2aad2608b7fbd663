//! The variables by which `cargo dev test` says where the services are.

pub(crate) fn from_env(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run the tests with `cargo dev test`"))
}
