//! OCaml functions that any thread calls.

use crate::base::error::{DomainTerminated, JoinError};
use crate::base::panic::{catch_and_discard, catch_unwind};
use crate::bridge::apply::{applied, apply, apply_now};
use crate::bridge::promise::PromiseFuture;
use crate::domain::Domain;
use crate::domain::context;
use crate::domain::dispatch::send;
use crate::domain::join::{self, JoinHandle, Joined};
use crate::domain::message::Message;
use crate::ffi::root::Closure;
use crate::ffi::token::RuntimeToken;
use crate::value::application::Args;
use crate::value::conversion_error::ConversionError;
use crate::value::exception::{OCamlException, RemoteError};
use crate::value::kept::Kept;
use crate::value::read::FromOCaml;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// An OCaml function that any thread may call, such as the handler of a server on tokio, or a callback that
/// reports progress. [`OCamlAsyncFunc::remote`](crate::OCamlAsyncFunc::remote) makes it, for a function that returns a
/// promise, and [`OCamlFunc::remote`](crate::OCamlFunc::remote), for one that does not.
///
/// It runs on the domain that it came from, whose loop calls it. A function that returns no promise is called from a
/// Rust frame: see [`OCamlFunc::call`](crate::OCamlFunc::call). With a token, it can also be
/// [called at once](Self::call_now). Clones are cheap.
pub struct RemoteFunc<A, R> {
    home: Domain,
    closure: Arc<Kept<Closure>>,
    kind: Kind,
    /// Holds neither.
    _type: PhantomData<fn(A) -> R>,
}

/// What a function returns.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// A value.
    Plain,
    /// A promise.
    Async,
}

impl<A, R> RemoteFunc<A, R> {
    pub(crate) fn new(home: Domain, closure: Arc<Kept<Closure>>, kind: Kind) -> Self {
        RemoteFunc {
            home,
            closure,
            kind,
            _type: PhantomData,
        }
    }

    /// Returns the domain that the function runs on.
    pub fn domain(&self) -> &Domain {
        &self.home
    }
}

impl<A: Args, R: FromOCaml + 'static> RemoteFunc<A, R> {
    /// Calls the function at once, on this thread, as [`OCamlFunc::call`](crate::OCamlFunc::call) does. The thread is
    /// that of the function's own domain, or one of [Domain 0's blocking pool](crate::ocaml_blocking), which runs
    /// functions of every domain.
    ///
    /// ```
    /// use ocaml_lwt_interop::domain::with_token;
    /// use ocaml_lwt_interop::{OCamlFunc, func, ocaml_blocking};
    ///
    /// /// Returns what `f`, which blocks, returns for `path`.
    /// #[func(raise)]
    /// pub fn in_the_pool(
    ///     f: OCamlFunc<(String,), String>,
    ///     path: String,
    /// ) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
    ///     let f = f.remote()?;
    ///     let text = ocaml_blocking::run(move || with_token(|token| f.call_now(token, (path,))));
    ///     Ok(text.await???)
    /// }
    /// ```
    ///
    /// # Errors
    /// The exception that the function raised; `Invalid_argument` if an argument or the result does not convert, if this
    /// is the loop of another domain, or if the function returns a promise; `Out_of_memory` if OCaml has no memory for
    /// the arguments.
    pub fn call_now(&self, token: &RuntimeToken<'_>, args: A) -> Result<R, OCamlException> {
        if let Some(why) = self.not_here() {
            let error = ConversionError::new(why);
            return Err(OCamlException::from_conversion(token, error));
        }
        let application = applied(token, self.closure.root(), &args)?;
        apply_now(token, &application)
    }

    /// Returns why the function cannot be called at once on this thread, which has a token.
    fn not_here(&self) -> Option<String> {
        let home = self.home.id();
        match self.kind {
            Kind::Async => Some(
                "a function that returns a promise is called by its domain's loop: use RemoteFunc::call"
                    .to_owned(),
            ),
            // A thread of Domain 0's blocking pool has no executor.
            Kind::Plain => context::with_current(|core| core.shared.id)
                .filter(|&here| here != home)
                .map(|here| {
                    format!(
                        "a function of domain {home} is called on domain {here}: use RemoteFunc::call, which sends the \
                         arguments to it"
                    )
                }),
        }
    }
}

