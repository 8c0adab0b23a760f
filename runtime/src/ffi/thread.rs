//! Threads as OCaml sees them: the stubs on a thread's stack, the executor that a thread owns, and
//! threads that Rust registers with OCaml.

use crate::ffi::token::{RuntimeToken, assert_no_conversion, is_in_conversion};
use std::cell::Cell;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::LocalKey;

unsafe extern "C" {
    /// Releases the domain's lock without running signal handlers or finalisers first, so that it
    /// cannot raise.
    fn caml_enter_blocking_section_no_pending();
    /// The first word of the signals that were recorded and not handled.
    static caml_pending_signals: AtomicUsize;
    fn caml_c_thread_register() -> libc::c_int;
    fn caml_c_thread_unregister() -> libc::c_int;
}

/// Returns `true` if there is a signal that OCaml has not handled, and that the calling thread does not block: one that it
/// blocks is for another thread. Any thread.
pub(crate) fn has_pending_signals() -> bool {
    // SAFETY: OCaml defines it as an array of at least one atomic word.
    let pending = unsafe { &caml_pending_signals }.load(Ordering::Relaxed);
    pending != 0 && is_unblocked(pending)
}

/// Returns `true` if the calling thread does not block all of these signals: bit 0 is signal 1.
#[cold]
fn is_unblocked(signals: usize) -> bool {
    let mut blocked = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: a null pointer as the new mask changes nothing; the old one is written to `blocked`, of which all zeros
    // is a valid value.
    let blocked = unsafe {
        libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), blocked.as_mut_ptr());
        blocked.assume_init()
    };
    // SAFETY: it reads the set.
    let is_blocked = |signal| unsafe { libc::sigismember(&blocked, signal) == 1 };
    (0..usize::BITS as libc::c_int).any(|i| signals >> i & 1 == 1 && !is_blocked(i + 1))
}

/// Runs `f`, which waits, without the domain's lock.
///
/// # Safety
/// OCaml called the primitive that calls this, on this thread, and the primitive uses no OCaml value afterwards. Within `f`
/// there is no token on this thread.
pub(crate) unsafe fn blocking_section<R>(f: impl FnOnce() -> R) -> R {
    /// Takes the lock, also if `f` panics.
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            // SAFETY: the lock was released below, on this thread.
            unsafe { ocaml_sys::caml_leave_blocking_section() };
        }
    }
    // SAFETY: by this function's contract the thread holds the lock, and nothing on it uses OCaml before `Leave`.
    unsafe { caml_enter_blocking_section_no_pending() };
    let _leave = Leave;
    f()
}

/// A place of a thread: the `T` that the thread owns, and the calls on its stack that use it or have a
/// token. It is a thread-local that needs no destructor.
pub(crate) struct Place<T> {
    value: Cell<*const T>,
    /// The value while `hide` runs.
    hidden: Cell<*const T>,
    /// The values that `take` removed while they were borrowed.
    retired: Cell<ManuallyDrop<Vec<*const T>>>,
    /// The number of calls on the thread's stack that borrow the value, and, [`STUB`] for each, the
    /// number of stubs that OCaml has called.
    uses: Cell<u64>,
}

const BORROW: u64 = 1;
/// More than there can be borrows on a stack (nothing forgets one), and small enough for an operand of an instruction.
const STUB: u64 = 1 << 30;

/// Counts a use until it is dropped.
struct Use<'a, const N: u64>(&'a Cell<u64>);

impl<'a, const N: u64> Use<'a, N> {
    #[inline]
    fn new(uses: &'a Cell<u64>) -> Self {
        uses.set(uses.get() + N);
        Use(uses)
    }
}

impl<const N: u64> Drop for Use<'_, N> {
    #[inline]
    fn drop(&mut self) {
        self.0.set(self.0.get() - N);
    }
}

