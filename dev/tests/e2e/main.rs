//! The end-to-end suite: a client's view of the whole stack, with its real queue and worker. `cargo
//! dev test` runs it.

#[path = "mod.rs"]
mod e2e;
