//! Replaces `concurrent_queue::ConcurrentQueue`, which loom cannot see into.
//!
//! It promises no more than that queue does, so that models do not depend on how that is implemented: a
//! value that is pushed before `close` is popped afterwards, and a push that fails came after `close`.
//! It orders nothing else of what the threads do, except the content of each value.

use loom::sync::Mutex;
use loom::sync::atomic::{AtomicUsize, Ordering};

const CAPACITY: usize = 4;
const CLOSED: usize = 1;
const ONE: usize = 2;

pub(crate) struct Queue<T> {
    /// `CLOSED`, and `ONE` for each value that was pushed.
    tail: AtomicUsize,
    /// The number of values that were popped.
    head: AtomicUsize,
    slots: [Mutex<Option<T>>; CAPACITY],
}

/// The error of a push to a closed queue. Carries the value.
pub(crate) struct PushError<T>(T);

impl<T> PushError<T> {
    pub(crate) fn into_inner(self) -> T {
        self.0
    }
}

/// The error of a pop from an empty queue.
pub(crate) struct PopError;

impl<T> Queue<T> {
    pub(crate) fn unbounded() -> Self {
        Queue {
            tail: AtomicUsize::new(0),
            head: AtomicUsize::new(0),
            slots: std::array::from_fn(|_| Mutex::new(None)),
        }
    }

    pub(crate) fn push(&self, value: T) -> Result<(), PushError<T>> {
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
            Err(_) => Err(PushError(value)),
        }
    }

    /// Pops a value. Only one thread pops.
    pub(crate) fn pop(&self) -> Result<T, PopError> {
        let head = self.head.load(Ordering::Relaxed);
        if head == self.tail.load(Ordering::Relaxed) / ONE {
            return Err(PopError);
        }
        self.head.store(head + 1, Ordering::Relaxed);
        loop {
            if let Some(value) = self.slots[head].lock().unwrap().take() {
                return Ok(value);
            }
            // A push has reserved the slot, and not filled it yet.
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
