//! Where OCaml calls in.

pub(crate) mod call;
pub(crate) mod primitives;
