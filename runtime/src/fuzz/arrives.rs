//! Values that go to OCaml and come back.

use super::choices::Choices;
use crate::ffi::root::Root;
use crate::ffi::test_values::{Collection, collect};
use crate::ffi::token::RuntimeToken;
use crate::value::conversion_error::ConversionError;
use crate::value::read::FromOCaml;
use crate::value::rooted::read_root;
use crate::value::write::{ToOCaml, write_root};
use std::fmt::Debug;

/// Converts a value to OCaml, and back. Returns what was written.
pub(super) fn arrives<T: ToOCaml + FromOCaml + Debug>(
    token: &RuntimeToken<'_>,
    value: &T,
    choices: &mut Choices<'_>,
    is_equal: impl FnOnce(&T, &T) -> bool,
) -> Root {
    let written = write_root(token, value).unwrap_or_else(|e| panic!("{e}: {value:?}"));
    maybe_collect(token, choices);
    let back: Result<T, ConversionError> = read_root(token, &written);
    let back = back.unwrap_or_else(|e| panic!("{e}: {value:?}"));
    assert!(is_equal(&back, value), "{back:?} was {value:?}");
    written
}

/// Collects, or most often does not.
pub(super) fn maybe_collect(token: &RuntimeToken<'_>, choices: &mut Choices<'_>) {
    match choices.below(16) {
        1..4 => collect(token, Collection::Minor),
        4 => collect(token, Collection::Full),
        5 => collect(token, Collection::Compacting),
        _ => {}
    }
}
