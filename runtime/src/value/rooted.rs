//! OCaml values that Rust keeps.

use crate::base::not_send::SendIf;
use crate::ffi::callbacks::Callbacks;
use crate::ffi::root::{Any as AnyKind, LwtPromise, Root};
use crate::ffi::token::RuntimeToken;
use crate::value::conversion_error::ConversionError;
use crate::value::declare::{from_ocaml, to_ocaml};
use crate::value::kept::Kept;
use crate::value::probe::probe;
use crate::value::read::{FromOCaml, Source};
use crate::value::types::Type;
use crate::value::types::encode::{mentions_channel, mentions_stream};
use crate::value::write::{ToOCaml, write_root};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// Any OCaml value, of which Rust knows nothing: `Rooted<Any>` keeps one and gives it back.
#[derive(Debug)]
pub enum Any {}

from_ocaml!([] Any, &Type::Any, |_source| Err(ConversionError::new(
    "a value of which nothing is known does not convert"
)));

/// An OCaml value that Rust keeps alive, of the type that converts to `T`. `Rooted<Any>` keeps a value of any type.
///
/// It may be sent to and dropped on any thread if a `T` may, and a token is needed to look at it. A `Rooted` of what
/// belongs to its domain, such as a [`Promise`](crate::Promise) or an [`OCamlFunc`](crate::OCamlFunc), stays there as
/// well. Clones keep the same value. It counts in [`Totals::roots`](crate::metrics::Totals), with all its clones as one.
///
/// ```compile_fail
/// use ocaml_lwt_interop::{OCamlFunc, Rooted};
///
/// fn send(f: Rooted<OCamlFunc<(i64,), i64>>) {
///     std::thread::spawn(move || drop(f)); // call `OCamlFunc::remote`, and send what it returns
/// }
/// ```
pub struct Rooted<T = Any> {
    kept: Arc<Kept>,
    /// Holds no `T`, and gives none without a token, on whatever domain that is.
    _type: SendIf<T>,
}

impl<T> Rooted<T> {
    /// Converts a value, and keeps the OCaml value alive.
    ///
    /// # Errors
    /// The value does not convert.
    pub fn new(token: &RuntimeToken<'_>, value: &T) -> Result<Self, ConversionError>
    where
        T: ToOCaml,
    {
        Ok(Rooted::from_root(write_root(token, value)?))
    }

    pub(crate) fn from_root(root: Root) -> Self {
        Rooted {
            kept: Arc::new(Kept::new(root)),
            _type: PhantomData,
        }
    }

    /// Returns the value as a `T`.
    ///
    /// # Errors
    /// The value does not convert: another part of the program may have changed it since.
    pub fn get(&self, token: &RuntimeToken<'_>) -> Result<T, ConversionError>
    where
        T: FromOCaml,
    {
        read_root(token, self.root())
    }

    pub(crate) fn root(&self) -> &Root {
        self.kept.root()
    }
}

/// Converts a value that is kept, and that OCaml declares to be of the type that `T` converts from.
pub(crate) fn read_root<T: FromOCaml>(
    token: &RuntimeToken<'_>,
    root: &Root<AnyKind>,
) -> Result<T, ConversionError> {
    // SAFETY: the token proves the lock, and the value was just read from its root. What is kept as a `Rooted<T>`,
    // or returned to who expects a `T`, is declared in OCaml to be what `T` converts from. A conversion does not
    // allocate.
    let convert = || T::from_ocaml(unsafe { Source::new(token, root.raw(token)) });
    if const { mentions_channel(T::TYPE) && mentions_stream(T::TYPE) } {
        while let Err(e) = probe(convert) {
            if let Err(refused) = e.prepare(token) {
                // Closes the streams that do convert.
                drop(convert());
                return Err(refused);
            }
        }
        return convert();
    }
    loop {
        match convert() {
            Err(e) if const { mentions_channel(T::TYPE) } => e.prepare(token)?,
            converted => return converted,
        }
    }
}

/// Converts the value of a promise that is known to be fulfilled, which OCaml declares to be of the type that `T`
/// converts from.
#[inline]
pub(crate) fn read_fulfilled<T: FromOCaml>(
    token: &RuntimeToken<'_>,
    promise: &Root<LwtPromise>,
) -> Option<Result<T, ConversionError>> {
    let value = Callbacks::registered(token).fulfilled(token, promise)?;
    // SAFETY: the token proves the lock, and the value was just read from its promise. That it is what `T` converts from is
    // declared in OCaml. A conversion does not allocate.
    Some(read_prepared(token, unsafe { Source::new(token, value) }))
}

/// Converts a value, after OCaml has prepared it if it has to.
#[inline]
pub(crate) fn read_prepared<T: FromOCaml>(
    token: &RuntimeToken<'_>,
    source: Source<'_>,
) -> Result<T, ConversionError> {
    match const { mentions_channel(T::TYPE) } {
        true => read_root(token, &source.root()?),
        false => T::from_ocaml(source),
    }
}

impl<T> Clone for Rooted<T> {
    fn clone(&self) -> Self {
        Rooted {
            kept: self.kept.clone(),
            _type: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Rooted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rooted").finish_non_exhaustive()
    }
}

from_ocaml!([T: FromOCaml] Rooted<T>, T::TYPE, |source| source.root().map(Rooted::from_root));
to_ocaml!([T: FromOCaml] Rooted<T>, T::TYPE, |rooted, writer| Ok(writer.kept(rooted.root())));
