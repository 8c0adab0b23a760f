//! Rust values that OCaml keeps.

use crate::domain::dispatch::wake_one_or_all;
use crate::domain::garbage;
use crate::ffi::any_arc::AnyArc;
use crate::ffi::custom::Custom;
use crate::value::conversion_error::ConversionError;
use crate::value::declare::{from_ocaml, to_ocaml};
use crate::value::opaque_type::{OpaqueType, opaque};
use std::any::type_name;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A reference to a Rust value that OCaml can keep: a connection, a client, a server. In OCaml it is an
/// abstract type, which every domain may use:
///
/// ```
/// use ocaml_lwt_interop::{Opaque, OpaqueType, func};
/// use std::sync::atomic::{AtomicIsize, Ordering};
///
/// #[derive(OpaqueType)]
/// pub struct Counter(AtomicIsize);
///
/// #[func(sync)]
/// pub fn counter_create() -> Opaque<Counter> {
///     Opaque::new(Counter(AtomicIsize::new(0)))
/// }
///
/// #[func(sync)]
/// pub fn counter_next(counter: Opaque<Counter>) -> isize {
///     counter.0.fetch_add(1, Ordering::Relaxed)
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
/// `T` is an [`OpaqueType`], which gives it a name in OCaml. A type of another crate needs a struct around it.
///
/// `T` may be unsized: an `Opaque<dyn Trait>` is made from an `Arc<dyn Trait>`. The trait has to require `Send` and
/// `Sync`, or the type to be `Opaque<dyn Trait + Send + Sync>`.
///
/// ```
/// use ocaml_lwt_interop::{Opaque, func, opaque_type};
/// use std::sync::Arc;
///
/// pub trait Store: Send + Sync {
///     fn get(&self, key: &str) -> Option<String>;
/// }
///
/// opaque_type!(dyn Store as "store");
///
/// # struct Nothing;
/// # impl Store for Nothing {
/// #     fn get(&self, key: &str) -> Option<String> { None }
/// # }
/// #[func(sync)]
/// pub fn store_open() -> Opaque<dyn Store> {
///     let store: Arc<dyn Store> = Arc::new(Nothing);
///     store.into()
/// }
///
/// #[func(sync)]
/// pub fn store_get(store: Opaque<dyn Store>, key: String) -> Option<String> {
///     store.get(&key)
/// }
/// ```
///
/// When OCaml has collected its reference, the loop of some domain drops it, and with the last reference
/// the value; a domain that terminates drops the references that are collected by then. OCaml collects
/// when it likes, and a value that is reachable until the process ends is never dropped: export a
/// function that closes a resource which has to end in time. A value that keeps an OCaml value that keeps
/// it is never collected.
///
/// OCaml collects the sooner the more memory its references keep alive. It counts the size of the value itself; a
/// value that owns more needs [`with_weight`](Self::with_weight).
///
/// OCaml refuses to compare and to marshal it, and all have the same hash.
///
/// # Errors
/// An argument that is not the `Opaque<T>` that it is declared to be is `Invalid_argument` in OCaml.
pub struct Opaque<T: ?Sized> {
    reference: Arc<T>,
    /// In bytes.
    weight: usize,
}

impl<T: Send + Sync + 'static> Opaque<T> {
    /// Wraps `value`, whose weight is its size.
    pub fn new(value: T) -> Self {
        Arc::new(value).into()
    }

    /// Wraps a value that keeps so many bytes alive, in all: see [`weighing`](Self::weighing).
    ///
    /// ```
    /// use ocaml_lwt_interop::{Opaque, OpaqueType, func};
    ///
    /// #[derive(OpaqueType)]
    /// pub struct Page(Vec<u8>);
    ///
    /// #[func(sync)]
    /// pub fn page_load(size: u32) -> Opaque<Page> {
    ///     let page = Page(vec![0; size as usize]);
    ///     Opaque::with_weight(page, size as usize)
    /// }
    /// ```
    pub fn with_weight(value: T, bytes: usize) -> Self {
        Opaque::new(value).weighing(bytes)
    }
}

