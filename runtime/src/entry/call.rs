//! The functions that `#[func]` expands to calls of: from an OCaml call to a promise.

use crate::base::error::TokenError;
use crate::base::panic::{CatchUnwind, Panic, catch_and_discard_cold, catch_unwind};
use crate::base::slot_map::Key;
use crate::base::tokio_rt;
use crate::bridge::promise::Promise;
use crate::bridge::resolve::resolve;
use crate::domain::context;
use crate::domain::core::{AbortHandle, Core};
use crate::domain::dispatch::post;
use crate::domain::shared::Shared;
use crate::ffi::callbacks::Callbacks;
use crate::ffi::root::{Any, Root};
use crate::ffi::runtime::{self as ffi, RawValue};
use crate::ffi::token::RuntimeToken;
use crate::task::{NewTask, Work};
use crate::value::conversion_error::ConversionError;
use crate::value::convert::{to_raw, to_raw_as};
use crate::value::exception::Failure;
use crate::value::raises::{Exception, RaisesException};
use crate::value::read::{FromOCaml, Source};
use crate::value::rooted::{Rooted, read_root};
use crate::value::types::encode::mentions_channel;
use crate::value::types::{Function, Type};
use crate::value::write::{Form, ToOCaml};
use pin_project_lite::pin_project;
use std::cell::Cell;
use std::error::Error;
use std::ffi::CStr;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

/// The outcome of a function as OCaml gets it: a value, or a failure that is raised.
pub struct Outcome<T>(pub(super) Result<T, Failure>);

/// Takes the result as the value, also if it is a `Result`.
pub fn value<T>(value: T) -> Outcome<T> {
    Outcome(Ok(value))
}

/// Takes `Ok` as the value. `Err` becomes an exception, in the way that [`HowRaised::by`] has chosen: the same one if it
/// is an OCaml exception.
pub fn raise_as<T, M, E: Raised<M>>(_: RaisedBy<M>, result: Result<T, E>) -> Outcome<T> {
    Outcome(result.map_err(|e| Failure::from_error(e.boxed())))
}

/// How an error becomes an exception: the `M` of [`Raised`].
pub struct RaisedBy<M>(PhantomData<M>);

/// Chooses how the error of a result of type `R` is raised. An error that is both a standard error and a
/// [`RaisesException`] would leave inference a choice, so [`by`](Self::by) makes it: where this type has the method, for
/// a `RaisesException`, the compiler takes it; for others it takes that of what this type dereferences to.
pub struct HowRaised<R>(PhantomData<R>, AnyRaised);

/// See [`HowRaised`].
pub struct AnyRaised;

impl<R> HowRaised<R> {
    /// Makes one for a type.
    #[expect(clippy::new_without_default, reason = "for generated code alone")]
    pub const fn new() -> Self {
        HowRaised(PhantomData, AnyRaised)
    }

    /// Makes one for the type of a result.
    pub const fn of(_: &R) -> Self {
        HowRaised::new()
    }
}

impl<T, E: RaisesException> HowRaised<Result<T, E>> {
    /// Chooses the exceptions of the error's own.
    pub fn by(&self) -> RaisedBy<ByException> {
        RaisedBy(PhantomData)
    }
}

impl<R> std::ops::Deref for HowRaised<R> {
    type Target = AnyRaised;

    fn deref(&self) -> &AnyRaised {
        &self.1
    }
}

impl AnyRaised {
    /// Leaves the choice to inference.
    pub fn by<M>(&self) -> RaisedBy<M> {
        RaisedBy(PhantomData)
    }
}

/// The value of a function that raises.
#[diagnostic::on_unimplemented(
    message = "`raise` needs a `Result`, and `{Self}` is none",
    note = "`#[func(raise)]` turns an `Err` into an exception"
)]
pub trait Raises {
    /// The OCaml type of the value.
    const TYPE: &'static Type;

    /// See [`ToOCaml::bytes`].
    fn bytes(&self) -> usize;
}

impl<T: ToOCaml, E> Raises for Result<T, E> {
    const TYPE: &'static Type = T::TYPE;

    fn bytes(&self) -> usize {
        self.as_ref().map_or(0, T::bytes)
    }
}

/// The arguments of a call, unrooted, until they are converted.
pub struct Arguments<'a, const N: usize> {
    /// Changed when they have moved.
    raw: [Cell<RawValue>; N],
    function: &'static Function,
    token: &'a RuntimeToken<'a>,
}

