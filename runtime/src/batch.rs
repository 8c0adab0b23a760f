//! What Rust has for the Lwt loop to do, handed over in one OCaml array per drain.
//!
//! The loop resolves promises and calls closures itself, from OCaml frames: Rust only
//! queues. Layout of the array: the number of entries, then three fields an entry.

use crate::ffi::{self, RawValue, Root};
use crate::slots::Key;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

/// What to do with an entry. `ocaml/lwt_interop/batch.ml` has the same numbers.
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

/// The entries of an array. `ocaml/lwt_interop/batch.ml` has the same number.
pub(crate) const CAPACITY: usize = 256;
const FIELDS: usize = 3;

/// Two arrays that OCaml allocated: Rust fills one while OCaml works on the other.
pub(crate) struct Batch {
    filling: RefCell<Root>,
    /// The array to fill next, if OCaml has lent one.
    spare: RefCell<Root>,
    has_spare: Cell<bool>,
    len: Cell<usize>,
    /// What did not fit; moved to the next array. Rare, hence a root each.
    overflow: RefCell<VecDeque<(Key, Kind, Root)>>,
}

impl Batch {
    /// # Safety
    /// The domain's lock is held and `array` is an OCaml array of
    /// `1 + 3 * CAPACITY` fields that OCaml does not use until it gets it back.
    pub(crate) unsafe fn new(array: RawValue) -> Self {
        // SAFETY: the caller's.
        unsafe {
            debug_assert_eq!(ffi::size(array), 1 + FIELDS * CAPACITY);
            Batch {
                filling: RefCell::new(Root::new(array)),
                spare: RefCell::new(Root::new(ffi::UNIT)),
                has_spare: Cell::new(false),
                len: Cell::new(0),
                overflow: RefCell::new(VecDeque::new()),
            }
        }
    }

    /// Queues an entry. It allocates nothing on the OCaml heap.
    ///
    /// # Safety
    /// The domain's lock is held and `value` is valid, of the type that `kind` asks for.
    pub(crate) unsafe fn push(&self, key: Key, kind: Kind, value: RawValue) {
        let n = self.len.get();
        // SAFETY: the lock is the caller's; the array is rooted and has room for entry
        // `n`; nothing between `get` and the last store can move it. OCaml leaves `()` where a
        // value was, so a value that is no block replaces none.
        unsafe {
            if n == CAPACITY {
                let root = Root::new(value);
                self.overflow.borrow_mut().push_back((key, kind, root));
                return;
            }
            let array = self.filling.borrow().get();
            let at = 1 + n * FIELDS;
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

    pub(crate) fn is_full(&self) -> bool {
        self.len.get() == CAPACITY
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len.get() == 0
    }

    /// OCaml lends an array, which is filled next.
    ///
    /// # Safety
    /// As for `new`.
    pub(crate) unsafe fn lend(&self, array: RawValue) {
        // SAFETY: the caller's.
        unsafe { self.spare.borrow_mut().modify(array) };
        self.has_spare.set(true);
    }

    /// Hands over the filled array, and keeps the one that was lent. `None` if it has no entries,
    /// or if the loan was taken by a loop inside this one: then OCaml has that array still.
    ///
    /// # Safety
    /// The domain's lock is held. The result is unrooted.
    pub(crate) unsafe fn swap(&self) -> Option<RawValue> {
        if !self.has_spare.replace(false) || self.is_empty() {
            return None;
        }
        let n = self.len.replace(0);
        self.filling.swap(&self.spare);
        // SAFETY: the lock is the caller's; the filled array stays rooted until the next loan.
        unsafe {
            let array = self.spare.borrow().get();
            ffi::store_int(array, 0, ffi::int(n as isize));
            while !self.is_full() {
                let Some((key, kind, root)) = self.overflow.borrow_mut().pop_front() else {
                    break;
                };
                self.push(key, kind, root.get());
            }
            Some(array)
        }
    }
}
