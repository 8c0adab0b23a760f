//! What Rust and OCaml give each other: promises, functions, opaque values.

pub(crate) mod apply;
pub(crate) mod call_queue;
pub(crate) mod channel;
pub(crate) mod function;
#[cfg(feature = "tracing")]
pub(crate) mod logs;
pub(crate) mod ocaml_stream;
pub(crate) mod opaque;
pub(crate) mod promise;
pub(crate) mod remote;
pub(crate) mod remote_stream;
pub(crate) mod resolve;
pub(crate) mod workers;
