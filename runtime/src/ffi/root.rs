//! OCaml values that Rust keeps alive.

use crate::ffi::runtime::RawValue;
use crate::ffi::token::RuntimeToken;
use std::marker::PhantomData;

/// Any OCaml value.
pub enum Any {}
/// A Lwt promise.
pub(crate) enum LwtPromise {}
/// An OCaml closure.
pub(crate) enum Closure {}
/// An OCaml exception.
pub(crate) enum Exn {}
/// A block of a closure and its arguments.
pub(crate) enum Application {}

/// Keeps an OCaml value alive, and finds it after the collector has moved it. `K` is what is known of
/// the value.
///
/// It may be dropped on any thread, with or without a domain's lock: boxroot promises so, but for the
/// thread of a domain that has ended (see [`hooks::has_ended`](crate::ffi::hooks::has_ended)). A `Root` is
/// not `Send` and in no thread-local, so it is not dropped there.
#[repr(transparent)]
pub struct Root<K = Any> {
    root: ocaml::root::Root,
    _kind: PhantomData<fn() -> K>,
}

impl<K> Root<K> {
    /// Keeps `value` alive.
    ///
    /// # Safety
    /// A domain's lock is held, and `value` is valid now and is a `K`.
    #[inline]
    pub(crate) unsafe fn new(value: RawValue) -> Self {
        Root {
            // SAFETY: this function's contract: the lock is held and the value is valid.
            root: unsafe { ocaml::root::Root::new(value) },
            _kind: PhantomData,
        }
    }

    /// Returns the value, valid until the next allocation or callback.
    #[inline]
    pub(crate) fn raw(&self, _token: &RuntimeToken<'_>) -> RawValue {
        // SAFETY: the token proves that this thread holds a domain's lock, under which the collector
        // does not change the root.
        unsafe { self.root.get() }
    }

    /// Keeps the same value alive once more.
    pub(crate) fn duplicate(&self, token: &RuntimeToken<'_>) -> Self {
        // SAFETY: the token proves the lock; the value was just read from a root of this kind.
        unsafe { Root::new(self.raw(token)) }
    }

    /// Forgets what is known of the value.
    pub(crate) fn into_any(self) -> Root {
        Root {
            root: self.root,
            _kind: PhantomData,
        }
    }

    /// Forgets what is known of the value.
    pub(crate) fn as_any(&self) -> &Root {
        // SAFETY: anything is an OCaml value.
        unsafe { self.assume_ref() }
    }
}

impl Root {
    /// Takes over a root of the crate `ocaml`.
    pub(crate) fn from_boxroot(root: ocaml::root::Root) -> Self {
        Root {
            root,
            _kind: PhantomData,
        }
    }

    /// Returns the value as the crate `ocaml` has it.
    pub(crate) fn into_value(self) -> ocaml::Value {
        ocaml::Value::Root(self.root)
    }
}

impl<L> Root<L> {
    /// States what the value is.
    ///
    /// # Safety
    /// The value is a `K`.
    pub(crate) unsafe fn assume<K>(self) -> Root<K> {
        Root {
            root: self.root,
            _kind: PhantomData,
        }
    }

    /// States what the value is.
    ///
    /// # Safety
    /// The value is a `K`.
    pub(crate) unsafe fn assume_ref<K>(&self) -> &Root<K> {
        // SAFETY: the two differ in a type parameter that no field has; both are transparent.
        unsafe { &*std::ptr::from_ref(self).cast() }
    }
}
