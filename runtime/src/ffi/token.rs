//! The proof that this thread holds a domain's lock and may touch OCaml values.

use crate::base::not_send::NotSend;
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

    /// Returns the OCaml runtime, for conversions and allocation by the crate `ocaml`.
    pub fn runtime(&self) -> &ocaml::Runtime {
        // SAFETY: this thread holds a domain's lock for as long as the token exists, which is what the
        // handle stands for; the handle is borrowed from the token.
        unsafe { ocaml::Runtime::recover_handle() }
    }
}
