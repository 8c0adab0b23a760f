//! Values that the crate `ocaml` converts, without a check.

use crate::ffi::root::Root;
use crate::ffi::token::RuntimeToken;
use crate::value::declare::{from_ocaml, to_ocaml};
use crate::value::rooted::{Any, Rooted};
use crate::value::types::Type;
use ocaml::{FromValue, ToValue, Value};
use std::fmt;
use std::marker::PhantomData;

/// An OCaml value for a type that has only the conversions of the crate `ocaml`, which nothing checks: what they assume
/// of the value is promised in `unsafe` code.
///
/// As an argument or result of a `#[func]` it is a value of any OCaml type. It may be sent to and dropped on any thread.
/// For a new type, derive [`FromOCaml`](macro@crate::FromOCaml) and [`ToOCaml`](macro@crate::ToOCaml) instead.
///
/// ```
/// use ocaml_lwt_interop::{RuntimeToken, Unchecked, func};
///
/// #[func(sync)]
/// pub fn count(words: Unchecked<Vec<String>>, token: &RuntimeToken<'_>) -> usize {
///     // SAFETY: OCaml declares a `string array`, whose elements are UTF-8.
///     unsafe { words.get(token) }.len()
/// }
/// ```
pub struct Unchecked<T> {
    value: Rooted<Any>,
    _type: PhantomData<fn() -> T>,
}

impl<T> Unchecked<T> {
    /// Converts the value.
    ///
    /// # Safety
    /// The OCaml value is of the type that the conversion assumes. What it returns does not point into the OCaml heap:
    /// `T` has no references. The conversion keeps no unrooted value while OCaml allocates, and raises no exception.
    ///
    /// # Panics
    /// The conversion panics, such as that of a `String` whose bytes are not UTF-8.
    pub unsafe fn get(&self, token: &RuntimeToken<'_>) -> T
    where
        T: FromValue,
    {
        let root = self.value.root().duplicate(token);
        T::from_value(root.into_value())
    }

    /// Converts a Rust value, and keeps the OCaml value.
    ///
    /// # Safety
    /// The conversion makes a value of the type that OCaml declares where it is passed. It keeps no unrooted value while
    /// OCaml allocates, and raises no exception: OCaml would raise over Rust's frames, also `Out_of_memory` for a value
    /// that is too large.
    pub unsafe fn new(token: &RuntimeToken<'_>, value: &T) -> Self
    where
        T: ToValue,
    {
        // SAFETY: the runtime is given to a conversion that uses it as this function's contract says.
        let value = value.to_value(unsafe { token.runtime() });
        let root = match value {
            Value::Root(root) => Root::from_boxroot(root),
            // SAFETY: the token proves the lock, and nothing has allocated since the conversion returned the value.
            Value::Raw(raw) => unsafe { Root::new(raw) },
        };
        Unchecked {
            value: Rooted::from_root(root),
            _type: PhantomData,
        }
    }
}

impl<T> Clone for Unchecked<T> {
    fn clone(&self) -> Self {
        Unchecked {
            value: self.value.clone(),
            _type: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Unchecked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unchecked").finish_non_exhaustive()
    }
}

from_ocaml!([T] Unchecked<T>, &Type::Unchecked, |source| Ok(Unchecked {
    value: Rooted::from_root(source.root()?),
    _type: PhantomData,
}));
to_ocaml!([T] Unchecked<T>, &Type::Unchecked, |unchecked, writer| {
    Ok(writer.kept(unchecked.value.root()))
});
