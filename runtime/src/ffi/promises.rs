//! The pending promises of calls. Rust makes them itself, as Lwt does: a call of an OCaml function would take some 200
//! instructions, and is not safe everywhere within an effect handler (doc/limits.md). It calls OCaml only to enlarge the
//! table of resolvers.
//!
//! ```text
//!   promise          Pending           callbacks                      Dlwt_cancel_key
//!   +-------+        +-----------+     +---------------------------+  +------------------+
//!   | state |------->| callbacks |---->| two empty lists, how, int |->| on_cancel, key   |
//!   +-------+        +-----------+     +---------------------------+  +------------------+
//! ```

use crate::base::slot_map::Key;
use crate::ffi::heap::{Chunk, LAST_CONSTRUCTOR};
use crate::ffi::root::{LwtPromise, Root};
use crate::ffi::runtime::{self as ffi, RawValue};
use crate::ffi::token::RuntimeToken;

/// Makes the pending promises of a domain.
pub(crate) struct Promises {
    /// A pending promise of the domain's, of key 0. New promises are copies of it.
    sample: Root<LwtPromise>,
    /// The `Slot_table.t` of the resolvers of calls, which are the promises.
    resolvers: Root,
}

/// The promise, its state, its callbacks, and how it is cancelled: their fields, and a header for each.
const WORDS: usize = PROMISE + STATE + CALLBACKS + HOW + 4;
const PROMISE: usize = 1;
const STATE: usize = 1;
const CALLBACKS: usize = 4;
const HOW: usize = 2;

/// The field of a block of callbacks that says how the promise is cancelled.
const HOW_TO_CANCEL: usize = 2;

/// The field of a `Slot_table.t` that holds the array. OCaml has the same in `Primitives.table_fields`.
const TABLE_VALUES: usize = 0;
pub(crate) const TABLE_FIELDS: &str = "values=0";

/// The tag of `Fulfilled`, the first constructor of a promise's state.
const FULFILLED: u8 = 0;

/// Returns `true` if the value is a block of so many fields that OCaml's collector looks at.
///
/// # Safety
/// A domain's lock is held and the value is valid.
unsafe fn is_block_of(value: RawValue, size: usize) -> bool {
    // SAFETY: this function's contract.
    unsafe {
        ffi::is_block(value) && ffi::size(value) == size && ffi::tag(value) <= LAST_CONSTRUCTOR
    }
}

impl Promises {
    /// Takes a pending promise to copy, and the table of resolvers. Returns `None` if this Lwt has promises of another
    /// form.
    ///
    /// # Safety
    /// `sample` is a `Dlwt.keyed_task` of key 0, which nothing else uses, of the domain that this belongs to. `resolvers` is
    /// a `Slot_table.t` of promises and `int`s.
    pub(crate) unsafe fn new(
        token: &RuntimeToken<'_>,
        sample: Root<LwtPromise>,
        resolvers: Root,
    ) -> Option<Self> {
        let promise = sample.raw(token);
        // SAFETY: the token proves the lock, the value was just read from its root, and nothing allocates. Fields are read
        // of blocks that were seen to have them.
        let is_as_expected = unsafe {
            is_block_of(promise, PROMISE) && {
                let state = ffi::field(promise, 0);
                is_block_of(state, STATE) && ffi::tag(state) != FULFILLED && {
                    let callbacks = ffi::field(state, 0);
                    is_block_of(callbacks, CALLBACKS) && {
                        let [regular, cancel, how, count] =
                            [0, 1, HOW_TO_CANCEL, 3].map(|i| ffi::field(callbacks, i));
                        let are_ints = [regular, cancel, count].iter().all(|v| !ffi::is_block(*v));
                        are_ints && is_block_of(how, HOW) && ffi::field(how, 1) == ffi::int(0)
                    }
                }
            }
        };
        is_as_expected.then_some(Promises { sample, resolvers })
    }

    /// Returns `true` if the table of resolvers has an entry for `key`.
    #[inline]
    pub(crate) fn has_room(&self, token: &RuntimeToken<'_>, key: Key) -> bool {
        // SAFETY: the token proves the lock. It is a table, whose values are an array.
        unsafe { key.index() < ffi::size(ffi::field(self.resolvers.raw(token), TABLE_VALUES)) }
    }

    /// Returns a new pending promise, unrooted, which calls the sample's `on_cancel` with `key` when it is cancelled, and
    /// stores it in the table of resolvers. Runs no OCaml code; may collect.
    ///
    /// # Panics
    /// The table has no entry for `key`.
    #[inline]
    pub(crate) fn pending(&self, token: &RuntimeToken<'_>, key: Key) -> RawValue {
        // SAFETY: the token proves the lock. The sample has the form that `new` has checked: nothing else uses it, so it
        // stays pending and without callbacks. It is read after the chunk was allocated, and each block is filled
        // with fields of the sample's, or with blocks made here, before anything allocates. The entry of the table is
        // there when the promise is stored into it.
        unsafe {
            let mut chunk = Chunk::alloc(WORDS);
            let sample = self.sample.raw(token);
            let state = ffi::field(sample, 0);
            let callbacks = ffi::field(state, 0);
            let how = ffi::field(callbacks, HOW_TO_CANCEL);
            let mut copy = |of: RawValue, size, fields: &[RawValue]| {
                let mut block = chunk.block(size, ffi::tag(of));
                fields.iter().for_each(|field| block.push(*field));
                block.finish()
            };
            let how = copy(how, HOW, &[ffi::field(how, 0), ffi::int(key.to_int())]);
            let [regular, cancel, count] = [0, 1, 3].map(|i| ffi::field(callbacks, i));
            let callbacks = copy(callbacks, CALLBACKS, &[regular, cancel, how, count]);
            let state = copy(state, STATE, &[callbacks]);
            let promise = copy(sample, PROMISE, &[state]);
            let values = ffi::field(self.resolvers.raw(token), TABLE_VALUES);
            assert!(key.index() < ffi::size(values), "no room was reserved");
            ffi::store_field(values, key.index(), promise);
            promise
        }
    }

    /// [`pending`](Self::pending), rooted.
    pub(crate) fn pending_root(&self, token: &RuntimeToken<'_>, key: Key) -> Root<LwtPromise> {
        let promise = self.pending(token, key);
        // SAFETY: the token proves the lock; nothing has allocated since the promise was made.
        unsafe { Root::new(promise) }
    }
}
