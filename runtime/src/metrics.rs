//! Counters of each domain, and totals of the process.

use crate::base::counters::sum;
use crate::base::tokio_rt;
use crate::domain::registry::registry;
use crate::ocaml_blocking;

pub use crate::base::counters::DomainStats;

/// Totals of the whole process. Each number is exact once the threads that change it are quiet. When a
/// program has finished its work and dropped everything, as many calls are resolved as were started,
/// `domains` counts the domains whose loops still run, and the fields from `roots` to `tokio_tasks` are
/// 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// The number of calls from OCaml that were not ready at once.
    pub calls_started: u64,
    /// The number of these calls that have been resolved: by a value, an exception, a cancellation, or
    /// their domain's end.
    pub calls_resolved: u64,
    /// The number of outcomes of calls that had been resolved before; they are dropped.
    pub late_completions: u64,
    /// The number of OCaml values that Rust keeps alive: [`Rooted`](crate::Rooted), promises, functions,
    /// exceptions.
    pub roots: u64,
    /// The number of slots in use in the domains' tables. A call has one until OCaml has resolved its
    /// promise, an awaited promise until Rust has its outcome, a spawned task until it is dropped.
    pub slots: u64,
    /// The number of tasks of the domains' executors that have not been dropped: of calls, of
    /// [`Domain::spawn`](crate::Domain::spawn) and of
    /// [`spawn_local`](crate::domain::spawn_local).
    pub tasks: u64,
    /// The number of messages that domains have not yet received.
    pub messages: u64,
    /// The number of tasks on tokio, the program's own included.
    pub tokio_tasks: u64,
    /// The number of domains that have an executor.
    pub domains: u64,
    /// The number of threads of Domain 0's blocking pool; a thread ends when it has had nothing to do for
    /// five seconds.
    pub blocking_pool_threads: u64,
    /// The number of jobs that wait for one of these threads.
    pub blocking_pool_queue: u64,
}

/// Returns the sum of all threads' counters. Any thread.
pub fn totals() -> Totals {
    // A root may be dropped on another thread than it was made on: the ends are read first, so that no
    // difference is below zero.
    let difference = |starts, ends| {
        let ended = sum(ends);
        sum(starts).saturating_sub(ended)
    };
    let resolved = sum(|t| &t.calls_resolved);
    let (domains, messages) = {
        let domains = registry();
        let messages: usize = domains.values().map(|domain| domain.waiting()).sum();
        (domains.len(), messages)
    };
    let (blocking_pool_threads, blocking_pool_queue) = ocaml_blocking::occupancy();
    Totals {
        calls_started: sum(|t| &t.calls_started),
        calls_resolved: resolved,
        late_completions: sum(|t| &t.late_completions),
        roots: difference(|t| &t.roots_created, |t| &t.roots_dropped),
        slots: difference(|t| &t.slots_taken, |t| &t.slots_freed),
        tasks: difference(|t| &t.tasks_made, |t| &t.tasks_dropped),
        messages: messages as u64,
        tokio_tasks: tokio_rt::alive_tasks() as u64,
        domains: domains as u64,
        blocking_pool_threads: blocking_pool_threads as u64,
        blocking_pool_queue: blocking_pool_queue as u64,
    }
}
