//! Conversion of results to OCaml. To add a conversion, see `ffi/converted.rs`.

use crate::ffi::converted::{Converted, Immediate, rooted};
use crate::ffi::token::RuntimeToken;
use ocaml::ToValue;
use std::any::Any;

/// Converts a value to OCaml. An `int`, `bool` or `unit` costs nothing; the crate `ocaml` would root it.
#[inline]
pub(crate) fn to_ocaml<T: ToValue + 'static>(token: &RuntimeToken<'_>, value: &T) -> Converted {
    match immediate(value) {
        Some(immediate) => Converted::Immediate(immediate),
        None => Converted::Value(rooted(token.runtime(), value.to_value(token.runtime()))),
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
}
