//! OCaml functions that any thread calls.

use crate::base::error::{DomainTerminated, JoinError};
use crate::base::panic::{catch_and_discard, catch_unwind};
use crate::bridge::apply::{Args, apply};
use crate::bridge::promise::PromiseFuture;
use crate::domain::Domain;
use crate::domain::core as local;
use crate::domain::join::{self, JoinHandle, Joined};
use crate::domain::shared::Message;
use crate::ffi::token::RuntimeToken;
use crate::value::exception::OCamlException;
use crate::value::rooted::Rooted;
use ocaml::FromValue;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// An OCaml function that returns a promise, and that any thread may call: a server on tokio calls
/// its handler so. It is made by [`OCamlAsyncFunc::remote`](crate::OCamlAsyncFunc::remote).
///
/// It runs on the domain that it came from, whose loop calls it. Clones are cheap.
pub struct RemoteFunc<A, R> {
    home: Domain,
    closure: Arc<Rooted>,
    /// Holds neither.
    _type: PhantomData<fn(A) -> R>,
}

impl<A, R> RemoteFunc<A, R> {
    pub(crate) fn new(home: Domain, closure: Rooted) -> Self {
        RemoteFunc {
            home,
            closure: Arc::new(closure),
            _type: PhantomData,
        }
    }

    /// Where it runs.
    pub fn domain(&self) -> &Domain {
        &self.home
    }
}

impl<A, R> RemoteFunc<A, R>
where
    A: Args + Send + 'static,
    R: FromValue + Send + 'static,
{
    /// Sends the arguments to the domain, whose loop calls the function. Any thread, never blocks.
    /// Cancelling the handle, or dropping it after [`JoinHandle::cancel_on_drop`], cancels the
    /// promise that the function returned, as `Lwt.cancel` does. Costs what
    /// [`Domain::spawn`] does, and a round of the loop.
    ///
    /// The handle yields what the promise was fulfilled with, or the exception that the function
    /// raised, or that rejected the promise.
    ///
    /// # Errors
    /// The domain has ended; the arguments come back.
    pub fn call(&self, args: A) -> Result<RemoteCall<R>, DomainTerminated<A>> {
        self.call_with(args, ())
    }

    /// [`call`](Self::call) that drops `until_done` when the function's promise is settled, or it is
    /// known that the function will not be called. The destructor must not panic.
    pub(crate) fn call_with<G: Send + 'static>(
        &self,
        args: A,
        until_done: G,
    ) -> Result<RemoteCall<R>, DomainTerminated<A>> {
        let (handle, joined) = join::pair(self.home.id());
        let call = Call {
            closure: self.closure.clone(),
            args,
            until_done,
            joined,
        };
        match local::send(self.home.shared(), call) {
            Ok(()) => Ok(handle),
            Err(refused) => Err(DomainTerminated {
                domain: self.home.id(),
                work: refused.args,
            }),
        }
    }
}

type RemoteCall<R> = JoinHandle<Result<R, OCamlException>>;

impl<A, R> Clone for RemoteFunc<A, R> {
    fn clone(&self) -> Self {
        RemoteFunc {
            home: self.home.clone(),
            closure: self.closure.clone(),
            _type: PhantomData,
        }
    }
}

impl<A, R> fmt::Debug for RemoteFunc<A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteFunc")
            .field("domain", &self.home.id())
            .finish_non_exhaustive()
    }
}

struct Call<A, R, G> {
    closure: Arc<Rooted>,
    args: A,
    until_done: G,
    joined: Joined<Result<R, OCamlException>>,
}

impl<A, R, G> Message for Call<A, R, G>
where
    A: Args + Send + 'static,
    R: FromValue + Send + 'static,
    G: Send + 'static,
{
    fn deliver(self: Box<Self>, token: &RuntimeToken<'_>) {
        let local = local::of(token).expect("a loop delivers");
        let Call {
            closure,
            args,
            until_done,
            mut joined,
        } = *self;
        let values = if joined.is_cancelled() {
            catch_and_discard(|| drop(args));
            Err(JoinError::Cancelled)
        } else {
            // Converting and dropping them is code of the user's. The function is called afterwards,
            // so that it is not if that panics.
            catch_unwind(move || args.to_values(token.runtime())).map_err(JoinError::Panicked)
        };
        match values {
            Ok(values) => {
                let promise = apply(token, local, &closure, &values);
                let mut running = Running(Some((promise, until_done)));
                local.executor.spawn(joined.run(async move {
                    let (promise, _) = running.0.as_mut().expect("it ends below");
                    let outcome = promise.await;
                    drop(running.0.take());
                    outcome
                }));
            }
            Err(why) => {
                drop(until_done);
                joined.report(Err(why));
            }
        }
    }
}

/// A function whose promise is pending. When nobody waits for it any more the promise is cancelled,
/// which a function may take its time for, or ignore; the guard stays until it is settled.
struct Running<R: FromValue + 'static, G: 'static>(Option<(PromiseFuture<R>, G)>);

impl<R: FromValue + 'static, G: 'static> Drop for Running<R, G> {
    fn drop(&mut self) {
        let Some((promise, until_done)) = self.0.take() else {
            return;
        };
        if let Some(settled) = promise.cancel() {
            local::with_current(|local| {
                local.executor.spawn(async move {
                    let _ = settled.await;
                    drop(until_done);
                });
            });
        }
    }
}
