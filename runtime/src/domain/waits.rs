//! The promises that Rust waits for.
//!
//! ```text
//!   add            resolve              poll
//!  -----> Pending ---------> Resolved --------> (free)
//!          |   |                                  ^ ^
//!          |   | drop (asks OCaml to forget it)   | | release, resolve
//!          |   +-----------> Dropped -------------+ |
//!          | cancel_unmade      ^ attach            | resolve
//!          +-----------> Cancelled -----------------+
//! ```

use crate::base::panic::catch_and_discard;
use crate::base::slot_map::{Key, SlotMap};
use crate::ffi::root::{Exn, LwtPromise, Root};
use std::cell::RefCell;
use std::task::Waker;

/// A Lwt promise that a Rust future waits for.
enum Wait {
    Pending {
        waker: Waker,
        /// The promise, if OCaml makes it, from when OCaml has made it.
        promise: Option<Root<LwtPromise>>,
        /// The promise is cancelled as soon as there is one.
        cancelled: bool,
    },
    /// Fulfilled with the value, or rejected with the exception.
    Resolved(Result<Root, Root<Exn>>),
    /// Rust has dropped the wait, and the promise is cancelled as soon as there is one.
    Cancelled,
    /// Rust has dropped the wait. The key stays taken until OCaml has forgotten it: otherwise the next
    /// wait under the same key would be forgotten.
    Dropped,
}

/// Requests to OCaml after a change of a wait.
#[derive(Default)]
pub(crate) struct FollowUp {
    /// The promise to cancel.
    pub(crate) cancel: Option<Root<LwtPromise>>,
    /// Rust waits no more.
    pub(crate) forget: bool,
}

/// The waits of a domain. See the module's documentation.
pub(crate) struct Waits(RefCell<SlotMap<Wait>>);

impl Waits {
    pub(crate) fn new() -> Self {
        Waits(RefCell::new(SlotMap::new()))
    }

    /// Adds a pending wait.
    pub(crate) fn add(&self, waker: Waker) -> Key {
        self.0.borrow_mut().insert(Wait::Pending {
            waker,
            promise: None,
            cancelled: false,
        })
    }

    /// Takes the outcome, and frees the key; or replaces the waker of a pending wait.
    pub(crate) fn poll(&self, key: Key, waker: &Waker) -> Option<Result<Root, Root<Exn>>> {
        // Cloned and dropped outside of the borrow: wakers are code of the user's.
        let waker = waker.clone();
        let mut waits = self.0.borrow_mut();
        if let Wait::Pending { waker: old, .. } = waits.get_mut(key).expect("a wait ends once") {
            let old = std::mem::replace(old, waker);
            drop(waits);
            drop(old);
            return None;
        }
        match waits.remove(key) {
            Some(Wait::Resolved(outcome)) => Some(outcome),
            _ => unreachable!("the wait is neither pending nor dropped"),
        }
    }

    /// Attaches the promise that OCaml has made.
    pub(crate) fn attach(&self, key: Key, made: Root<LwtPromise>) -> FollowUp {
        let mut next = FollowUp::default();
        match self.0.borrow_mut().get_mut(key) {
            Some(Wait::Pending {
                cancelled: true, ..
            }) => next.cancel = Some(made),
            Some(Wait::Pending { promise, .. }) => *promise = Some(made),
            Some(wait @ Wait::Cancelled) => {
                *wait = Wait::Dropped;
                next = FollowUp {
                    cancel: Some(made),
                    forget: true,
                };
            }
            Some(Wait::Resolved(_) | Wait::Dropped) | None => {}
        }
        next
    }

    /// Resolves the wait, and wakes its future.
    pub(crate) fn resolve(&self, key: Key, outcome: Result<Root, Root<Exn>>) {
        let old = {
            let mut waits = self.0.borrow_mut();
            match waits.get_mut(key) {
                // The key of a dropped wait becomes free when OCaml has forgotten it.
                None | Some(Wait::Dropped) => return,
                Some(Wait::Cancelled) => waits.remove(key),
                Some(wait) => Some(std::mem::replace(wait, Wait::Resolved(outcome))),
            }
        };
        if let Some(Wait::Pending { waker, .. }) = old {
            catch_and_discard(|| waker.wake());
        }
    }

    /// Frees the key.
    pub(crate) fn release(&self, key: Key) {
        let wait = self.0.borrow_mut().remove(key);
        // A wait that is pending has a waker, which is code of the user's.
        catch_and_discard(|| drop(wait));
    }

    /// Drops the wait. Returns `true` if OCaml has to be asked to forget it; the key stays taken until
    /// OCaml has done so.
    pub(crate) fn drop(&self, key: Key) -> bool {
        let old = {
            let mut waits = self.0.borrow_mut();
            match waits.get_mut(key) {
                Some(wait @ Wait::Pending { .. }) => Some(std::mem::replace(wait, Wait::Dropped)),
                _ => waits.remove(key),
            }
        };
        matches!(old, Some(Wait::Pending { .. }))
    }

    /// Drops a wait whose promise OCaml has not made yet, which is cancelled when OCaml makes it. Returns
    /// `false`, and does nothing, for any other wait.
    pub(crate) fn cancel_unmade(&self, key: Key) -> bool {
        let old = match self.0.borrow_mut().get_mut(key) {
            Some(wait @ Wait::Pending { promise: None, .. }) => {
                Some(std::mem::replace(wait, Wait::Cancelled))
            }
            _ => None,
        };
        old.is_some()
    }

    /// Marks the wait as cancelled. Returns the promise to cancel, if OCaml has made it.
    pub(crate) fn cancel(&self, key: Key) -> Option<Root<LwtPromise>> {
        match self.0.borrow_mut().get_mut(key) {
            Some(Wait::Pending {
                promise, cancelled, ..
            }) => {
                *cancelled = true;
                promise.take()
            }
            _ => None,
        }
    }

    /// Drops the next wait, at the domain's end. Returns `false` if there is none. See
    /// [`SlotMap::remove_next`].
    pub(crate) fn close_next(&self, cursor: &mut usize) -> bool {
        let wait = self.0.borrow_mut().remove_next(cursor);
        let any = wait.is_some();
        // Outside of the borrow: wakers are code of the user's.
        catch_and_discard(|| drop(wait));
        any
    }
}
