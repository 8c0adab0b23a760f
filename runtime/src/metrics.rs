//! Counters that each thread keeps for itself, and that any thread may sum up.

use crate::blocking;
use crate::shared::registry;
use crate::tokio_rt;
use once_cell::sync::Lazy;
use std::cell::Cell;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use thread_local::ThreadLocal;

/// A counter that has one writer most of the time.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What one thread has done; summed up by [`totals`].
#[derive(Debug, Default)]
pub(crate) struct ThreadCounters {
    pub(crate) calls_started: Counter,
    pub(crate) calls_settled: Counter,
    pub(crate) roots_created: Counter,
    pub(crate) roots_dropped: Counter,
    pub(crate) late_completions: Counter,
    pub(crate) slots_taken: Counter,
    pub(crate) slots_freed: Counter,
    pub(crate) tasks_made: Counter,
    pub(crate) tasks_dropped: Counter,
}

static THREADS: Lazy<ThreadLocal<ThreadCounters>> = Lazy::new(ThreadLocal::new);
/// Of threads that counted for the first time while they were being torn down.
static OTHERS: Lazy<ThreadCounters> = Lazy::new(ThreadCounters::default);

thread_local! {
    /// The calling thread's. It has no destructor, so it is there to the thread's very end, when
    /// other thread-local values drop roots.
    static MINE: Cell<Option<&'static ThreadCounters>> = const { Cell::new(None) };
}

/// The calling thread's counters. Does not panic, whenever it is called.
pub(crate) fn thread() -> &'static ThreadCounters {
    MINE.get().unwrap_or_else(|| {
        let mine = catch_unwind(|| THREADS.get_or_default()).unwrap_or(&OTHERS);
        MINE.set(Some(mine));
        mine
    })
}

/// One that counts in [`Totals::tasks`] for as long as it is there.
pub(crate) struct Alive(());

impl Alive {
    pub(crate) fn new() -> Self {
        thread().tasks_made.add(1);
        Alive(())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        thread().tasks_dropped.add(1);
    }
}

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
    pub calls_settled: u64,
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
    pub lane_threads: u64,
    /// Jobs that wait for one of them.
    pub lane_queue: u64,
}

/// Sums up what all threads have counted. Any thread.
pub fn totals() -> Totals {
    let sum = |f: fn(&ThreadCounters) -> &Counter| -> u64 {
        THREADS.iter().chain([&*OTHERS]).map(|t| f(t).get()).sum()
    };
    // A root may be dropped on another thread than it was made on: read the ends first, so that
    // no difference is below zero.
    let difference = |starts, ends| {
        let ended = sum(ends);
        sum(starts).saturating_sub(ended)
    };
    let settled = sum(|t| &t.calls_settled);
    let (domains, messages) = {
        let domains = registry();
        let messages: usize = domains.values().map(|domain| domain.waiting()).sum();
        (domains.len(), messages)
    };
    let (lane_threads, lane_queue) = blocking::occupancy();
    Totals {
        calls_started: sum(|t| &t.calls_started),
        calls_settled: settled,
        late_completions: sum(|t| &t.late_completions),
        roots: difference(|t| &t.roots_created, |t| &t.roots_dropped),
        slots: difference(|t| &t.slots_taken, |t| &t.slots_freed),
        tasks: difference(|t| &t.tasks_made, |t| &t.tasks_dropped),
        messages: messages as u64,
        tokio_tasks: tokio_rt::alive_tasks() as u64,
        domains: domains as u64,
        lane_threads: lane_threads as u64,
        lane_queue: lane_queue as u64,
    }
}

/// What one domain has done.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub struct DomainStats {
    /// Polls of tasks.
    pub polls: u64,
    /// Messages that came from other threads and domains.
    pub messages_in: u64,
    /// Messages that this domain's thread sent to other domains.
    pub messages_out: u64,
    /// How often a sleeping loop was woken.
    pub wakeups: u64,
    /// Time since the executor was made.
    pub alive: Duration,
    /// The part of it in which the loop was not asleep.
    pub busy: Duration,
}

/// The counters behind [`DomainStats`].
#[derive(Debug)]
pub(crate) struct DomainCounters {
    pub(crate) polls: Counter,
    pub(crate) messages_out: Counter,
    /// Written by senders.
    pub(crate) messages_in: AtomicU64,
    /// Written by senders.
    pub(crate) wakeups: AtomicU64,
    born: Instant,
    /// Nanoseconds asleep, without the sleep that goes on.
    asleep: Counter,
    /// When the present sleep started, in nanoseconds since `born`; 0 when awake.
    asleep_since: AtomicU64,
}

impl DomainCounters {
    pub(crate) fn new() -> Self {
        DomainCounters {
            polls: Counter::default(),
            messages_out: Counter::default(),
            messages_in: AtomicU64::new(0),
            wakeups: AtomicU64::new(0),
            born: Instant::now(),
            asleep: Counter::default(),
            asleep_since: AtomicU64::new(0),
        }
    }

    fn now(&self) -> u64 {
        self.born.elapsed().as_nanos() as u64
    }

    /// The loop goes to sleep. Only the owner.
    pub(crate) fn sleep(&self) {
        self.asleep_since
            .store(self.now().max(1), Ordering::Relaxed);
    }

    /// The loop is awake; cheap if it was awake before. Only the owner.
    pub(crate) fn awake(&self) {
        let since = self.asleep_since.load(Ordering::Relaxed);
        if since != 0 {
            self.asleep.add(self.now().saturating_sub(since));
            self.asleep_since.store(0, Ordering::Relaxed);
        }
    }

    pub(crate) fn stats(&self) -> DomainStats {
        let now = self.now();
        let since = self.asleep_since.load(Ordering::Relaxed);
        let current = if since == 0 {
            0
        } else {
            now.saturating_sub(since)
        };
        let asleep = self.asleep.get() + current;
        DomainStats {
            polls: self.polls.get(),
            messages_in: self.messages_in.load(Ordering::Relaxed),
            messages_out: self.messages_out.get(),
            wakeups: self.wakeups.load(Ordering::Relaxed),
            alive: Duration::from_nanos(now),
            busy: Duration::from_nanos(now.saturating_sub(asleep)),
        }
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;

    #[test]
    fn sleep_is_not_busy() {
        let c = DomainCounters::new();
        c.sleep();
        std::thread::sleep(Duration::from_millis(20));
        let during = c.stats();
        assert!(during.alive - during.busy >= Duration::from_millis(20));
        c.awake();
        let after = c.stats();
        assert!(after.alive - after.busy >= Duration::from_millis(20));
        c.awake();
        let again = c.stats();
        assert_eq!(
            again.alive - again.busy,
            after.alive - after.busy,
            "counted once"
        );
    }

    #[test]
    fn totals_sum_over_threads() {
        let before = totals();
        std::thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| thread().calls_started.add(2));
            }
        });
        assert!(totals().calls_started >= before.calls_started + 8);
    }
}
