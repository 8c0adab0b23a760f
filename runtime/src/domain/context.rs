//! The executor of the calling thread, and the right to use it.

use crate::base::error::TokenError;
use crate::base::panic::{self, catch_and_discard};
use crate::base::tokio_context::TokioContext;
use crate::base::tokio_rt;
use crate::domain::core::Core;
use crate::domain::executor::Executor;
use crate::domain::reactor::{self, Reactor};
use crate::domain::registry;
use crate::domain::shared::Shared;
use crate::ffi::batch::Batch;
use crate::ffi::promises::Promises;
use crate::ffi::thread::{self, Here, Place};
use crate::ffi::token::RuntimeToken;
use std::cell::Cell;
use std::ffi::CString;
use std::io;
use std::sync::{Arc, OnceLock};

/// Why a thread owns no executor.
#[derive(Clone, Copy)]
enum NoExecutor {
    /// It runs no domain's loop.
    OtherThread,
    /// It owned the executor of this domain, which has terminated.
    Terminated(u64),
}

/// The domain whose executor the thread that forked had, in the child of a fork after tokio had started: tokio's threads have
/// no copies, and the descriptors are the parent's as well.
static FORKED_FROM: OnceLock<u64> = OnceLock::new();

thread_local! {
    /// The executor of a thread that runs a domain's loop, and the stubs on the thread's stack.
    static CURRENT: Place<Core> = const { Place::new() };
    /// The domain whose executor [`hide`] hides.
    static HIDDEN: Cell<Option<u64>> = const { Cell::new(None) };
    /// The reason why there is none.
    static NO_EXECUTOR: Cell<NoExecutor> = const { Cell::new(NoExecutor::OtherThread) };
}

/// The place of the calling thread for its executor.
#[inline]
pub(crate) fn here() -> Here<Core> {
    Here::of(&CURRENT)
}

/// Runs `f` with the executor that the calling thread owns, whether or not OCaml has called into
/// Rust: `f` must not use OCaml values. Returns `None` if the thread owns no executor.
#[inline]
pub(crate) fn with_current<R>(f: impl FnOnce(&Core) -> R) -> Option<R> {
    let here = here();
    let core = here.borrow()?;
    Some(f(&core))
}

/// Runs `f` with the executor that the calling thread owns. For code that `f` calls, the thread owns none, and has no token:
/// it is like any thread of tokio's, but must not block.
pub(crate) fn hide<R>(f: impl FnOnce(&Core) -> R) -> Option<R> {
    /// Ends it, also if `f` panics.
    struct End;
    impl Drop for End {
        fn drop(&mut self) {
            HIDDEN.set(None);
        }
    }
    here().hide(|core| {
        HIDDEN.set(Some(core.shared.id));
        let _end = End;
        f(core)
    })
}

/// Returns the domain whose loop the calling thread runs, also while its executor is hidden.
pub(crate) fn loop_of() -> Option<u64> {
    with_current(|core| core.shared.id).or_else(|| HIDDEN.get())
}

/// Whether the stub that is running was called by code that no other stub has called.
#[inline]
pub(crate) fn is_outermost() -> bool {
    here().is_outermost()
}

/// Whether the calling thread owns an executor.
#[inline]
pub(crate) fn has_current() -> bool {
    here().is_some()
}

