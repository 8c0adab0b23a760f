//! Roots that may be sent to and dropped on any thread.

use crate::base::counters;
use crate::ffi::hooks;
use crate::ffi::root::{Any, Root};
use std::mem::ManuallyDrop;

/// A [`Root`] that any thread may hold and drop. It counts in
/// [`Totals::roots`](crate::metrics::Totals).
pub(crate) struct Kept<K = Any>(ManuallyDrop<Root<K>>);

// SAFETY: `boxroot_delete`, the only operation without a token, may be called on any thread without a
// lock, but for that of an ended domain, where `drop` does not call it. Everything else takes a `RuntimeToken`, which proves that the thread holds a domain's lock, and
// the OCaml heap is shared by all domains.
unsafe impl<K> Send for Kept<K> {}
// SAFETY: a shared reference only reads the root, with a token: the collector changes the root while no
// thread that holds a domain's lock runs.
unsafe impl<K> Sync for Kept<K> {}

impl<K> Kept<K> {
    pub(crate) fn new(root: Root<K>) -> Self {
        counters::count(|t| &t.roots_created, 1);
        Kept(ManuallyDrop::new(root))
    }

    /// Returns the root.
    #[inline]
    pub(crate) fn root(&self) -> &Root<K> {
        &self.0
    }
}

impl<K> Drop for Kept<K> {
    fn drop(&mut self) {
        counters::count(|t| &t.roots_dropped, 1);
        // A thread-local value of a domain that has ended: OCaml still takes the thread for one that
        // holds a lock, and so would boxroot, beside the domain that scans the root now. The root is
        // never freed instead.
        if !hooks::has_ended() {
            // SAFETY: dropped once, here.
            unsafe { ManuallyDrop::drop(&mut self.0) }
        }
    }
}
