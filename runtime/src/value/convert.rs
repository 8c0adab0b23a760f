//! Conversion of results to OCaml. To add a conversion, see `ffi/converted.rs`.

use crate::ffi::converted::{Converted, Immediate, rooted};
use crate::ffi::protected::protect;
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

/// Calls `convert`, which converts values and roots them. Fails with the exception that OCaml raised meanwhile,
/// which is `Out_of_memory`.
pub(crate) fn protected<R>(
    token: &RuntimeToken<'_>,
    convert: impl FnOnce() -> R,
) -> Result<R, OCamlException> {
    protect(token, convert).map_err(|exn| OCamlException::from_root(token, exn))
}

/// Strings of so many bytes are in the minor heap, for whose blocks OCaml never raises: it has at least room for 256
/// words there.
const SMALL_STRING: usize = 1024;

/// Returns `true` if the conversion of the value surely allocates small blocks only. For most types the compiler
/// decides it.
#[inline(always)]
fn is_small<T: 'static>(value: &T) -> bool {
    let value: &dyn Any = value;
    if let Some(s) = value.downcast_ref::<String>() {
        return s.len() <= SMALL_STRING;
    }
    if let Some(s) = value.downcast_ref::<&'static str>() {
        return s.len() <= SMALL_STRING;
    }
    if let Some(b) = value.downcast_ref::<Bytes>() {
        return b.0.len() <= SMALL_STRING;
    }
    value.is::<f32>()
        || value.is::<f64>()
        || value.is::<i32>()
        || value.is::<u32>()
        || value.is::<i64>()
        || value.is::<u64>()
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
    }
}
