//! Rust values that OCaml keeps.

use crate::domain::dispatch::wake_one_or_all;
use crate::domain::garbage;
use crate::ffi::custom::Custom;
use crate::value::conversion_error::ConversionError;
use crate::value::declare::{alloc_custom, from_ocaml, to_ocaml};
use crate::value::types::Type;
use std::any::{Any, type_name};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A reference to a Rust value that OCaml can keep: a connection, a client, a server. In OCaml it is an
/// abstract type, which every domain may use:
///
/// ```
/// use ocaml_lwt_interop::{Opaque, func};
/// use std::sync::atomic::{AtomicIsize, Ordering};
///
/// #[func(sync)]
/// pub fn counter_create() -> Opaque<AtomicIsize> {
///     Opaque::new(AtomicIsize::new(0))
/// }
///
/// #[func(sync)]
/// pub fn counter_next(counter: Opaque<AtomicIsize>) -> isize {
///     counter.fetch_add(1, Ordering::Relaxed)
/// }
/// ```
///
/// ```ocaml
/// type counter
///
/// external create : unit -> counter = "counter_create"
/// external next : counter -> int = "counter_next"
/// ```
///
/// When OCaml has collected its reference, the loop of some domain drops it, and with the last reference
/// the value; a domain that terminates drops the references that are collected by then. OCaml collects
/// when it likes, and a value that is reachable until the process ends is never dropped: export a
/// function that closes a resource which has to end in time. A value that keeps an OCaml value that keeps
/// it is never collected.
///
/// OCaml refuses to compare and to marshal it, and all have the same hash.
///
/// # Errors
/// An argument that is not the `Opaque<T>` that it is declared to be is `Invalid_argument` in OCaml.
pub struct Opaque<T>(Arc<T>);

impl<T: Send + Sync + 'static> Opaque<T> {
    /// Wraps `value`.
    pub fn new(value: T) -> Self {
        Opaque(Arc::new(value))
    }

    /// Returns the `Arc` that holds the value.
    pub fn into_arc(self) -> Arc<T> {
        self.0
    }
}

impl<T> From<Arc<T>> for Opaque<T> {
    fn from(reference: Arc<T>) -> Self {
        Opaque(reference)
    }
}

impl<T> Clone for Opaque<T> {
    fn clone(&self) -> Self {
        Opaque(self.0.clone())
    }
}

impl<T> Deref for Opaque<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for Opaque<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Opaque").field(&self.0).finish()
    }
}

/// A value that knows its type while the program runs.
trait Content: Any + Send + Sync {
    fn type_name(&self) -> &'static str;
    /// The upcast that the language itself does from Rust 1.86 on.
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

impl<T: Send + Sync + 'static> Content for T {
    fn type_name(&self) -> &'static str {
        type_name::<T>()
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

static OPAQUE: Custom<dyn Content> = Custom::new(c"ocaml-lwt-interop.opaque", collected);

fn collected(reference: Arc<dyn Content>) {
    garbage::push(reference.into_any());
    // Afterwards, so that the loop that wakes finds it.
    wake_one_or_all();
}

from_ocaml!([T: Send + Sync + 'static] Opaque<T>, &Type::Opaque, |source| {
    let expected = type_name::<T>();
    let Some(reference) = source.custom(&OPAQUE) else {
        return Err(ConversionError::new(format!("expected an Opaque<{expected}>")));
    };
    let found = (*reference).type_name();
    match reference.into_any().downcast() {
        Ok(value) => Ok(Opaque(value)),
        Err(_) => Err(ConversionError::new(format!(
            "expected an Opaque<{expected}>, found an Opaque<{found}>"
        ))),
    }
});
to_ocaml!([T: Send + Sync + 'static] Opaque<T>, &Type::Opaque, |opaque, writer| {
    writer.other(|token| alloc_custom(token, &OPAQUE, opaque.0.clone()))
});

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;
    use crate::domain::garbage::{any_collected, drop_all, drop_next};
    use std::sync::atomic::{AtomicUsize, Ordering};

    struct Bomb(Arc<AtomicUsize>);

    impl Drop for Bomb {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
            panic!("in a destructor")
        }
    }

    #[test]
    fn a_destructor_that_panics_keeps_no_other_value() {
        let dropped = Arc::new(AtomicUsize::new(0));
        let kept = Opaque::new(Bomb(dropped.clone()));
        for share in [kept.clone(), Opaque::new(Bomb(dropped.clone()))] {
            garbage::push(share.0);
            garbage::push(Arc::new(Bomb(dropped.clone())));
        }
        assert!(any_collected());
        assert!(drop_next(), "a share that is not the last one");
        assert_eq!(dropped.load(Ordering::Relaxed), 0);
        drop_all();
        assert_eq!(dropped.load(Ordering::Relaxed), 3);
        assert!(!any_collected() && !drop_next());
        std::mem::forget(kept);
    }
}
