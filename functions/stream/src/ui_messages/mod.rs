//! The UI message stream of the npm package `ai`, versions 6 and 7. Only chunks that both versions know
//! are sent: an unknown one is an error for them.

mod answer_failure;
pub(crate) mod chunk;
pub(crate) mod encoder;
#[cfg(test)]
mod tests;

pub(crate) use chunk::Chunk;