/// A value that a thread owns, of which a use is counted.
pub(crate) struct Counted<'a, T, const N: u64> {
    value: NonNull<T>,
    _use: Use<'a, N>,
}

/// A value that a thread owns, while it is borrowed.
pub(crate) type Borrowed<'a, T> = Counted<'a, T, BORROW>;

impl<T, const N: u64> Deref for Counted<'_, T, N> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the pointer comes from the box that `set` leaked. `take` frees the box only while no borrow is counted,
        // and `N` counts one, as `counted` asserts. `Place` is not `Sync`, so nothing else frees it.
        unsafe { self.value.as_ref() }
    }
}

/// A value that a thread owns, and the right to a token, while the body of a stub runs.
pub(crate) struct Entered<'a, T>(Counted<'a, T, { STUB + BORROW }>);

impl<T> Entered<'_, T> {
    /// Returns the value.
    #[inline]
    pub(crate) fn value(&self) -> &T {
        &self.0
    }

    /// Returns a token. It is not a field, whose address would keep the rest out of registers.
    #[inline]
    pub(crate) fn token(&self) -> RuntimeToken<'_> {
        // SAFETY: the contract of `enter_with`, for as long as there is `self`.
        unsafe { RuntimeToken::assume_locked() }
    }
}

/// The place of the calling thread in a thread-local: what `LocalKey::with` gives to a closure, without a closure, of
/// which the compiler would make a copy for each caller's caller.
pub(crate) struct Here<T>(NonNull<Place<T>>);

impl<T> Here<T> {
    /// Returns the calling thread's.
    #[inline]
    pub(crate) fn of(key: &'static LocalKey<Place<T>>) -> Self {
        const { assert!(!std::mem::needs_drop::<Place<T>>()) };
        Here(key.with(|place| NonNull::from(place)))
    }
}

impl<T> Deref for Here<T> {
    type Target = Place<T>;

    #[inline]
    fn deref(&self) -> &Place<T> {
        // SAFETY: `of` got the pointer from a thread-local of this thread, which `Here` does not leave: it is not `Send`.
        // On Linux a thread-local that needs no destructor, as `of` asserts, is a part of the thread's memory: it is there
        // as long as code of the thread runs.
        unsafe { self.0.as_ref() }
    }
}

impl<T> Place<T> {
    /// Creates an empty place.
    pub(crate) const fn new() -> Self {
        Place {
            value: Cell::new(ptr::null()),
            hidden: Cell::new(ptr::null()),
            retired: Cell::new(ManuallyDrop::new(Vec::new())),
            uses: Cell::new(0),
        }
    }

    /// Runs the body of a stub that OCaml has called.
    ///
    /// # Safety
    /// OCaml called the stub that calls this, on this thread. Whenever Rust code runs on this thread within
    /// `f`, the thread holds the domain's lock, except within [`without_token`](Self::without_token): OCaml code that `f`
    /// calls may release it, and takes it again before it returns.
    #[inline]
    pub(crate) unsafe fn enter<R>(&self, f: impl FnOnce(&RuntimeToken<'_>) -> R) -> R {
        let _use = Use::<STUB>::new(&self.uses);
        // SAFETY: this function's contract: the thread holds the lock whenever `f` runs.
        f(&unsafe { RuntimeToken::assume_locked() })
    }

    /// Borrows the value for the body of a stub that OCaml has called. Returns `None` if there is none.
    ///
    /// # Safety
    /// OCaml called the stub that calls this, on this thread. The result is dropped before the stub returns, and not within
    /// a [`without_token`](Self::without_token) or [`hide`](Self::hide) that began later. Until then the thread holds the
    /// domain's lock whenever Rust code runs on it, except within those.
    #[inline]
    pub(crate) unsafe fn enter_with(&self) -> Option<Entered<'_, T>> {
        self.counted().map(Entered)
    }

