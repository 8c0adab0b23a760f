//! What domains have done, and the totals of the process.

use crate::base::counters::sum;
use crate::base::tokio_rt;
use crate::domain::registry::registry;
use crate::ocaml_blocking;

pub use crate::base::counters::DomainStats;

/// Totals of the whole process. Each number is exact once the threads that change
/// it are quiet. When nothing is left of what a program did, as many calls are settled as were
/// started, `domains` are those whose loops still serve, and the fields from `roots` to
/// `tokio_tasks` are 0 but for what the program keeps on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// Calls from OCaml that were not ready at once.
    pub calls_started: u64,
    /// Those of them that have been settled: a value, an exception, cancelled, or
    /// their domain's end.
    pub calls_resolved: u64,
    /// Completions that came for something that was settled before; dropped.
    pub late_completions: u64,
    /// OCaml values that [`Rooted`](crate::Rooted) and what is made of it keep alive: promises,
    /// functions, exceptions.
    pub roots: u64,
    /// Places taken in the domains' tables of what is in flight: a call from OCaml until its promise
    /// is settled, a promise that Rust waits for until it has been told.
    pub slots: u64,
    /// Tasks of the domains' executors that have not been dropped: of calls, of
    /// [`Domain::spawn`](crate::Domain::spawn) and of
    /// [`spawn_local`](crate::domain::spawn_local).
    pub tasks: u64,
    /// Messages that a domain has not yet looked at.
    pub messages: u64,
    /// Tasks on tokio, the program's own included.
    pub tokio_tasks: u64,
    /// Domains that have an executor.
    pub domains: u64,
    /// Threads of the blocking lane; one ends when it has had nothing to do for five seconds.
    pub blocking_pool_threads: u64,
    /// Jobs that wait for one of them.
    pub blocking_pool_queue: u64,
}

/// Sums up what all threads have counted. Any thread.
pub fn totals() -> Totals {
    // A root may be dropped on another thread than it was made on: read the ends first, so that
    // no difference is below zero.
    let difference = |starts, ends| {
        let ended = sum(ends);
        sum(starts).saturating_sub(ended)
    };
    let settled = sum(|t| &t.calls_resolved);
    let (domains, messages) = {
        let domains = registry();
        let messages: usize = domains.values().map(|domain| domain.waiting()).sum();
        (domains.len(), messages)
    };
    let (blocking_pool_threads, blocking_pool_queue) = ocaml_blocking::occupancy();
    Totals {
        calls_started: sum(|t| &t.calls_started),
        calls_resolved: settled,
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
