//! What happens to the data of a stack when it stops.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The data survives, even a crash of the machine.
    Persistent,
    /// The data is deleted at the next start. Writes are faster.
    Ephemeral,
}
