//! Conversion of results to OCaml. To add a conversion, see `ffi/converted.rs`.

use crate::ffi::converted::{Converted, Immediate, rooted};
use crate::ffi::protected::{SMALL_STRING, protect};
use crate::ffi::token::RuntimeToken;
use crate::value::bytes::Bytes;
use crate::value::exception::{Failure, OCamlException};
use ocaml::ToValue;
use std::any::Any;

/// Converts a value to OCaml. An `int`, `bool` or `unit` costs nothing; the crate `ocaml` would root it.
/// Fails with `Out_of_memory` if OCaml has none for the value.
#[inline]
pub(crate) fn to_ocaml<T: ToValue + 'static>(
    token: &RuntimeToken<'_>,
    value: &T,
) -> Result<Converted, Failure> {
    if let Some(immediate) = immediate(value) {
        return Ok(Converted::Immediate(immediate));
    }
    let convert = || Converted::Value(rooted(token.runtime(), value.to_value(token.runtime())));
    if is_small(value) {
        return Ok(convert());
    }
    protected(token, convert).map_err(Failure::Exception)
}

/// Converts a value to OCaml, and drops it. If its destructor panics, the converted value, which may be a
/// root, is dropped as well: Rust forgets what a function was about to return when one of its variables
/// panics at the end.
#[inline]
pub(crate) fn into_ocaml<T: ToValue + 'static>(
    token: &RuntimeToken<'_>,
    value: T,
) -> Result<Converted, Failure> {
    let converted = to_ocaml(token, &value);
    drop(value);
    converted
}

/// Calls `convert`, which converts values and roots them. See [`protect`] for the exceptions.
pub(crate) fn protected<R>(
    token: &RuntimeToken<'_>,
    convert: impl FnOnce() -> R,
) -> Result<R, OCamlException> {
    protect(token, convert).map_err(|exn| OCamlException::from_root(token, exn))
}

/// Returns `true` if the conversion of the value surely allocates small blocks only. For most types the compiler
/// decides it.
#[inline(always)]
pub(crate) fn is_small<T>(value: &T) -> bool {
    macro_rules! is_one_of {
        ($($t:ty),+) => { $(typeid::of::<T>() == typeid::of::<$t>())||+ };
    }
    match string_length(value) {
        Some(length) => length <= SMALL_STRING,
        None => is_one_of!(
            (),
            bool,
            i8,
            u8,
            i16,
            u16,
            isize,
            usize,
            i32,
            u32,
            i64,
            u64,
            f32,
            f64
        ),
    }
}

/// Returns the length of a string or of bytes, and `None` for a value of another type.
#[inline(always)]
fn string_length<T>(value: &T) -> Option<usize> {
    let (pointer, id) = (std::ptr::from_ref(value), typeid::of::<T>());
    if id == typeid::of::<String>() {
        // SAFETY: `T` is `String`, and the reference is not kept.
        Some(unsafe { &*pointer.cast::<String>() }.len())
    } else if id == typeid::of::<&str>() {
        // SAFETY: `T` is `&str`, with some lifetime that is not over, and the reference is not kept.
        Some(unsafe { &*pointer.cast::<&str>() }.len())
    } else if id == typeid::of::<Bytes>() {
        // SAFETY: `T` is `Bytes`, and the reference is not kept.
        Some(unsafe { &*pointer.cast::<Bytes>() }.0.len())
    } else {
        None
    }
}

/// Returns the value of a type that is an OCaml `int`, `bool` or `unit`. The compiler decides it.
#[inline(always)]
fn immediate<T: 'static>(value: &T) -> Option<Immediate> {
    let value: &dyn Any = value;
    macro_rules! ints {
        ($($t:ty),+) => {
            $(if let Some(i) = value.downcast_ref::<$t>() {
                return Some(Immediate::int(*i as isize));
            })+
        };
    }
    if value.is::<()>() {
        return Some(Immediate::UNIT);
    }
    if let Some(b) = value.downcast_ref::<bool>() {
        return Some(Immediate::bool(*b));
    }
    // As the crate `ocaml` converts them.
    ints!(i8, u8, i16, u16, isize, usize);
    None
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;

    #[test]
    fn words_are_immediate_and_nothing_else_is() {
        assert_eq!(immediate(&()), Some(Immediate::int(0)));
        assert_eq!(immediate(&true), Some(Immediate::int(1)));
        assert_eq!(immediate(&-7isize), Some(Immediate::int(-7)));
        assert_eq!(immediate(&i8::MIN), Some(Immediate::int(-128)));
        assert_eq!(immediate(&u16::MAX), Some(Immediate::int(0xffff)));
        // OCaml's `int32` and `int64` are blocks.
        assert_eq!(immediate(&7i32), None);
        assert_eq!(immediate(&7i64), None);
        assert_eq!(immediate(&7u32), None);
        assert_eq!(immediate(&String::new()), None);
    }

    #[test]
    fn numbers_and_short_strings_are_small_and_nothing_else_is() {
        assert!(is_small(&1.5f64) && is_small(&7i64) && is_small(&7u32));
        assert!(is_small(&"x".repeat(SMALL_STRING)));
        assert!(!is_small(&"x".repeat(SMALL_STRING + 1)));
        assert!(is_small(&Bytes(vec![0; SMALL_STRING])));
        assert!(!is_small(&Bytes(vec![0; SMALL_STRING + 1])));
        assert!(is_small(&"short"));
        assert!(!is_small(&vec![7i64]));
        assert!(!is_small(&(7i64, 8i64)));
        assert!(!is_small(&Some("short")));
        let text = "x".repeat(SMALL_STRING + 1);
        assert!(is_small(&&text[1..]) && !is_small(&&text[..]));
    }
}
