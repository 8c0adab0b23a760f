//! The proof that this thread holds a domain's lock and may touch OCaml values.

use std::marker::PhantomData;

/// The right to use the OCaml runtime, here and now.
///
/// It exists only inside the closure given to [`with_token`](crate::domain::with_token) (or to
/// [`Domain::call`](crate::Domain::call)), on the thread that runs a domain's loop, while OCaml has called
/// into Rust. It is not `Send`, and cannot outlive the closure, so it cannot be kept
/// across an `.await`.
///
/// ```compile_fail
/// use ocaml_lwt_interop::domain::with_token;
/// let kept = with_token(|token| token); // does not live long enough
/// ```
pub struct RuntimeToken<'a> {
    /// The domain whose lock is held.
    domain: u64,
    _lock: PhantomData<&'a ()>,
    /// Neither `Send` nor `Sync`: another thread has no right to this domain.
    _not_send: PhantomData<*mut ()>,
}

impl RuntimeToken<'_> {
    /// # Safety
    /// The calling thread holds the lock of this domain for as long as the token lives, and may use
    /// OCaml: OCaml has called into Rust, or it is a registered thread that has taken the lock.
    #[inline]
    pub(crate) unsafe fn assume_locked(domain: u64) -> Self {
        RuntimeToken {
            domain,
            _lock: PhantomData,
            _not_send: PhantomData,
        }
    }

    /// The OCaml runtime, for conversions and allocation.
    pub fn runtime(&self) -> &ocaml::Runtime {
        // SAFETY: the runtime is started and this thread holds a domain's lock, which is
        // what the handle stands for; it is borrowed from the token.
        unsafe { ocaml::Runtime::recover_handle() }
    }

    /// The unique id of the domain whose lock is held.
    pub fn domain_id(&self) -> u64 {
        self.domain
    }
}

impl std::fmt::Debug for RuntimeToken<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RuntimeToken")
            .field("domain", &self.domain_id())
            .finish()
    }
}
