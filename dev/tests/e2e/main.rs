//! The end-to-end suite: a client's view of the whole stack, its real queue and its worker. Run by `cargo dev test`.

#[path = "mod.rs"]
mod e2e;
