//! OCaml functions of several domains that do the same work.

use crate::base::panic::catch_and_discard;
use crate::bridge::remote::{RemoteCall, RemoteFunc};
use crate::domain::Domain;
use crate::value::application::Args;
use crate::value::read::FromOCaml;
use std::fmt;
use std::future::Future;
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak};
use thiserror::Error;
use tokio::sync::oneshot;

/// A set of domains that do the same work for callers on any thread, such as the domains of a server:
/// each joins with a function of its own, and a call goes to the domain with the fewest calls in
/// progress. Domains may join and leave at any time. Clones are the same workers.
///
/// ```
/// use ocaml_lwt_interop::{Domain, OCamlAsyncFunc, OpaqueType, TokenError, Workers, func};
///
/// /// The domains that answer.
/// #[derive(OpaqueType)]
/// pub struct Handlers(Workers<(String,), String>);
///
/// // In OCaml, `module Handlers` with `type t`.
/// #[func]
/// impl Handlers {
///     /// `create : unit -> t`
///     pub fn create() -> Self {
///         Handlers(Workers::new())
///     }
///
///     /// `join : t -> (string -> string Lwt.t) -> unit`
///     #[func(raise)]
///     pub fn join(&self, handle: OCamlAsyncFunc<(String,), String>) -> Result<(), TokenError> {
///         self.0.join(handle.remote()?);
///         Ok(())
///     }
///
///     /// `leave : t -> Lwt_interop.Handle.t -> unit Lwt.t`
///     pub async fn leave(&self, domain: Domain) {
///         self.0.leave(&domain).await
///     }
/// }
///
/// // In a server, on tokio:
/// async fn answer(handlers: &Handlers, request: String) -> String {
///     match handlers.0.call((request,)) {
///         Ok(call) => call.await.unwrap_or_else(|e| e.to_string()),
///         Err(no_workers) => no_workers.to_string(),
///     }
/// }
/// ```
pub struct Workers<A, R> {
    all: Arc<RwLock<List<A, R>>>,
}

struct List<A, R> {
    working: Vec<Arc<Worker<A, R>>>,
    /// Workers that take no more calls, and may still have some in progress.
    leaving: Vec<Weak<Worker<A, R>>>,
}

/// A function. Each of its calls in progress holds a reference, and so does the list, while the worker
/// takes calls.
struct Worker<A, R> {
    function: RemoteFunc<A, R>,
    /// Dropped with the last reference, which wakes the receivers.
    done: Mutex<Vec<oneshot::Sender<()>>>,
}

impl<A, R> Worker<A, R> {
    fn load(self: &Arc<Self>) -> usize {
        Arc::strong_count(self)
    }

    fn is_of(&self, domain: &Domain) -> bool {
        self.function.domain() == domain
    }

    /// Returns a receiver that is closed when the worker is dropped.
    fn done(&self) -> oneshot::Receiver<()> {
        let (sender, done) = oneshot::channel();
        let mut all = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(sender);
        done
    }
}

impl<A, R> List<A, R> {
    /// Removes the first worker that matches, which takes no more calls. Returns the list's reference.
    fn dismiss(&mut self, is_it: impl Fn(&Arc<Worker<A, R>>) -> bool) -> Option<Arc<Worker<A, R>>> {
        self.leaving.retain(|w| w.strong_count() > 0);
        let i = self.working.iter().position(is_it)?;
        let worker = self.working.swap_remove(i);
        self.leaving.push(Arc::downgrade(&worker));
        Some(worker)
    }
}

impl<A, R> Drop for Worker<A, R> {
    fn drop(&mut self) {
        let done = self.done.get_mut().unwrap_or_else(PoisonError::into_inner);
        for sender in done.drain(..) {
            // It wakes a waker of the user's, which has nothing to do with the code that drops this.
            catch_and_discard(|| drop(sender));
        }
    }
}

impl<A, R> Workers<A, R> {
    /// Creates an empty set of workers.
    pub fn new() -> Self {
        Workers {
            all: Arc::new(RwLock::new(List {
                working: Vec::new(),
                leaving: Vec::new(),
            })),
        }
    }

    /// Returns the number of workers.
    pub fn len(&self) -> usize {
        self.read().working.len()
    }

