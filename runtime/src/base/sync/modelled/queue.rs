//! In place of `concurrent_queue::ConcurrentQueue`, which loom cannot see into.
//!
//! It promises no more than that one does, so a model that holds with it does not lean on how
//! that one is made: what is pushed before `close` is popped after it; a push that is refused came
//! after; and no order with what else the threads do, but of a message's own content.

use loom::sync::Mutex;
use loom::sync::atomic::{AtomicUsize, Ordering};

const CAPACITY: usize = 4;
const CLOSED: usize = 1;
const ONE: usize = 2;

pub(crate) struct Queue<T> {
    /// `CLOSED`, and `ONE` for each that was pushed.
    tail: AtomicUsize,
    /// How many were popped.
    head: AtomicUsize,
    slots: [Mutex<Option<T>>; CAPACITY],
}

/// Gives back what was not pushed.
pub(crate) struct Refused<T>(T);

impl<T> Refused<T> {
    pub(crate) fn into_inner(self) -> T {
        self.0
    }
}

/// There is nothing to pop.
pub(crate) struct Nothing;

impl<T> Queue<T> {
    pub(crate) fn unbounded() -> Self {
        Queue {
            tail: AtomicUsize::new(0),
            head: AtomicUsize::new(0),
            slots: std::array::from_fn(|_| Mutex::new(None)),
        }
    }

    pub(crate) fn push(&self, value: T) -> Result<(), Refused<T>> {
        let reserved = self
            .tail
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |tail| {
                (tail & CLOSED == 0).then_some(tail + ONE)
            });
        match reserved {
            Ok(tail) => {
                *self.slots[tail / ONE].lock().unwrap() = Some(value);
                Ok(())
            }
            Err(_) => Err(Refused(value)),
        }
    }

    /// Only the owner pops.
    pub(crate) fn pop(&self) -> Result<T, Nothing> {
        let head = self.head.load(Ordering::Relaxed);
        if head == self.tail.load(Ordering::Relaxed) / ONE {
            return Err(Nothing);
        }
        self.head.store(head + 1, Ordering::Relaxed);
        loop {
            if let Some(value) = self.slots[head].lock().unwrap().take() {
                return Ok(value);
            }
            // It is being pushed.
            loom::thread::yield_now();
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.tail.load(Ordering::Relaxed) / ONE - self.head.load(Ordering::Relaxed)
    }

    pub(crate) fn close(&self) -> bool {
        self.tail.fetch_or(CLOSED, Ordering::Relaxed) & CLOSED == 0
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.tail.load(Ordering::Relaxed) & CLOSED != 0
    }
}