impl<A, R> RemoteFunc<A, R>
where
    A: Args + Send + 'static,
    R: FromOCaml + Send + 'static,
{
    /// Sends the arguments to the domain, whose loop calls the function. Returns a future of the
    /// outcome. Any thread, never blocks. Costs as much as [`Domain::spawn`], and a round of the loop.
    ///
    /// # Errors
    /// Fails with the arguments if the domain has terminated.
    pub fn call(&self, args: A) -> Result<RemoteCall<R>, DomainTerminated<A>> {
        self.call_with(args, ())
    }

    /// Like [`call`](Self::call), and drops `until_done` when the function's promise is resolved, or it is
    /// known that the function will not be called. The destructor must not panic.
    pub(crate) fn call_with<G: Send + 'static>(
        &self,
        args: A,
        until_done: G,
    ) -> Result<RemoteCall<R>, DomainTerminated<A>> {
        let (handle, joined) = join::pair(self.home.id());
        let call = Call {
            closure: self.closure.clone(),
            kind: self.kind,
            args,
            until_done,
            joined,
        };
        match send(self.home.shared(), call) {
            Ok(()) => Ok(RemoteCall { handle }),
            Err(refused) => Err(DomainTerminated {
                domain: self.home.id(),
                work: refused.args,
            }),
        }
    }
}

/// A future of the outcome of a call: the value that the function's promise was fulfilled with, or a
/// [`RemoteError`]. May be awaited anywhere.
///
/// Dropping it lets the call go on, unless [`cancel_on_drop`](Self::cancel_on_drop) was called, as
/// [`Workers::call`](crate::Workers::call) does.
#[derive(Debug)]
pub struct RemoteCall<R> {
    handle: JoinHandle<Result<R, OCamlException>>,
}

impl<R> RemoteCall<R> {
    /// Cancels the promise that the function returned, as `Lwt.cancel` does, or keeps the function from
    /// being called. May be called on any thread and more than once.
    pub fn cancel(&mut self) {
        self.handle.cancel();
    }

    /// Returns this future, changed so that dropping it [cancels](Self::cancel) the call.
    #[must_use = "dropping it cancels the call"]
    pub fn cancel_on_drop(self) -> Self {
        RemoteCall {
            handle: self.handle.cancel_on_drop(),
        }
    }

    /// Drops the future without cancelling the call.
    pub fn detach(self) {
        self.handle.detach();
    }
}

impl<R> Future for RemoteCall<R> {
    type Output = Result<R, RemoteError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.handle)
            .poll(cx)
            .map(|outcome| Ok(outcome??))
    }
}

impl<A, R> Clone for RemoteFunc<A, R> {
    fn clone(&self) -> Self {
        RemoteFunc {
            home: self.home.clone(),
            closure: self.closure.clone(),
            kind: self.kind,
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

/// The message of [`RemoteFunc::call`].
struct Call<A, R, G> {
    closure: Arc<Kept<Closure>>,
    kind: Kind,
    args: A,
    until_done: G,
    joined: Joined<Result<R, OCamlException>>,
}

impl<A, R, G> Message for Call<A, R, G>
where
    A: Args + Send + 'static,
    R: FromOCaml + Send + 'static,
    G: Send + 'static,
{
    fn deliver(self: Box<Self>, token: &RuntimeToken<'_>) {
        let Call {
            closure,
            kind,
            args,
            until_done,
            mut joined,
        } = *self;
        let application = if joined.is_cancelled() {
            catch_and_discard(|| drop(args));
            Err(JoinError::Cancelled)
        } else {
            // Converting and dropping them is code of the user's. It runs before the function is called, so
            // that a panic keeps the function from being called.
            catch_unwind(move || {
                let application = applied(token, closure.root(), &args);
                // Not at the closure's end, where a panic would make Rust forget what was converted.
                drop(args);
                application
            })
            .map_err(JoinError::Panicked)
        };
        match (application, kind) {
            (Ok(Ok(application)), Kind::Plain) => {
                // The result's conversion may panic.
                let outcome = catch_unwind(|| apply_now(token, &application));
                drop(until_done);
                joined.report(outcome.map_err(JoinError::Panicked));
            }
            (Ok(Ok(application)), Kind::Async) => context::with_core(token, |core| {
                let promise = apply(token, core, &application);
                let mut running = Running(Some((promise, until_done)));
                core.executor.spawn(joined.run(async move {
                    let (promise, _) = running.0.as_mut().expect("it ends below");
                    let outcome = promise.await;
                    drop(running.0.take());
                    outcome
                }));
            })
            .expect("a domain's loop delivers messages"),
            (Ok(Err(exn)), _) => {
                drop(until_done);
                joined.report(Ok(Err(exn)));
            }
            (Err(why), _) => {
                drop(until_done);
                joined.report(Err(why));
            }
        }
    }
}

/// A function whose promise is pending. Dropping it cancels the promise; the function may take its time
/// for that, or ignore it, and the guard is kept until the promise is resolved.
struct Running<R: FromOCaml + 'static, G: 'static>(Option<(PromiseFuture<R>, G)>);

impl<R: FromOCaml + 'static, G: 'static> Drop for Running<R, G> {
    fn drop(&mut self) {
        let Some((promise, until_done)) = self.0.take() else {
            return;
        };
        if let Some(resolved) = promise.cancel() {
            context::with_current(|core| {
                core.executor.spawn(async move {
                    let _ = resolved.await;
                    drop(until_done);
                });
            });
        }
    }
}
