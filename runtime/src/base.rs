//! Code that needs neither OCaml nor domains.

pub(crate) mod channel;
pub(crate) mod counters;
pub(crate) mod error;
pub(crate) mod not_send;
pub(crate) mod panic;
pub(crate) mod pipe;
pub(crate) mod slot_map;
pub(crate) mod sync;
pub(crate) mod tokio_context;
pub(crate) mod tokio_rt;