    /// Borrows the value, if there is one. Costs a load, a test, and an addition, and another one when the borrow ends.
    #[inline]
    pub(crate) fn borrow(&self) -> Option<Borrowed<'_, T>> {
        self.counted()
    }

    #[inline]
    fn counted<const N: u64>(&self) -> Option<Counted<'_, T, N>> {
        const { assert!(N % STUB == BORROW) };
        let value = NonNull::new(self.value.get().cast_mut())?;
        Some(Counted {
            value,
            _use: Use::new(&self.uses),
        })
    }

    /// Runs `f` with the value, if there is one. Within `f` the place seems to be empty, and there is no token.
    pub(crate) fn hide<R>(&self, f: impl FnOnce(&T) -> R) -> Option<R> {
        /// Puts the value back, also if `f` panics.
        struct Back<'a, T>(&'a Place<T>);
        impl<T> Drop for Back<'_, T> {
            fn drop(&mut self) {
                self.0.value.set(self.0.hidden.replace(ptr::null()));
            }
        }
        let value = self.borrow()?;
        self.hidden.set(self.value.replace(ptr::null()));
        let _back = Back(self);
        Some(self.without_token(|| f(&value)))
    }

    /// Returns the value, if there is one. Costs less than [`borrow`](Self::borrow).
    ///
    /// # Safety
    /// The reference is not used after anything that may empty the place: code of the user's, or OCaml.
    #[inline]
    pub(crate) unsafe fn get(&self) -> Option<&T> {
        // SAFETY: the pointer is null or comes from the box that `set` leaked, which `take` alone frees. By
        // this function's contract it does not while the reference is used.
        unsafe { self.value.get().as_ref() }
    }

    /// Runs `f` with a token if OCaml has called into Rust on this thread, and no value is being converted.
    #[inline]
    pub(crate) fn with_token<R>(&self, f: impl FnOnce(&RuntimeToken<'_>) -> R) -> Option<R> {
        (self.uses.get() >= STUB && !is_in_conversion()).then(|| {
            // SAFETY: a stub is counted, so `enter` runs the body of one, or there is an `Entered` of one, and no
            // `without_token` began since, which takes the count away. By their contracts the stub has not returned when
            // `f` does, and the thread holds the lock.
            f(&unsafe { RuntimeToken::assume_locked() })
        })
    }

    /// Returns `true` if OCaml has called one stub on this thread, and none within that.
    #[inline]
    pub(crate) fn is_outermost(&self) -> bool {
        self.uses.get() < 2 * STUB
    }

    /// Runs `f`. Within it there is no token.
    pub(crate) fn without_token<R>(&self, f: impl FnOnce() -> R) -> R {
        /// Puts back what was hidden, also if `f` panics.
        struct Back<'a>(&'a Cell<u64>, u64);
        impl Drop for Back<'_> {
            fn drop(&mut self) {
                self.0.set(self.0.get() + self.1);
            }
        }
        let uses = self.uses.get();
        self.uses.set(uses % STUB);
        let _back = Back(&self.uses, uses - uses % STUB);
        f()
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

    /// Empties the place and returns its value. A value that a call on this thread's stack borrows is
    /// retired instead: the first `take` after the last such call returns it. Nothing frees it earlier,
    /// because the end of a borrow would cost a test.
    pub(crate) fn take(&self) -> Vec<Box<T>> {
        let mut retired = ManuallyDrop::into_inner(self.retired.take());
        let value = self.value.replace(ptr::null());
        if !value.is_null() {
            retired.push(value);
        }
        if self.uses.get() % STUB > 0 {
            self.retired.set(ManuallyDrop::new(retired));
            return Vec::new();
        }
        // SAFETY: `set` leaked the boxes, and the pointers to them are gone from this place, where each was
        // once. No borrow is counted, and by its contract no reference of `get` is used any more.
        let free = |value: *const T| unsafe { Box::from_raw(value.cast_mut()) };
        retired.into_iter().map(free).collect()
    }

    /// Empties the place, and never frees what it had.
    pub(crate) fn forget(&self) {
        self.value.set(ptr::null());
        self.hidden.set(ptr::null());
        self.retired.set(ManuallyDrop::default());
    }
}

