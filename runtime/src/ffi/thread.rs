//! What OCaml and a thread of the process have to do with each other: the stubs on the thread's
//! stack, the executor that the thread owns, and threads that Rust registers with OCaml.

use crate::ffi::token::RuntimeToken;
use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr;

unsafe extern "C" {
    /// Releases the domain's lock without running signal handlers or finalisers first, so that it
    /// cannot raise.
    fn caml_enter_blocking_section_no_pending();
    fn caml_c_thread_register() -> libc::c_int;
    fn caml_c_thread_unregister() -> libc::c_int;
}

thread_local! {
    /// The number of stubs on this thread's stack. OCaml has called into Rust if it is not 0.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Adds 1 to a counter of the thread until it is dropped.
struct Nested<'a>(&'a Cell<u32>);

impl<'a> Nested<'a> {
    #[inline]
    fn in_(counter: &'a Cell<u32>) -> Self {
        counter.set(counter.get() + 1);
        Nested(counter)
    }
}

impl Drop for Nested<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// Runs the body of a stub that OCaml has called.
///
/// # Safety
/// OCaml called the stub that calls this, on this thread, and the domain's lock is not released while
/// `f` runs.
#[inline]
pub(crate) unsafe fn enter<R>(f: impl FnOnce(&RuntimeToken<'_>) -> R) -> R {
    DEPTH.with(|depth| {
        let _nested = Nested::in_(depth);
        // SAFETY: this function's contract: OCaml called, so this thread holds the lock, while `f` runs.
        f(&unsafe { RuntimeToken::assume_locked() })
    })
}

/// Whether OCaml has called into Rust on this thread, so that [`with_token`] runs its closure.
#[inline]
pub(crate) fn is_entered() -> bool {
    DEPTH.get() > 0
}

/// Runs `f` with a token if OCaml has called into Rust on this thread.
#[inline]
pub(crate) fn with_token<R>(f: impl FnOnce(&RuntimeToken<'_>) -> R) -> Option<R> {
    is_entered().then(|| {
        // SAFETY: the depth is not 0, so `enter` is on this thread's stack, and stays there while `f`
        // runs; its contract says that the lock is held meanwhile.
        f(&unsafe { RuntimeToken::assume_locked() })
    })
}

/// A value that a thread owns, in a thread-local that needs no destructor: [`with`](Self::with) costs a
/// load, a test, and one addition on each side.
pub(crate) struct Owned<T> {
    value: Cell<*const T>,
    /// The number of `with`s on the thread's stack.
    borrows: Cell<u32>,
}

impl<T> Owned<T> {
    /// Creates an empty place.
    pub(crate) const fn new() -> Self {
        Owned {
            value: Cell::new(ptr::null()),
            borrows: Cell::new(0),
        }
    }

    /// Runs `f` with the value, if there is one.
    #[inline]
    pub(crate) fn with<R>(&self, f: impl FnOnce(&T) -> R) -> Option<R> {
        let value = self.value.get();
        if value.is_null() {
            return None;
        }
        let _nested = Nested::in_(&self.borrows);
        // SAFETY: the pointer comes from the box that `set` leaked. `take` frees the box only if no
        // `with` is on the stack, and `Owned` is not `Sync`, so the value is there until `f` returns.
        Some(f(unsafe { &*value }))
    }

    /// Returns `true` if there is a value.
    #[inline]
    pub(crate) fn is_some(&self) -> bool {
        !self.value.get().is_null()
    }

    /// Puts a value into the place.
    ///
    /// # Panics
    /// There is one already.
    pub(crate) fn set(&self, value: Box<T>) {
        assert!(!self.is_some(), "a thread owns one value");
        self.value.set(Box::into_raw(value));
    }

    /// Empties the place. Returns the value, or `None` if there is none or a [`with`](Self::with) on
    /// this thread's stack refers to it: then it is never freed.
    pub(crate) fn take(&self) -> Option<Box<T>> {
        let value = self.value.replace(ptr::null()).cast_mut();
        if value.is_null() || self.borrows.get() > 0 {
            return None;
        }
        // SAFETY: `set` leaked the box, and the pointer to it is gone from this place. No `with` is on
        // the stack, so no reference to the value exists.
        Some(unsafe { Box::from_raw(value) })
    }
}

/// A thread of Rust's that is one of Domain 0's systhreads. Dropping it undoes that.
pub(crate) struct Registered(PhantomData<*mut ()>);

impl Registered {
    /// Registers the calling thread, which OCaml does not know. Waits for Domain 0's lock, and gives
    /// it back. Returns `None` if OCaml has no memory for the thread.
    pub(crate) fn new() -> Option<Self> {
        // SAFETY: any thread that OCaml does not know may call it.
        let registered = unsafe { caml_c_thread_register() } != 0;
        registered.then_some(Registered(PhantomData))
    }

    /// Runs `f` with Domain 0's lock.
    pub(crate) fn with_lock<R>(&mut self, f: impl FnOnce(&RuntimeToken<'_>) -> R) -> R {
        struct Unlock;
        impl Drop for Unlock {
            fn drop(&mut self) {
                // SAFETY: this thread holds the lock, taken below.
                unsafe { caml_enter_blocking_section_no_pending() }
            }
        }
        // SAFETY: the thread is registered and does not hold the lock: `&mut self` rules out that this
        // function is on its stack already.
        unsafe { ocaml_sys::caml_leave_blocking_section() };
        let _unlock = Unlock;
        // SAFETY: the thread is registered and has taken the lock, which `_unlock` gives back after `f`.
        f(&unsafe { RuntimeToken::assume_locked() })
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        // SAFETY: the thread was registered, and does not hold the lock outside of `with_lock`.
        unsafe {
            caml_c_thread_unregister();
        }
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn an_owned_value_is_freed_unless_a_borrow_is_on_the_stack() {
        let owned = Owned::new();
        let value = Rc::new(7);
        assert_eq!(owned.with(|n: &Rc<i32>| **n), None);
        owned.set(Box::new(value.clone()));
        assert_eq!(owned.with(|n| **n), Some(7));
        assert_eq!(owned.take().map(|n| **n), Some(7));
        assert!(!owned.is_some());
        assert_eq!(Rc::strong_count(&value), 1);

        owned.set(Box::new(value.clone()));
        owned.with(|n| {
            assert!(owned.take().is_none(), "it is borrowed");
            assert_eq!(**n, 7);
        });
        assert!(!owned.is_some());
        assert_eq!(Rc::strong_count(&value), 2, "leaked");
    }

    #[test]
    fn a_borrow_ends_with_a_panic() {
        let owned = Owned::new();
        owned.set(Box::new(7));
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            owned.with(|_| panic!("in the closure"))
        }));
        assert!(panicked.is_err());
        assert!(owned.take().is_some());
    }
}
