//! What a `#[func]` expands to calls: from an OCaml call to a promise.

use crate::base::error::TokenError;
use crate::base::panic::{CatchUnwind, Panic, catch_and_discard, catch_unwind};
use crate::base::slot_map::Key;
use crate::bridge::resolve::resolve;
use crate::domain::core::{self as local, AbortHandle, Core};
use crate::domain::post;
use crate::ffi::callbacks::Callbacks;
use crate::ffi::runtime::{self as ffi, RawValue, Root};
use crate::ffi::token::RuntimeToken;
use crate::task::{NewTask, Work};
use crate::value::convert::to_ocaml;
use crate::value::exception::Failure;
use ocaml::{ToValue, Value};
use pin_project_lite::pin_project;
use std::error::Error;
use std::ffi::CStr;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

/// What a function's result means to OCaml.
pub struct Outcome<T>(Result<T, Failure>);

/// The result is the value, `Result` included.
pub fn value<T>(value: T) -> Outcome<T> {
    Outcome(Ok(value))
}

/// `Ok` is the value, `Err` becomes an exception: the same one if it is an OCaml exception.
pub fn raise<T, M, E: Raised<M>>(result: Result<T, E>) -> Outcome<T> {
    Outcome(result.map_err(|e| Failure::from_error(e.boxed())))
}

