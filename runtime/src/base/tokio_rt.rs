//! The one tokio runtime that all domains share. Its threads know nothing of OCaml.

use crate::base::panic::catch_unwind;
use once_cell::sync::OnceCell;
use std::io;
use std::mem::MaybeUninit;
use tokio::runtime::{Builder, Handle, Runtime};

/// Never dropped: a runtime that is dropped under a domain's lock, or on one of
/// its own threads, deadlocks or panics. The process's end takes it along.
static RUNTIME: OnceCell<Runtime> = OnceCell::new();

/// The handle of the tokio runtime that all domains share, for code that runs
/// outside of it, such as other Rust threads. Starts the runtime if need be.
///
/// Inside tasks and stubs the runtime is entered already: `tokio::spawn`, timers
/// and I/O work without it.
///
/// # Errors
/// The operating system refused the threads or descriptors that tokio needs. A
/// later call tries again.
pub fn tokio_handle() -> io::Result<Handle> {
    runtime().map(|rt| rt.handle().clone())
}

fn build() -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .thread_name("lwt-interop-tokio")
        .on_thread_start(|| {
            block_signals();
        })
        .enable_all()
        .build()
}

pub(crate) fn runtime() -> io::Result<&'static Runtime> {
    RUNTIME.get_or_try_init(|| {
        // OCaml's signal handlers run on OCaml's threads: new threads inherit the
        // mask of the thread that makes them.
        with_signals_blocked(|| {
            // tokio panics where it cannot have its first thread, and its descriptors are lost: so
            // that this is rare, a thread of ours is tried before.
            let first = std::thread::Builder::new().spawn(|| ()).map_err(|e| {
                io::Error::new(e.kind(), format!("tokio cannot have a thread: {e}"))
            })?;
            let _ = first.join();
            catch_unwind(build).unwrap_or_else(|panic| Err(io::Error::other(panic.message)))
        })
    })
}

/// How many tasks there are. Does not start the runtime.
pub(crate) fn alive_tasks() -> usize {
    RUNTIME.get().map_or(0, |rt| rt.metrics().num_alive_tasks())
}

/// Blocks all signals for the calling thread; returns the mask that it had.
pub(crate) fn block_signals() -> libc::sigset_t {
    let mut all = MaybeUninit::uninit();
    let mut old = MaybeUninit::uninit();
    // SAFETY: both sets live here; `sigfillset` initialises the first, and
    // `pthread_sigmask`, which fails only for a wrong first argument, the second.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), old.as_mut_ptr());
        old.assume_init()
    }
}

/// Runs `f` with all signals blocked, so that threads made in it block them too.
pub(crate) fn with_signals_blocked<R>(f: impl FnOnce() -> R) -> R {
    struct Restore(libc::sigset_t);
    impl Drop for Restore {
        fn drop(&mut self) {
            // SAFETY: the mask that this thread had before.
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.0, std::ptr::null_mut()) };
        }
    }
    let _restore = Restore(block_signals());
    f()
}
