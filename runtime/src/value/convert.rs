//! Conversion of results to OCaml.

use crate::ffi::converted::Converted;
use crate::ffi::runtime::RawValue;
use crate::ffi::token::RuntimeToken;
use crate::value::conversion_error::{ConversionError, Place};
use crate::value::types::Type;
use crate::value::write::{Form, ToOCaml, Writer, write, write_here};

/// Converts a value, and drops it.
#[inline]
pub(crate) fn to_ocaml<T: ToOCaml>(
    token: &RuntimeToken<'_>,
    value: T,
) -> Result<Converted, ConversionError> {
    // SAFETY: the token proves the lock, and nothing has allocated since the value was made. It is rooted before the
    // Rust value's destructor runs, which may use OCaml.
    let converted = unsafe { Converted::new(write(token, &value)?) };
    // Here, and not at the end: if it panics, the root is dropped.
    drop(value);
    Ok(converted)
}

/// Converts a value, and drops it. Returns it unrooted, valid until the next allocation or callback.
#[inline(always)]
pub(crate) fn to_raw<T: ToOCaml>(
    token: &RuntimeToken<'_>,
    value: T,
) -> Result<RawValue, ConversionError> {
    to_raw_as(token, value, Form::Value)
}

/// [`to_raw`], with the blocks of a fulfilled promise around the value if the form says so.
#[inline(always)]
pub(crate) fn to_raw_as<T: ToOCaml>(
    token: &RuntimeToken<'_>,
    value: T,
    form: Form,
) -> Result<RawValue, ConversionError> {
    if T::DROPS_PLAINLY || !std::mem::needs_drop::<T>() {
        return write_here(token, &value, form);
    }
    let converted = to_ocaml(token, value)?;
    Ok(form.of(token, &converted))
}

/// A block of one field, of tag 0.
pub(crate) struct Nested<T>(pub(crate) T);

// SAFETY: the type says that nothing is known of it; its user knows it.
unsafe impl<T: ToOCaml> ToOCaml for Nested<T> {
    const TYPE: &'static Type = &Type::Any;
    const DROPS_PLAINLY: bool = T::DROPS_PLAINLY;

    #[inline(always)]
    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
        let mut block = writer.begin(0, 1)?;
        writer.field(&mut block, Place::Hidden, &self.0)?;
        writer.end(block)
    }
}
