//! For the tests of what the operating system refuses.

use crate::Int;
use ocaml_lwt_interop::func;
use std::sync::atomic::{AtomicIsize, Ordering};

static RUNS: AtomicIsize = AtomicIsize::new(0);

/// Counts that it ran on tokio's blocking pool.
#[func(blocking)]
pub fn run_on_pool() {
    RUNS.fetch_add(1, Ordering::Relaxed);
}

/// How often that was.
#[func(sync)]
pub fn runs_on_pool() -> Int {
    RUNS.load(Ordering::Relaxed)
}
