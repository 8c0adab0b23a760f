//! The conversions of Rust's own types: see `doc/types.md`.

mod containers;
mod maps;
mod numbers;
mod text;
mod time;
mod tuples;

pub use containers::List;
pub use numbers::{Char, Nativeint};
