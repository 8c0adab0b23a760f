//! Functions for the tests of refusals by the operating system.

use crate::Int;
use ocaml_lwt_interop::func;
use std::sync::atomic::{AtomicIsize, Ordering};

static RUNS: AtomicIsize = AtomicIsize::new(0);

/// Counts its runs in tokio's blocking pool.
#[func(blocking)]
pub fn run_on_pool() {
    RUNS.fetch_add(1, Ordering::Relaxed);
}

/// Returns the number of runs of [`run_on_pool`].
#[func(sync)]
pub fn runs_on_pool() -> Int {
    RUNS.load(Ordering::Relaxed)
}
