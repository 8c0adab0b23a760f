//! Lwt promises in Rust, in both directions.

use crate::base::error::{DomainTerminated, TokenError};
use crate::base::slot_map::Key;
use crate::bridge::resolve::resolve;
use crate::domain::core::{self as local, Core, with_token};
use crate::domain::{Domain, post};
use crate::ffi::batch::Kind;
use crate::ffi::callbacks::Callbacks;
use crate::ffi::runtime::Root;
use crate::ffi::token::RuntimeToken;
use crate::value::exception::{Failure, OCamlException};
use crate::value::probes::assert_owned;
use crate::value::rooted::{NotSend, Rooted};
use ocaml::{FromValue, ToValue};
use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// A Lwt promise of this domain, `'a Lwt.t` in OCaml. Await it, or hand it to OCaml.
///
/// It is not `Send`: promises never leave their domain. The other domains get values.
pub struct Promise<T> {
    promise: Rooted,
    _type: NotSend<T>,
}

impl<T> Promise<T> {
    /// A new pending promise of the token's domain, and what settles it.
    ///
    /// # Errors
    /// The token is of the blocking lane, which has no Lwt loop; or the domain is ending.
    pub fn new(token: &RuntimeToken<'_>) -> Result<(Self, Resolver<T>), TokenError>
    where
        T: ToValue + Send + 'static,
    {
        let local = local::of(token)?;
        let callbacks = Callbacks::get().expect("a token exists once OCaml has registered");
        let key = local.add_call();
        // SAFETY: the token proves the lock; the promise is rooted at once.
        let promise = unsafe {
            match callbacks.pending(key.to_int()) {
                Ok(promise) => Rooted::from_raw(promise),
                // The executor is being torn down.
                Err(_) => {
                    local.cancel_call(key);
                    return Err(TokenError::DomainTerminated {
                        domain: local.shared.id,
                    });
                }
            }
        };
        let resolver = Resolver {
            home: Domain::from_shared(local.shared.clone()),
            key: Some(key),
            _type: PhantomData,
        };
        Ok((
            Promise {
                promise,
                _type: PhantomData,
            },
            resolver,
        ))
    }
}

impl<T> fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promise").finish_non_exhaustive()
    }
}

// SAFETY: the OCaml side declares the argument as a promise of what `T` converts from.
unsafe impl<T> FromValue for Promise<T> {
    fn from_value(value: ocaml::Value) -> Self {
        Promise {
            promise: Rooted::from_value(value),
            _type: PhantomData,
        }
    }
}

// SAFETY: the value is the promise.
unsafe impl<T> ToValue for Promise<T> {
    fn to_value(&self, rt: &ocaml::Runtime) -> ocaml::Value {
        self.promise.to_value(rt)
    }
}

impl<T: FromValue + 'static> IntoFuture for Promise<T> {
    type Output = Result<T, OCamlException>;
    type IntoFuture = PromiseFuture<T>;

    fn into_future(self) -> PromiseFuture<T> {
        PromiseFuture {
            state: State::Unasked,
            promise: Some(self.promise),
            cancel_on_drop: false,
            _type: PhantomData,
        }
    }
}

/// Waits for a Lwt promise: its value, or the exception that rejected it.
///
/// Dropping it lets the promise go on, unless [`cancel_on_drop`](Self::cancel_on_drop) was
/// asked for.
#[must_use = "futures do nothing unless awaited"]
pub struct PromiseFuture<T> {
    state: State,
    /// `None` if there is no promise yet: OCaml makes it when it applies the function.
    promise: Option<Rooted>,
    cancel_on_drop: bool,
    _type: NotSend<T>,
}

enum State {
    /// Not polled yet.
    Unasked,
    /// OCaml reports to this wait.
    Waiting(Key),
    Done,
}

impl<T: FromValue + 'static> PromiseFuture<T> {
    /// Waits for what OCaml reports to `key`.
    pub(crate) fn waiting(key: Key) -> Self {
        PromiseFuture {
            state: State::Waiting(key),
            promise: None,
            cancel_on_drop: false,
            _type: PhantomData,
        }
    }

    /// From now on dropping this future before it is ready cancels the promise, as
    /// `Lwt.cancel` does.
    pub fn cancel_on_drop(mut self) -> Self {
        self.cancel_on_drop = true;
        self
    }

    /// Cancels the promise of a function that Rust has asked for. What comes back waits until it is
    /// settled; there is nothing if it is.
    pub(crate) fn cancel(mut self) -> Option<PromiseFuture<Rooted>> {
        let State::Waiting(key) = std::mem::replace(&mut self.state, State::Done) else {
            return None;
        };
        let asked = with_token(|token| {
            let local = local::of(token).expect("with_token never gives the lane's");
            local.cancel_awaited(token, key)
        });
        asked.ok().map(|()| PromiseFuture::waiting(key))
    }

    fn convert(token: &RuntimeToken<'_>, outcome: Result<Root, Root>) -> <Self as Future>::Output {
        assert_owned::<T>();
        match outcome {
            Ok(root) => Ok(T::from_value(ocaml::Value::Root(root))),
            // SAFETY: the token proves the lock.
            Err(root) => Err(unsafe { OCamlException::from_raw(token, root.get()) }),
        }
    }

    fn ask(
        &mut self,
        token: &RuntimeToken<'_>,
        local: &Core,
        waker: &Waker,
    ) -> Option<Result<Root, Root>> {
        let callbacks = Callbacks::get().expect("a token exists once OCaml has registered");
        let promise = self
            .promise
            .as_ref()
            .expect("unasked means that it is here");
        let key = local.add_wait(waker.clone());
        // SAFETY: the token proves the lock; what comes back is rooted at once.
        let now = unsafe {
            match callbacks.wait(promise.raw(token), key.to_int()) {
                Ok(now) => now.map(|r| r.map(|v| Root::new(v)).map_err(|e| Root::new(e))),
                Err(exn) => Some(Err(Root::new(exn))),
            }
        };
        match now {
            Some(_) => local.release_wait(key),
            None => self.state = State::Waiting(key),
        }
        now
    }
}

