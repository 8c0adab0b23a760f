//! OCaml values that Rust keeps.

use crate::base::counters;
use crate::ffi::hooks;
use crate::ffi::runtime::{RawValue, Root};
use crate::ffi::token::RuntimeToken;
use crate::value::probes::assert_owned;
use ocaml::{FromValue, ToValue};
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;

/// In a type that concerns `T`s but holds none, and must not leave its domain: not `Send`.
pub(crate) type NotSend<T> = PhantomData<(fn() -> T, *mut ())>;

/// An OCaml value that Rust keeps alive, of a type that converts to `T`.
///
/// It may be sent to and dropped on any thread; to look at it takes a token. It counts in
/// [`Totals::roots`](crate::metrics::Totals).
pub struct Rooted<T = ocaml::Value> {
    root: ManuallyDrop<Root>,
    /// Holds no `T`, and gives none without a token.
    _type: PhantomData<fn() -> T>,
}

// SAFETY: `boxroot_delete`, the only thing that happens without a token, may be called on
// any thread without a lock; everything else needs a `RuntimeToken`, which proves that the
// thread holds a domain's lock, and the OCaml heap is shared by all domains.
unsafe impl<T> Send for Rooted<T> {}
// SAFETY: as above; a shared reference only reads the root, which the GC changes while no
// domain's lock is held by a thread that runs.
unsafe impl<T> Sync for Rooted<T> {}

impl<T> Rooted<T> {
    /// Keeps `value` alive.
    pub fn new(_token: &RuntimeToken<'_>, value: &ocaml::Value) -> Self {
        // SAFETY: the token proves that a domain's lock is held.
        unsafe { Rooted::from_raw(value.raw().0) }
    }

    /// # Safety
    /// A domain's lock is held and `raw` is a valid value.
    pub(crate) unsafe fn from_raw(raw: RawValue) -> Self {
        // SAFETY: the caller's.
        Rooted::from_root(unsafe { Root::new(raw) })
    }

    pub(crate) fn from_root(root: Root) -> Self {
        counters::count(|t| &t.roots_created, 1);
        Rooted {
            root: ManuallyDrop::new(root),
            _type: PhantomData,
        }
    }

    /// Converts the value. What the conversion gives must not point into the OCaml heap,
    /// so `T` is an owned type.
    pub fn get(&self, token: &RuntimeToken<'_>) -> T
    where
        T: FromValue + 'static,
    {
        assert_owned::<T>();
        T::from_value(self.value(token))
    }

    /// The value itself, rooted once more.
    pub fn value(&self, token: &RuntimeToken<'_>) -> ocaml::Value {
        // SAFETY: the token proves that a domain's lock is held.
        ocaml::Value::Root(unsafe { Root::new(self.raw(token)) })
    }

    /// The value, good until the next allocation or callback.
    pub(crate) fn raw(&self, _token: &RuntimeToken<'_>) -> RawValue {
        // SAFETY: the token proves that a domain's lock is held.
        unsafe { self.root.get() }
    }
}

impl<T> Drop for Rooted<T> {
    fn drop(&mut self) {
        counters::count(|t| &t.roots_dropped, 1);
        // A thread-local value of a domain that has ended: OCaml still takes the thread for one that
        // holds a lock, and so would boxroot, beside the domain that scans the root now. The value is
        // kept for good instead.
        if !hooks::has_ended() {
            // SAFETY: dropped once, here.
            unsafe { ManuallyDrop::drop(&mut self.root) }
        }
    }
}

impl<T> fmt::Debug for Rooted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rooted").finish_non_exhaustive()
    }
}

// SAFETY: it takes any value, and roots it. Conversions run where the lock is held.
unsafe impl<T> FromValue for Rooted<T> {
    fn from_value(value: ocaml::Value) -> Self {
        // SAFETY: `from_value` is called with the lock held, by its contract.
        unsafe { Rooted::from_raw(value.raw().0) }
    }
}

// SAFETY: the value is the one that was rooted.
unsafe impl<T> ToValue for Rooted<T> {
    fn to_value(&self, _rt: &ocaml::Runtime) -> ocaml::Value {
        // SAFETY: `to_value` is called with the lock held, by its contract.
        ocaml::Value::Root(unsafe { Root::new(self.root.get()) })
    }
}
