//! OCaml values as Rust types, and their conversions.

pub(crate) mod application;
pub(crate) mod batch;
pub(crate) mod bigarray;
pub(crate) mod bytes;
pub(crate) mod conversion_error;
pub(crate) mod convert;
pub(crate) mod declare;
#[cfg(all(test, not(loom_model)))]
mod derive_tests;
pub(crate) mod exception;
pub(crate) mod impls;
pub(crate) mod kept;
pub(crate) mod nesting;
pub(crate) mod opaque_type;
pub(crate) mod probe;
pub(crate) mod raises;
pub(crate) mod read;
pub(crate) mod rooted;
pub mod types;
pub(crate) mod unchecked;
pub(crate) mod write;

#[cfg(all(test, not(loom_model)))]
mod tests;