    /// Returns `true` if there are no workers.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds the function's domain to the workers. If the domain has joined before, this function
    /// replaces the earlier one. Any thread.
    pub fn join(&self, function: RemoteFunc<A, R>) {
        let domain = function.domain().clone();
        let worker = Arc::new(Worker {
            function,
            done: Mutex::default(),
        });
        let mut all = self.write();
        let replaced = all.dismiss(|w| w.is_of(&domain));
        all.working.push(worker);
        drop(all);
        drop(replaced);
    }

    /// Removes the domain from the workers at once. Returns a future that resolves once every call sent
    /// to this domain has finished, including calls of functions that it had joined with before. The
    /// future may be dropped, and there may be several. Any thread.
    ///
    /// A call is in progress until its function's promise is resolved, also after it was cancelled, and
    /// a cancelled function may take long to finish. A call must not wait for its own domain to leave:
    /// it would wait for itself. A stream in a result may go on after its call: nobody waits for that here, and it fails
    /// when the domain terminates.
    pub fn leave(&self, domain: &Domain) -> impl Future<Output = ()> + Send + use<A, R> {
        let mut all = self.write();
        let left = all.dismiss(|w| w.is_of(domain));
        let leaving: Vec<_> = all.leaving.iter().filter_map(Weak::upgrade).collect();
        drop(all);
        let there = leaving.iter().filter(|w| w.is_of(domain));
        let done: Vec<_> = there.map(|w| w.done()).collect();
        drop((left, leaving));
        async move {
            for done in done {
                // It is never sent, only dropped.
                let _ = done.await;
            }
        }
    }

    fn lightest(&self) -> Option<Arc<Worker<A, R>>> {
        let all = self.read();
        all.working.iter().min_by_key(|w| w.load()).cloned()
    }

    // No lock is held while OCaml or code of the user's runs, nor while a reference is dropped, which may
    // be the last one.

    fn read(&self) -> RwLockReadGuard<'_, List<A, R>> {
        self.all.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, List<A, R>> {
        self.all.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A, R> Workers<A, R>
where
    A: Args + Send + 'static,
    R: FromOCaml + Send + 'static,
{
    /// Calls the function of the domain with the fewest calls in progress; see [`RemoteFunc::call`].
    /// Dropping the future cancels the call. A domain that has terminated without leaving is removed.
    /// Any thread, never blocks. The cost grows with the number of workers.
    ///
    /// # Errors
    /// Fails with the arguments if there are no workers.
    #[must_use = "dropping the future cancels the call"]
    pub fn call(&self, mut args: A) -> Result<RemoteCall<R>, NoWorkers<A>> {
        while let Some(worker) = self.lightest() {
            let (function, this) = (worker.function.clone(), Arc::downgrade(&worker));
            // The call takes this reference: a second one would count as another call, for as long as this
            // thread is suspended.
            match function.call_with(args, worker) {
                Ok(call) => return Ok(call.cancel_on_drop()),
                Err(terminated) => {
                    let is_this = |w: &Arc<_>| ptr::eq(Arc::as_ptr(w), this.as_ptr());
                    let _reference = self.write().dismiss(is_this);
                    args = terminated.work;
                }
            }
        }
        Err(NoWorkers { work: args })
    }
}

impl<A, R> Default for Workers<A, R> {
    fn default() -> Self {
        Workers::new()
    }
}

impl<A, R> Clone for Workers<A, R> {
    fn clone(&self) -> Self {
        Workers {
            all: self.all.clone(),
        }
    }
}

impl<A, R> fmt::Debug for Workers<A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let domains: Vec<u64> = self
            .read()
            .working
            .iter()
            .map(|w| w.function.domain().id())
            .collect();
        f.debug_struct("Workers")
            .field("domains", &domains)
            .finish()
    }
}

/// The error of a call when no worker is left. Carries its arguments.
#[derive(Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "no domain takes this call: none has joined, or all have left or terminated; call Workers::join on a \
     domain"
)]
pub struct NoWorkers<A> {
    /// The arguments of the call.
    pub work: A,
}

impl<A> fmt::Debug for NoWorkers<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NoWorkers").finish_non_exhaustive()
    }
}