impl<'a, const N: usize> Arguments<'a, N> {
    /// Converts an argument.
    #[inline(always)]
    pub fn get<T: FromOCaml>(&self, i: usize) -> Result<T, ConversionError> {
        if const { mentions_channel(T::TYPE) } {
            return self.get_prepared(i);
        }
        // SAFETY: `enter` made this from the arguments that OCaml passed, and nothing has allocated on the OCaml heap
        // since, or `get_prepared` has read them again afterwards: a conversion does not allocate, and no other code has
        // run, by the contract of `call_async` and its like, which alone give this to others.
        let source = unsafe { Source::new(self.token, self.raw[i].get()) };
        T::from_ocaml(source).map_err(|e| e.of(self.function, Some(i)))
    }

    /// Converts an argument that OCaml may have to prepare. All of them may move meanwhile.
    #[cold]
    fn get_prepared<T: FromOCaml>(&self, i: usize) -> Result<T, ConversionError> {
        let roots: [_; N] = std::array::from_fn(|i| {
            // SAFETY: the token proves the lock, and the arguments are valid: see `get`.
            unsafe { Root::<Any>::new(self.raw[i].get()) }
        });
        let converted = read_root(self.token, &roots[i]);
        for (raw, root) in self.raw.iter().zip(&roots) {
            raw.set(root.raw(self.token));
        }
        converted.map_err(|e| e.of(self.function, Some(i)))
    }

    /// The token of a synchronous call.
    pub fn token(&self) -> &'a RuntimeToken<'a> {
        self.token
    }
}

/// Errors that `#[func(raise)]` raises: all that `?` turns into a `Box<dyn Error>`, and that box with
/// `Send` and `Sync`, for which the standard library has no conversion; and those that have exceptions of their own. `M`
/// distinguishes them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be raised as an OCaml exception",
    note = "`#[func(raise)]` takes `Result<T, E>` where `E` is an error, a string, or a boxed error"
)]
pub trait Raised<M> {
    /// Boxes the error.
    fn boxed(self) -> Box<dyn Error>;
}

/// Marks errors that convert.
pub enum ByInto {}
/// Marks boxed errors that are `Send` and `Sync`.
pub enum ByUnsizing {}
/// Marks errors that have exceptions of their own.
pub enum ByException {}

impl<E: Into<Box<dyn Error>>> Raised<ByInto> for E {
    fn boxed(self) -> Box<dyn Error> {
        self.into()
    }
}

impl<E: RaisesException> Raised<ByException> for E {
    fn boxed(self) -> Box<dyn Error> {
        Box::new(Exception::from(self))
    }
}

impl Raised<ByUnsizing> for Box<dyn Error + Send + Sync> {
    fn boxed(self) -> Box<dyn Error> {
        self
    }
}

