//! The proof that this thread holds a domain's lock and may touch OCaml values.

use crate::domain::Domain;
use crate::error::TokenError;
use crate::local::{self, Local};
use std::marker::PhantomData;

/// The right to use the OCaml runtime, here and now.
///
/// It exists only inside the closure given to [`with_token`] (or to
/// [`Domain::call`]), on the thread that runs a domain's loop, while OCaml has called
/// into Rust. It is not `Send`, and cannot outlive the closure, so it cannot be kept
/// across an `.await`.
///
/// ```compile_fail
/// use ocaml_lwt_interop::domain::with_token;
/// let kept = with_token(|token| token); // does not live long enough
/// ```
pub struct RuntimeToken<'a> {
    /// `None` on the blocking lane, whose threads run no loop.
    local: Option<&'a Local>,
    /// Neither `Send` nor `Sync`: another thread has no right to this domain.
    _not_send: PhantomData<*mut ()>,
}

impl<'a> RuntimeToken<'a> {
    /// The caller holds the lock of `local`'s domain on the thread that owns it, and
    /// OCaml called into Rust: only `Local` knows that.
    pub(crate) fn new(local: &'a Local) -> Self {
        RuntimeToken {
            local: Some(local),
            _not_send: PhantomData,
        }
    }

    /// The caller holds Domain 0's lock on a thread of the blocking lane.
    pub(crate) fn on_lane() -> RuntimeToken<'static> {
        RuntimeToken {
            local: None,
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
        self.local.map_or(0, |local| local.shared.id)
    }

    /// The domain whose loop this thread runs. `None` on the blocking lane.
    pub fn domain(&self) -> Option<Domain> {
        self.local
            .map(|local| Domain::from_shared(local.shared.clone()))
    }

    /// The executor; there is none on the blocking lane.
    pub(crate) fn local(&self) -> Result<&'a Local, TokenError> {
        self.local.ok_or(TokenError::NotADomainThread)
    }
}

impl std::fmt::Debug for RuntimeToken<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RuntimeToken")
            .field("domain", &self.domain_id())
            .finish()
    }
}

/// Runs `f` with the right to use the OCaml runtime. Costs a thread-local read.
///
/// Call it inside a task of a domain's executor, inside a `#[func]`, or inside a closure
/// given to [`Domain::call`]. Do not block in `f`, nor hold a lock that another domain
/// may wait for: both stop every domain's garbage collector.
///
/// # Errors
/// Anywhere else, such as on a tokio worker, there is no OCaml runtime to use, and the
/// error says so.
pub fn with_token<R>(f: impl for<'a> FnOnce(&RuntimeToken<'a>) -> R) -> Result<R, TokenError> {
    local::with_entered(|local| f(&RuntimeToken::new(local)))
}
