//! Types that conversions may give to safe code, or take from it.
//!
//! The crate `ocaml` converts to references with any lifetime, which point into the OCaml heap.
//! `'static` as a bound does not keep out `&'static str`, so it is looked for. And it converts a
//! `Result` with its own error by raising an OCaml exception, over the Rust frames that are on the
//! stack.

use std::any::type_name;
use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};

/// Describes a type that is known where it is used: an associated constant of the type itself hides that
/// of the trait.
pub struct Probe<T: ?Sized>(PhantomData<T>);

/// What holds of most types.
pub trait MayBorrow {
    /// Whether it is a reference.
    const BORROWS: bool = false;
    /// Whether its conversion raises.
    const RAISES: bool = false;
}

impl<T> Probe<Result<T, ocaml::Error>> {
    /// It does.
    pub const RAISES: bool = true;
}

impl<T: ?Sized> MayBorrow for Probe<T> {}

macro_rules! borrows {
    ($($t:ty),+) => {
        $(impl<T: ?Sized> Probe<$t> {
            /// It is one.
            pub const BORROWS: bool = true;
        })+
    };
}

borrows!(
    &'static T,
    &'static mut T,
    Option<&'static T>,
    Vec<&'static T>,
    Option<&'static mut T>,
    Vec<&'static mut T>
);

/// Whether the name of a type says that it is made with references. What a callback is given goes
/// the other way, so it may be borrowed.
fn borrows(name: &str) -> bool {
    const CALLBACK: &str = "::function::OCaml";
    let Some((before, callback)) = name.split_once(CALLBACK) else {
        return name.contains('&');
    };
    let mut depth = 0;
    let mut last = ' ';
    let end = callback.find(|c| {
        match c {
            '<' => depth += 1,
            // Not of an arrow.
            '>' if last != '-' => depth -= 1,
            _ => {}
        }
        last = c;
        c == '>' && depth == 0
    });
    before.contains('&') || end.is_some_and(|end| borrows(&callback[end..]))
}

/// How many types a thread remembers to have checked.
const REMEMBERED: usize = 64;

thread_local! {
    /// Where their names are: one that is there is that of a type, or of types with one name.
    static CHECKED: [Cell<(*const u8, usize)>; REMEMBERED] =
        const { [const { Cell::new((std::ptr::null(), 0)) }; REMEMBERED] };
}

/// Checks a type that only the caller's caller knows. Costs a look at a table.
///
/// # Panics
/// If its name says that it is made with references.
#[inline]
pub(crate) fn assert_owned<T>() {
    let name = type_name::<T>();
    let place = (name.as_ptr(), name.len());
    // Names are static, and next to one another.
    let slot = (name.as_ptr() as usize).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - 6);
    let known = CHECKED.with(|checked| checked[slot].replace(place) == place);
    if !known {
        assert_name(name, slot);
    }
}

#[cold]
fn assert_name(name: &str, slot: usize) {
    if borrows(name) {
        CHECKED.with(|checked| checked[slot].set((std::ptr::null(), 0)));
        panic!(
            "OCaml values convert to owned types, not to {name}, which would point into the OCaml \
             heap"
        );
    }
}

/// Checks what an exported function takes and gives, once: aliases hide the type's name from the
/// compiler's check.
#[derive(Default)]
pub struct Checked(AtomicBool);

impl Checked {
    /// Not yet.
    pub const fn new() -> Self {
        Checked(AtomicBool::new(false))
    }

    /// # Panics
    /// A type is made with references, or its conversion raises.
    #[inline]
    pub fn check<Args, Output>(&self) {
        if !self.0.load(Ordering::Relaxed) {
            assert_owned::<Args>();
            assert!(
                !type_name::<Output>().contains("ocaml::error::Error>"),
                "the conversion of {} raises an OCaml exception over Rust code: use \
                 #[func(raise)], or an error of your own",
                type_name::<Output>()
            );
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;
    use crate::{OCamlAsyncFunc, OCamlFunc};

    type Alias = &'static str;
    type Pair = (u8, Option<Alias>);

    #[test]
    fn references_are_seen_through_aliases() {
        const { assert!(Probe::<Alias>::BORROWS) };
        const { assert!(Probe::<Vec<Alias>>::BORROWS) };
        const { assert!(!Probe::<String>::BORROWS) };
        assert_owned::<Vec<String>>();
    }

    #[test]
    #[should_panic(expected = "owned types")]
    fn references_are_refused_where_only_the_name_is_known() {
        assert_owned::<Pair>();
    }

    #[test]
    fn what_a_callback_is_given_may_be_borrowed() {
        type Function = OCamlFunc<(Alias, Vec<Pair>), bool>;
        assert_owned::<(Function, OCamlAsyncFunc<(Alias,), Vec<String>>, String)>();
        for name in [
            type_name::<(Function, Alias)>(),
            type_name::<(Alias, Function)>(),
            type_name::<(Function, Vec<Function>, [Pair; 2])>(),
            type_name::<(OCamlFunc<(fn(u8) -> u8,), ()>, Alias)>(),
        ] {
            assert!(borrows(name), "{name}");
        }
    }

    #[test]
    fn types_are_checked_once() {
        let checked = Checked::new();
        checked.check::<(String,), Result<String, String>>();
        assert!(checked.0.load(Ordering::Relaxed));
    }

    #[test]
    #[should_panic(expected = "#[func(raise)]")]
    fn a_conversion_that_raises_is_refused() {
        const { assert!(Probe::<Result<u8, ocaml::Error>>::RAISES) };
        const { assert!(!Probe::<Result<u8, String>>::RAISES) };
        Checked::new().check::<(), Vec<Result<u8, ocaml::Error>>>();
    }
}
