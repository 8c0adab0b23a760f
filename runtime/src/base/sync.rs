//! The primitives of synchronisation: those of the standard library and tokio, or in loom models those of
//! loom, and stand-ins made with them.

#[cfg(not(loom_model))]
mod real {
    pub(crate) use std::cell::Cell;
    pub(crate) use std::sync::atomic::{
        AtomicPtr, AtomicU8, AtomicU32, AtomicUsize, Ordering, fence,
    };
    pub(crate) use std::sync::{Mutex, MutexGuard};
    pub(crate) use std::thread::yield_now;
    pub(crate) use tokio::sync::oneshot;
}
#[cfg(not(loom_model))]
pub(crate) use real::*;

#[cfg(loom_model)]
mod modelled {
    pub(crate) mod oneshot;
    // loom reports uses that are not ordered.
    pub(crate) use loom::cell::Cell;
    pub(crate) use loom::sync::atomic::{
        AtomicPtr, AtomicU8, AtomicU32, AtomicUsize, Ordering, fence,
    };
    pub(crate) use loom::sync::{Mutex, MutexGuard};
    pub(crate) use loom::thread::yield_now;

    /// Checks a model with three threads, which has too many executions to try all: those with at most
    /// three preemptions, or as many as `LOOM_MAX_PREEMPTIONS` says.
    #[cfg(test)]
    pub(crate) fn model_of_three(f: impl Fn() + Sync + Send + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = builder.preemption_bound.or(Some(3));
        builder.check(f);
    }
}
#[cfg(loom_model)]
pub(crate) use modelled::*;