/// Runs `f` with the executor that the calling thread owns and a token, if OCaml has called into Rust
/// on this thread.
#[inline]
pub(crate) fn with_entered<R>(
    f: impl FnOnce(&Core, &RuntimeToken<'_>) -> R,
) -> Result<R, TokenError> {
    let here = here();
    let Some(core) = here.borrow() else {
        return Err(no_executor());
    };
    let entered = here.with_token(|token| f(&core, token));
    entered.ok_or(TokenError::OutsideExecutor {
        domain: core.shared.id,
    })
}

/// [`with_entered`] with dynamic dispatch: it is compiled once, and not for each type of closure.
pub(crate) fn with_entered_dyn(
    f: &mut dyn FnMut(&Core, &RuntimeToken<'_>),
) -> Result<(), TokenError> {
    with_entered(f)
}

/// Runs `f` with a token if OCaml has called into Rust on the calling thread.
#[inline]
pub(crate) fn with_stub<R>(f: impl FnOnce(&RuntimeToken<'_>) -> R) -> Option<R> {
    here().with_token(f)
}

/// Runs `f` with the executor of the token's domain.
///
/// # Errors
/// The token is that of Domain 0's blocking pool, whose threads own no executor.
#[inline]
pub(crate) fn with_core<R>(
    _token: &RuntimeToken<'_>,
    f: impl FnOnce(&Core) -> R,
) -> Result<R, TokenError> {
    with_current(f).ok_or_else(no_executor)
}

/// Returns an error in the child of a fork, on all its threads: executors and threads are the parent's.
pub(crate) fn check_not_forked() -> Result<(), TokenError> {
    match FORKED_FROM.get() {
        None => Ok(()),
        Some(&domain) => Err(TokenError::Forked { domain }),
    }
}

/// Returns `true` in the child of a fork, where executors and threads are the parent's.
pub(crate) fn is_forked() -> bool {
    check_not_forked().is_err()
}

/// Returns the reason why the calling thread, which owns no executor, has none.
pub(crate) fn no_executor() -> TokenError {
    if let Err(forked) = check_not_forked() {
        return forked;
    }
    match NO_EXECUTOR.get() {
        NoExecutor::Terminated(domain) => TokenError::DomainTerminated { domain },
        NoExecutor::OtherThread => TokenError::NotADomainThread,
    }
}

/// Runs `f` with the right to use the OCaml runtime. Costs two thread-local reads.
///
/// Call it inside a task of a domain's executor, inside a `#[func]`, or inside a closure that is given
/// to [`Domain::call`](crate::Domain::call). Do not block in `f`, nor hold a lock that another domain may
/// wait for: both stop every domain's garbage collector.
///
/// In a closure on Domain 0's blocking pool (see [`ocaml_blocking`](crate::ocaml_blocking)) it takes
/// Domain 0's lock for `f`, which waits while OCaml code runs there, and gives the lock back afterwards.
///
/// # Errors
/// Anywhere else, such as on a tokio worker, there is no OCaml runtime to use, and the error says so.
pub fn with_token<R>(f: impl for<'a> FnOnce(&RuntimeToken<'a>) -> R) -> Result<R, TokenError> {
    if has_current() {
        return with_entered(|_, token| f(token));
    }
    thread::with_lock(f).ok_or_else(no_executor)
}

/// Makes the executor of domain `id`, which the calling thread owns from then on.
///
/// # Errors
/// tokio could not be started, there is no descriptor left, or the process was forked. Nothing has changed.
pub(crate) fn open(
    _token: &RuntimeToken<'_>,
    id: u64,
    batch: Batch,
    promises: Promises,
) -> io::Result<Arc<Shared>> {
    if has_current() {
        // A signal handler or a finaliser ran in between and called Rust: OCaml has not noted the
        // executor yet.
        return Err(io::Error::other(
            "its executor is being created, by code that this call has interrupted",
        ));
    }
    check_not_forked().map_err(io::Error::other)?;
    panic::record_origins();
    let tokio = tokio_rt::runtime()?;
    let executor = Executor::new(Shared::new(id)?);
    let shared = executor.shared().clone();
    let core = Core::new(
        executor,
        batch,
        promises,
        TokioContext::enter(tokio.handle()),
    );
    name_thread(id);
    registry::insert(shared.clone());
    here().set(Box::new(core));
    Ok(shared)
}

/// Gives the thread of a domain a name that debuggers and top show. The main thread keeps its own, which is
/// the process's.
fn name_thread(id: u64) {
    if id != 0 {
        let name = CString::new(format!("domain-{id}")).expect("there is no zero in it");
        // It fails for a bad pointer only.
        let _ = nix::sys::prctl::set_name(&name);
    }
}

/// What a call of [`close`] did.
pub(crate) enum Close {
    /// A step, after which more is to be done.
    Step,
    /// The last step, or it freed an executor that earlier calls had closed. The caller drops tokio runtimes of the
    /// domain's own, and with them their tasks.
    Finished(Vec<Reactor>),
    /// Nothing: the calling thread has no executor to close or free.
    Nothing,
}

/// Ends the executor of the calling thread, in steps of a budget: messages go back, tasks are dropped
/// here, and Rust forgets every pending call, for OCaml to resolve. Called at the domain's end until there
/// are no more steps.
///
/// If OCaml code that Rust has called calls `exit`, a Rust frame below refers to the executor, which is
/// closed then but not freed. Usually the process ends. But if a function of `at_exit` raises, that frame
/// returns and the domain goes on: a call at its end, when nothing refers to the executor, frees it.
pub(crate) fn close(_token: &RuntimeToken<'_>) -> Close {
    let more = with_current(|core| {
        core.begin_close();
        if core.close_some() {
            return true;
        }
        registry::end(&core.shared);
        false
    });
    if more == Some(true) {
        return Close::Step;
    }
    with_current(|core| NO_EXECUTOR.set(NoExecutor::Terminated(core.shared.id)));
    let cores = here().take();
    if more.is_none() && cores.is_empty() {
        return Close::Nothing;
    }
    let mut reactors = Vec::new();
    for mut core in cores {
        reactors.extend(core.take_reactor());
        catch_and_discard(|| drop(core));
    }
    Close::Finished(reactors)
}

/// In the child of a fork, whose only thread calls it: the executor remains the parent's, and the child has a copy of its
/// memory that it must neither use nor drop. Before Rust was called, there is nothing to abandon.
pub(crate) fn abandon_to_parent() {
    if tokio_rt::has_started() {
        let domain = with_current(|core| core.shared.id).unwrap_or_default();
        // A child that forks again keeps the first one.
        let _ = FORKED_FROM.set(domain);
    }
    reactor::forget_busy();
    here().forget();
}
