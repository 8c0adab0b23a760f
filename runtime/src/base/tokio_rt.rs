//! The one tokio runtime that all domains share. Its threads do not use OCaml.

use crate::base::panic::catch_unwind;
use nix::sys::signal::{SigSet, SigmaskHow};
use once_cell::sync::OnceCell;
use std::io;
use tokio::runtime::{Builder, Handle, Runtime};

/// Never dropped: dropping a runtime with a domain's lock deadlocks, and on one of its own threads
/// panics.
static RUNTIME: OnceCell<Runtime> = OnceCell::new();

/// Returns the handle of the tokio runtime that all domains share, for threads outside of it. Starts
/// the runtime if need be.
///
/// Tasks and stubs of a domain run in the context of the runtime: there `tokio::spawn`, timers and I/O
/// work without the handle.
///
/// # Errors
/// Fails if the operating system refuses the threads or descriptors that tokio needs. A later call
/// tries again.
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
        // Signals are to be handled on OCaml's threads. New threads inherit the mask of the thread that
        // makes them.
        with_signals_blocked(|| {
            // If tokio cannot start its first thread, it panics and leaks its descriptors. To make that
            // rare, another thread is started before.
            let first = std::thread::Builder::new().spawn(|| ()).map_err(|e| {
                io::Error::new(e.kind(), format!("tokio cannot have a thread: {e}"))
            })?;
            let _ = first.join();
            catch_unwind(build).unwrap_or_else(|panic| Err(io::Error::other(panic.message)))
        })
    })
}

/// The number of tasks on tokio. Does not start the runtime.
pub(crate) fn alive_tasks() -> usize {
    RUNTIME.get().map_or(0, |rt| rt.metrics().num_alive_tasks())
}

/// Blocks all signals for the calling thread. Returns its former mask.
pub(crate) fn block_signals() -> SigSet {
    set_mask(&SigSet::all())
}

fn set_mask(mask: &SigSet) -> SigSet {
    // It fails for a wrong `how` only.
    mask.thread_swap_mask(SigmaskHow::SIG_SETMASK)
        .expect("SIG_SETMASK is valid")
}

/// Calls `f` with all signals blocked, so that threads that it starts block them too.
pub(crate) fn with_signals_blocked<R>(f: impl FnOnce() -> R) -> R {
    struct Restore(SigSet);
    impl Drop for Restore {
        fn drop(&mut self) {
            set_mask(&self.0);
        }
    }
    let _restore = Restore(block_signals());
    f()
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;
    use nix::sys::signal::Signal;

    fn blocks(signal: Signal) -> bool {
        SigSet::thread_get_mask().unwrap().contains(signal)
    }

    #[test]
    fn threads_that_are_started_with_signals_blocked_block_them() {
        let mut own = SigSet::empty();
        own.add(Signal::SIGUSR2);
        own.thread_set_mask().unwrap();
        let thread = with_signals_blocked(|| {
            std::thread::spawn(|| [Signal::SIGUSR1, Signal::SIGUSR2].map(blocks))
        });
        assert_eq!(
            [Signal::SIGUSR1, Signal::SIGUSR2].map(blocks),
            [false, true]
        );
        assert_eq!(thread.join().unwrap(), [true, true]);
    }
}