/// An exception that a stub raises.
pub(super) enum Raise {
    /// This exception, unrooted.
    Exception(RawValue),
    /// `Failure`, before the OCaml library is there to make a better one.
    Failure(&'static CStr),
}

pub(super) const NOT_INITIALISED: &CStr =
    c"ocaml-lwt-interop: the OCaml library lwt_interop is not initialised \
    yet: add it to the libraries of the executable, and call Rust after it";

const FORKED: &CStr = c"ocaml-lwt-interop: this process was forked from one that had called Rust, \
    and has none of its threads: fork before the first call into Rust, or start a program instead \
    (Lwt_process)";

/// Runs the body of an exported function.
///
/// # Safety
/// OCaml called the stub that calls this, with these arguments, and they are valid now.
#[inline(always)]
pub(super) unsafe fn enter<const N: usize>(
    function: &'static Function,
    mut raw: [RawValue; N],
    body: impl FnOnce(
        &Core,
        &RuntimeToken<'_>,
        &Callbacks,
        Arguments<'_, N>,
    ) -> Result<RawValue, RawValue>,
) -> Result<RawValue, Raise> {
    let here = context::here();
    // SAFETY: by this function's contract OCaml called. The result is dropped before `enter` returns, by the frame that
    // calls the body. Rust code releases the lock only within `without_token`.
    let borrow = || unsafe { here.enter_with() };
    let entered = match borrow() {
        Some(entered) => entered,
        None => {
            // SAFETY: this function's contract; nothing has allocated since.
            raw = unsafe { attach(raw)? };
            borrow().expect("`attach` made this thread an owner")
        }
    };
    let token = &entered.token();
    let arguments = Arguments {
        raw: raw.map(Cell::new),
        function,
        token,
    };
    let callbacks = Callbacks::registered(token);
    body(entered.value(), token, callbacks, arguments).map_err(Raise::Exception)
}

/// Gives this thread's domain its executor. Returns the arguments, which the collector may have moved.
///
/// # Safety
/// OCaml called the stub that calls this, with these arguments, and they are valid now.
#[cold]
unsafe fn attach<const N: usize>(raw: [RawValue; N]) -> Result<[RawValue; N], Raise> {
    // SAFETY: by this function's contract OCaml called, so this thread holds the lock.
    let token = unsafe { RuntimeToken::assume_locked() };
    let Some(callbacks) = Callbacks::get(&token) else {
        return Err(Raise::Failure(NOT_INITIALISED));
    };
    if let TokenError::Forked { .. } = context::no_executor() {
        return Err(Raise::Failure(FORKED));
    }
    // SAFETY: the token proves the lock, and the arguments are valid, by this function's contract.
    let roots = raw.map(|v| unsafe { Root::<Any>::new(v) });
    callbacks.attach(&token).map_err(Raise::Exception)?;
    Ok(roots.map(|root| root.raw(&token)))
}

/// Returns the result to OCaml, or raises it. The last thing that a stub does.
///
/// # Safety
/// OCaml called the stub that returns the result of this, the stub's frame has nothing to drop, and the
/// value or exception is valid now.
#[inline(always)]
pub(super) unsafe fn finish(result: Result<RawValue, Raise>) -> RawValue {
    match result {
        Ok(value) => value,
        // SAFETY: by this function's contract OCaml called, so the lock is held; no frame in between has
        // anything to drop, and the exception is valid.
        Err(Raise::Exception(exn)) => unsafe { ffi::raise(exn) },
        // SAFETY: by this function's contract OCaml called, and no frame in between has anything to drop.
        Err(Raise::Failure(message)) => unsafe { ffi::failwith(message) },
    }
}

/// Returns a promise that is rejected already, unrooted.
#[cold]
fn rejected(
    token: &RuntimeToken<'_>,
    callbacks: &Callbacks,
    failure: Failure,
) -> Result<RawValue, RawValue> {
    callbacks.fail(token, &failure.into_exception(token, callbacks))
}

pin_project! {
    /// The future of a call, with what its output means, which takes no space.
    struct Body<F, O, T> {
        // `None` once it is ready: its destructor has run before the call is resolved.
        #[pin]
        future: Option<F>,
        outcome: O,
        function: &'static Function,
        _value: PhantomData<fn() -> T>,
    }
}

impl<F: Future, O, T> Body<F, O, T> {
    fn poll_future(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let future = self.project().future.as_pin_mut();
        future.expect("polled after completion").poll(cx)
    }
}

impl<F, O, T> Work for Body<F, O, T>
where
    F: Future + 'static,
    O: Fn(F::Output) -> Outcome<T> + 'static,
    T: ToOCaml + 'static,
{
    const DETACHED: bool = false;

    fn poll(mut self: Pin<&mut Self>, key: Key, cx: &mut Context<'_>) -> Poll<()> {
        let (mut output, mut result) = (None, None);
        let polled = catch_unwind(|| {
            output = match self.as_mut().poll_future(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(output) => Some(output),
            };
            // A panic of the destructor is the call's.
            let body = self.as_mut().project();
            clear(body.future);
            result = output.take().map(|output| (body.outcome)(output).0);
            Poll::Ready(())
        });
        let result = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(())) => result.expect("it was set"),
            Err(panic) => {
                catch_and_discard_cold(|| drop(output));
                catch_and_discard_cold(|| clear(self.as_mut().project().future));
                Err(Failure::Panic(panic))
            }
        };
        let function = self.function;
        let mut result = Some(result);
        let entered = context::with_entered_dyn(&mut |core, token| {
            let result = result.take().expect("the call is resolved once");
            resolve(core, token, key, Some(function), result);
        });
        if entered.is_err() {
            // The poll has called `exit`, which has ended the domain, and has returned.
            catch_and_discard_cold(|| drop(result));
        }
        Poll::Ready(())
    }
}

/// Drops a future where it is.
fn clear<F>(mut future: Pin<&mut Option<F>>) {
    future.set(None);
}

