//! Domains as Rust sees them: find one, send it work, wait for the outcome.

pub(crate) mod calls;
pub(crate) mod context;
pub(crate) mod core;
pub(crate) mod dispatch;
pub(crate) mod executor;
pub(crate) mod garbage;
pub(crate) mod handle;
pub(crate) mod join;
pub(crate) mod message;
pub(crate) mod reactor;
pub(crate) mod registry;
pub(crate) mod shared;
pub(crate) mod sources;
pub(crate) mod waits;

#[cfg(all(test, loom_model))]
mod loom_tests;

use crate::base::counters::DomainStats;
use crate::base::error::{CallError, DomainTerminated, JoinError, TokenError};
use crate::base::panic::catch_unwind;
use crate::domain::dispatch::send;
use crate::domain::join::JoinHandle;
use crate::domain::message::Message;
use crate::domain::registry::registry;
use crate::domain::shared::Shared;
use crate::ffi::token::RuntimeToken;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

pub use crate::domain::context::with_token;

/// A handle to an OCaml domain that has an executor. Cheap to clone; any thread may hold one, and it may
/// outlive its domain. As an argument of a `#[func]` it is a `Lwt_interop.Handle.t`.
#[derive(Clone)]
pub struct Domain {
    shared: Arc<Shared>,
}

/// Returns the domain whose loop the calling thread runs. Any thread.
pub fn current() -> Option<Domain> {
    context::with_current(|core| Domain::from_shared(core.shared.clone()))
}

/// Returns the domain with this unique id, if it has an executor. Any thread.
pub fn get(id: u64) -> Option<Domain> {
    registry().get(&id).cloned().map(Domain::from_shared)
}

/// Returns every domain that has an executor, by id. Any thread.
pub fn all() -> Vec<Domain> {
    registry()
        .values()
        .cloned()
        .map(Domain::from_shared)
        .collect()
}

/// Returns Domain 0, once it has run a Lwt loop or called Rust. Any thread.
pub fn main() -> Option<Domain> {
    get(0)
}

/// Spawns a task on the domain whose loop the calling thread runs. The future need not be `Send`: it
/// never leaves the domain. Dropping the handle detaches the task.
///
/// # Errors
/// The calling thread runs no domain's loop.
pub fn spawn_local<T: 'static>(
    future: impl Future<Output = T> + 'static,
) -> Result<JoinHandle<T>, TokenError> {
    let spawned = context::with_current(|core| {
        let (handle, joined) = join::pair(core.shared.id);
        core.executor.spawn(joined.run(future));
        handle
    });
    spawned.ok_or_else(context::no_executor)
}

impl Domain {
    pub(crate) fn from_shared(shared: Arc<Shared>) -> Self {
        Domain { shared }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Returns the unique id, the same as OCaml's `(Domain.self () :> int)`. It is never used again for
    /// another domain.
    pub fn id(&self) -> u64 {
        self.shared.id
    }

    /// Returns `true` if the domain still takes work. It may terminate right after.
    pub fn is_alive(&self) -> bool {
        self.shared.is_alive()
    }

    /// Returns what the domain has counted so far.
    pub fn stats(&self) -> DomainStats {
        self.shared.counters.stats()
    }

    /// Returns a handle of a new task on the domain: `factory` is sent to it, and the future that it
    /// makes is polled and dropped there and need not be `Send`. Any thread, never blocks. Costs a few
    /// allocations, and a system call if the domain sleeps.
    ///
    /// A domain that does not run its Lwt loop at the moment starts the task when it next does.
    ///
    /// # Errors
    /// Fails with the factory if the domain has terminated.
    pub fn spawn<F, Fut, T>(&self, factory: F) -> Result<JoinHandle<T>, DomainTerminated<F>>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = T> + 'static,
        T: Send + 'static,
    {
        let (handle, joined) = join::pair(self.id());
        match send(&self.shared, Spawn { factory, joined }) {
            Ok(()) => Ok(handle),
            Err(refused) => Err(DomainTerminated {
                domain: self.id(),
                work: refused.factory,
            }),
        }
    }

    /// Sends `f` to the domain, which runs it with its [`RuntimeToken`], between two polls of tasks.
    /// Returns a handle of the outcome. Any thread, never blocks. `f` must not block either.
    ///
    /// # Errors
    /// Fails with the closure if the domain has terminated.
    pub fn call<F, T>(&self, f: F) -> Result<JoinHandle<T>, DomainTerminated<F>>
    where
        F: FnOnce(&RuntimeToken<'_>) -> T + Send + 'static,
        T: Send + 'static,
    {
        let (handle, joined) = join::pair(self.id());
        match send(&self.shared, Call { f, joined }) {
            Ok(()) => Ok(handle),
            Err(refused) => Err(DomainTerminated {
                domain: self.id(),
                work: refused.f,
            }),
        }
    }

    /// Runs `f` on the domain, as [`call`](Domain::call) does, and blocks until it has a result. Returns
    /// it. For Rust threads and tokio's blocking pool; a tokio worker that calls it serves nothing else
    /// meanwhile. If the calling thread's recent waits were short, it spins for up to 50 us before it
    /// sleeps.
    ///
    /// # Errors
    /// The domain has terminated, `f` panicked, or the calling thread runs a domain's loop.
    pub fn call_blocking<F, T>(&self, f: F) -> Result<T, CallError<F>>
    where
        F: FnOnce(&RuntimeToken<'_>) -> T + Send + 'static,
        T: Send + 'static,
    {
        if let Some(domain) = context::loop_of() {
            return Err(CallError::WouldBlockDomain { domain, work: f });
        }
        let handle = self.call(f).map_err(CallError::DomainTerminated)?;
        Ok(handle.wait()?)
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
    /// Returns the domain whose loop this thread runs. `None` on Domain 0's blocking pool, whose threads
    /// run no loop.
    pub fn domain(&self) -> Option<Domain> {
        current()
    }

    /// Returns the unique id of the domain whose lock is held.
    pub fn domain_id(&self) -> u64 {
        // Without a loop it is a thread of Domain 0's blocking pool.
        context::with_current(|core| core.shared.id).unwrap_or(0)
    }
}

impl fmt::Debug for RuntimeToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeToken")
            .field("domain", &self.domain_id())
            .finish()
    }
}

/// The message of [`Domain::spawn`].
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
            return joined.report_cancelled(factory);
        }
        match catch_unwind(factory) {
            Ok(future) => {
                let future = joined.run(future);
                context::with_core(token, |core| core.executor.spawn(future))
                    .expect("a domain's loop delivers messages");
            }
            Err(panic) => joined.report(Err(JoinError::Panicked(panic))),
        }
    }
}

/// The message of [`Domain::call`].
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
