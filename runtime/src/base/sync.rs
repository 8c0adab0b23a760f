//! What threads share: the standard library's, `concurrent-queue`'s and tokio's, or loom's and
//! stand-ins made with it when the models run.

#[cfg(not(loom_model))]
mod real {
    pub(crate) use concurrent_queue::ConcurrentQueue as Queue;
    pub(crate) use std::alloc::{alloc, dealloc};
    pub(crate) use std::cell::Cell;
    pub(crate) use std::sync::atomic::{AtomicPtr, AtomicU8, AtomicU32, Ordering, fence};
    pub(crate) use std::sync::{Mutex, MutexGuard};
    pub(crate) use tokio::sync::oneshot;
}
#[cfg(not(loom_model))]
pub(crate) use real::*;

#[cfg(loom_model)]
mod modelled {
    mod queue;

    pub(crate) mod oneshot;
    // loom tells of what is leaked or given up twice.
    pub(crate) use loom::alloc::{alloc, dealloc};
    // loom refuses uses that are not ordered.
    pub(crate) use loom::cell::Cell;
    pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicU8, AtomicU32, Ordering, fence};
    pub(crate) use loom::sync::{Mutex, MutexGuard};

    /// Runs a model of three threads, of which there are too many runs to try each: those in which
    /// no more than three times a thread is stopped where it could go on. `LOOM_MAX_PREEMPTIONS`
    /// asks for another number.
    #[cfg(test)]
    pub(crate) fn model_of_three(f: impl Fn() + Sync + Send + 'static) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = builder.preemption_bound.or(Some(3));
        builder.check(f);
    }
    pub(crate) use queue::Queue;
}
#[cfg(loom_model)]
pub(crate) use modelled::*;
