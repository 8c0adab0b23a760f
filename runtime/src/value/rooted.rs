//! OCaml values that Rust keeps.

use crate::ffi::converted::{from_value, to_value};
use crate::ffi::root::Root;
use crate::ffi::token::RuntimeToken;
use crate::value::kept::Kept;
use crate::value::probes::assert_owned;
use ocaml::FromValue;
use std::fmt;
use std::marker::PhantomData;

/// An OCaml value that Rust keeps alive, of a type that converts to `T`.
///
/// It may be sent to and dropped on any thread; a token is needed to look at it. It counts in
/// [`Totals::roots`](crate::metrics::Totals).
pub struct Rooted<T = ocaml::Value> {
    kept: Kept,
    /// Holds no `T`, and gives none without a token.
    _type: PhantomData<fn() -> T>,
}

impl<T> Rooted<T> {
    /// Keeps `value` alive.
    pub fn new(token: &RuntimeToken<'_>, value: &ocaml::Value) -> Self {
        let raw = ocaml::Value::Raw(value.raw().0);
        Rooted::from_root(Root::of_value(token, raw))
    }

    pub(crate) fn from_root(root: Root) -> Self {
        Rooted {
            kept: Kept::new(root),
            _type: PhantomData,
        }
    }

    /// Returns the value as a `T`. What the conversion returns must not point into the OCaml heap, so
    /// `T` is an owned type.
    pub fn get(&self, token: &RuntimeToken<'_>) -> T
    where
        T: FromValue + 'static,
    {
        assert_owned::<T>();
        T::from_value(self.value(token))
    }

    /// Returns the value itself, rooted once more.
    pub fn value(&self, token: &RuntimeToken<'_>) -> ocaml::Value {
        self.kept.root().duplicate(token).into_value()
    }

    pub(crate) fn root(&self) -> &Root {
        self.kept.root()
    }
}

impl<T> fmt::Debug for Rooted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rooted").finish_non_exhaustive()
    }
}

from_value!([T] Rooted<T>, |token, value| Rooted::from_root(value.into_root(token)));
to_value!([T] Rooted<T>, |token, rooted| rooted.root().duplicate(token));
