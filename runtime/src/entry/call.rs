//! The functions that `#[func]` expands to calls of: from an OCaml call to a promise.

use crate::base::error::TokenError;
use crate::base::panic::{CatchUnwind, Panic, catch_and_discard, catch_unwind};
use crate::base::slot_map::Key;
use crate::base::tokio_rt;
use crate::bridge::resolve::resolve;
use crate::domain::context::{self, CURRENT};
use crate::domain::core::{AbortHandle, Core};
use crate::domain::dispatch::post;
use crate::domain::shared::Shared;
use crate::ffi::callbacks::Callbacks;
use crate::ffi::root::{Any, Exn, Root};
use crate::ffi::runtime::{self as ffi, RawValue};
use crate::ffi::token::RuntimeToken;
use crate::task::{NewTask, Work};
use crate::value::convert::into_ocaml;
use crate::value::exception::Failure;
use ocaml::{ToValue, Value};
use pin_project_lite::pin_project;
use std::error::Error;
use std::ffi::CStr;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

/// The outcome of a function as OCaml gets it: a value, or a failure that is raised.
pub struct Outcome<T>(Result<T, Failure>);

/// Takes the result as the value, also if it is a `Result`.
pub fn value<T>(value: T) -> Outcome<T> {
    Outcome(Ok(value))
}

/// Takes `Ok` as the value. `Err` becomes an exception: the same one if it is an OCaml exception.
pub fn raise<T, M, E: Raised<M>>(result: Result<T, E>) -> Outcome<T> {
    Outcome(result.map_err(|e| Failure::from_error(e.boxed())))
}

/// Errors that `#[func(raise)]` raises: all that `?` turns into a `Box<dyn Error>`, and that box with
/// `Send` and `Sync`, for which the standard library has no conversion. `M` distinguishes the two.
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

impl<E: Into<Box<dyn Error>>> Raised<ByInto> for E {
    fn boxed(self) -> Box<dyn Error> {
        self.into()
    }
}

impl Raised<ByUnsizing> for Box<dyn Error + Send + Sync> {
    fn boxed(self) -> Box<dyn Error> {
        self
    }
}

