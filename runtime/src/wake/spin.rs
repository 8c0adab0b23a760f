//! When it pays to look for news for a while before sleeping.
//!
//! To be woken from a sleep takes the kernel tens of microseconds, and the one who wakes several as
//! well. Who looks for at most that long before it sleeps loses at most as much again; and it only
//! looks while that has paid lately. Where it has not, it takes ever more sleeps that were short to
//! try again, so that news which always come a little too late cost next to nothing.

use once_cell::sync::Lazy;
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// How long somebody looks: about what it costs to be woken.
const WHILE: Duration = Duration::from_micros(50);
/// How long it looks without anything else getting a turn: Lwt's descriptors, a collection that
/// all domains take part in, other threads of the domain.
const SLICE: Duration = Duration::from_micros(5);
/// What takes longer between two slices was not idle.
const IDLE_TURN: Duration = Duration::from_micros(4);
/// A sleep that ended so early would better have been none: the news came within the while, and
/// waking took its time.
const SHORT: Duration = Duration::from_micros(100);

/// Failures in a row until it is given up, after it has paid: as often as this can be halved.
const CREDIT: u32 = 32;
/// The same on a new try.
const TRIAL: u32 = 4;
/// How many short sleeps it takes to try again at first, and at most.
const LEAST_DISTRUST: u32 = 2;
const MOST_DISTRUST: u32 = 4096;

/// What experience tells. One thread's.
#[derive(Debug)]
pub(crate) struct Patience {
    credit: Cell<u32>,
    distrust: Cell<u32>,
    short_sleeps: Cell<u32>,
}

impl Patience {
    pub(crate) const fn new() -> Self {
        Patience {
            credit: Cell::new(0),
            distrust: Cell::new(LEAST_DISTRUST),
            short_sleeps: Cell::new(0),
        }
    }

    /// Whether to look before sleeping.
    pub(crate) fn is_worth_while(&self) -> bool {
        self.credit.get() > 0
    }

    /// The news came while it looked.
    pub(crate) fn paid(&self) {
        self.credit.set(CREDIT);
        self.distrust.set(LEAST_DISTRUST);
    }

    /// They did not.
    pub(crate) fn failed(&self) {
        self.credit.set(self.credit.get() / 2);
        if self.credit.get() == 0 {
            self.short_sleeps.set(0);
            self.distrust
                .set((self.distrust.get() * 2).min(MOST_DISTRUST));
        }
    }

    /// News ended a sleep of this length.
    pub(crate) fn slept(&self, length: Duration) {
        if length < SHORT && self.credit.get() == 0 {
            self.short_sleeps.set(self.short_sleeps.get() + 1);
            if self.short_sleeps.get() >= self.distrust.get() {
                self.short_sleeps.set(0);
                self.credit.set(TRIAL);
            }
        }
    }

    /// Looks for news, for a thread that would block. Returns whether it found them.
    pub(crate) fn look(&self, mut news: impl FnMut() -> bool) -> bool {
        let Some(_place) = Place::take() else {
            return false;
        };
        let found = spin(WHILE, &mut news);
        match found {
            true => self.paid(),
            false => self.failed(),
        }
        found
    }
}

/// A core that is spent on looking. There is none where nobody else could run meanwhile.
struct Place;

static LOOKING: AtomicUsize = AtomicUsize::new(0);
static CORES: Lazy<usize> =
    Lazy::new(|| std::thread::available_parallelism().map_or(1, usize::from));

impl Place {
    fn take() -> Option<Self> {
        let place = LOOKING.fetch_add(1, Ordering::Relaxed);
        let taken = Place;
        (*CORES > 1 && place < *CORES).then_some(taken)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        LOOKING.fetch_sub(1, Ordering::Relaxed);
    }
}

fn spin(length: Duration, news: &mut impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        for _ in 0..16 {
            if news() {
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
    GoOn,
    Sleep,
}

/// The idle time of a loop, which looks for news in slices, and at its descriptors in between.
#[derive(Debug)]
pub(crate) struct Idle {
    pub(crate) patience: Patience,
    /// Since when it has been looking, and when it last did.
    looking: Cell<Option<(Instant, Instant)>>,
}

impl Idle {
    pub(crate) const fn new() -> Self {
        Idle {
            patience: Patience::new(),
            looking: Cell::new(None),
        }
    }

    /// There was something to do.
    pub(crate) fn end(&self) {
        if self.looking.take().is_some() {
            self.patience.paid();
        }
    }

    /// There is nothing to do, but what `news` sees.
    pub(crate) fn advise(&self, mut news: impl FnMut() -> bool) -> Advice {
        if !self.patience.is_worth_while() {
            return Advice::Sleep;
        }
        let now = Instant::now();
        let Some((since, last)) = self.looking.get() else {
            // The descriptors come first.
            self.looking.set(Some((now, now)));
            return Advice::GoOn;
        };
        if now - last > IDLE_TURN {
            // They had something to do. While they have, nobody looks for other news.
            self.patience.failed();
            self.looking.set(Some((now, now)));
            return Advice::GoOn;
        }
        let left = WHILE.saturating_sub(now - since);
        let place = if left.is_zero() { None } else { Place::take() };
        if place.is_none() {
            self.looking.set(None);
            self.patience.failed();
            return Advice::Sleep;
        }
        if spin(SLICE.min(left), &mut news) {
            self.end();
        } else {
            self.looking.set(Some((since, Instant::now())));
        }
        Advice::GoOn
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_micros(20);

    /// How many sleeps of such a length it takes until it looks again.
    fn sleeps_until_trial(patience: &Patience, length: Duration) -> u32 {
        let mut sleeps = 0;
        while !patience.is_worth_while() {
            patience.slept(length);
            sleeps += 1;
            assert!(sleeps <= MOST_DISTRUST);
        }
        sleeps
    }

    fn fail(patience: &Patience) -> u32 {
        let mut failures = 0;
        while patience.is_worth_while() {
            patience.failed();
            failures += 1;
        }
        failures
    }

    #[test]
    fn who_sleeps_long_never_looks() {
        let patience = Patience::new();
        for _ in 0..10_000 {
            assert!(!patience.is_worth_while());
            patience.slept(SHORT);
        }
    }

    #[test]
    fn short_sleeps_are_tried_to_be_saved_and_ever_more_rarely_if_they_are_not() {
        let patience = Patience::new();
        let mut before = 0;
        for _ in 0..20 {
            let sleeps = sleeps_until_trial(&patience, SOON);
            assert!(sleeps > before || sleeps == MOST_DISTRUST);
            before = sleeps;
            assert!(fail(&patience) <= 3);
        }
        assert_eq!(before, MOST_DISTRUST);
    }

    #[test]
    fn what_paid_once_is_trusted_for_a_few_failures() {
        let patience = Patience::new();
        sleeps_until_trial(&patience, SOON);
        patience.paid();
        assert_eq!(fail(&patience), 6);
        assert_eq!(sleeps_until_trial(&patience, SOON), 2 * LEAST_DISTRUST);
    }

    #[test]
    fn a_loop_looks_at_its_descriptors_before_it_looks_for_news() {
        let idle = Idle::new();
        assert_eq!(idle.advise(|| unreachable!()), Advice::Sleep);
        sleeps_until_trial(&idle.patience, SOON);
        assert_eq!(idle.advise(|| unreachable!()), Advice::GoOn);
        // Whatever is slow on this machine, it sleeps in the end.
        let mut steps = 0;
        while idle.advise(|| false) == Advice::GoOn {
            steps += 1;
        }
        assert!(steps < 1000);
        assert!(idle.looking.get().is_none());
    }
}
