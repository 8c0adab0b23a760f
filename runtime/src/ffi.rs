//! The OCaml runtime: its C interface, the token that proves that it may be used, and safe functions
//! that take the token.

pub(crate) mod any_arc;
pub(crate) mod batch;
pub(crate) mod bigarray;
pub(crate) mod callbacks;
pub(crate) mod converted;
pub(crate) mod custom;
pub(crate) mod footprint;
pub(crate) mod heap;
pub(crate) mod hooks;
pub(crate) mod promises;
pub(crate) mod root;
pub(crate) mod runtime;
#[cfg(all(test, not(loom_model)))]
pub(crate) mod test_runtime;
#[cfg(all(any(test, all(fuzzing, feature = "standalone")), not(loom_model)))]
pub(crate) mod test_values;
pub(crate) mod thread;
pub(crate) mod token;
mod weight;
