//! When it pays to look for ready for a while before sleeping.
//!
//! To be woken from a sleep takes the kernel tens of microseconds, and the one who wakes several as
//! well. Who looks for at most that long before it sleeps loses at most as much again; and it only
//! looks while that has on_hit lately. Where it has not, it takes ever more sleeps that were short to
//! try again, so that ready which always come a little too late cost next to nothing.

use std::cell::Cell;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long somebody looks: about what it costs to be woken.
const SPIN_TIME: Duration = Duration::from_micros(50);
/// How long it looks without anything else getting a turn: Lwt's descriptors, a collection that
/// all domains take part in, other threads of the domain.
const SLICE: Duration = Duration::from_micros(5);
/// What takes longer between two slices was not idle.
const IDLE_ITERATION: Duration = Duration::from_micros(4);
/// A sleep that ended so early would better have been none: the ready came within the while, and
/// waking took its time.
const SHORT: Duration = Duration::from_micros(100);

/// Failures in a row until it is given up, after it has on_hit: as often as this can be halved.
const CREDIT: u32 = 32;
/// The same on a new try.
const TRIAL: u32 = 4;
/// How many short sleeps it takes to try again at first, and at most.
const MIN_TRIAL_INTERVAL: u32 = 2;
const MAX_TRIAL_INTERVAL: u32 = 4096;

/// What experience tells. One thread's.
#[derive(Debug)]
pub(crate) struct AdaptiveSpin {
    credit: Cell<u32>,
    trial_interval: Cell<u32>,
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

    /// Whether to look before sleeping.
    pub(crate) fn is_enabled(&self) -> bool {
        self.credit.get() > 0
    }

    /// The ready came while it looked.
    pub(crate) fn on_hit(&self) {
        self.credit.set(CREDIT);
        self.trial_interval.set(MIN_TRIAL_INTERVAL);
    }

    /// They did not.
    pub(crate) fn on_miss(&self) {
        self.credit.set(self.credit.get() / 2);
        if self.credit.get() == 0 {
            self.short_sleeps.set(0);
            self.trial_interval
                .set((self.trial_interval.get() * 2).min(MAX_TRIAL_INTERVAL));
        }
    }

    /// News ended a sleep of this length.
    pub(crate) fn on_sleep(&self, length: Duration) {
        if length < SHORT && self.credit.get() == 0 {
            self.short_sleeps.set(self.short_sleeps.get() + 1);
            if self.short_sleeps.get() >= self.trial_interval.get() {
                self.short_sleeps.set(0);
                self.credit.set(TRIAL);
            }
        }
    }

    /// Looks for ready, for a thread that would block. Returns whether it found them.
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

/// A core that is spent on looking. There is none where nobody else could run meanwhile.
struct SpinPermit;

static SPINNING: AtomicUsize = AtomicUsize::new(0);
static CORES: LazyLock<usize> =
    LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from));

impl SpinPermit {
    fn take() -> Option<Self> {
        let permit = SPINNING.fetch_add(1, Ordering::Relaxed);
        let taken = SpinPermit;
        (*CORES > 1 && permit < *CORES).then_some(taken)
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

/// What a loop that has nothing to do should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Advice {
    /// Look at everything once more, without waiting.
    PollAgain,
    Sleep,
}

/// The idle time of a loop, which looks for ready in slices, and at its descriptors in between.
#[derive(Debug)]
pub(crate) struct Idle {
    pub(crate) spin: AdaptiveSpin,
    /// Since when it has been looking, and when it last did.
    spinning: Cell<Option<(Instant, Instant)>>,
}

impl Idle {
    pub(crate) const fn new() -> Self {
        Idle {
            spin: AdaptiveSpin::new(),
            spinning: Cell::new(None),
        }
    }

    /// There was something to do.
    pub(crate) fn end(&self) {
        if self.spinning.take().is_some() {
            self.spin.on_hit();
        }
    }

    /// There is nothing to do, but what `ready` sees.
    pub(crate) fn advise(&self, mut ready: impl FnMut() -> bool) -> Advice {
        if !self.spin.is_enabled() {
            return Advice::Sleep;
        }
        let now = Instant::now();
        let Some((since, last)) = self.spinning.get() else {
            // The descriptors come first.
            self.spinning.set(Some((now, now)));
            return Advice::PollAgain;
        };
        if now - last > IDLE_ITERATION {
            // They had something to do. While they have, nobody looks for other ready.
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

    /// How many sleeps of such a length it takes until it looks again.
    fn sleeps_until_trial(spin: &AdaptiveSpin, length: Duration) -> u32 {
        let mut sleeps = 0;
        while !spin.is_enabled() {
            spin.on_sleep(length);
            sleeps += 1;
            assert!(sleeps <= MAX_TRIAL_INTERVAL);
        }
        sleeps
    }

    fn fail(spin: &AdaptiveSpin) -> u32 {
        let mut failures = 0;
        while spin.is_enabled() {
            spin.on_miss();
            failures += 1;
        }
        failures
    }

    #[test]
    fn who_sleeps_long_never_looks() {
        let spin = AdaptiveSpin::new();
        for _ in 0..10_000 {
            assert!(!spin.is_enabled());
            spin.on_sleep(SHORT);
        }
    }

    #[test]
    fn short_sleeps_are_tried_to_be_saved_and_ever_more_rarely_if_they_are_not() {
        let spin = AdaptiveSpin::new();
        let mut before = 0;
        for _ in 0..20 {
            let sleeps = sleeps_until_trial(&spin, SOON);
            assert!(sleeps > before || sleeps == MAX_TRIAL_INTERVAL);
            before = sleeps;
            assert!(fail(&spin) <= 3);
        }
        assert_eq!(before, MAX_TRIAL_INTERVAL);
    }

    #[test]
    fn what_paid_once_is_trusted_for_a_few_failures() {
        let spin = AdaptiveSpin::new();
        sleeps_until_trial(&spin, SOON);
        spin.on_hit();
        assert_eq!(fail(&spin), 6);
        assert_eq!(sleeps_until_trial(&spin, SOON), 2 * MIN_TRIAL_INTERVAL);
    }

    #[test]
    fn a_loop_looks_at_its_descriptors_before_it_looks_for_news() {
        let idle = Idle::new();
        assert_eq!(idle.advise(|| unreachable!()), Advice::Sleep);
        sleeps_until_trial(&idle.spin, SOON);
        assert_eq!(idle.advise(|| unreachable!()), Advice::PollAgain);
        // Whatever is slow on this machine, it sleeps in the end.
        let mut steps = 0;
        while idle.advise(|| false) == Advice::PollAgain {
            steps += 1;
        }
        assert!(steps < 1000);
        assert!(idle.spinning.get().is_none());
    }
}
