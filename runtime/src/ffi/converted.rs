//! Conversions between Rust and OCaml as the crate `ocaml` defines them.

use crate::ffi::root::{Any, Closure, LwtPromise, Root};
use crate::ffi::runtime::{self as ffi, RawValue};
use crate::ffi::token::RuntimeToken;
use ocaml::Value;
use std::marker::PhantomData;

/// A Rust value after its conversion to OCaml.
pub(crate) enum Converted {
    /// An OCaml `int`, `bool` or `unit`, which needs no root.
    Immediate(Immediate),
    /// Any value.
    Value(Value),
}

/// An OCaml value that is no block. The collector neither moves nor frees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Immediate(RawValue);

impl Immediate {
    /// OCaml's `()`, `0` and `false`.
    pub(crate) const UNIT: Self = Immediate(ffi::UNIT);

    /// Returns an OCaml `int`.
    #[inline]
    pub(crate) const fn int(i: isize) -> Self {
        Immediate(ffi::int(i))
    }

    /// Returns an OCaml `bool`.
    #[inline]
    pub(crate) const fn bool(b: bool) -> Self {
        Immediate(ffi::bool(b))
    }
}

/// Roots a value that a conversion has returned without a root: nothing has allocated since.
#[inline]
pub(crate) fn rooted(_runtime: &ocaml::Runtime, value: Value) -> Value {
    match value {
        // SAFETY: a `Runtime` stands for the lock, and the value was valid when the conversion returned it.
        Value::Raw(raw) if ffi::is_block(raw) => unsafe { Root::<Any>::new(raw) }.into_value(),
        value => value,
    }
}

impl Converted {
    /// Returns the value, valid until the next allocation or callback.
    #[inline]
    pub(crate) fn raw(&self, _token: &RuntimeToken<'_>) -> RawValue {
        match self {
            Converted::Immediate(immediate) => immediate.0,
            Converted::Value(value) => value.raw().0,
        }
    }
}

/// A value that OCaml passed where an `external`, or the type of a promise or function, declares what it
/// is.
pub(crate) struct Declared<'a> {
    value: Value,
    _lock: PhantomData<&'a RuntimeToken<'a>>,
}

impl<'a> Declared<'a> {
    /// # Safety
    /// The value is as OCaml's declaration says.
    pub(crate) unsafe fn new(_token: &'a RuntimeToken<'_>, value: Value) -> Self {
        Declared {
            value,
            _lock: PhantomData,
        }
    }

    /// Roots the value, of which nothing is assumed.
    pub(crate) fn into_root(self, token: &RuntimeToken<'_>) -> Root {
        Root::of_value(token, self.value)
    }

    /// Roots the value as what it is declared to be.
    pub(crate) fn into_declared<K: DeclaredKind>(self, token: &RuntimeToken<'_>) -> Root<K> {
        // SAFETY: the contract of `new`: the value is as OCaml declares it. A Rust type that is converted
        // from a `K` stands for an OCaml type whose values are `K`s.
        unsafe { Root::of_value(token, self.value).assume() }
    }
}

/// Kinds of values that a declaration vouches for.
pub(crate) trait DeclaredKind {}
impl DeclaredKind for LwtPromise {}
impl DeclaredKind for Closure {}

/// Implements the crate `ocaml`'s conversion from OCaml with a function that is given the token and
/// the [`Declared`] value. The function is safe code: it checks what the value is, or keeps it as what
/// it is declared to be.
macro_rules! from_value {
    ([$($generics:tt)*] $type:ty, $from:expr) => {
        // SAFETY: the function checks the value, or keeps it as what OCaml declares it to be.
        #[allow(unsafe_code)]
        unsafe impl<$($generics)*> ocaml::FromValue for $type {
            fn from_value(value: ocaml::Value) -> Self {
                use $crate::ffi::{converted::Declared, token::RuntimeToken};
                let from: fn(&RuntimeToken<'_>, Declared<'_>) -> Self = $from;
                // SAFETY: an assumption about users of the crate `ocaml`, which does not enforce it: they
                // convert only where a domain's lock is held, until the function returns, and convert
                // values of the type that OCaml declares.
                unsafe {
                    let token = RuntimeToken::assume_locked();
                    from(&token, Declared::new(&token, value))
                }
            }
        }
    };
}

/// Implements the crate `ocaml`'s conversion to OCaml with a function that is given the token and
/// returns a root.
macro_rules! to_value {
    ([$($generics:tt)*] $type:ty, $to:expr) => {
        // SAFETY: the function is safe code, and returns a value that is rooted.
        #[allow(unsafe_code)]
        unsafe impl<$($generics)*> ocaml::ToValue for $type {
            fn to_value(&self, _rt: &ocaml::Runtime) -> ocaml::Value {
                use $crate::ffi::{root::Root, token::RuntimeToken};
                let to: fn(&RuntimeToken<'_>, &Self) -> Root = $to;
                // SAFETY: an assumption about users of the crate `ocaml`, which does not enforce it: they
                // have a `Runtime` only where a domain's lock is held, until the function returns.
                let token = unsafe { RuntimeToken::assume_locked() };
                to(&token, self).into_value()
            }
        }
    };
}

pub(crate) use {from_value, to_value};
