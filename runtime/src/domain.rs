//! Domains seen from Rust: find one, send it work, wait for what becomes of it.

pub(crate) mod calls;
pub(crate) mod core;
pub(crate) mod executor;
pub(crate) mod garbage;
pub(crate) mod handle;
pub(crate) mod join;
pub(crate) mod registry;
pub(crate) mod shared;
pub(crate) mod waits;

#[cfg(all(test, loom_model))]
mod loom_tests;

use crate::base::counters::DomainStats;
use crate::base::error::{CallError, DomainTerminated, JoinError, TokenError};
use crate::base::panic::catch_unwind;
use crate::domain::core as local;
use crate::domain::handle::handle_in;
use crate::domain::join::JoinHandle;
use crate::domain::registry::registry;
use crate::domain::shared::{Message, Run, Shared};
use crate::ffi::token::RuntimeToken;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

pub use crate::domain::core::with_token;

/// Names an OCaml domain that has an executor. Cheap to clone; any thread may have one,
/// and it may outlive its domain. As an argument of a `#[func]` it is a `Lwt_interop.Handle.t`.
#[derive(Clone)]
pub struct Domain {
    shared: Arc<Shared>,
}

/// The domain whose loop this thread runs. Any thread.
pub fn current() -> Option<Domain> {
    local::with_current(|local| Domain::from_shared(local.shared.clone()))
}

/// The domain with this unique id, if it has an executor. Any thread.
pub fn get(id: u64) -> Option<Domain> {
    registry().get(&id).cloned().map(Domain::from_shared)
}

/// Every domain that has an executor, by id. Any thread.
pub fn all() -> Vec<Domain> {
    registry()
        .values()
        .cloned()
        .map(Domain::from_shared)
        .collect()
}

/// Domain 0, once it has run a Lwt loop or called Rust. Any thread.
pub fn main() -> Option<Domain> {
    get(0)
}

/// Adds a task to the executor of the domain whose loop this thread runs. The future need
/// not be `Send`; it never leaves the domain. Dropping the handle detaches the task.
///
/// # Errors
/// This thread runs no domain's loop.
pub fn spawn_local<T: 'static>(
    future: impl Future<Output = T> + 'static,
) -> Result<JoinHandle<T>, TokenError> {
    let spawned = local::with_current(|local| {
        let (handle, joined) = join::pair(local.shared.id);
        local.executor.spawn(joined.run(future));
        handle
    });
    spawned.ok_or_else(local::no_executor)
}

