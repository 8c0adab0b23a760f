//! Conversions of this crate's types, whose rooms have no unsafe code.

use crate::ffi::root::{Closure, LwtPromise, Root};
use crate::value::conversion_error::ConversionError;
use crate::value::read::Source;
use crate::value::types::Type;
use crate::value::write::{ToOCaml, Writer};

/// Kinds of values that a declaration vouches for.
pub(crate) trait DeclaredKind {
    fn root(source: Source<'_>) -> Result<Root<Self>, ConversionError>
    where
        Self: Sized;
}

impl DeclaredKind for LwtPromise {
    fn root(source: Source<'_>) -> Result<Root<Self>, ConversionError> {
        source.check_promise()?;
        // SAFETY: the contract of `Source`: the value is as OCaml declares it, and what is converted from a promise is
        // declared to be one.
        Ok(unsafe { source.root_as() })
    }
}

impl DeclaredKind for Closure {
    fn root(source: Source<'_>) -> Result<Root<Self>, ConversionError> {
        source.check_closure()?;
        // SAFETY: the contract of `Source`: the value is as OCaml declares it, and what is converted from a function is
        // declared to be one.
        Ok(unsafe { source.root_as() })
    }
}

/// A value that is kept, as a field of another.
pub(crate) struct Stored<'a>(pub(crate) &'a Root);

// SAFETY: nothing is claimed of it; its user knows it.
unsafe impl ToOCaml for Stored<'_> {
    const TYPE: &'static Type = &Type::Any;
    const DROPS_PLAINLY: bool = true;

    #[inline(always)]
    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
        Ok(writer.kept(self.0))
    }
}

/// Implements [`FromOCaml`](crate::FromOCaml) with a function of the [`Source`]. It is safe code: it checks what the
/// value is, or keeps it as what it is declared to be.
macro_rules! from_ocaml {
    ([$($generics:tt)*] $type:ty, $ty:expr, |$source:ident| $from:expr) => {
        // SAFETY: the function is safe code, and the safe methods of a source check or keep the value.
        #[allow(unsafe_code)]
        unsafe impl<$($generics)*> $crate::value::read::FromOCaml for $type {
            const TYPE: &'static $crate::value::types::Type = $ty;

            #[inline]
            fn from_ocaml(
                $source: $crate::value::read::Source<'_>,
            ) -> Result<Self, $crate::value::conversion_error::ConversionError> {
                $from
            }
        }
    };
}

/// Implements [`ToOCaml`](crate::ToOCaml) with a function of the value and the writer.
macro_rules! to_ocaml {
    ([$($generics:tt)*] $type:ty, $ty:expr, |$this:ident, $writer:ident| $to:expr) => {
        // SAFETY: what is written is a value of this type that OCaml made, or a block of this crate's.
        #[allow(unsafe_code)]
        unsafe impl<$($generics)*> $crate::value::write::ToOCaml for $type {
            const TYPE: &'static $crate::value::types::Type = $ty;

            #[inline]
            fn to_ocaml<W: $crate::value::write::Writer>(
                &self,
                $writer: &mut W,
            ) -> Result<W::Value, $crate::value::conversion_error::ConversionError> {
                let $this = self;
                $to
            }
        }
    };
}

pub(crate) use {from_ocaml, to_ocaml};
