//! What Rust has for the Lwt loop to do, handed over in one OCaml array per drain.
//!
//! The loop resolves promises and calls closures itself, from OCaml frames: Rust only
//! queues. Layout of the array: three fields an entry.

use crate::base::slot_map::Key;
use crate::ffi::runtime::{self as ffi, RawValue, Root};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

/// What to do with an entry. `ocaml/lwt_interop/raw.ml` has the same numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(isize)]
pub(crate) enum Kind {
    /// Fulfil the promise of call `key` with the value.
    Resolve = 0,
    /// Reject the promise of call `key` with the exception.
    Reject = 1,
    /// Apply the closure in field 0 of the value to its other fields, and report what
    /// its promise becomes to wait `key`.
    Apply = 2,
    /// Cancel the promise that is the value; `key` means nothing.
    Cancel = 3,
    /// Nobody waits for the promise of wait `key` any more; the value means nothing.
    Forget = 4,
}

/// The entries of an array. `ocaml/lwt_interop/raw.ml` has the same number.
pub(crate) const CAPACITY: usize = 256;
const FIELDS: usize = 3;

/// Two arrays that OCaml allocated: Rust fills one while OCaml works on the other.
pub(crate) struct Batch {
    arrays: [Root; 2],
    /// Which of them is being filled.
    filling: Cell<usize>,
    len: Cell<usize>,
    /// OCaml may be at work on the other.
    is_out: Cell<bool>,
    /// What did not fit; moved to the next array. Rare, hence a root each.
    overflow: RefCell<VecDeque<(Key, Kind, Root)>>,
}

impl Batch {
    /// # Safety
    /// The domain's lock is held and `arrays` are two OCaml arrays of `3 * CAPACITY` fields
    /// that hold ints. OCaml uses one when [`hand_over`](Self::hand_over) has said so, until it
    /// calls [`take_back`](Self::take_back).
    pub(crate) unsafe fn new(arrays: [RawValue; 2]) -> Self {
        // SAFETY: the caller's.
        unsafe {
            debug_assert!(arrays.iter().all(|a| ffi::size(*a) == FIELDS * CAPACITY));
            Batch {
                arrays: arrays.map(|a| Root::new(a)),
                filling: Cell::new(0),
                len: Cell::new(0),
                is_out: Cell::new(false),
                overflow: RefCell::new(VecDeque::new()),
            }
        }
    }

    /// Queues an entry. It allocates nothing on the OCaml heap.
    ///
    /// # Safety
    /// The domain's lock is held and `value` is valid, of the type that `kind` asks for.
    #[inline]
    pub(crate) unsafe fn push(&self, key: Key, kind: Kind, value: RawValue) {
        let n = self.len.get();
        // SAFETY: the lock is the caller's; the array is rooted and has room for entry
        // `n`; nothing between `get` and the last store can move it. OCaml leaves `()` where a
        // value was, so a value that is no block replaces none.
        unsafe {
            if n == CAPACITY {
                return self.push_over(key, kind, value);
            }
            let array = self.arrays[self.filling.get()].get();
            let at = n * FIELDS;
            ffi::store_int(array, at, ffi::int(key.to_int()));
            ffi::store_int(array, at + 1, ffi::int(kind as isize));
            if ffi::is_block(value) {
                ffi::store_field(array, at + 2, value);
            } else {
                ffi::store_int(array, at + 2, value);
            }
        }
        self.len.set(n + 1);
    }

    /// # Safety
    /// As for `push`.
    #[cold]
    unsafe fn push_over(&self, key: Key, kind: Kind, value: RawValue) {
        // SAFETY: the caller's.
        let root = unsafe { Root::new(value) };
        self.overflow.borrow_mut().push_back((key, kind, root));
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len.get() == CAPACITY
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len.get() == 0
    }

    /// OCaml is done with what was handed over.
    pub(crate) fn take_back(&self) {
        self.is_out.set(false);
    }

    /// Hands over the array that was filled: its length, and which it is. The length is 0 if there
    /// are no entries, or if a loop inside this one has been handed the other array and may have
    /// left some in it.
    ///
    /// # Safety
    /// The domain's lock is held.
    pub(crate) unsafe fn hand_over(&self) -> (usize, usize) {
        let which = self.filling.get();
        if self.is_empty() || self.is_out.replace(true) {
            return (0, which);
        }
        let len = self.len.replace(0);
        self.filling.set(1 - which);
        if len == CAPACITY {
            // SAFETY: the caller's.
            unsafe { self.refill() };
        }
        (len, which)
    }

    /// Moves what did not fit.
    ///
    /// # Safety
    /// The domain's lock is held.
    #[cold]
    unsafe fn refill(&self) {
        while !self.is_full() {
            let Some((key, kind, root)) = self.overflow.borrow_mut().pop_front() else {
                break;
            };
            // SAFETY: the caller's; the value is of the type that was asked for.
            unsafe { self.push(key, kind, root.get()) };
        }
    }
}