/// An exception that a stub raises.
enum Raise {
    /// This exception, unrooted.
    Exception(RawValue),
    /// `Failure`, before the OCaml library is there to make a better one.
    Failure(&'static CStr),
}

impl From<RawValue> for Raise {
    fn from(exn: RawValue) -> Self {
        Raise::Exception(exn)
    }
}

const NOT_INITIALISED: &CStr =
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
unsafe fn enter<const N: usize>(
    args: [RawValue; N],
    body: impl FnOnce(&Core, &RuntimeToken<'_>, &Callbacks, [Value; N]) -> Result<RawValue, RawValue>,
) -> Result<RawValue, Raise> {
    // A value that is no block needs no root: the collector does not move it.
    let args = args.map(|arg| match ffi::is_block(arg) {
        // SAFETY: by this function's contract OCaml called, so the lock is held, and the arguments are
        // valid; nothing has allocated on the OCaml heap since.
        true => unsafe { Root::<Any>::new(arg) }.into_value(),
        false => Value::Raw(arg),
    });
    // SAFETY: by this function's contract OCaml called, so this thread holds the lock.
    let token = unsafe { RuntimeToken::assume_locked() };
    let Some(callbacks) = Callbacks::get(&token) else {
        return Err(Raise::Failure(NOT_INITIALISED));
    };
    if !context::has_current() {
        attach(&token, callbacks)?;
    }
    let body = |core: &Core, token: &RuntimeToken<'_>| body(core, token, callbacks, args);
    // SAFETY: by this function's contract OCaml called. Rust code does not release the lock.
    let result = CURRENT.with(|current| unsafe { current.enter_with(body) });
    Ok(result.expect("attach made this thread an owner")?)
}

/// Gives this thread's domain its executor.
#[cold]
fn attach(token: &RuntimeToken<'_>, callbacks: &Callbacks) -> Result<(), Raise> {
    if let TokenError::Forked { .. } = context::no_executor() {
        return Err(Raise::Failure(FORKED));
    }
    callbacks.attach(token).map_err(Raise::from)
}

/// Returns the result to OCaml, or raises it. The last thing that a stub does.
///
/// # Safety
/// OCaml called the stub that returns the result of this, the stub's frame has nothing to drop, and the
/// value or exception is valid now.
#[inline(always)]
unsafe fn finish(result: Result<RawValue, Raise>) -> RawValue {
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
    callbacks.fail(token, &failure.to_exception(token, callbacks))
}

/// Adds a call, and returns its key and its promise, unrooted. If no promise can be made (the domain is
/// terminating, or a signal handler raised) `work`, which catches the panics of the user's destructors,
/// is dropped before the exception is passed on.
fn new_call<W>(
    core: &Core,
    token: &RuntimeToken<'_>,
    callbacks: &Callbacks,
    work: W,
) -> Result<(Key, RawValue, W), RawValue> {
    let key = core.add_call();
    match callbacks.pending(token, key.to_int()) {
        Ok(promise) => Ok((key, promise, work)),
        Err(exn) => {
            // SAFETY: the token proves the lock, and nothing has allocated since the exception was
            // returned. It is rooted while destructors run, which may use OCaml.
            let exn: Root<Exn> = unsafe { Root::new(exn) };
            core.cancel_call(key);
            catch_and_discard(|| drop(work));
            Err(exn.raw(token))
        }
    }
}

pin_project! {
    /// The future of a call, with what its output means.
    struct Body<F: Future, T> {
        // `None` once it is ready: its destructor has run before the call is resolved.
        #[pin]
        future: Option<F>,
        outcome: fn(F::Output) -> Outcome<T>,
    }
}

impl<F: Future, T> Body<F, T> {
    fn poll_future(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let future = self.project().future.as_pin_mut();
        future.expect("polled after completion").poll(cx)
    }
}

impl<F: Future + 'static, T: ToValue + 'static> Work for Body<F, T> {
    const DETACHED: bool = false;

    fn poll(mut self: Pin<&mut Self>, key: Key, cx: &mut Context<'_>) -> Poll<()> {
        let output = match catch_unwind(|| self.as_mut().poll_future(cx)) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(panic) => Err(panic),
        };
        let mut body = self.project();
        // A panic of the destructor is the call's.
        let dropped = catch_unwind(|| body.future.set(None));
        let output = output.and_then(|output| dropped.map(|()| output));
        let mut result = Some(to_result(output, *body.outcome));
        let entered = context::with_entered(|core, token| {
            let result = result.take().expect("the call is resolved once");
            resolve(core, token, key, result);
        });
        if entered.is_err() {
            // The poll has called `exit`, which has ended the domain, and has returned.
            catch_and_discard(|| drop(result));
        }
        Poll::Ready(())
    }
}

/// `#[func]`: polls the future once. If it is ready, so is the promise. Otherwise the future becomes a
/// task of the domain's executor.
///
/// # Safety
/// OCaml called the stub that calls this, with these arguments, and the stub's frame has nothing to
/// drop.
pub unsafe fn call_async<const N: usize, F, T>(
    args: [RawValue; N],
    start: impl FnOnce([Value; N]) -> F,
    outcome: fn(F::Output) -> Outcome<T>,
) -> RawValue
where
    F: Future + 'static,
    T: ToValue + 'static,
{
    let body = |core: &Core, token: &RuntimeToken<'_>, callbacks: &Callbacks, args| {
        let first = catch_unwind(|| {
            let future = Some(start(args));
            let mut task = NewTask::new(core.executor.home(), Body { future, outcome });
            let nested = !context::is_outermost();
            let output = core.tokio.poll(nested, || {
                task.poll(|body, cx| {
                    let output = body.poll_future(cx);
                    output.map(|output| outcome(output).0)
                })
            });
            match output {
                Poll::Ready(result) => {
                    task.finish();
                    // The value's destructor, which may use OCaml, runs before the promise is made.
                    // Nothing allocates afterwards.
                    Ok(match result.and_then(|value| into_ocaml(token, value)) {
                        Ok(converted) => callbacks.return_(token, converted),
                        Err(failure) => rejected(token, callbacks, failure),
                    })
                }
                Poll::Pending => Err(task),
            }
        });
        match first {
            Ok(Ok(promise)) => promise,
            Err(panic) => rejected(token, callbacks, Failure::Panic(panic)),
            Ok(Err(task)) => {
                let (key, promise, task) = new_call(core, token, callbacks, task)?;
                match core.attach_call(key, AbortHandle::Task(task.attach(key))) {
                    // Nothing has allocated on the OCaml heap since the promise was made.
                    Ok(()) => Ok(promise),
                    Err(work) => {
                        // SAFETY: the token proves the lock; nothing has allocated since the promise was
                        // made. It is rooted while destructors run, which may use OCaml.
                        let promise: Root = unsafe { Root::new(promise) };
                        work.abort();
                        Ok(promise.raw(token))
                    }
                }
            }
        }
    };
    // SAFETY: this function's contract is that of both; the value was made last.
    unsafe { finish(enter(args, body)) }
}

/// Returns the outcome as OCaml gets it, panics included, also those of `outcome`.
fn to_result<O, T>(output: Result<O, Panic>, outcome: fn(O) -> Outcome<T>) -> Result<T, Failure> {
    match output.map(|output| catch_unwind(|| outcome(output).0)) {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) | Err(panic) => Err(Failure::Panic(panic)),
    }
}

