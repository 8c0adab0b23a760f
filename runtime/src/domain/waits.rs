//! The promises that Rust waits for.

use crate::base::panic::catch_and_discard;
use crate::base::slot_map::{Key, SlotMap};
use crate::ffi::runtime::Root;
use std::cell::RefCell;
use std::task::Waker;

/// A Lwt promise that a Rust future waits for.
enum Wait {
    Pending {
        waker: Waker,
        /// The promise, once OCaml has made it, if it is OCaml's to make.
        promise: Option<Root>,
        /// It is to be cancelled as soon as there is one.
        cancelled: bool,
    },
    /// Fulfilled with the value, or rejected with the exception.
    Resolved(Result<Root, Root>),
    /// Nobody waits any more, and the promise is to be cancelled as soon as there is one.
    Cancelled,
    /// Nobody waits any more. The key stays taken until OCaml has forgotten it, lest the next
    /// wait under the same key was forgotten.
    Dropped,
}

/// What OCaml is to be asked for, after a change of a wait.
#[derive(Default)]
pub(crate) struct FollowUp {
    /// The promise to cancel.
    pub(crate) cancel: Option<Root>,
    /// Nobody waits any more.
    pub(crate) forget: bool,
}

pub(crate) struct Waits(RefCell<SlotMap<Wait>>);

impl Waits {
    pub(crate) fn new() -> Self {
        Waits(RefCell::new(SlotMap::new()))
    }

    pub(crate) fn add(&self, waker: Waker) -> Key {
        self.0.borrow_mut().insert(Wait::Pending {
            waker,
            promise: None,
            cancelled: false,
        })
    }

    pub(crate) fn poll(&self, key: Key, waker: &Waker) -> Option<Result<Root, Root>> {
        // Outside of the borrow, like the drop below: wakers are the user's code.
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
            _ => unreachable!("it is not pending, and somebody waits"),
        }
    }

    pub(crate) fn attach(&self, key: Key, made: Root) -> FollowUp {
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

    pub(crate) fn resolve(&self, key: Key, outcome: Result<Root, Root>) {
        let old = {
            let mut waits = self.0.borrow_mut();
            match waits.get_mut(key) {
                // The key of a dropped one is free when OCaml has forgotten it.
                None | Some(Wait::Dropped) => return,
                Some(Wait::Cancelled) => waits.remove(key),
                Some(wait) => Some(std::mem::replace(wait, Wait::Resolved(outcome))),
            }
        };
        if let Some(Wait::Pending { waker, .. }) = old {
            catch_and_discard(|| waker.wake());
        }
    }

    pub(crate) fn release(&self, key: Key) {
        let wait = self.0.borrow_mut().remove(key);
        drop(wait);
    }

    /// Whether OCaml is to be told: it is, if it may be called, and the key stays taken until it has
    /// forgotten the wait.
    pub(crate) fn drop(&self, key: Key, entered: bool) -> bool {
        let old = {
            let mut waits = self.0.borrow_mut();
            match waits.get_mut(key) {
                // Outside of OCaml's calls there is no lock, and the domain is about to end.
                Some(wait @ Wait::Pending { .. }) if entered => {
                    Some(std::mem::replace(wait, Wait::Dropped))
                }
                _ => waits.remove(key),
            }
        };
        entered && matches!(old, Some(Wait::Pending { .. }))
    }

    /// Whether the promise is not made yet, and will be cancelled when it is.
    pub(crate) fn cancel_unmade(&self, key: Key) -> bool {
        let old = match self.0.borrow_mut().get_mut(key) {
            Some(wait @ Wait::Pending { promise: None, .. }) => {
                Some(std::mem::replace(wait, Wait::Cancelled))
            }
            _ => None,
        };
        old.is_some()
    }

    /// The promise to cancel, if it has been made.
    pub(crate) fn cancel(&self, key: Key) -> Option<Root> {
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

    pub(crate) fn close(&self) {
        let waits = self.0.borrow_mut().drain();
        for wait in waits {
            catch_and_discard(|| drop(wait));
        }
    }
}