/// `#[func]`: polls the future once. If it is ready, so is the promise. Otherwise the future becomes a
/// task of the domain's executor.
///
/// # Safety
/// OCaml called the stub that calls this, with these arguments, and the stub's frame has nothing to
/// drop. The closure converts the arguments before it runs any other code.
pub unsafe fn call_async<const N: usize, F, T>(
    function: &'static Function,
    args: [RawValue; N],
    start: impl FnOnce(Arguments<'_, N>) -> Result<F, ConversionError>,
    outcome: impl Fn(F::Output) -> Outcome<T> + Copy + 'static,
) -> RawValue
where
    F: Future + 'static,
    T: ToOCaml + 'static,
{
    let body =
        |core: &Core, token: &RuntimeToken<'_>, callbacks: &Callbacks, args: Arguments<'_, N>| {
            run(core, token, callbacks, function, || start(args), outcome)
        };
    // SAFETY: this function's contract is that of both; the value was made last.
    unsafe { finish(enter(function, args, body)) }
}

/// Polls the future that `start` returns once, on its domain. Returns a promise of its outcome, unrooted, or an exception,
/// unrooted, if no promise can be made.
#[inline(always)]
pub(super) fn run<F, T>(
    core: &Core,
    token: &RuntimeToken<'_>,
    callbacks: &Callbacks,
    function: &'static Function,
    start: impl FnOnce() -> Result<F, ConversionError>,
    outcome: impl Fn(F::Output) -> Outcome<T> + Copy + 'static,
) -> Result<RawValue, RawValue>
where
    F: Future + 'static,
    T: ToOCaml + 'static,
{
    let first = catch_unwind(|| {
        let future = match start() {
            Ok(future) => Some(future),
            Err(e) => return Ok(rejected(token, callbacks, e.into())),
        };
        let body = Body {
            future,
            outcome,
            function,
            _value: PhantomData,
        };
        let mut task = NewTask::new(core.executor.home(), body);
        let nested = !context::is_outermost();
        let output = core.tokio.poll(nested, || {
            task.poll(|body, cx| {
                let output = body.poll_future(cx);
                // A failure is large, and rare.
                output.map(|output| outcome(output).0.map_err(Box::new))
            })
        });
        match output {
            Poll::Ready(result) => {
                task.finish();
                let promise = result.and_then(|v| {
                    let promise = fulfilled(token, callbacks, v);
                    promise.map_err(|e| Box::new(e.of(function, None).into()))
                });
                Ok(promise.unwrap_or_else(|failure| rejected(token, callbacks, *failure)))
            }
            Poll::Pending => Err(task.erase()),
        }
    });
    match first {
        Ok(Ok(promise)) => promise,
        Ok(Err(task)) => core.add_task(token, task).map_err(|exn| exn.raw(token)),
        Err(panic) => rejected(token, callbacks, Failure::Panic(panic)),
    }
}

/// Returns a promise that is fulfilled with the value, unrooted. The outer `Err` is that of the conversion, and the
/// inner one an exception.
#[inline(always)]
fn fulfilled<T: ToOCaml>(
    token: &RuntimeToken<'_>,
    callbacks: &Callbacks,
    value: T,
) -> Result<Result<RawValue, RawValue>, ConversionError> {
    if matches!(T::TYPE, Type::Unit) {
        drop(value);
        return Ok(Ok(callbacks.return_unit(token)));
    }
    let form = match callbacks.returns_nested {
        true => Form::Fulfilled,
        false => Form::Value,
    };
    let value = to_raw_as(token, value, form)?;
    Ok(match form {
        Form::Fulfilled => Ok(value),
        // SAFETY: the value was made just now.
        Form::Value => unsafe { callbacks.return_(token, value) },
    })
}

/// Returns the outcome as OCaml gets it, panics included, also those of `outcome`.
#[inline(always)]
fn to_result<O, T>(
    output: Result<O, Panic>,
    outcome: impl Fn(O) -> Outcome<T>,
) -> Result<T, Failure> {
    match output.map(|output| catch_unwind(|| outcome(output).0)) {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) | Err(panic) => Err(Failure::Panic(panic)),
    }
}

