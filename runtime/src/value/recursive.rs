//! Mentions of a type in its own definition.

use crate::value::conversion_error::ConversionError;
use crate::value::read::{FromOCaml, Source};
use crate::value::types::Type;
use crate::value::write::{ToOCaml, Writer};

/// A `T` whose descriptor is its name, which needs no descriptor of `T`: what the derives write for a type within its
/// own definition, since a constant cannot refer to itself.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Recursive<T: ?Sized>(T);

// SAFETY: the conversion is the content's. If `IS_BYTE` is true, this is represented as `u8`, as the content is.
unsafe impl<T: ToOCaml + ?Sized> ToOCaml for Recursive<T> {
    const TYPE: &'static Type = T::RECURSIVE;
    const RECURSIVE: &'static Type = T::RECURSIVE;
    const IS_BYTE: bool = T::IS_BYTE;
    const DROPS_PLAINLY: bool = T::DROPS_PLAINLY;

    #[inline(always)]
    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
        self.0.to_ocaml(writer)
    }
}

// SAFETY: as above.
unsafe impl<T: FromOCaml> FromOCaml for Recursive<T> {
    const TYPE: &'static Type = T::RECURSIVE;
    const RECURSIVE: &'static Type = T::RECURSIVE;
    const IS_BYTE: bool = T::IS_BYTE;

    #[inline(always)]
    fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
        T::from_ocaml(value).map(Recursive)
    }
}
