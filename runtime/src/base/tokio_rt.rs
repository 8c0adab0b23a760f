//! The one tokio runtime that all domains share. Its threads do not use OCaml.

use crate::base::panic::catch_unwind;
use once_cell::sync::OnceCell;
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::runtime::{Builder, Handle, Runtime};

/// Never dropped: dropping a runtime with a domain's lock deadlocks, and on one of its own threads
/// panics.
static RUNTIME: OnceCell<Runtime> = OnceCell::new();

/// Returns the handle of the tokio runtime that all domains share, for threads outside of it. Starts
/// the runtime if need be.
///
/// Tasks and stubs of a domain run in the context of the runtime, unless the domain has one of its own: there `tokio::spawn`,
/// timers and I/O work without the handle.
///
/// # Errors
/// Fails if the operating system refuses the threads or descriptors that tokio needs. A later call
/// tries again.
pub fn tokio_handle() -> io::Result<Handle> {
    runtime().map(|rt| rt.handle().clone())
}

fn build() -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .thread_name_fn(|| {
            static STARTED: AtomicUsize = AtomicUsize::new(1);
            format!("tokio-{}", STARTED.fetch_add(1, Ordering::Relaxed))
        })
        .enable_all()
        .build()
}

/// Returns `true` if the runtime has been started.
pub(crate) fn has_started() -> bool {
    RUNTIME.get().is_some()
}

pub(crate) fn runtime() -> io::Result<&'static Runtime> {
    RUNTIME.get_or_try_init(|| {
        // If tokio cannot start its first thread, it panics and leaks its descriptors. To make that rare,
        // another thread is started before.
        let first = std::thread::Builder::new()
            .spawn(|| ())
            .map_err(|e| io::Error::new(e.kind(), format!("tokio cannot have a thread: {e}")))?;
        let _ = first.join();
        catch_unwind(build).unwrap_or_else(|panic| Err(io::Error::other(panic.message)))
    })
}

/// The runtimes of domains' own, by domain.
static OWN: Mutex<BTreeMap<u64, Handle>> = Mutex::new(BTreeMap::new());

fn own() -> MutexGuard<'static, BTreeMap<u64, Handle>> {
    OWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds a domain's own runtime to those whose tasks are counted.
pub(crate) fn add_own(domain: u64, runtime: Handle) {
    own().insert(domain, runtime);
}

/// Removes a domain's own runtime.
pub(crate) fn remove_own(domain: u64) {
    let removed = own().remove(&domain);
    drop(removed);
}

/// The number of tasks on tokio. Does not start the runtime.
pub(crate) fn alive_tasks() -> usize {
    let shared = RUNTIME.get().map_or(0, |rt| rt.metrics().num_alive_tasks());
    let tasks = |runtime: &Handle| runtime.metrics().num_alive_tasks();
    shared + own().values().map(tasks).sum::<usize>()
}
