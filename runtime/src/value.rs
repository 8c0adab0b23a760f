//! OCaml values as Rust types.

pub(crate) mod bytes;
pub(crate) mod convert;
pub(crate) mod exception;
pub(crate) mod probes;
pub(crate) mod rooted;