/// What a thread has to do with Domain 0's lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lock {
    /// The thread is not registered with OCaml by this crate.
    NotRegistered,
    Released,
    Held,
}

thread_local! {
    static LOCK: Cell<Lock> = const { Cell::new(Lock::NotRegistered) };
}

/// Sets `LOCK` back when it is dropped, and does what that takes.
struct Back(Lock);

impl Drop for Back {
    fn drop(&mut self) {
        // SAFETY: `with_lock` or `without_lock` has changed the lock from this state, on this thread, and
        // everything that did so since has undone it.
        unsafe {
            match self.0 {
                Lock::Released => caml_enter_blocking_section_no_pending(),
                Lock::Held => ocaml_sys::caml_leave_blocking_section(),
                Lock::NotRegistered => {}
            }
        }
        LOCK.set(self.0);
    }
}

/// A thread of Rust's that is one of Domain 0's systhreads, without its lock. Dropping it undoes that.
pub(crate) struct Registered(PhantomData<*mut ()>);

impl Registered {
    /// Registers the calling thread, which OCaml does not know. Waits for Domain 0's lock, and gives
    /// it back. Returns `None` if OCaml has no memory for the thread.
    pub(crate) fn new() -> Option<Self> {
        assert_eq!(LOCK.get(), Lock::NotRegistered);
        // SAFETY: any thread may call it. If OCaml knows the thread already, it changes nothing and
        // returns 0.
        let registered = unsafe { caml_c_thread_register() } != 0;
        registered.then(|| {
            LOCK.set(Lock::Released);
            Registered(PhantomData)
        })
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        LOCK.set(Lock::NotRegistered);
        // SAFETY: the thread was registered. It does not hold the lock: each `with_lock` has ended.
        unsafe {
            caml_c_thread_unregister();
        }
    }
}

