//! Conversions of values that bytes describe: those that a fuzzer makes up, or random ones.
//!
//! Each target takes any bytes. It panics if a value does not arrive equal, or if something is left of it.

mod arrives;
mod choices;
mod ocaml_values;
mod rust_values;

use crate::base::counters;
use crate::ffi::token::RuntimeToken;
use crate::value::rooted::read_root;
use crate::value::write::write_root;
use arrives::{arrives, maybe_collect};
use choices::Choices;
use rust_values::Input;

/// Converts a Rust value to OCaml and back. It arrives equal, or is refused for what it contains.
pub fn to_ocaml_and_back(token: &RuntimeToken<'_>, bytes: &[u8]) {
    leaves_no_roots(|| {
        let mut choices = Choices::new(bytes);
        let input = Input::choose(&mut choices);
        match write_root(token, &input) {
            Ok(root) => {
                maybe_collect(token, &mut choices);
                let back: Input = read_root(token, &root).expect("it was written");
                assert_eq!(back, input);
                maybe_collect(token, &mut choices);
                arrives(token, &back, &mut choices, PartialEq::eq);
            }
            Err(e) => {
                let text = e.to_string();
                assert!(
                    choices.may_be_refused && is_known(&text),
                    "{text}: {input:?}"
                );
                let again = write_root(token, &input).map(drop);
                assert_eq!(again.map_err(|e| e.to_string()), Err(text));
            }
        }
    });
}

/// Whether it is the error of a Rust value that has no equal in OCaml.
fn is_known(error: &str) -> bool {
    error.contains("does not fit int") || error.contains("levels deep")
}

/// Reads an OCaml value of any shape as each of many types. It is read or refused, and what was read arrives equal.
///
/// # Panics
/// Values are not checked, so most of them could not be read.
pub fn any_to_rust(token: &RuntimeToken<'_>, bytes: &[u8]) {
    if !cfg!(any(debug_assertions, feature = "checks")) {
        panic!("the feature `checks` is needed");
    }
    leaves_no_roots(|| {
        let mut choices = Choices::new(bytes);
        let root = ocaml_values::choose(token, &mut choices);
        maybe_collect(token, &mut choices);
        ocaml_values::read_as_all_types(token, &root, &mut choices);
    });
}

/// Runs `f`, after which as many OCaml values are kept as before.
fn leaves_no_roots(f: impl FnOnce()) {
    let kept = || counters::sum(|t| &t.roots_created) - counters::sum(|t| &t.roots_dropped);
    let before = kept();
    f();
    assert_eq!(kept(), before, "OCaml values that are kept");
}

#[cfg(fuzzing)]
#[doc(hidden)]
pub fn run(target: fn(&RuntimeToken<'_>, &[u8]), bytes: &[u8]) {
    crate::ffi::test_values::with_ocaml_here(|token| target(token, bytes));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::test_runtime::with_ocaml;
    use proptest::prelude::*;

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            prop::collection::vec(any::<u8>(), 0..100),
            prop::collection::vec(any::<u8>(), 0..3000),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn values_arrive_equal(bytes in bytes()) {
            with_ocaml(move |token| to_ocaml_and_back(token, &bytes));
        }

        /// Any value is read as any type, or refused: where values are checked, nothing else happens.
        #[test]
        fn values_of_any_shape_are_read_or_refused(bytes in bytes()) {
            if cfg!(any(debug_assertions, feature = "checks")) {
                with_ocaml(move |token| any_to_rust(token, &bytes));
            }
        }
    }
}