/// Errors that `#[func(raise)]` raises: what `?` turns into a `Box<dyn Error>`, and that box with
/// `Send` and `Sync`, for which the standard library has no conversion. `M` tells the two apart.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no error that can be raised",
    note = "`#[func(raise)]` takes `Result<T, E>` where `E` is an error, a string, or a boxed error"
)]
pub trait Raised<M> {
    /// The error, boxed.
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

/// What a stub raises.
enum Raise {
    /// This exception, unrooted.
    Exception(RawValue),
    /// `Failure`, before our OCaml code is there to make anything better.
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
/// OCaml called the stub that calls this, with these arguments.
unsafe fn enter<const N: usize>(
    args: [RawValue; N],
    body: impl FnOnce(&Core, &RuntimeToken<'_>, &Callbacks, [Value; N]) -> Result<RawValue, RawValue>,
) -> Result<RawValue, Raise> {
    // SAFETY: the caller's: the arguments are valid and the lock is held. What the GC cannot
    // move needs no root; the rest is rooted before anything can allocate.
    let args = args.map(|a| unsafe {
        if ffi::is_block(a) {
            Value::Root(Root::new(a))
        } else {
            Value::Raw(a)
        }
    });
    let Some(callbacks) = Callbacks::get() else {
        return Err(Raise::Failure(NOT_INITIALISED));
    };
    if local::with_current(|_| ()).is_none() {
        // SAFETY: the caller's.
        unsafe { attach(callbacks)? };
    }
    // SAFETY: the caller's; `attach` returned with the lock held.
    let result = unsafe { local::enter(|local, token| body(local, token, callbacks, args)) };
    Ok(result.expect("attach made this thread an owner")?)
}

/// Gives this thread's domain its executor.
///
/// # Safety
/// OCaml called.
#[cold]
unsafe fn attach(callbacks: &Callbacks) -> Result<(), Raise> {
    if let TokenError::Forked { .. } = local::no_executor() {
        return Err(Raise::Failure(FORKED));
    }
    // SAFETY: the caller's.
    unsafe { callbacks.attach() }.map_err(Raise::from)
}

/// The last thing a stub does.
///
/// # Safety
/// OCaml called the stub, and its frame has nothing to drop.
unsafe fn finish(result: Result<RawValue, Raise>) -> RawValue {
    match result {
        Ok(value) => value,
        // SAFETY: the caller's; nothing has allocated since the exception was made.
        Err(Raise::Exception(exn)) => unsafe { ffi::raise(exn) },
        // SAFETY: the caller's.
        Err(Raise::Failure(message)) => unsafe { ffi::failwith(message) },
    }
}

/// A promise that is rejected already, unrooted.
#[cold]
fn rejected(
    token: &RuntimeToken<'_>,
    callbacks: &Callbacks,
    failure: Failure,
) -> Result<RawValue, RawValue> {
    // SAFETY: the token proves the lock; the exception is rooted until it is passed.
    unsafe { callbacks.fail(failure.to_exception(token, callbacks).get()) }
}

/// A new call and its promise, unrooted. If there is none (the domain is ending, or a signal
/// handler raised) `work`, which contains the user's destructors, is dropped before the
/// exception is passed on.
fn new_call<W>(
    local: &Core,
    callbacks: &Callbacks,
    work: W,
) -> Result<(Key, RawValue, W), RawValue> {
    let key = local.add_call();
    // SAFETY: `Core` is at hand only where the lock is held; the exception is rooted while
    // destructors run, which may use OCaml.
    unsafe {
        match callbacks.pending(key.to_int()) {
            Ok(promise) => Ok((key, promise, work)),
            Err(exn) => {
                let exn = Root::new(exn);
                local.cancel_call(key);
                catch_and_discard(|| drop(work));
                Err(exn.get())
            }
        }
    }
}

pin_project! {
    /// The future of a call, with what its output means.
    struct Body<F: Future, T> {
        // `None` once it is ready: its destructor has run before the call is settled.
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
        // A panic of the destructor is one of the call's.
        let dropped = catch_unwind(|| body.future.set(None));
        let output = output.and_then(|output| dropped.map(|()| output));
        let mut result = Some(to_result(output, *body.outcome));
        let settled = local::with_entered(|local, token| {
            let result = result.take().expect("it is settled once");
            resolve(local, token, key, result);
        });
        if settled.is_err() {
            // The poll has called `exit`, which has ended the domain, and has come back.
            catch_and_discard(|| drop(result));
        }
        Poll::Ready(())
    }
}

/// `#[func]`: polls the future once; if it is ready the promise is, too. Otherwise it goes on
/// as a task of the domain's executor.
///
/// # Safety
/// OCaml called the stub that calls this, with these arguments, and the stub's frame has
/// nothing to drop.
pub unsafe fn call_async<const N: usize, F, T>(
    args: [RawValue; N],
    start: impl FnOnce([Value; N]) -> F,
    outcome: fn(F::Output) -> Outcome<T>,
) -> RawValue
where
    F: Future + 'static,
    T: ToValue + 'static,
{
    // SAFETY: the caller's.
    unsafe {
        finish(enter(args, |local, token, callbacks, args| {
            let first = catch_unwind(|| {
                let future = Some(start(args));
                let mut task = NewTask::new(local.executor.home(), Body { future, outcome });
                let output = task.poll(|body, cx| {
                    let output = body.poll_future(cx);
                    output.map(|output| outcome(output).0)
                });
                match output {
                    Poll::Ready(result) => {
                        task.finish();
                        // The value's destructor, which may use OCaml, runs before the promise is
                        // made. Nothing allocates afterwards.
                        Ok(match result.map(|value| to_ocaml(token, &value)) {
                            Ok(converted) => callbacks.return_(converted),
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
                    let (key, promise, task) = new_call(local, callbacks, task)?;
                    match local.attach_call(key, AbortHandle::Task(task.attach(key))) {
                        // Since it was made nothing has allocated on the OCaml heap.
                        Ok(()) => Ok(promise),
                        Err(work) => {
                            let promise = Root::new(promise);
                            work.abort();
                            Ok(promise.get())
                        }
                    }
                }
            }
        }))
    }
}

/// The outcome as OCaml gets to see it; panics included, of `outcome` too.
fn to_result<O, T>(output: Result<O, Panic>, outcome: fn(O) -> Outcome<T>) -> Result<T, Failure> {
    match output.map(|output| catch_unwind(|| outcome(output).0)) {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) | Err(panic) => Err(Failure::Panic(panic)),
    }
}

/// `#[func(sync)]`: the result is the value; a failure is raised.
///
/// # Safety
/// As for [`call_async`].
pub unsafe fn call_sync<const N: usize, T: ToValue + 'static>(
    args: [RawValue; N],
    body: impl FnOnce([Value; N]) -> Outcome<T>,
) -> RawValue {
    // SAFETY: the caller's.
    unsafe {
        finish(enter(args, |_local, token, callbacks, args| {
            let result = catch_unwind(|| body(args).0.map(|v| to_ocaml(token, &v)));
            match result.unwrap_or_else(|panic| Err(Failure::Panic(panic))) {
                Ok(value) => Ok(value.raw()),
                Err(failure) => Err(failure.to_exception(token, callbacks).get()),
            }
        }))
    }
}

/// Runs work on tokio, and settles at home.
fn on_tokio<W, O, T>(
    local: &Core,
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
    let (key, promise, work) = new_call(local, callbacks, work)?;
    // SAFETY: the token proves the lock.
    let promise = unsafe { Root::new(promise) };
    let completion = Completion {
        home: local.shared.clone(),
        key,
        outcome,
    };
    match spawn(work, completion) {
        Ok(task) => {
            if let Err(work) = local.attach_call(key, AbortHandle::Tokio(task)) {
                work.abort();
            }
        }
        Err(failure) => resolve::<T>(local, token, key, Err(failure)),
    }
    // SAFETY: as above; the value is rooted until it is returned.
    Ok(unsafe { promise.get() })
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

/// Carries an output home.
struct Completion<O, T> {
    home: std::sync::Arc<crate::domain::shared::Shared>,
    key: Key,
    outcome: fn(O) -> Outcome<T>,
}

impl<O: Send + 'static, T: ToValue + Send + 'static> Completion<O, T> {
    fn complete(self, output: Result<O, Panic>) {
        let Completion { home, key, outcome } = self;
        // A domain that has ended has settled its calls.
        let _ = post(&home, move |token| {
            let local = local::of(token).expect("a loop delivers");
            resolve(local, token, key, to_result(output, outcome));
        });
    }
}

/// tokio's shared runtime, whatever runtime user code may have entered since.
fn shared_tokio() -> tokio::runtime::Handle {
    let runtime =
        crate::base::tokio_rt::runtime().expect("it runs since the first executor was made");
    runtime.handle().clone()
}

/// `#[func(tokio)]`: the future runs on tokio.
///
/// # Safety
/// As for [`call_async`].
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
    // SAFETY: the caller's.
    unsafe {
        finish(enter(
            args,
            |local, token, callbacks, args| match catch_unwind(|| Box::pin(start(args))) {
                Err(panic) => rejected(token, callbacks, Failure::Panic(panic)),
                Ok(future) => {
                    let work = CatchUnwind::new(future);
                    on_tokio(
                        local,
                        token,
                        callbacks,
                        outcome,
                        work,
                        |work, completion| {
                            let task = async move { completion.complete(work.await) };
                            Ok(shared_tokio().spawn(task).abort_handle())
                        },
                    )
                }
            },
        ))
    }
}

/// `#[func(blocking)]`: the body runs on tokio's blocking pool. Cancelling stops it only while
/// it is queued. Where the pool can have no thread at all the promise is rejected.
///
/// # Safety
/// As for [`call_async`].
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
    // SAFETY: the caller's.
    unsafe {
        finish(enter(
            args,
            |local, token, callbacks, args| match catch_unwind(|| start(args)) {
                Err(panic) => rejected(token, callbacks, Failure::Panic(panic)),
                Ok(body) => on_tokio(local, token, callbacks, outcome, body, spawn_blocking),
            },
        ))
    }
}
