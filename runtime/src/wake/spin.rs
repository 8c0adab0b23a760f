//! The decision whether to spin before sleeping.
//!
//! To wake a sleeping thread takes the kernel tens of microseconds, and costs the thread that wakes it
//! about as much. A thread that spins for at most that long before it sleeps loses at most as much
//! again, and it spins only while that has saved sleeps recently. After it has not, ever more short
//! sleeps have to follow before the next trial, so that notifications that always arrive a little too
//! late cost next to nothing.

use std::cell::Cell;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long a thread spins: about as long as it takes to wake it.
const SPIN_TIME: Duration = Duration::from_micros(50);
/// How long a loop spins before it serves others in between: Lwt's descriptors, a collection that all
/// domains take part in, other threads of the domain.
const SLICE: Duration = Duration::from_micros(5);
/// If more time passes between two slices, there was something to do.
const IDLE_ITERATION: Duration = Duration::from_micros(4);
/// A shorter sleep would better have been none: it lasted about as long as the spin and the wake-up.
const SHORT: Duration = Duration::from_micros(100);

/// The credit after a hit. Every miss halves it, and a thread without credit does not spin.
const CREDIT: u32 = 32;
/// The credit of a trial.
const TRIAL: u32 = 4;
/// The least and the greatest number of short sleeps before a trial.
const MIN_TRIAL_INTERVAL: u32 = 2;
const MAX_TRIAL_INTERVAL: u32 = 4096;

/// The spin statistics of one thread.
#[derive(Debug)]
pub(crate) struct AdaptiveSpin {
    credit: Cell<u32>,
    /// How many short sleeps there are before a trial.
    trial_interval: Cell<u32>,
    /// Those since the credit was used up.
    short_sleeps: Cell<u32>,
}

impl AdaptiveSpin {
    pub(crate) const fn new() -> Self {
        AdaptiveSpin {
            credit: Cell::new(0),
            trial_interval: Cell::new(MIN_TRIAL_INTERVAL),
            short_sleeps: Cell::new(0),
        }
    }

    /// Returns `true` if the thread should spin before it sleeps.
    pub(crate) fn is_enabled(&self) -> bool {
        self.credit.get() > 0
    }

    /// Notes that spinning saved a sleep.
    pub(crate) fn on_hit(&self) {
        self.credit.set(CREDIT);
        self.trial_interval.set(MIN_TRIAL_INTERVAL);
    }

    /// Notes that spinning was in vain.
    pub(crate) fn on_miss(&self) {
        self.credit.set(self.credit.get() / 2);
        if self.credit.get() == 0 {
            self.short_sleeps.set(0);
            self.trial_interval
                .set((self.trial_interval.get() * 2).min(MAX_TRIAL_INTERVAL));
        }
    }

    /// Notes a sleep of this length, which a notification ended.
    pub(crate) fn on_sleep(&self, length: Duration) {
        if length < SHORT && self.credit.get() == 0 {
            self.short_sleeps.set(self.short_sleeps.get() + 1);
            if self.short_sleeps.get() >= self.trial_interval.get() {
                self.short_sleeps.set(0);
                self.credit.set(TRIAL);
            }
        }
    }

    /// Spins until `ready` returns `true`, for a thread that would block. Returns `false` if it did not,
    /// or if there is no permit to spin.
    pub(crate) fn wait_for(&self, mut ready: impl FnMut() -> bool) -> bool {
        let Some(_permit) = SpinPermit::take() else {
            return false;
        };
        let found = spin_for(SPIN_TIME, &mut ready);
        match found {
            true => self.on_hit(),
            false => self.on_miss(),
        }
        found
    }
}

/// The permission to keep a core busy. There are as many as cores, and none if there is one core, where
/// no other thread could run meanwhile.
struct SpinPermit;

static SPINNING: AtomicUsize = AtomicUsize::new(0);
static CORES: LazyLock<usize> =
    LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from));

impl SpinPermit {
    fn take() -> Option<Self> {
        let spinning = SPINNING.fetch_add(1, Ordering::Relaxed);
        // Dropped if it is not granted.
        let permit = SpinPermit;
        (*CORES > 1 && spinning < *CORES).then_some(permit)
    }
}

impl Drop for SpinPermit {
    fn drop(&mut self) {
        SPINNING.fetch_sub(1, Ordering::Relaxed);
    }
}

fn spin_for(length: Duration, ready: &mut impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        for _ in 0..16 {
            if ready() {
                return true;
            }
            std::hint::spin_loop();
        }
        if start.elapsed() >= length {
            return false;
        }
    }
}