/// `#[func(sync)]`: the result is the value; a failure is raised.
///
/// # Safety
/// OCaml called the stub that calls this, with these arguments, and the stub's frame has nothing to
/// drop. The closure converts the arguments before it runs any other code.
pub unsafe fn call_sync<const N: usize, T: ToOCaml + 'static>(
    function: &'static Function,
    args: [RawValue; N],
    body: impl FnOnce(Arguments<'_, N>) -> Result<Outcome<T>, ConversionError>,
) -> RawValue {
    let body =
        |_: &Core, token: &RuntimeToken<'_>, callbacks: &Callbacks, args: Arguments<'_, N>| {
            // A failure is large, and rare.
            let result = catch_unwind(|| {
                let outcome = body(args).map_err(|e| Box::new(e.into()))?;
                let value = outcome.0.map_err(Box::new)?;
                to_raw(token, value).map_err(|e| Box::new(Failure::from(e.of(function, None))))
            });
            match result.unwrap_or_else(|panic| Err(Box::new(Failure::Panic(panic)))) {
                Ok(value) => Ok(value),
                Err(failure) => Err(failure.into_exception(token, callbacks).raw(token)),
            }
        };
    // SAFETY: this function's contract is that of both; nothing allocates after the value was made.
    unsafe { finish(enter(function, args, body)) }
}

/// `#[func]` that returns a promise, without an `.await`: OCaml gets that promise, or one that is rejected.
///
/// # Safety
/// OCaml called the stub that calls this, with these arguments, and the stub's frame has nothing to
/// drop. The closure converts the arguments before it runs any other code.
pub unsafe fn call_promise<const N: usize, T: ToOCaml + 'static>(
    function: &'static Function,
    args: [RawValue; N],
    body: impl FnOnce(Arguments<'_, N>) -> Result<Outcome<Promise<T>>, ConversionError>,
) -> RawValue {
    let body =
        |_: &Core, token: &RuntimeToken<'_>, callbacks: &Callbacks, args: Arguments<'_, N>| {
            let result = catch_unwind(|| {
                let promise = body(args)?.0?;
                to_raw(token, promise).map_err(|e| e.of(function, None).into())
            });
            match result.unwrap_or_else(|panic| Err(Failure::Panic(panic))) {
                Ok(promise) => Ok(promise),
                Err(failure) => rejected(token, callbacks, failure),
            }
        };
    // SAFETY: this function's contract is that of both; nothing allocates after the value was made.
    unsafe { finish(enter(function, args, body)) }
}

/// Returns a future of the outcome of the promise that a future gives.
pub async fn flatten<F: Future, T: 'static>(
    future: F,
    outcome: fn(F::Output) -> Outcome<Promise<T>>,
) -> Outcome<Rooted> {
    Outcome(match outcome(future.await).0 {
        Ok(promise) => promise.into_any().await.map_err(Failure::Exception),
        Err(failure) => Err(failure),
    })
}

/// Takes an outcome as it is.
pub fn same<T>(outcome: Outcome<T>) -> Outcome<T> {
    outcome
}

