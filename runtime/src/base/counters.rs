//! Counters of each thread, whose sums are the totals of the process, and counters of each domain.

use crossbeam_utils::CachePadded;
use std::cell::Cell;
use std::panic::catch_unwind;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use thread_local::ThreadLocal;

/// A counter that one thread adds to and any thread reads. An addition takes no locked instruction.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Adds to the counter. Only its thread.
    pub(crate) fn add(&self, n: u64) {
        let before = self.0.load(Ordering::Relaxed);
        self.0.store(before.wrapping_add(n), Ordering::Relaxed);
    }

    /// Adds to a counter to which no thread uses [`add`](Self::add). Any thread.
    fn add_shared(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters of one thread.
#[derive(Debug, Default)]
pub(crate) struct ThreadCounters {
    pub(crate) calls_started: Counter,
    pub(crate) calls_resolved: Counter,
    pub(crate) roots_created: Counter,
    pub(crate) roots_dropped: Counter,
    pub(crate) late_completions: Counter,
    pub(crate) slots_taken: Counter,
    pub(crate) slots_freed: Counter,
    pub(crate) tasks_made: Counter,
    pub(crate) tasks_dropped: Counter,
}

static THREADS: LazyLock<ThreadLocal<ThreadCounters>> = LazyLock::new(ThreadLocal::new);
/// The counters of threads that are terminating.
static OTHERS: LazyLock<ThreadCounters> = LazyLock::new(ThreadCounters::default);

/// The counters that a thread uses. `THREADS` gives them to another thread when the first terminates, so
/// that stops using them before: its other thread-local values may count later.
#[derive(Clone, Copy)]
enum Mine {
    NotYet,
    Own(&'static ThreadCounters),
    GivenBack,
}

struct GiveBack;

impl Drop for GiveBack {
    fn drop(&mut self) {
        MINE.set(Mine::GivenBack);
    }
}

thread_local! {
    static MINE: Cell<Mine> = const { Cell::new(Mine::NotYet) };
    static GIVE_BACK: GiveBack = const { GiveBack };
}

/// Adds to a counter of the calling thread. Does not panic, whenever it is called.
#[inline]
pub(crate) fn count(which: fn(&ThreadCounters) -> &Counter, n: u64) {
    match MINE.get() {
        Mine::Own(mine) => which(mine).add(n),
        _ => count_slowly(which, n),
    }
}

/// Returns the calling thread's counters.
#[cfg(all(test, not(loom_model)))]
pub(crate) fn thread() -> &'static ThreadCounters {
    count(|t| &t.roots_created, 0);
    match MINE.get() {
        Mine::Own(mine) => mine,
        _ => &OTHERS,
    }
}

#[cold]
fn count_slowly(which: fn(&ThreadCounters) -> &Counter, n: u64) {
    if let Mine::NotYet = MINE.get() {
        // In this order: destructors run in the reverse one.
        let mine = catch_unwind(|| THREADS.get_or_default());
        if let (Ok(mine), Ok(())) = (mine, GIVE_BACK.try_with(|_| ())) {
            MINE.set(Mine::Own(mine));
            return which(mine).add(n);
        }
        MINE.set(Mine::GivenBack);
    }
    which(&OTHERS).add_shared(n);
}

/// Returns the sum of a counter over all threads. Any thread.
pub(crate) fn sum(which: fn(&ThreadCounters) -> &Counter) -> u64 {
    THREADS
        .iter()
        .chain([&*OTHERS])
        .map(|t| which(t).get())
        .sum()
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

/// The counters behind [`DomainStats`]. Those that the owner writes have cache lines of their own.
#[derive(Debug)]
pub(crate) struct DomainCounters {
    created: Instant,
    /// Written by every thread that wakes the loop.
    pub(crate) wakeups: AtomicU64,
    owner: CachePadded<OwnerCounters>,
}

/// The counters that the owner writes.
#[derive(Debug, Default)]
pub(crate) struct OwnerCounters {
    pub(crate) polls: Counter,
    pub(crate) messages_in: Counter,
    pub(crate) messages_out: Counter,
    /// Nanoseconds of the sleeps that have ended.
    asleep: Counter,
    /// The start of the current sleep in nanoseconds since `created`; 0 if there is none.
    asleep_since: AtomicU64,
}

impl std::ops::Deref for DomainCounters {
    type Target = OwnerCounters;

    fn deref(&self) -> &OwnerCounters {
        &self.owner
    }
}

impl DomainCounters {
    pub(crate) fn new() -> Self {
        DomainCounters {
            created: Instant::now(),
            wakeups: AtomicU64::new(0),
            owner: CachePadded::default(),
        }
    }

    fn now(&self) -> u64 {
        self.created.elapsed().as_nanos() as u64
    }

    /// Notes that the loop goes to sleep. The owner.
    pub(crate) fn begin_sleep(&self) {
        self.asleep_since
            .store(self.now().max(1), Ordering::Relaxed);
    }

    /// Notes that the loop is awake, which is cheap if it was before. Returns how long it slept. The
    /// owner.
    pub(crate) fn end_sleep(&self) -> Option<Duration> {
        let since = self.asleep_since.load(Ordering::Relaxed);
        if since == 0 {
            return None;
        }
        let slept = self.now().saturating_sub(since);
        self.asleep.add(slept);
        self.asleep_since.store(0, Ordering::Relaxed);
        Some(Duration::from_nanos(slept))
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
            messages_in: self.messages_in.get(),
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
        c.begin_sleep();
        std::thread::sleep(Duration::from_millis(20));
        let during = c.stats();
        assert!(during.alive - during.busy >= Duration::from_millis(20));
        c.end_sleep();
        let after = c.stats();
        assert!(after.alive - after.busy >= Duration::from_millis(20));
        c.end_sleep();
        let again = c.stats();
        assert_eq!(
            again.alive - again.busy,
            after.alive - after.busy,
            "counted once"
        );
    }

    /// The destructors of a thread's local values count as well, and not in the counters that another
    /// thread has by then.
    #[test]
    fn a_thread_counts_until_its_last_destructor() {
        fn late_completions() -> u64 {
            sum(|t| &t.late_completions)
        }
        struct Late;
        impl Drop for Late {
            fn drop(&mut self) {
                count(|t| &t.late_completions, 1);
            }
        }
        thread_local!(static LATE: Late = const { Late });
        let before = late_completions();
        for _ in 0..20 {
            let threads = [true, false].map(|first| {
                std::thread::spawn(move || {
                    if first {
                        LATE.with(|_| ());
                    }
                    count(|t| &t.late_completions, 1);
                    LATE.with(|_| ());
                })
            });
            for thread in threads {
                // A scope would not wait for the destructors.
                thread.join().expect("it does not panic");
            }
        }
        assert!(late_completions() >= before + 80);
    }

    #[test]
    fn totals_sum_over_threads() {
        let before = sum(|t| &t.calls_started);
        std::thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| count(|t| &t.calls_started, 2));
            }
        });
        assert!(sum(|t| &t.calls_started) >= before + 8);
    }
}