/// What a loop that has nothing to do does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Advice {
    /// Polls its descriptors and queues once more, without waiting.
    PollAgain,
    Sleep,
}

/// The idle time of a loop, which spins in slices and polls its descriptors in between.
#[derive(Debug)]
pub(crate) struct Idle {
    pub(crate) spin: AdaptiveSpin,
    /// When the loop began to spin, and when its last slice ended.
    spinning: Cell<Option<(Instant, Instant)>>,
}

impl Idle {
    pub(crate) const fn new() -> Self {
        Idle {
            spin: AdaptiveSpin::new(),
            spinning: Cell::new(None),
        }
    }

    /// Ends the idle time: there is something to do.
    pub(crate) fn end(&self) {
        if self.spinning.take().is_some() {
            self.spin.on_hit();
        }
    }

    /// Advises a loop that has nothing to do, unless `ready` returns `true`.
    pub(crate) fn advise(&self, mut ready: impl FnMut() -> bool) -> Advice {
        if !self.spin.is_enabled() {
            return Advice::Sleep;
        }
        let now = Instant::now();
        let Some((since, last)) = self.spinning.get() else {
            // The descriptors are polled first.
            self.spinning.set(Some((now, now)));
            return Advice::PollAgain;
        };
        if now - last > IDLE_ITERATION {
            // There was something to do for the descriptors: the loop is not idle.
            self.spin.on_miss();
            self.spinning.set(Some((now, now)));
            return Advice::PollAgain;
        }
        let left = SPIN_TIME.saturating_sub(now - since);
        let permit = if left.is_zero() {
            None
        } else {
            SpinPermit::take()
        };
        if permit.is_none() {
            self.spinning.set(None);
            self.spin.on_miss();
            return Advice::Sleep;
        }
        if spin_for(SLICE.min(left), &mut ready) {
            self.end();
        } else {
            self.spinning.set(Some((since, Instant::now())));
        }
        Advice::PollAgain
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_micros(20);

    /// The number of sleeps of this length until a trial.
    fn sleeps_until_trial(spin: &AdaptiveSpin, length: Duration) -> u32 {
        let mut sleeps = 0;
        while !spin.is_enabled() {
            spin.on_sleep(length);
            sleeps += 1;
            assert!(sleeps <= MAX_TRIAL_INTERVAL);
        }
        sleeps
    }

    /// The number of misses until the thread does not spin any more.
    fn misses_until_disabled(spin: &AdaptiveSpin) -> u32 {
        let mut misses = 0;
        while spin.is_enabled() {
            spin.on_miss();
            misses += 1;
        }
        misses
    }

    #[test]
    fn long_sleeps_never_enable_spinning() {
        let spin = AdaptiveSpin::new();
        for _ in 0..10_000 {
            assert!(!spin.is_enabled());
            spin.on_sleep(SHORT);
        }
    }

    #[test]
    fn short_sleeps_lead_to_trials_that_become_rarer_with_misses() {
        let spin = AdaptiveSpin::new();
        let mut before = 0;
        for _ in 0..20 {
            let sleeps = sleeps_until_trial(&spin, SOON);
            assert!(sleeps > before || sleeps == MAX_TRIAL_INTERVAL);
            before = sleeps;
            assert!(misses_until_disabled(&spin) <= 3);
        }
        assert_eq!(before, MAX_TRIAL_INTERVAL);
    }

    #[test]
    fn a_hit_gives_credit_for_a_few_misses() {
        let spin = AdaptiveSpin::new();
        sleeps_until_trial(&spin, SOON);
        spin.on_hit();
        assert_eq!(misses_until_disabled(&spin), 6);
        assert_eq!(sleeps_until_trial(&spin, SOON), 2 * MIN_TRIAL_INTERVAL);
    }

    #[test]
    fn a_loop_polls_its_descriptors_before_it_spins() {
        let idle = Idle::new();
        assert_eq!(idle.advise(|| unreachable!()), Advice::Sleep);
        sleeps_until_trial(&idle.spin, SOON);
        assert_eq!(idle.advise(|| unreachable!()), Advice::PollAgain);
        // However slow the machine is, the loop sleeps in the end.
        let mut steps = 0;
        while idle.advise(|| false) == Advice::PollAgain {
            steps += 1;
        }
        assert!(steps < 1000);
        assert!(idle.spinning.get().is_none());
    }
}