/// Runs `f` with Domain 0's lock, on a thread that is [`Registered`]. Takes the lock if the thread does
/// not hold it, which may wait for OCaml code of other threads. Returns `None` on any other thread, and while a value is
/// being converted.
pub(crate) fn with_lock<R>(f: impl FnOnce(&RuntimeToken<'_>) -> R) -> Option<R> {
    let _back = match LOCK.get() {
        _ if is_in_conversion() => return None,
        Lock::NotRegistered => return None,
        Lock::Held => None,
        Lock::Released => {
            // SAFETY: the thread is registered and does not hold the lock.
            unsafe { ocaml_sys::caml_leave_blocking_section() };
            LOCK.set(Lock::Held);
            Some(Back(Lock::Released))
        }
    };
    // SAFETY: the thread is registered and holds the lock, until `_back` gives it back after `f`. If `f`
    // releases it in between, it does so by `without_lock`, whose closure has no token: a token is not
    // `Send`.
    Some(f(&unsafe { RuntimeToken::assume_locked() }))
}

/// Runs `f`, which waits, without Domain 0's lock. On a thread that does not hold the lock by
/// [`with_lock`] this is just `f`. `f` is `Send` so that it captures no token, which would not be valid.
///
/// # Panics
/// A value is being converted, which another thread of the domain could move.
pub(crate) fn without_lock<R>(f: impl FnOnce() -> R + Send) -> R {
    assert_no_conversion();
    let _back = (LOCK.get() == Lock::Held).then(|| {
        // SAFETY: the thread is registered and holds the lock.
        unsafe { caml_enter_blocking_section_no_pending() };
        LOCK.set(Lock::Released);
        Back(Lock::Held)
    });
    f()
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn take_returns_the_value() {
        let place: Place<Rc<i32>> = Place::new();
        let value = Rc::new(7);
        assert!(place.borrow().is_none());
        assert!(place.take().is_empty());
        place.set(Box::new(value.clone()));
        assert_eq!(place.borrow().map(|n| **n), Some(7));
        assert_eq!(place.take(), [Box::new(value.clone())]);
        assert!(!place.is_some());
        assert_eq!(Rc::strong_count(&value), 1);
        assert!(place.take().is_empty(), "it was returned");
    }

    #[test]
    fn a_borrowed_value_is_retired_until_the_last_borrow_ends() {
        let place = Place::new();
        let value = Rc::new(7);
        place.set(Box::new(value.clone()));
        let outer = place.borrow().expect("it was set");
        let inner = place.borrow().expect("it was set");
        assert!(place.take().is_empty(), "two calls borrow it");
        assert!(!place.is_some());
        assert!(place.borrow().is_none());
        assert_eq!(**inner, 7);
        drop(inner);
        assert!(place.take().is_empty(), "one call borrows it");
        assert_eq!(**outer, 7);
        drop(outer);
        assert_eq!(place.take(), [Box::new(value.clone())]);
        assert_eq!(Rc::strong_count(&value), 1);
        assert!(place.take().is_empty(), "it was returned");
    }

    #[test]
    fn a_retired_value_leaves_room_for_another_one() {
        let place = Place::new();
        place.set(Box::new(1));
        let first = place.borrow().expect("it was set");
        place.take();
        place.set(Box::new(2));
        let second = place.borrow().expect("it was set");
        place.take();
        assert_eq!((*first, *second), (1, 2));
        drop((first, second));
        assert_eq!(place.take(), [Box::new(1), Box::new(2)]);
    }

    #[test]
    fn the_place_of_a_thread_is_its_own() {
        thread_local! {
            static PLACE: Place<i32> = const { Place::new() };
        }
        let here = Here::of(&PLACE);
        here.set(Box::new(7));
        assert_eq!(Here::of(&PLACE).borrow().map(|n| *n), Some(7));
        let elsewhere = std::thread::spawn(|| Here::of(&PLACE).is_some());
        assert!(!elsewhere.join().expect("it does not panic"));
        here.take();
    }

    #[test]
    fn a_hidden_value_is_put_back() {
        let place = Place::new();
        assert_eq!(place.hide(|n: &i32| *n), None);
        place.set(Box::new(7));
        let hidden = place.hide(|n| (*n, place.is_some(), place.take().len()));
        assert_eq!(hidden, Some((7, false, 0)));
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            place.hide(|_| panic!("in the closure"))
        }));
        assert!(panicked.is_err());
        assert_eq!(place.take(), [Box::new(7)]);
    }

    #[test]
    fn a_hidden_value_that_is_forgotten_is_not_put_back() {
        let place = Place::new();
        place.set(Box::new(7));
        place.hide(|_| place.forget());
        assert!(!place.is_some());
    }

    #[test]
    fn what_is_forgotten_is_not_freed() {
        let place = Place::new();
        let value = Rc::new(7);
        place.set(Box::new(value.clone()));
        let borrowed = place.borrow();
        place.take();
        drop(borrowed);
        place.set(Box::new(value.clone()));
        place.forget();
        assert!(!place.is_some());
        assert!(place.take().is_empty());
        assert_eq!(Rc::strong_count(&value), 3);
    }

    #[test]
    fn a_borrow_ends_with_a_panic() {
        let place = Place::new();
        place.set(Box::new(7));
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _borrowed = place.borrow();
            place.take();
            panic!("while it is borrowed")
        }));
        assert!(panicked.is_err());
        assert_eq!(place.take(), [Box::new(7)]);
    }

    #[test]
    fn without_a_stub_there_is_no_token() {
        let place = Place::new();
        place.set(Box::new(7));
        assert!(place.with_token(|_| ()).is_none());
        let _borrowed = place.borrow();
        assert!(place.with_token(|_| ()).is_none());
    }
}
