//! Lwt promises in Rust, in both directions.

use crate::base::error::{DomainTerminated, TokenError};
use crate::base::not_send::NotSend;
use crate::base::slot_map::Key;
use crate::bridge::resolve::resolve;
use crate::domain::Domain;
use crate::domain::context::{self, with_entered};
use crate::domain::core::Core;
use crate::domain::dispatch::{post, send};
use crate::domain::message::Message;
use crate::ffi::batch::Request;
use crate::ffi::callbacks::Callbacks;
use crate::ffi::root::{Exn, LwtPromise, Root};
use crate::ffi::token::RuntimeToken;
use crate::value::declare::{DeclaredKind, from_ocaml, to_ocaml};
use crate::value::exception::{Failure, OCamlException};
use crate::value::kept::Kept;
use crate::value::read::FromOCaml;
use crate::value::rooted::{read_fulfilled, read_root};
use crate::value::types::Type;
use crate::value::write::ToOCaml;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// A Lwt promise of this domain, `'a Lwt.t` in OCaml. Await it, or return it to OCaml.
///
/// It is not `Send`: promises never leave their domain. Send values to other domains.
pub struct Promise<T> {
    promise: Kept<LwtPromise>,
    _type: NotSend<T>,
}

impl<T> Promise<T> {
    /// Creates a pending promise of the calling domain, and the resolver that resolves it.
    ///
    /// # Errors
    /// There is no executor here: see [`with_token`](crate::domain::with_token). Domain 0's blocking pool, which has no
    /// Lwt loop, has none either. Or the domain is terminating.
    pub fn new() -> Result<(Self, Resolver<T>), TokenError>
    where
        T: ToOCaml + Send + 'static,
    {
        with_entered(|core, token| {
            let made = core.add_rooted_call(token);
            let (key, promise) = made.map_err(|_| {
                // The executor is being torn down. (Or there is no memory.)
                TokenError::DomainTerminated {
                    domain: core.shared.id,
                }
            })?;
            let resolver = Resolver {
                home: Domain::from_shared(core.shared.clone()),
                key: Some(key),
                _type: PhantomData,
            };
            let promise = Promise {
                promise: Kept::new(promise),
                _type: PhantomData,
            };
            Ok((promise, resolver))
        })?
    }
}

impl<T> Promise<T> {
    /// Forgets the type of the value, which is not converted then.
    pub(crate) fn into_any(self) -> Promise<crate::Rooted> {
        Promise {
            promise: self.promise,
            _type: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promise").finish_non_exhaustive()
    }
}

from_ocaml!([T: FromOCaml] Promise<T>, &Type::Promise(T::TYPE), |source| Ok(Promise {
    promise: Kept::new(LwtPromise::root(source)?),
    _type: PhantomData,
}));
to_ocaml!([T: ToOCaml] Promise<T>, &Type::Promise(T::TYPE), |p, writer| {
    Ok(writer.kept(p.promise.root().as_any()))
});

impl<T: FromOCaml + 'static> IntoFuture for Promise<T> {
    type Output = Result<T, OCamlException>;
    type IntoFuture = PromiseFuture<T>;

    fn into_future(self) -> PromiseFuture<T> {
        PromiseFuture {
            state: State::Unasked(self.promise),
            cancel_on_drop: false,
            _type: PhantomData,
        }
    }
}

/// A future of the outcome of a Lwt promise: its value, or the exception that rejected it.
///
/// Dropping it lets the promise go on, unless [`cancel_on_drop`](Self::cancel_on_drop) was called.
#[must_use = "futures do nothing unless awaited"]
pub struct PromiseFuture<T> {
    state: State,
    cancel_on_drop: bool,
    _type: NotSend<T>,
}

