//! The time budget of a domain's loop: how long it serves Rust and other domains before Lwt's own
//! events are served.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// The time from the end of one wait of the loop until it may wait again.
const BUDGET: Duration = Duration::from_millis(1);
/// How many units of one kind (polls, messages, ...) are done before the other kinds are served.
/// OCaml has the same number: see `entry/facts.rs`.
pub(crate) const BATCH: usize = 32;
/// The number of units between two readings of the clock, one of which costs as much as a short unit.
const STRIDE: usize = 8;

/// The current budget of a domain. The work that remains when it is exhausted waits for the next one;
/// each kind of work gets at least one unit of every budget.
pub(crate) struct Budget {
    until: Cell<Instant>,
    units: Cell<usize>,
    exhausted: Cell<bool>,
}

impl Budget {
    pub(crate) fn new() -> Self {
        Budget {
            until: Cell::new(Instant::now() + BUDGET),
            units: Cell::new(0),
            exhausted: Cell::new(false),
        }
    }

    pub(crate) fn refill(&self) {
        self.until.set(Instant::now() + BUDGET);
        self.exhausted.set(false);
    }

    /// Notes that a unit was done. Returns `true` if budget is left.
    pub(crate) fn consume(&self) -> bool {
        self.units.set(self.units.get().wrapping_add(1));
        if self.units.get() % STRIDE == 0 && Instant::now() >= self.until.get() {
            self.exhausted.set(true);
        }
        !self.is_exhausted()
    }

    pub(crate) fn is_exhausted(&self) -> bool {
        self.exhausted.get()
    }

    /// Calls `unit` until it returns `false`, which means that there was nothing to do, or until a batch
    /// is done or the budget is exhausted. Returns `true` if there may be more to do.
    pub(crate) fn batch(&self, mut unit: impl FnMut() -> bool) -> bool {
        for _ in 0..BATCH {
            if !unit() {
                return false;
            }
            if !self.consume() {
                break;
            }
        }
        true
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;

    fn count(budget: &Budget, available: usize) -> (usize, bool) {
        let mut done = 0;
        let more = budget.batch(|| {
            let found = done < available;
            done += usize::from(found);
            found
        });
        (done, more)
    }

    #[test]
    fn a_batch_ends_with_its_work_its_size_or_its_budget() {
        let budget = Budget::new();
        budget.until.set(Instant::now() + Duration::from_secs(3600));
        assert_eq!(count(&budget, 3), (3, false));
        assert_eq!(count(&budget, 1000), (BATCH, true));
        budget.until.set(Instant::now());
        let units = budget.units.get();
        assert_eq!(count(&budget, 1000), (STRIDE - units % STRIDE, true));
        assert!(budget.is_exhausted());
        assert_eq!(count(&budget, 1000), (1, true), "one unit all the same");
        assert_eq!(count(&budget, 0), (0, false));
        budget.refill();
        assert!(!budget.is_exhausted());
    }
}