impl<T: ?Sized> Opaque<T> {
    /// Says that the value keeps so many bytes alive, in all. OCaml's collector adds them up, for each reference that it
    /// is given, and works the harder the more there are; so a value that OCaml gets again and again, and which is not
    /// freed when OCaml has collected these references, should weigh little.
    ///
    /// A reference that OCaml gives back has the weight that it was given.
    #[must_use]
    pub fn weighing(self, bytes: usize) -> Self {
        Opaque {
            weight: bytes,
            ..self
        }
    }

    /// Returns the `Arc` that holds the value.
    pub fn into_arc(self) -> Arc<T> {
        self.reference
    }
}

impl<T: ?Sized> From<Arc<T>> for Opaque<T> {
    /// Wraps a reference, whose weight is the size of the value.
    fn from(reference: Arc<T>) -> Self {
        Opaque {
            weight: size_of_val(&*reference),
            reference,
        }
    }
}

impl<T: ?Sized> Clone for Opaque<T> {
    fn clone(&self) -> Self {
        Opaque {
            reference: self.reference.clone(),
            weight: self.weight,
        }
    }
}

impl<T: ?Sized> Deref for Opaque<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.reference
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Opaque<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Opaque").field(&self.reference).finish()
    }
}

/// What a block of OCaml's owns: an `Opaque` whose type is known while the program runs.
#[derive(Clone)]
struct Content {
    reference: AnyArc,
    weight: usize,
}

static OPAQUE: Custom<Content> = Custom::new(c"ocaml-lwt-interop.opaque", collected);

fn collected(content: Content) {
    garbage::push(content.reference);
    // Afterwards, so that the loop that wakes finds it.
    wake_one_or_all();
}

from_ocaml!([T: ?Sized + OpaqueType + Send + Sync + 'static] Opaque<T>, opaque::<T>(), |source| {
    let expected = type_name::<T>();
    let Some(Content { reference, weight }) = source.custom(&OPAQUE) else {
        return Err(ConversionError::new(format!("expected an Opaque<{expected}>")));
    };
    match reference.downcast() {
        Ok(reference) => Ok(Opaque { reference, weight }),
        Err(other) => Err(ConversionError::new(format!(
            "expected an Opaque<{expected}>, found an Opaque<{}>",
            other.type_name()
        ))),
    }
});
to_ocaml!([T: ?Sized + OpaqueType + Send + Sync + 'static] Opaque<T>, opaque::<T>(), |opaque, writer| {
    let content = Content {
        reference: opaque.reference.clone().into(),
        weight: opaque.weight,
    };
    writer.other(|token| Ok(OPAQUE.alloc(token, content, opaque.weight)))
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
            garbage::push(share.reference.into());
            garbage::push(Arc::new(Bomb(dropped.clone())).into());
        }
        assert!(any_collected());
        assert!(drop_next(), "a share that is not the last one");
        assert_eq!(dropped.load(Ordering::Relaxed), 0);
        drop_all();
        assert_eq!(dropped.load(Ordering::Relaxed), 3);
        assert!(!any_collected() && !drop_next());
        std::mem::forget(kept);
    }

    #[test]
    fn a_value_weighs_its_size_unless_it_says_otherwise() {
        assert_eq!(Opaque::new([0u32; 3]).weight, 12);
        assert_eq!(Opaque::with_weight([0u32; 3], 1 << 20).weight, 1 << 20);
        let slice: Arc<[u16]> = Arc::new([1, 2, 3]);
        let opaque = Opaque::from(slice);
        assert_eq!(opaque.weight, 6);
        assert_eq!(opaque.clone().weighing(7).clone().weight, 7);
        assert_eq!(format!("{opaque:?}"), "Opaque([1, 2, 3])");
    }
}
