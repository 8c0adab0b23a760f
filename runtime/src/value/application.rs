//! Closures with their arguments.

use crate::ffi::root::{Application, Closure, Root};
use crate::ffi::token::RuntimeToken;
use crate::value::conversion_error::{ConversionError, Place};
use crate::value::declare::Stored;
use crate::value::types::Type;
use crate::value::write::{ToOCaml, Writer, write_root};

/// The arguments of an OCaml function: a tuple of up to seven values that convert. `()` is the one
/// argument `()`. Other types cannot implement it.
pub trait Args: sealed::Sealed {
    /// Their types in OCaml.
    #[doc(hidden)]
    const TYPES: &'static [&'static Type];

    /// Writes a block of `first` and the arguments.
    #[doc(hidden)]
    fn write<F: ToOCaml, W: Writer>(
        &self,
        first: &F,
        writer: &mut W,
    ) -> Result<W::Value, ConversionError>;
}

mod sealed {
    /// Private, so that no other crate implements [`Args`](super::Args): memory safety depends on the number of
    /// values.
    pub trait Sealed {}
}

impl sealed::Sealed for () {}

impl Args for () {
    const TYPES: &'static [&'static Type] = &[&Type::Unit];

    #[inline(always)]
    fn write<F: ToOCaml, W: Writer>(
        &self,
        first: &F,
        writer: &mut W,
    ) -> Result<W::Value, ConversionError> {
        ((),).write(first, writer)
    }
}

macro_rules! arguments {
    ($size:literal: $($t:ident $n:tt),+) => {
        impl<$($t: ToOCaml),+> sealed::Sealed for ($($t,)+) {}

        impl<$($t: ToOCaml),+> Args for ($($t,)+) {
            const TYPES: &'static [&'static Type] = &[$($t::TYPE),+];

            #[inline(always)]
            fn write<First: ToOCaml, W: Writer>(
                &self,
                first: &First,
                writer: &mut W,
            ) -> Result<W::Value, ConversionError> {
                let mut block = writer.begin(0, 1 + $size)?;
                writer.field(&mut block, Place::Component(0), first)?;
                $(writer.field(&mut block, Place::Argument("the function", $n), &self.$n)?;)+
                writer.end(block)
            }
        }
    };
}

arguments!(1: A 0);
arguments!(2: A 0, B 1);
arguments!(3: A 0, B 1, C 2);
arguments!(4: A 0, B 1, C 2, D 3);
arguments!(5: A 0, B 1, C 2, D 3, E 4);
arguments!(6: A 0, B 1, C 2, D 3, E 4, F 5);
arguments!(7: A 0, B 1, C 2, D 3, E 4, F 5, G 6);

/// What is written for the application of a closure.
struct Applied<'a, A>(Stored<'a>, &'a A);

// SAFETY: nothing is claimed of it but that it is a block.
unsafe impl<A: Args> ToOCaml for Applied<'_, A> {
    const TYPE: &'static Type = &Type::Any;

    #[inline(always)]
    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
        self.1.write(&self.0, writer)
    }
}

/// Returns a block of a closure and its arguments.
#[inline]
pub(crate) fn application<A: Args>(
    token: &RuntimeToken<'_>,
    closure: &Root<Closure>,
    arguments: &A,
) -> Result<Root<Application>, ConversionError> {
    let closure = Stored(closure.as_any());
    let block = write_root(token, &Applied(closure, arguments))?;
    // SAFETY: `Args` writes a block of the closure and the arguments.
    Ok(unsafe { block.assume() })
}
