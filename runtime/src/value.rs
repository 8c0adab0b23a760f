//! OCaml values as Rust types, and their conversions.

pub(crate) mod bytes;
pub(crate) mod convert;
pub(crate) mod exception;
pub(crate) mod kept;
pub(crate) mod probes;
pub(crate) mod rooted;
