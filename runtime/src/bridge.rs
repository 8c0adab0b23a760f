//! What Rust and OCaml give each other: promises, functions, opaque values.

pub(crate) mod apply;
pub(crate) mod channel;
pub(crate) mod function;
pub(crate) mod opaque;
pub(crate) mod promise;
pub(crate) mod remote;
pub(crate) mod resolve;
pub(crate) mod workers;
