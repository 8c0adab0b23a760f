//! The functions that OCaml calls.

pub(crate) mod call;
pub(crate) mod channel;
pub(crate) mod export;
pub(crate) mod facts;
#[cfg(feature = "tracing")]
pub(crate) mod logs;
pub(crate) mod primitives;
mod source_guard;
pub(crate) mod stream;
pub(crate) mod unboxed;