/// ```text
///              poll                        poll
///   Unasked -----------> Asked(promise) ----------> Done
///                        Applied         ---------->
///                        Failed          ---------->
/// ```
enum State {
    /// Not polled yet.
    Unasked(Kept<LwtPromise>),
    /// OCaml reports the outcome of the promise to the wait.
    Asked(Kept<LwtPromise>, Key),
    /// OCaml applies a function, and reports the outcome of its promise to the wait.
    Applied(Key),
    /// The function could not be applied.
    Failed(Box<OCamlException>),
    Done,
}

impl<T: FromOCaml + 'static> PromiseFuture<T> {
    /// Returns the future of a function's promise, which OCaml reports to wait `key`.
    pub(crate) fn waiting(key: Key) -> Self {
        PromiseFuture {
            state: State::Applied(key),
            cancel_on_drop: false,
            _type: PhantomData,
        }
    }

    /// Returns a future that fails with the exception.
    pub(crate) fn failed(exn: OCamlException) -> Self {
        PromiseFuture {
            state: State::Failed(Box::new(exn)),
            cancel_on_drop: false,
            _type: PhantomData,
        }
    }

    /// Returns this future, changed so that dropping it before it is ready cancels the promise, as
    /// `Lwt.cancel` does.
    pub fn cancel_on_drop(mut self) -> Self {
        self.cancel_on_drop = true;
        self
    }

    /// Cancels the promise of a function that the loop applies. Returns a future that is ready when the
    /// promise is resolved; `None` if it is.
    pub(crate) fn cancel(mut self) -> Option<PromiseFuture<crate::Rooted>> {
        let State::Applied(key) = std::mem::replace(&mut self.state, State::Done) else {
            return None;
        };
        let asked = with_entered(|core, token| core.cancel_awaited(token, key));
        asked.ok().map(|()| PromiseFuture::waiting(key))
    }

    fn convert(
        token: &RuntimeToken<'_>,
        outcome: Result<Root, Root<Exn>>,
    ) -> <Self as Future>::Output {
        match outcome {
            Ok(value) => {
                read_root(token, &value).map_err(|e| OCamlException::from_conversion(token, e))
            }
            Err(exn) => Err(OCamlException::from_root(token, exn)),
        }
    }

    /// Asks OCaml for the outcome of a promise. `Err` is the state in which it will be reported.
    fn ask(
        token: &RuntimeToken<'_>,
        core: &Core,
        promise: Kept<LwtPromise>,
        waker: &Waker,
    ) -> Result<Result<Root, Root<Exn>>, State> {
        let key = core.add_wait(waker.clone());
        match Callbacks::registered(token).wait(token, promise.root(), key.to_int()) {
            Some(outcome) => {
                core.release_wait(key);
                Ok(outcome)
            }
            None => Err(State::Asked(promise, key)),
        }
    }
}

impl<T: FromOCaml + 'static> Future for PromiseFuture<T> {
    type Output = Result<T, OCamlException>;

    /// # Panics
    /// Panics if polled outside of a domain's executor, for example by `block_on` on a domain's thread.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = with_entered(|core, token| {
            let outcome = match std::mem::replace(&mut self.state, State::Done) {
                State::Unasked(promise) => {
                    if let Some(value) = read_fulfilled(token, promise.root()) {
                        let exception = |e| OCamlException::from_conversion(token, e);
                        return Poll::Ready(value.map_err(exception));
                    }
                    match Self::ask(token, core, promise, cx.waker()) {
                        Ok(outcome) => outcome,
                        Err(state) => {
                            self.state = state;
                            return Poll::Pending;
                        }
                    }
                }
                State::Failed(exn) => return Poll::Ready(Err(*exn)),
                state => {
                    let (State::Asked(_, key) | State::Applied(key)) = state else {
                        panic!("polled after completion");
                    };
                    match core.poll_wait(key, cx.waker()) {
                        Some(outcome) => outcome,
                        None => {
                            self.state = state;
                            return Poll::Pending;
                        }
                    }
                }
            };
            Poll::Ready(Self::convert(token, outcome))
        });
        polled.unwrap_or_else(|e| panic!("a Lwt promise was awaited in the wrong place: {e}"))
    }
}

