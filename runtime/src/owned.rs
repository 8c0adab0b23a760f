//! Types that conversions may give to safe code: those that do not point into the OCaml heap.
//!
//! The crate `ocaml` converts to references with any lifetime. `'static` as a bound does not keep
//! out `&'static str`, so it is looked for.

use std::marker::PhantomData;

/// Tells, for a type that is known where it is used, whether it is a reference: an associated
/// constant of the type itself hides that of the trait.
pub struct Probe<T: ?Sized>(PhantomData<T>);

/// What holds of most types.
pub trait MayBorrow {
    /// Whether it is a reference.
    const BORROWS: bool = false;
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

/// Checks a type that only the caller's caller knows.
///
/// # Panics
/// In debug builds, if its name says that it is made with references.
pub(crate) fn assert_owned<T>() {
    debug_assert!(
        !std::any::type_name::<T>().contains('&'),
        "OCaml values convert to owned types, not to {}, which would point into the OCaml heap",
        std::any::type_name::<T>()
    );
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;

    type Alias = &'static str;

    #[test]
    fn references_are_seen_through_aliases() {
        const { assert!(Probe::<Alias>::BORROWS) };
        const { assert!(Probe::<Vec<Alias>>::BORROWS) };
        const { assert!(!Probe::<String>::BORROWS) };
        assert_owned::<Vec<String>>();
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "owned types")]
    fn references_are_refused_where_only_the_name_is_known() {
        assert_owned::<(u8, Option<Alias>)>();
    }
}
