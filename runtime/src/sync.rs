//! Atomics: the standard library's, or loom's when the models run.

#[cfg(loom_model)]
pub(crate) use loom::sync::atomic::{AtomicU8, Ordering};
#[cfg(not(loom_model))]
pub(crate) use std::sync::atomic::{AtomicU8, Ordering};
