//! The proof that this thread holds a domain's lock and may touch OCaml values.

use crate::base::not_send::NotSend;
use std::cell::Cell;
use std::marker::PhantomData;

/// The proof that the calling thread may use the OCaml runtime.
///
/// It exists only inside the closure that is given to
/// [`with_token`](crate::domain::with_token) or [`Domain::call`](crate::Domain::call), on the thread
/// that runs a domain's loop, while OCaml has called into Rust. It is not `Send`, and cannot outlive
/// the closure, so it cannot be kept across an `.await`.
///
/// ```compile_fail
/// use ocaml_lwt_interop::domain::with_token;
/// let kept = with_token(|token| token); // does not live long enough
/// ```
pub struct RuntimeToken<'a> {
    _lock: PhantomData<&'a ()>,
    /// Another thread does not hold this lock.
    _not_send: NotSend<()>,
}

impl RuntimeToken<'_> {
    /// Makes a token. No other function does.
    ///
    /// # Safety
    /// For as long as the token exists, the calling thread holds a domain's lock and may use the OCaml
    /// runtime: OCaml has called into Rust on it, or it is a registered thread that has taken the lock.
    #[inline]
    pub(crate) unsafe fn assume_locked() -> Self {
        RuntimeToken {
            _lock: PhantomData,
            _not_send: PhantomData,
        }
    }

    /// Returns the OCaml runtime, for the crate `ocaml`.
    ///
    /// # Safety
    /// What the crate `ocaml` does not check is the caller's part: that values are rooted while anything allocates, that
    /// they are of the types that they are converted to, and that the runtime is used on this thread alone, whose lock is
    /// not released.
    pub unsafe fn runtime(&self) -> &ocaml::Runtime {
        // SAFETY: this thread holds a domain's lock for as long as the token exists, which is what the
        // handle stands for; the handle is borrowed from the token.
        unsafe { ocaml::Runtime::recover_handle() }
    }
}

thread_local! {
    /// Whether code of users' runs in the middle of a conversion.
    static IN_CONVERSION: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f`, code of users' in the middle of a conversion, without a token: a collection would move the values that are
/// being read.
pub(crate) fn without_token<R>(f: impl FnOnce() -> R) -> R {
    struct Back(bool);
    impl Drop for Back {
        fn drop(&mut self) {
            IN_CONVERSION.set(self.0);
        }
    }
    let _back = Back(IN_CONVERSION.replace(true));
    f()
}

/// Whether [`without_token`] is on this thread's stack.
#[inline]
pub(crate) fn is_in_conversion() -> bool {
    IN_CONVERSION.get()
}

/// Panics in the middle of a conversion, where a token that code of users' has from elsewhere must not be used either.
#[inline(always)]
pub(crate) fn assert_no_conversion() {
    if is_in_conversion() {
        refuse();
    }
}

#[cold]
#[inline(never)]
fn refuse() -> ! {
    panic!("OCaml cannot be used here: a value is being converted")
}
