//! The calls that OCaml waits for. Each is resolved once: by its outcome, by a cancellation from OCaml,
//! or by the domain's end.
//!
//! ```text
//!   add             attach               complete            release
//!  -----> Unattached -----> Attached(work) -----> Resolved -----> (free)
//!             |                  |                   ^              ^
//!             |    complete      |                   |              |
//!             +------------------|-------------------+              |
//!             |                  |                                  |
//!             +------------------+----------------------------------+
//!                                  cancel, close: the work is returned
//! ```

use crate::base::counters;
use crate::base::slot_map::{Key, SlotMap};
use std::cell::RefCell;

/// A promise that OCaml waits for. `W` is the work behind it.
enum Call<W> {
    /// A `Resolver` resolves it, or its work is just being made.
    Unattached,
    Attached(W),
    /// The outcome is in a batch. The key stays taken until OCaml has handled it: otherwise the promise
    /// of the next call under the same key would get the outcome.
    Resolved,
}

impl<W> Call<W> {
    fn into_work(self) -> Option<W> {
        match self {
            Call::Attached(work) => Some(work),
            Call::Unattached | Call::Resolved => None,
        }
    }
}

/// The call had been resolved before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AlreadyResolved;

/// The calls of a domain. See the module's documentation. The caller aborts or drops work that is
/// returned, which may run code of the user's, and so call this module again.
pub(crate) struct Calls<W>(RefCell<SlotMap<Call<W>>>);

impl<W> Calls<W> {
    pub(crate) const fn new() -> Self {
        Calls(RefCell::new(SlotMap::new()))
    }

    /// Returns the key that the next call will have.
    pub(crate) fn next_key(&self) -> Key {
        self.0.borrow().next_key()
    }

    /// Adds a call, with the work that `work` returns for its key, if that is there already.
    pub(crate) fn add(&self, work: impl FnOnce(Key) -> Option<W>) -> Key {
        counters::count(|t| &t.calls_started, 1);
        let call = work(self.next_key()).map_or(Call::Unattached, Call::Attached);
        self.0.borrow_mut().insert(call)
    }

    /// Attaches the work of a call. If the call is resolved already, the work is returned.
    pub(crate) fn attach(&self, key: Key, work: W) -> Result<(), W> {
        match self.0.borrow_mut().get_mut(key) {
            Some(call @ Call::Unattached) => {
                *call = Call::Attached(work);
                Ok(())
            }
            _ => Err(work),
        }
    }

    /// Marks a call as resolved. Returns its work.
    pub(crate) fn complete(&self, key: Key) -> Result<Option<W>, AlreadyResolved> {
        match self.0.borrow_mut().get_mut(key) {
            None | Some(Call::Resolved) => {
                counters::count(|t| &t.late_completions, 1);
                Err(AlreadyResolved)
            }
            Some(call) => {
                counters::count(|t| &t.calls_resolved, 1);
                Ok(std::mem::replace(call, Call::Resolved).into_work())
            }
        }
    }

    /// Returns `true` if the call is not resolved yet.
    #[cfg(test)]
    pub(crate) fn is_open(&self, key: Key) -> bool {
        !matches!(
            self.0.borrow_mut().get_mut(key),
            None | Some(Call::Resolved)
        )
    }

    /// Runs `f` with the work of the call, if there is some.
    #[cfg(all(test, not(loom_model)))]
    pub(crate) fn with_work<R>(&self, key: Key, f: impl FnOnce(&mut W) -> R) -> Option<R> {
        match self.0.borrow_mut().get_mut(key) {
            Some(Call::Attached(work)) => Some(f(work)),
            _ => None,
        }
    }

    /// Frees the key of a resolved call, whose outcome OCaml has taken.
    pub(crate) fn release(&self, key: Key) {
        let mut calls = self.0.borrow_mut();
        calls.remove_if(key, |call| matches!(call, Call::Resolved));
    }

    /// Resolves a call whose promise OCaml has cancelled. Returns its work. If an outcome is in a batch,
    /// the key stays taken until OCaml has handled and released it.
    pub(crate) fn cancel(&self, key: Key) -> Option<W> {
        let mut calls = self.0.borrow_mut();
        if let Call::Resolved = calls.get_mut(key)? {
            return None;
        }
        counters::count(|t| &t.calls_resolved, 1);
        calls.remove(key).and_then(Call::into_work)
    }

    /// Removes the next call, at the domain's end; OCaml resolves its promise. Returns its work, or
    /// `None` if there is no call. See [`SlotMap::remove_next`].
    pub(crate) fn close_next(&self, cursor: &mut usize) -> Option<Option<W>> {
        let call = self.0.borrow_mut().remove_next(cursor)?;
        if !matches!(call, Call::Resolved) {
            counters::count(|t| &t.calls_resolved, 1);
        }
        Some(call.into_work())
    }

    /// Removes all calls. Returns their work.
    #[cfg(test)]
    pub(crate) fn close(&self) -> Vec<W> {
        let mut cursor = 0;
        std::iter::from_fn(|| self.close_next(&mut cursor))
            .flatten()
            .collect()
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests;

#[cfg(all(test, loom_model))]
mod loom_tests;