impl Domain {
    pub(crate) fn from_shared(shared: Arc<Shared>) -> Self {
        Domain { shared }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The unique id, the same as OCaml's `(Domain.self () :> int)`. It is never used again
    /// for another domain.
    pub fn id(&self) -> u64 {
        self.shared.id
    }

    /// Whether the domain still takes work. It may end right after.
    pub fn is_alive(&self) -> bool {
        self.shared.is_alive()
    }

    /// What the domain has done so far.
    pub fn stats(&self) -> DomainStats {
        self.shared.counters.stats()
    }

    /// Runs a task on the domain: `factory` travels there, and the future that it makes,
    /// which need not be `Send`, is polled and dropped there. Any thread, never blocks. Costs
    /// a few allocations, and a system call if the domain sleeps.
    ///
    /// A domain that does not run its Lwt loop at the moment starts the task when it next
    /// does.
    ///
    /// # Errors
    /// The domain has ended; the factory comes back.
    pub fn spawn<F, Fut, T>(&self, factory: F) -> Result<JoinHandle<T>, DomainTerminated<F>>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = T> + 'static,
        T: Send + 'static,
    {
        let (handle, joined) = join::pair(self.id());
        let message = Spawn { factory, joined };
        match local::send(&self.shared, message) {
            Ok(()) => Ok(handle),
            Err(refused) => Err(DomainTerminated {
                domain: self.id(),
                work: refused.factory,
            }),
        }
    }

    /// Runs `f` on the domain with its [`RuntimeToken`], between two polls of tasks. Any
    /// thread, never blocks. `f` must not block either.
    ///
    /// # Errors
    /// The domain has ended; the closure comes back.
    pub fn call<F, T>(&self, f: F) -> Result<JoinHandle<T>, DomainTerminated<F>>
    where
        F: FnOnce(&RuntimeToken<'_>) -> T + Send + 'static,
        T: Send + 'static,
    {
        let (handle, joined) = join::pair(self.id());
        match local::send(&self.shared, Call { f, joined }) {
            Ok(()) => Ok(handle),
            Err(refused) => Err(DomainTerminated {
                domain: self.id(),
                work: refused.f,
            }),
        }
    }

    /// [`call`](Domain::call), and wait for the outcome without `.await`. For Rust threads and
    /// tokio's blocking pool; a tokio worker that calls it serves nothing else meanwhile. If the
    /// calling thread's last calls were answered soon, it looks for the answer for up to 50 us
    /// before it sleeps.
    ///
    /// # Errors
    /// The domain has ended, `f` panicked, or the calling thread runs a domain's loop.
    pub fn call_blocking<F, T>(&self, f: F) -> Result<T, CallError<F>>
    where
        F: FnOnce(&RuntimeToken<'_>) -> T + Send + 'static,
        T: Send + 'static,
    {
        if let Some(domain) = local::with_current(|local| local.shared.id) {
            return Err(CallError::WouldBlockDomain { domain, work: f });
        }
        let handle = self.call(f).map_err(CallError::DomainTerminated)?;
        handle.wait().map_err(CallError::Failed)
    }
}

// SAFETY: what is none is refused.
unsafe impl ocaml::FromValue for Domain {
    fn from_value(value: ocaml::Value) -> Self {
        // SAFETY: conversions run with the lock held, and the value is rooted.
        let shared = unsafe { handle_in(value.raw().0).cloned() };
        let shared = shared.expect("an OCaml value that was to be a Lwt_interop.Handle.t is none");
        Domain::from_shared(shared)
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Domain")
            .field("id", &self.id())
            .field("alive", &self.is_alive())
            .finish()
    }
}

impl PartialEq for Domain {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for Domain {}

impl std::hash::Hash for Domain {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.id().hash(state);
    }
}

impl RuntimeToken<'_> {
    /// The domain whose loop this thread runs. `None` on the blocking lane.
    pub fn domain(&self) -> Option<Domain> {
        let local = local::of(self).ok()?;
        Some(Domain::from_shared(local.shared.clone()))
    }
}

struct Spawn<F, T> {
    factory: F,
    joined: join::Joined<T>,
}

impl<F, Fut, T> Message for Spawn<F, T>
where
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output = T> + 'static,
    T: Send + 'static,
{
    fn deliver(self: Box<Self>, token: &RuntimeToken<'_>) {
        let Spawn {
            factory,
            mut joined,
        } = *self;
        if joined.is_cancelled() {
            return joined.report(Err(JoinError::Cancelled));
        }
        match catch_unwind(factory) {
            Ok(future) => {
                let local = local::of(token).expect("a loop delivers");
                local.executor.spawn(joined.run(future));
            }
            Err(panic) => joined.report(Err(JoinError::Panicked(panic))),
        }
    }
}

struct Call<F, T> {
    f: F,
    joined: join::Joined<T>,
}

impl<F, T> Message for Call<F, T>
where
    F: FnOnce(&RuntimeToken<'_>) -> T + Send + 'static,
    T: Send + 'static,
{
    fn deliver(self: Box<Self>, token: &RuntimeToken<'_>) {
        let Call { f, joined } = *self;
        joined.compute(|| f(token));
    }
}

/// Sends a closure that nobody waits for. `Err` if the domain is gone.
pub(crate) fn post<F>(shared: &Shared, f: F) -> Result<(), F>
where
    F: FnOnce(&RuntimeToken<'_>) + Send + 'static,
{
    local::send(shared, Run(f)).map_err(|Run(f)| f)
}
