//! Rust values that OCaml keeps.

use crate::domain::core::wake_one_or_all;
use crate::domain::garbage;
use crate::ffi::custom::{self, Operations};
use crate::ffi::runtime::{RawValue, Root};
use ocaml::{FromValue, ToValue, Value};
use std::any::{Any, type_name};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A share of a Rust value that OCaml can keep: a connection, a client, a server. In OCaml it is an
/// abstract type, which every domain may use:
///
/// ```
/// use ocaml_lwt_interop::{Opaque, func, ocaml};
/// use std::sync::atomic::{AtomicIsize, Ordering};
///
/// #[func(sync)]
/// pub fn counter_create() -> Opaque<AtomicIsize> {
///     Opaque::new(AtomicIsize::new(0))
/// }
///
/// #[func(sync)]
/// pub fn counter_next(counter: Opaque<AtomicIsize>) -> ocaml::Int {
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
/// When OCaml has collected its share, the loop of some domain drops it, and with the last share the
/// value; a domain that ends drops what it finds collected. OCaml collects when it likes, and what is
/// reachable until the process ends is not dropped: what has to end in time gets a function for that.
/// A value that keeps an OCaml value that keeps it is never collected.
///
/// OCaml refuses to compare and to marshal it, and all have the same hash.
///
/// # Panics
/// An argument that is not the `Opaque<T>` that it is declared to be is the exception `Rust_panic`.
pub struct Opaque<T>(Arc<T>);

impl<T: Send + Sync + 'static> Opaque<T> {
    /// The first share.
    pub fn new(value: T) -> Self {
        Opaque(Arc::new(value))
    }

    /// The same share, for Rust's own use.
    pub fn into_arc(self) -> Arc<T> {
        self.0
    }
}

impl<T> From<Arc<T>> for Opaque<T> {
    fn from(share: Arc<T>) -> Self {
        Opaque(share)
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

/// A value whose type is known while the program runs.
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

type Share = Arc<dyn Content>;

static OPERATIONS: Operations = Operations::new(c"ocaml-lwt-interop.opaque", collected);

unsafe extern "C" fn collected(block: RawValue) {
    // SAFETY: the runtime calls it once, for a block that `to_value` made.
    let share = unsafe { custom::place::<Share>(block).read() };
    garbage::push(share.into_any());
    // Afterwards, so that the loop that wakes finds it.
    wake_one_or_all();
}

// SAFETY: what is not such a block, or holds another type, is refused.
unsafe impl<T: Send + Sync + 'static> FromValue for Opaque<T> {
    fn from_value(value: Value) -> Self {
        // SAFETY: conversions run with the lock held; the value is rooted, so that the share stays
        // where it is while it is cloned.
        let share = unsafe {
            let raw = value.raw().0;
            assert!(
                OPERATIONS.made(raw),
                "an OCaml value that was to be an Opaque<{}> is none",
                type_name::<T>()
            );
            (*custom::place::<Share>(raw)).clone()
        };
        let found = (*share).type_name();
        Opaque(share.into_any().downcast().unwrap_or_else(|_| {
            panic!(
                "an OCaml value that was to be an Opaque<{}> is an Opaque<{found}>",
                type_name::<T>()
            )
        }))
    }
}

// SAFETY: it makes an OCaml value of an abstract type.
unsafe impl<T: Send + Sync + 'static> ToValue for Opaque<T> {
    fn to_value(&self, _rt: &ocaml::Runtime) -> Value {
        let share: Share = self.0.clone();
        // SAFETY: conversions run with the lock held; the block is rooted at once.
        Value::Root(unsafe { Root::new(OPERATIONS.alloc(share)) })
    }
}

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