/// `#[func(sync)]`: the result is the value; a failure is raised.
///
/// # Safety
/// OCaml called the stub that calls this, with these arguments, and the stub's frame has nothing to
/// drop.
pub unsafe fn call_sync<const N: usize, T: ToValue + 'static>(
    args: [RawValue; N],
    body: impl FnOnce([Value; N]) -> Outcome<T>,
) -> RawValue {
    let body = |_: &Core, token: &RuntimeToken<'_>, callbacks: &Callbacks, args| {
        let result = catch_unwind(|| body(args).0.and_then(|v| into_ocaml(token, v)));
        match result.unwrap_or_else(|panic| Err(Failure::Panic(panic))) {
            Ok(value) => Ok(value.raw(token)),
            Err(failure) => Err(failure.to_exception(token, callbacks).raw(token)),
        }
    };
    // SAFETY: this function's contract is that of both; nothing allocates after the value was read.
    unsafe { finish(enter(args, body)) }
}

/// Runs work on tokio, and resolves the call on its domain.
fn on_tokio<W, O, T>(
    core: &Core,
    token: &RuntimeToken<'_>,
    callbacks: &Callbacks,
    outcome: fn(O) -> Outcome<T>,
    work: W,
    spawn: impl FnOnce(W, Completion<O, T>) -> Result<tokio::task::AbortHandle, Failure>,
) -> Result<RawValue, RawValue>
where
    O: Send + 'static,
    T: ToValue + Send + 'static,
{
    let (key, promise, work) = new_call(core, token, callbacks, work)?;
    // SAFETY: the token proves the lock; nothing has allocated since the promise was made.
    let promise: Root = unsafe { Root::new(promise) };
    let completion = Completion {
        home: core.shared.clone(),
        key,
        outcome,
    };
    match spawn(work, completion) {
        Ok(task) => {
            if let Err(work) = core.attach_call(key, AbortHandle::Tokio(task)) {
                work.abort();
            }
        }
        Err(failure) => resolve::<T>(core, token, key, Err(failure)),
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
    T: ToValue + Send + 'static,
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
        catch_and_discard(|| drop(take(&work)));
        Failure::message(format!("tokio's blocking pool: {}", panic.message))
    })
}

/// Carries an output to the domain of its call.
struct Completion<O, T> {
    home: Arc<Shared>,
    key: Key,
    outcome: fn(O) -> Outcome<T>,
}

impl<O: Send + 'static, T: ToValue + Send + 'static> Completion<O, T> {
    fn complete(self, output: Result<O, Panic>) {
        let Completion { home, key, outcome } = self;
        // A domain that has terminated has resolved its calls.
        let _ = post(&home, move |token| {
            context::with_core(token, |core| {
                resolve(core, token, key, to_result(output, outcome));
            })
            .expect("a domain's loop delivers messages");
        });
    }
}

/// Returns tokio's shared runtime, whatever runtime user code may have entered since.
fn shared_tokio() -> tokio::runtime::Handle {
    let runtime = tokio_rt::runtime().expect("it runs since the first executor was made");
    runtime.handle().clone()
}

/// `#[func(tokio)]`: the future runs on tokio.
///
/// # Safety
/// OCaml called the stub that calls this, with these arguments, and the stub's frame has nothing to
/// drop.
pub unsafe fn call_tokio<const N: usize, F, T>(
    args: [RawValue; N],
    start: impl FnOnce([Value; N]) -> F,
    outcome: fn(F::Output) -> Outcome<T>,
) -> RawValue
where
    F: Future + Send + 'static,
    F::Output: Send,
    T: ToValue + Send + 'static,
{
    let body =
        |core: &Core, token: &RuntimeToken<'_>, callbacks: &Callbacks, args| match catch_unwind(
            || Box::pin(start(args)),
        ) {
            Err(panic) => rejected(token, callbacks, Failure::Panic(panic)),
            Ok(future) => {
                let work = CatchUnwind::new(future);
                let spawn = |work: CatchUnwind<F>, completion: Completion<F::Output, T>| {
                    let task = async move { completion.complete(work.await) };
                    Ok(shared_tokio().spawn(task).abort_handle())
                };
                on_tokio(core, token, callbacks, outcome, work, spawn)
            }
        };
    // SAFETY: this function's contract is that of both; the value was read last.
    unsafe { finish(enter(args, body)) }
}

/// `#[func(blocking)]`: the body runs on tokio's blocking pool. Cancelling stops it only while it is
/// queued. Where the pool can have no thread at all, the promise is rejected.
///
/// # Safety
/// OCaml called the stub that calls this, with these arguments, and the stub's frame has nothing to
/// drop.
pub unsafe fn call_blocking<const N: usize, B, O, T>(
    args: [RawValue; N],
    start: impl FnOnce([Value; N]) -> B,
    outcome: fn(O) -> Outcome<T>,
) -> RawValue
where
    B: FnOnce() -> O + Send + 'static,
    O: Send + 'static,
    T: ToValue + Send + 'static,
{
    let body =
        |core: &Core, token: &RuntimeToken<'_>, callbacks: &Callbacks, args| match catch_unwind(
            || start(args),
        ) {
            Err(panic) => rejected(token, callbacks, Failure::Panic(panic)),
            Ok(body) => on_tokio(core, token, callbacks, outcome, body, spawn_blocking),
        };
    // SAFETY: this function's contract is that of both; the value was read last.
    unsafe { finish(enter(args, body)) }
}