impl<T: FromValue + 'static> Future for PromiseFuture<T> {
    type Output = Result<T, OCamlException>;

    /// # Panics
    /// Polled where there is no domain's executor, which takes an executor of the caller's
    /// own on a domain's thread.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = with_token(|token| {
            let local = local::of(token).expect("with_token never gives the lane's");
            let outcome = match self.state {
                State::Unasked => self.ask(token, local, cx.waker()),
                State::Waiting(key) => local.poll_wait(key, cx.waker()),
                State::Done => panic!("polled after completion"),
            };
            let Some(outcome) = outcome else {
                return Poll::Pending;
            };
            self.state = State::Done;
            self.promise = None;
            Poll::Ready(Self::convert(token, outcome))
        });
        polled.unwrap_or_else(|e| panic!("a Lwt promise was awaited in the wrong place: {e}"))
    }
}

// The future holds nothing that is pinned.
impl<T> Unpin for PromiseFuture<T> {}

impl<T> Drop for PromiseFuture<T> {
    fn drop(&mut self) {
        let waiting = match self.state {
            State::Done => return,
            State::Unasked => None,
            State::Waiting(key) => Some(key),
        };
        if self.cancel_on_drop {
            // Elsewhere than in a task or a stub nobody could drain the request.
            let cancelled = with_token(|token| {
                let local = local::of(token).expect("with_token never gives the lane's");
                // SAFETY: the token proves the lock; `Cancel` takes a promise.
                unsafe {
                    match (&self.promise, waiting) {
                        (Some(promise), _) => {
                            local.request(Key::from_int(0), Kind::Cancel, promise.raw(token));
                        }
                        (None, Some(key)) => {
                            local.cancel_wait(token, key);
                            return;
                        }
                        (None, None) => {}
                    }
                }
                if let Some(key) = waiting {
                    local.drop_wait(key);
                }
            });
            if cancelled.is_ok() {
                return;
            }
        }
        if let Some(key) = waiting {
            local::with_current(|local| local.drop_wait(key));
        }
    }
}

impl<T> fmt::Debug for PromiseFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PromiseFuture").finish_non_exhaustive()
    }
}

/// Settles a [`Promise`], from any thread: the value travels to the promise's domain, is
/// converted there, and its loop resolves the promise.
///
/// Dropping it rejects the promise with `Rust_error`.
pub struct Resolver<T> {
    home: Domain,
    /// `None` once used.
    key: Option<Key>,
    _type: PhantomData<fn(T)>,
}

impl<T: ToValue + Send + 'static> Resolver<T> {
    /// Fulfils the promise. If OCaml has cancelled it meanwhile, the value is dropped.
    ///
    /// # Errors
    /// The promise's domain has ended; the value comes back.
    pub fn resolve(mut self, value: T) -> Result<(), DomainTerminated<T>> {
        let key = self.key.take().expect("used once");
        let carried = Carried { key, value };
        match local::send(self.home.shared(), carried) {
            Ok(()) => Ok(()),
            Err(refused) => Err(DomainTerminated {
                domain: self.home.id(),
                work: refused.value,
            }),
        }
    }
}

impl<T> Resolver<T> {
    /// Rejects the promise with the exception that `error` is in a `#[func(raise)]`.
    ///
    /// # Errors
    /// The promise's domain has ended.
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

    /// The domain of the promise.
    pub fn domain(&self) -> &Domain {
        &self.home
    }

    fn fail(&mut self, failure: Failure) -> bool {
        let Some(key) = self.key.take() else {
            return true;
        };
        post(self.home.shared(), move |token| {
            let local = local::of(token).expect("a loop delivers");
            resolve::<()>(local, token, key, Err(failure));
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

struct Carried<T> {
    key: Key,
    value: T,
}

impl<T: ToValue + Send + 'static> crate::domain::shared::Message for Carried<T> {
    fn deliver(self: Box<Self>, token: &RuntimeToken<'_>) {
        let local = local::of(token).expect("a loop delivers");
        let Carried { key, value } = *self;
        resolve(local, token, key, Ok(value));
    }
}