/// Runs work on tokio, and resolves the call on its domain.
fn on_tokio<W, O, T>(
    core: &Core,
    token: &RuntimeToken<'_>,
    (function, outcome): (&'static Function, fn(O) -> Outcome<T>),
    work: W,
    spawn: impl FnOnce(W, Completion<O, T>) -> Result<tokio::task::AbortHandle, Failure>,
) -> Result<RawValue, RawValue>
where
    O: Send + 'static,
    T: ToOCaml + Send + 'static,
{
    let (key, promise) = match core.add_call(token) {
        Ok(call) => call,
        Err(exn) => {
            // Destructors of the user's run, which may use OCaml.
            catch_and_discard_cold(|| drop(work));
            return Err(exn.raw(token));
        }
    };
    // SAFETY: the token proves the lock; nothing has allocated since the promise was made.
    let promise: Root = unsafe { Root::new(promise) };
    let completion = Completion {
        home: core.shared.clone(),
        key,
        function,
        outcome,
    };
    match spawn(work, completion) {
        Ok(task) => {
            if let Err(work) = core.attach_call(key, AbortHandle::Tokio(task)) {
                work.abort();
            }
        }
        Err(failure) => resolve::<T>(core, token, key, None, Err(failure)),
    }
    Ok(promise.raw(token))
}

/// Hands `body` to tokio's blocking pool.
fn spawn_blocking<B, O, T>(
    body: B,
    completion: Completion<O, T>,
) -> Result<tokio::task::AbortHandle, Failure>
where
    B: FnOnce() -> O + Send + 'static,
    O: Send + 'static,
    T: ToOCaml + Send + 'static,
{
    type Shared<W> = Arc<Mutex<Option<W>>>;
    fn take<W>(work: &Shared<W>) -> Option<W> {
        work.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
    let work: Shared<_> = Arc::new(Mutex::new(Some((body, completion))));
    let job = {
        let work = work.clone();
        move || {
            if let Some((body, completion)) = take(&work) {
                completion.complete(catch_unwind(body));
            }
        }
    };
    catch_unwind(|| shared_tokio().spawn_blocking(job).abort_handle()).map_err(|panic| {
        // There is no thread for it, and tokio keeps the job for a later one: let it find nothing.
        catch_and_discard_cold(|| drop(take(&work)));
        Failure::message(format!("tokio's blocking pool: {}", panic.message))
    })
}

/// Carries an output to the domain of its call.
struct Completion<O, T> {
    home: Arc<Shared>,
    key: Key,
    function: &'static Function,
    outcome: fn(O) -> Outcome<T>,
}

impl<O: Send + 'static, T: ToOCaml + Send + 'static> Completion<O, T> {
    fn complete(self, output: Result<O, Panic>) {
        let Completion {
            home,
            key,
            function,
            outcome,
        } = self;
        // A domain that has terminated has resolved its calls.
        let _ = post(&home, move |token| {
            context::with_core(token, |core| {
                let result = to_result(output, outcome);
                resolve(core, token, key, Some(function), result);
            })
            .expect("a domain's loop delivers messages");
        });
    }
}

/// Returns tokio's shared runtime, whatever runtime user code may have entered since.
pub(super) fn shared_tokio() -> tokio::runtime::Handle {
    let runtime = tokio_rt::runtime().expect("it runs since the first executor was made");
    runtime.handle().clone()
}

/// `#[func(tokio)]`: the future runs on tokio.
///
/// # Safety
/// OCaml called the stub that calls this, with these arguments, and the stub's frame has nothing to
/// drop. The closure converts the arguments before it runs any other code.
pub unsafe fn call_tokio<const N: usize, F, T>(
    function: &'static Function,
    args: [RawValue; N],
    start: impl FnOnce(Arguments<'_, N>) -> Result<F, ConversionError>,
    outcome: fn(F::Output) -> Outcome<T>,
) -> RawValue
where
    F: Future + Send + 'static,
    F::Output: Send,
    T: ToOCaml + Send + 'static,
{
    let body =
        |core: &Core, token: &RuntimeToken<'_>, callbacks: &Callbacks, args: Arguments<'_, N>| {
            match catch_unwind(|| start(args).map(Box::pin)) {
                Err(panic) => rejected(token, callbacks, Failure::Panic(panic)),
                Ok(Err(e)) => rejected(token, callbacks, e.into()),
                Ok(Ok(future)) => {
                    let work = CatchUnwind::new(future);
                    let spawn = |work: CatchUnwind<F>, completion: Completion<F::Output, T>| {
                        let task = async move { completion.complete(work.await) };
                        Ok(shared_tokio().spawn(task).abort_handle())
                    };
                    on_tokio(core, token, (function, outcome), work, spawn)
                }
            }
        };
    // SAFETY: this function's contract is that of both; the value was read last.
    unsafe { finish(enter(function, args, body)) }
}

/// `#[func(blocking)]`: the body runs on tokio's blocking pool. Cancelling stops it only while it is
/// queued. Where the pool can have no thread at all, the promise is rejected.
///
/// # Safety
/// OCaml called the stub that calls this, with these arguments, and the stub's frame has nothing to
/// drop. The closure converts the arguments before it runs any other code.
pub unsafe fn call_blocking<const N: usize, B, O, T>(
    function: &'static Function,
    args: [RawValue; N],
    start: impl FnOnce(Arguments<'_, N>) -> Result<B, ConversionError>,
    outcome: fn(O) -> Outcome<T>,
) -> RawValue
where
    B: FnOnce() -> O + Send + 'static,
    O: Send + 'static,
    T: ToOCaml + Send + 'static,
{
    let body =
        |core: &Core, token: &RuntimeToken<'_>, callbacks: &Callbacks, args: Arguments<'_, N>| {
            match catch_unwind(|| start(args)) {
                Err(panic) => rejected(token, callbacks, Failure::Panic(panic)),
                Ok(Err(e)) => rejected(token, callbacks, e.into()),
                Ok(Ok(body)) => {
                    let function = (function, outcome);
                    on_tokio(core, token, function, body, spawn_blocking)
                }
            }
        };
    // SAFETY: this function's contract is that of both; the value was read last.
    unsafe { finish(enter(function, args, body)) }
}
