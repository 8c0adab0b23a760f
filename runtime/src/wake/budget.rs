//! How long a domain's loop serves Rust and other domains before Lwt's own events get
//! their turn.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// From when the loop comes back from its wait until it may wait again.
const TURN: Duration = Duration::from_millis(1);
/// How many units of one kind (polls, messages, ...) are done before the other kinds come again.
/// `ocaml/lwt_interop/executor.ml` has the same number.
const CHUNK: usize = 32;
/// Looking at the clock costs as much as a short unit, so it is done after as many of them.
const STRIDE: usize = 8;

/// The current turn of a domain. What is left when it is over is done in the next one; each kind
/// of work gets at least one unit of it.
pub(crate) struct Turn {
    until: Cell<Instant>,
    units: Cell<usize>,
    over: Cell<bool>,
}

impl Turn {
    pub(crate) fn new() -> Self {
        Turn {
            until: Cell::new(Instant::now() + TURN),
            units: Cell::new(0),
            over: Cell::new(false),
        }
    }

    pub(crate) fn begin(&self) {
        self.until.set(Instant::now() + TURN);
        self.over.set(false);
    }

    /// Notes that a unit was done.
    pub(crate) fn spend(&self) {
        self.units.set(self.units.get().wrapping_add(1));
        if self.units.get() % STRIDE == 0 && Instant::now() >= self.until.get() {
            self.over.set(true);
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.get()
    }

    /// Calls `unit`, which tells whether there was something to do, until there was not, or a
    /// chunk is done, or the turn is over. Returns whether something may be left.
    pub(crate) fn chunk(&self, mut unit: impl FnMut() -> bool) -> bool {
        for _ in 0..CHUNK {
            if !unit() {
                return false;
            }
            self.spend();
            if self.is_over() {
                break;
            }
        }
        true
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;

    fn count(turn: &Turn, available: usize) -> (usize, bool) {
        let mut done = 0;
        let left = turn.chunk(|| {
            let more = done < available;
            done += usize::from(more);
            more
        });
        (done, left)
    }

    #[test]
    fn a_chunk_ends_with_its_work_its_size_or_its_turn() {
        let turn = Turn::new();
        turn.until.set(Instant::now() + Duration::from_secs(3600));
        assert_eq!(count(&turn, 3), (3, false));
        assert_eq!(count(&turn, 1000), (CHUNK, true));
        turn.until.set(Instant::now());
        let units = turn.units.get();
        assert_eq!(count(&turn, 1000), (STRIDE - units % STRIDE, true));
        assert!(turn.is_over());
        assert_eq!(
            count(&turn, 1000),
            (1, true),
            "something is done all the same"
        );
        assert_eq!(count(&turn, 0), (0, false));
        turn.begin();
        assert!(!turn.is_over());
    }
}
