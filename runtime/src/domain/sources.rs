//! The Rust streams that OCaml pulls from, by their keys.

use crate::base::slot_map::{Key, SlotMap};
use crate::ffi::runtime::RawValue;
use crate::ffi::token::RuntimeToken;
use std::cell::RefCell;
use std::rc::Rc;

/// A Rust stream that OCaml pulls from. It never leaves its domain.
pub(crate) trait Source: 'static {
    /// Returns a promise of the next batch, of `max` elements at most, unrooted. Fails with an exception, unrooted, if no
    /// promise can be made. On the stream's domain. OCaml pulls again when the promise is resolved, and not before.
    fn pull(self: Rc<Self>, token: &RuntimeToken<'_>, max: usize) -> Result<RawValue, RawValue>;

    /// Drops the stream, whose destructor is code of the user's, and fulfils the promise of a pull with an end. During a
    /// poll of the stream, both happen when the poll returns.
    fn close(&self);
}

/// The sources of a domain. The caller closes or drops the sources that are returned, which may run code of the user's,
/// and so call this module again.
pub(crate) struct Sources(RefCell<SlotMap<Rc<dyn Source>>>);

impl Sources {
    pub(crate) const fn new() -> Self {
        Sources(RefCell::new(SlotMap::new()))
    }

    /// Adds the source that `make` returns for its key. `make` does not use this table.
    pub(crate) fn add<S: Source>(&self, make: impl FnOnce(Key) -> Rc<S>) -> Rc<S> {
        let mut added = None;
        self.0.borrow_mut().insert_with(|key| {
            let source = make(key);
            added = Some(source.clone());
            source
        });
        added.expect("the closure was called")
    }

    /// Returns a source.
    pub(crate) fn get(&self, key: Key) -> Option<Rc<dyn Source>> {
        self.0.borrow_mut().get_mut(key).cloned()
    }

    /// Removes a source.
    pub(crate) fn remove(&self, key: Key) -> Option<Rc<dyn Source>> {
        self.0.borrow_mut().remove(key)
    }

    /// Removes the next source, at the domain's end. See [`SlotMap::remove_next`].
    pub(crate) fn close_next(&self, cursor: &mut usize) -> Option<Rc<dyn Source>> {
        self.0.borrow_mut().remove_next(cursor)
    }
}
