//! Numbers, `bool` and characters. A number arrives equal or is refused.

use crate::value::conversion_error::ConversionError;
use crate::value::read::{FromOCaml, Source};
use crate::value::types::Type;
use crate::value::write::{ToOCaml, Writer};

/// Numbers that are an OCaml `int`. Those that always fit 63 bits are written without a check.
macro_rules! ints {
    ($($t:ident $is_byte:literal),+ $(,)?) => {$(
        // SAFETY: an `int` is read, checked and copied. `IS_BYTE` is what the list says: true for u8.
        unsafe impl FromOCaml for $t {
            const TYPE: &'static Type = &Type::Int;
            const IS_BYTE: bool = $is_byte;

            #[inline(always)]
            fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
                let n = value.int()?;
                $t::try_from(n).map_err(|_| ConversionError::does_not_fit(n, stringify!($t)))
            }
        }

        // SAFETY: an `int` is written.
        unsafe impl ToOCaml for $t {
            const TYPE: &'static Type = &Type::Int;
            const IS_BYTE: bool = $is_byte;
            const DROPS_PLAINLY: bool = true;

            #[inline(always)]
            fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
                match isize::try_from(*self) {
                    Ok(n) => writer.int(n),
                    Err(_) => Err(ConversionError::does_not_fit(self, "int, which has 63 bits")),
                }
            }
        }
    )+};
}

ints!(i8 false, i16 false, isize false, u8 true, u16 false, usize false);

// SAFETY: an `int` is read, checked and copied.
unsafe impl FromOCaml for u32 {
    const TYPE: &'static Type = &Type::Int;

    #[inline(always)]
    fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
        let n = value.int()?;
        u32::try_from(n).map_err(|_| ConversionError::does_not_fit(n, "u32"))
    }
}

// SAFETY: an `int` is written.
unsafe impl ToOCaml for u32 {
    const TYPE: &'static Type = &Type::Int;
    const DROPS_PLAINLY: bool = true;

    #[inline(always)]
    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
        writer.int(*self as isize)
    }
}

/// A type that has one method of the source and of the writer to itself.
macro_rules! plain {
    ($($t:ty: $ty:ident $method:ident),+ $(,)?) => {$(
        // SAFETY: the value is copied.
        unsafe impl FromOCaml for $t {
            const TYPE: &'static Type = &Type::$ty;

            #[inline(always)]
            fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
                value.$method()
            }
        }

        // SAFETY: the method writes such a value.
        unsafe impl ToOCaml for $t {
            const TYPE: &'static Type = &Type::$ty;
            const DROPS_PLAINLY: bool = true;

            #[inline(always)]
            fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
                writer.$method(*self)
            }
        }
    )+};
}

plain!(i32: Int32 int32, i64: Int64 int64, f64: Float float);

// SAFETY: an `int64` is read, checked and copied.
unsafe impl FromOCaml for u64 {
    const TYPE: &'static Type = &Type::Int64;

    #[inline(always)]
    fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
        let n = value.int64()?;
        u64::try_from(n).map_err(|_| ConversionError::does_not_fit(n, "u64"))
    }
}

// SAFETY: an `int64` is written.
unsafe impl ToOCaml for u64 {
    const TYPE: &'static Type = &Type::Int64;
    const DROPS_PLAINLY: bool = true;

    #[inline(always)]
    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
        match i64::try_from(*self) {
            Ok(n) => writer.int64(n),
            Err(_) => Err(ConversionError::does_not_fit(self, "int64")),
        }
    }
}

/// Rounded to the nearest `f32`, which is what the type is for. A number that is too large for any is refused.
// SAFETY: a `float` is read, checked and copied.
unsafe impl FromOCaml for f32 {
    const TYPE: &'static Type = &Type::Float;

    #[inline(always)]
    fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
        let f = value.float()?;
        let rounded = f as f32;
        match rounded.is_infinite() && f.is_finite() {
            true => Err(ConversionError::does_not_fit(format_args!("{f:?}"), "f32")),
            false => Ok(rounded),
        }
    }
}

// SAFETY: a `float` is written.
unsafe impl ToOCaml for f32 {
    const TYPE: &'static Type = &Type::Float;
    const DROPS_PLAINLY: bool = true;

    #[inline(always)]
    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
        writer.float((*self).into())
    }
}

// SAFETY: a `bool` is read, checked and copied.
unsafe impl FromOCaml for bool {
    const TYPE: &'static Type = &Type::Bool;

    #[inline(always)]
    fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
        match value.int()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(ConversionError::new("expected bool")),
        }
    }
}

// SAFETY: a `bool` is written.
unsafe impl ToOCaml for bool {
    const TYPE: &'static Type = &Type::Bool;
    const DROPS_PLAINLY: bool = true;

    #[inline(always)]
    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
        Ok(writer.immediate((*self).into()))
    }
}

/// An OCaml `Uchar.t`.
// SAFETY: a `Uchar.t` is an `int`, which is read, checked and copied.
unsafe impl FromOCaml for char {
    const TYPE: &'static Type = &Type::Uchar;

    #[inline(always)]
    fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
        let n = value.int()?;
        let c = u32::try_from(n).ok().and_then(char::from_u32);
        c.ok_or_else(|| ConversionError::new(format!("{n:#x} is not a Unicode scalar value")))
    }
}

// SAFETY: a `Uchar.t` is an `int` that is a Unicode scalar value, and so is a `char`.
unsafe impl ToOCaml for char {
    const TYPE: &'static Type = &Type::Uchar;
    const DROPS_PLAINLY: bool = true;

    #[inline(always)]
    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
        Ok(writer.immediate(u32::from(*self) as isize))
    }
}

/// An OCaml `char`, which is a byte. (A `u8` is an `int`, and a Rust `char` a `Uchar.t`.)
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Char(pub u8);

// SAFETY: a `char` is an `int`, which is read, checked and copied.
unsafe impl FromOCaml for Char {
    const TYPE: &'static Type = &Type::Char;

    #[inline(always)]
    fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
        let n = value.int()?;
        let byte = u8::try_from(n).map_err(|_| ConversionError::does_not_fit(n, "char"))?;
        Ok(Char(byte))
    }
}

// SAFETY: a `char` is an `int` up to 255.
unsafe impl ToOCaml for Char {
    const TYPE: &'static Type = &Type::Char;
    const DROPS_PLAINLY: bool = true;

    #[inline(always)]
    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
        Ok(writer.immediate(self.0.into()))
    }
}

/// An OCaml `nativeint`. (An `isize` is an `int`.)
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nativeint(pub isize);

// SAFETY: the value is copied.
unsafe impl FromOCaml for Nativeint {
    const TYPE: &'static Type = &Type::Nativeint;

    #[inline(always)]
    fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
        value.nativeint().map(Nativeint)
    }
}

// SAFETY: a `nativeint` is written.
unsafe impl ToOCaml for Nativeint {
    const TYPE: &'static Type = &Type::Nativeint;
    const DROPS_PLAINLY: bool = true;

    #[inline(always)]
    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
        writer.nativeint(self.0)
    }
}
