//! Requests of Rust's to the Lwt loop, handed over in one OCaml array per drain.
//!
//! The loop resolves promises and calls closures itself, from OCaml frames: Rust only queues. An
//! entry takes [`FIELDS`] fields of the array.

use crate::base::slot_map::Key;
use crate::ffi::converted::Converted;
use crate::ffi::root::{Application, Exn, LwtPromise, Root};
use crate::ffi::runtime::{self as ffi, RawValue};
use crate::ffi::token::RuntimeToken;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

/// A request to the loop, for the call or wait whose key goes with it.
pub(crate) enum Request<'a> {
    /// Fulfil the promise of the call with the value.
    Fulfill(Converted),
    /// Reject the promise of the call with the exception.
    Reject(&'a Root<Exn>),
    /// Apply the closure to its arguments, and report the promise that it returns to the wait.
    Apply(&'a Root<Application>),
    /// Cancel the promise. The key means nothing.
    Cancel(&'a Root<LwtPromise>),
    /// Rust has dropped the wait: take its callback off the promise.
    Forget,
}

/// The tag of an entry. OCaml has the same in `Primitives.Batch.kind`: see `entry/facts.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(isize)]
pub(crate) enum Kind {
    Fulfill = 0,
    Reject = 1,
    /// The value is a block: the closure, then its arguments.
    Apply = 2,
    Cancel = 3,
    Forget = 4,
}

/// The number of entries of an array.
pub(crate) const CAPACITY: usize = 256;
/// The fields of an entry: key, kind, value.
pub(crate) const FIELDS: usize = 3;

/// Two arrays that OCaml allocated: Rust fills one while OCaml works on the other.
pub(crate) struct Batch {
    arrays: [Root; 2],
    /// The index of the array that is being filled.
    filling: Cell<usize>,
    len: Cell<usize>,
    /// OCaml may be at work on the other.
    is_out: Cell<bool>,
    /// Entries that did not fit, for the next array. They are rare, hence a root each.
    overflow: RefCell<VecDeque<(Key, Kind, Root)>>,
}

/// The proof that OCaml has finished with the array that was handed over.
pub(crate) struct Returned(());

impl Returned {
    /// # Safety
    /// OCaml has handled each entry of the array that [`Batch::hand_over`] returned last, on this thread.
    pub(crate) unsafe fn assume() -> Self {
        Returned(())
    }
}

impl Batch {
    /// Takes the two arrays of a domain.
    ///
    /// # Safety
    /// `arrays` are two OCaml arrays of `FIELDS * CAPACITY` fields that hold ints. OCaml uses an array only
    /// from when [`hand_over`](Self::hand_over) has returned its index until there is a [`Returned`]; by
    /// then each field of a value is `()` again.
    pub(crate) unsafe fn new(token: &RuntimeToken<'_>, arrays: [Root; 2]) -> Self {
        let has_room = |array: &Root| {
            // SAFETY: by this function's contract it is an array; the token proves the lock.
            unsafe { ffi::size(array.raw(token)) == FIELDS * CAPACITY }
        };
        assert!(arrays.iter().all(has_room));
        Batch {
            arrays,
            filling: Cell::new(0),
            len: Cell::new(0),
            is_out: Cell::new(false),
            overflow: RefCell::new(VecDeque::new()),
        }
    }

    /// Queues a request. Nothing allocates on the OCaml heap.
    ///
    /// The key of a [`Request::Fulfill`] is that of a call whose promise has the value's type: the function
    /// that made the call and the value are of one `#[func]` or one `Promise`.
    #[inline(always)]
    pub(crate) fn push(&self, token: &RuntimeToken<'_>, key: Key, request: Request<'_>) {
        // SAFETY: the token proves the lock. Each value was just read from its root, or is none that the
        // collector moves. The root's type says that it is as the kind wants it; for `Fulfill` that is the
        // caller's part, see above.
        unsafe {
            match request {
                Request::Fulfill(value) => self.push_raw(key, Kind::Fulfill, value.raw(token)),
                Request::Reject(exn) => self.push_raw(key, Kind::Reject, exn.raw(token)),
                Request::Cancel(promise) => self.push_raw(key, Kind::Cancel, promise.raw(token)),
                Request::Forget => self.push_raw(key, Kind::Forget, ffi::UNIT),
                Request::Apply(call) => self.push_raw(key, Kind::Apply, call.raw(token)),
            }
        }
    }

    /// # Safety
    /// The domain's lock is held, and `value` is valid now and is as `kind` says.
    #[inline]
    unsafe fn push_raw(&self, key: Key, kind: Kind, value: RawValue) {
        let n = self.len.get();
        // SAFETY: by this function's contract the lock is held and the value is valid. The array has room
        // for entry `n`, and nothing between reading it from its root and the last store can move it.
        // OCaml leaves `()` where a value was, so a value that is no block replaces no block.
        unsafe {
            if n == CAPACITY {
                return self.push_over(key, kind, value);
            }
            let token = RuntimeToken::assume_locked();
            let array = self.arrays[self.filling.get()].raw(&token);
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
    /// The domain's lock is held and `value` is valid now.
    #[cold]
    unsafe fn push_over(&self, key: Key, kind: Kind, value: RawValue) {
        // SAFETY: by this function's contract the lock is held and the value is valid.
        let root = unsafe { Root::new(value) };
        self.overflow.borrow_mut().push_back((key, kind, root));
    }

    /// Returns `true` if the array that is being filled has no room.
    pub(crate) fn is_full(&self) -> bool {
        self.len.get() == CAPACITY
    }

    /// Returns `true` if no entry waits to be handed over.
    pub(crate) fn is_empty(&self) -> bool {
        self.len.get() == 0
    }

    /// Takes back the array that was handed over.
    pub(crate) fn take_back(&self, _returned: Returned) {
        self.is_out.set(false);
    }

    /// Hands over the array that was filled. Returns its number of entries, and its index. The number
    /// is 0 if there are no entries, or if a loop inside this one has been handed the other array and
    /// may have left some in it.
    pub(crate) fn hand_over(&self, token: &RuntimeToken<'_>) -> (usize, usize) {
        let index = self.filling.get();
        if self.is_empty() || self.is_out.replace(true) {
            return (0, index);
        }
        let len = self.len.replace(0);
        self.filling.set(1 - index);
        if len == CAPACITY {
            self.refill(token);
        }
        (len, index)
    }

    /// Moves entries that did not fit into the array that is being filled.
    #[cold]
    fn refill(&self, token: &RuntimeToken<'_>) {
        while !self.is_full() {
            let Some((key, kind, root)) = self.overflow.borrow_mut().pop_front() else {
                break;
            };
            // SAFETY: the token proves the lock; the value was just read from its root, and is as `kind`
            // says since it was queued so.
            unsafe { self.push_raw(key, kind, root.raw(token)) };
        }
    }
}
