//! Tuples, and `()`.

use crate::value::conversion_error::{ConversionError, Place};
use crate::value::read::{FromOCaml, Source};
use crate::value::types::Type;
use crate::value::write::{ToOCaml, Writer};

// SAFETY: a `unit` is read.
unsafe impl FromOCaml for () {
    const TYPE: &'static Type = &Type::Unit;

    #[inline(always)]
    fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
        match value.int()? {
            0 => Ok(()),
            _ => Err(ConversionError::new("expected unit")),
        }
    }
}

// SAFETY: a `unit` is written.
unsafe impl ToOCaml for () {
    const TYPE: &'static Type = &Type::Unit;
    const DROPS_PLAINLY: bool = true;

    #[inline(always)]
    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
        Ok(writer.immediate(0))
    }
}

macro_rules! tuple {
    ($size:literal $what:literal: $($t:ident $n:tt),+) => {
        // SAFETY: a tuple is a block of tag 0, whose fields are read in order. Each is copied.
        unsafe impl<$($t: FromOCaml),+> FromOCaml for ($($t,)+) {
            const TYPE: &'static Type = &Type::Tuple(&[$($t::TYPE),+]);

            #[inline]
            fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
                let fields = value.fields(0, $size, $what)?;
                Ok(($(fields.get::<$t>($n, Place::Component($n))?,)+))
            }
        }

        // SAFETY: a tuple is a block of tag 0, whose fields are written in order.
        unsafe impl<$($t: ToOCaml),+> ToOCaml for ($($t,)+) {
            const TYPE: &'static Type = &Type::Tuple(&[$($t::TYPE),+]);
            const DROPS_PLAINLY: bool = $($t::DROPS_PLAINLY)&&+;

            #[inline(always)]
            fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
                let mut block = writer.begin(0, $size)?;
                $(writer.field(&mut block, Place::Component($n), &self.$n)?;)+
                writer.end(block)
            }
        }
    };
}

tuple!(2 "a pair": A 0, B 1);
tuple!(3 "a tuple of 3": A 0, B 1, C 2);
tuple!(4 "a tuple of 4": A 0, B 1, C 2, D 3);
tuple!(5 "a tuple of 5": A 0, B 1, C 2, D 3, E 4);
tuple!(6 "a tuple of 6": A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(7 "a tuple of 7": A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(8 "a tuple of 8": A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