// The future holds nothing that is pinned.
impl<T> Unpin for PromiseFuture<T> {}

impl<T> Drop for PromiseFuture<T> {
    fn drop(&mut self) {
        let state = std::mem::replace(&mut self.state, State::Done);
        if self.cancel_on_drop {
            // Outside of tasks and stubs OCaml cannot be asked.
            let asked = with_entered(|core, token| match &state {
                State::Unasked(promise) => {
                    let no_key = Key::from_int(0);
                    core.request(token, no_key, Request::Cancel(promise.root()));
                }
                State::Asked(promise, key) => {
                    core.request(token, *key, Request::Cancel(promise.root()));
                    core.drop_wait(Some(token), *key);
                }
                State::Applied(key) => core.cancel_wait(token, *key),
                State::Failed(_) | State::Done => {}
            });
            if asked.is_ok() {
                return;
            }
        }
        if let State::Asked(_, key) | State::Applied(key) = state {
            context::with_current(|core| {
                if context::with_stub(|token| core.drop_wait(Some(token), key)).is_none() {
                    core.drop_wait(None, key);
                }
            });
        }
    }
}

impl<T> fmt::Debug for PromiseFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PromiseFuture").finish_non_exhaustive()
    }
}

/// The resolver of a [`Promise`], usable on any thread. The value is sent to the promise's domain and
/// converted there, and that domain's loop resolves the promise.
///
/// Dropping it rejects the promise with `Rust_error`.
pub struct Resolver<T> {
    home: Domain,
    /// `None` once used.
    key: Option<Key>,
    _type: PhantomData<fn(T)>,
}

impl<T: ToOCaml + Send + 'static> Resolver<T> {
    /// Fulfils the promise. If OCaml has cancelled it meanwhile, the value is dropped.
    ///
    /// # Errors
    /// Fails with the value if the promise's domain has terminated.
    pub fn resolve(mut self, value: T) -> Result<(), DomainTerminated<T>> {
        let key = self.key.take().expect("used once");
        match send(self.home.shared(), Fulfill { key, value }) {
            Ok(()) => Ok(()),
            Err(refused) => Err(DomainTerminated {
                domain: self.home.id(),
                work: refused.value,
            }),
        }
    }
}

impl<T> Resolver<T> {
    /// Rejects the promise with the exception that `error` becomes in a `#[func(raise)]`.
    ///
    /// # Errors
    /// Fails if the promise's domain has terminated.
    pub fn reject(
        mut self,
        error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Result<(), DomainTerminated<()>> {
        let failure = Failure::from_error(error.into());
        let domain = self.home.id();
        match self.fail(failure) {
            true => Ok(()),
            false => Err(DomainTerminated { domain, work: () }),
        }
    }

    /// Returns the domain of the promise.
    pub fn domain(&self) -> &Domain {
        &self.home
    }

    fn fail(&mut self, failure: Failure) -> bool {
        let Some(key) = self.key.take() else {
            return true;
        };
        post(self.home.shared(), move |token| {
            context::with_core(token, |core| {
                resolve::<()>(core, token, key, None, Err(failure));
            })
            .expect("a domain's loop delivers messages");
        })
        .is_ok()
    }
}

impl<T> Drop for Resolver<T> {
    fn drop(&mut self) {
        self.fail(Failure::message(
            "the Resolver of this promise was dropped without resolving it",
        ));
    }
}

impl<T> fmt::Debug for Resolver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver")
            .field("domain", &self.home.id())
            .finish_non_exhaustive()
    }
}

/// The message of [`Resolver::resolve`].
struct Fulfill<T> {
    key: Key,
    value: T,
}

impl<T: ToOCaml + Send + 'static> Message for Fulfill<T> {
    fn deliver(self: Box<Self>, token: &RuntimeToken<'_>) {
        let Fulfill { key, value } = *self;
        context::with_core(token, |core| resolve(core, token, key, None, Ok(value)))
            .expect("a domain's loop delivers messages");
    }
}
