//! OCaml functions that any thread can call, and sets of workers.

use crate::failures::{Counted, PanickingWaker};
use crate::{Error, Int};
use ocaml_lwt_interop::convert::types::Type;
use ocaml_lwt_interop::convert::{ConversionError, FromOCaml, Source, ToOCaml, Writer};
use ocaml_lwt_interop::domain::with_token;
use ocaml_lwt_interop::{
    Domain, OCamlAsyncFunc, OCamlFunc, Opaque, OpaqueType, Promise, RemoteError, RemoteFunc,
    RuntimeToken, Workers, func, ocaml_blocking,
};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;

/// The argument of a call: a number, which panics when it is converted or dropped if `trouble` says
/// so.
pub struct Argument {
    n: Int,
    trouble: Int,
    _counted: Counted,
}

const CONVERTING_PANICS: Int = 1;
const DROPPING_PANICS: Int = 2;

impl Drop for Argument {
    fn drop(&mut self) {
        if self.trouble == DROPPING_PANICS {
            panic!("in an argument's destructor")
        }
    }
}

// SAFETY: an OCaml int is written, or the conversion panics.
unsafe impl ToOCaml for Argument {
    const TYPE: &'static Type = <Int as ToOCaml>::TYPE;

    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
        assert!(
            self.trouble != CONVERTING_PANICS,
            "in an argument's conversion"
        );
        self.n.to_ocaml(writer)
    }
}

/// The result of a call. Its conversion panics if it is negative.
#[derive(Debug)]
pub struct Answer(Int);

// SAFETY: the value is only read as an OCaml int.
unsafe impl FromOCaml for Answer {
    const TYPE: &'static Type = <Int as FromOCaml>::TYPE;

    fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
        let n = Int::from_ocaml(value)?;
        assert!(n >= 0, "in a result's conversion");
        Ok(Answer(n))
    }
}

type Function = OCamlAsyncFunc<(Argument,), Answer>;
type Remote = RemoteFunc<(Argument,), Answer>;
/// The workers of these tests.
#[derive(OpaqueType)]
pub struct AnswerWorkers(pub Workers<(Argument,), Answer>);

impl std::ops::Deref for AnswerWorkers {
    type Target = Workers<(Argument,), Answer>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

fn argument(tag: Int, n: Int, trouble: Int) -> (Argument,) {
    let argument = Argument {
        n,
        trouble,
        _counted: Counted::new(tag),
    };
    (argument,)
}

/// Describes the argument that an error returned, and drops it without a panic.
fn came_back((mut argument,): (Argument,)) -> String {
    argument.trouble = 0;
    format!(", {} came back", argument.n)
}

// ---- one function

static KEPT: Mutex<BTreeMap<Int, Remote>> = Mutex::new(BTreeMap::new());

fn kept_functions() -> MutexGuard<'static, BTreeMap<Int, Remote>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

fn kept_function(tag: Int) -> Result<Remote, Error> {
    Ok(kept_functions()
        .get(&tag)
        .ok_or("no function is kept under this tag")?
        .clone())
}

/// Keeps a function under a tag, for other threads.
#[func(sync, raise)]
pub fn remote_keep(tag: Int, f: Function) -> Result<(), Error> {
    let remote = f.remote()?;
    assert_eq!(Some(remote.domain()), with_token(|t| t.domain())?.as_ref());
    kept_functions().insert(tag, remote);
    Ok(())
}

/// Drops a kept function on this domain (0), on a plain thread (1), or on tokio (2).
#[func(raise)]
pub fn remote_drop(tag: Int, where_: Int) -> Result<(), Error> {
    let remote = kept_functions()
        .remove(&tag)
        .ok_or("no function is kept under this tag")?;
    match where_ {
        0 => drop(remote),
        1 => std::thread::spawn(|| drop(remote))
            .join()
            .map_err(|_| "panicked")?,
        _ => tokio::spawn(async { drop(remote) }).await?,
    }
    Ok(())
}

/// Calls a kept function from tokio, and returns the answer or the error.
#[func(tokio)]
pub async fn remote_call(tag: Int, n: Int, trouble: Int) -> Result<Int, String> {
    let called = kept_function(tag)
        .map_err(|e| e.to_string())?
        .call(argument(tag, n, trouble));
    match called {
        Ok(call) => match call.await {
            Ok(answer) => Ok(answer.0),
            Err(RemoteError::Exception(exception)) => Err(format!("exception {exception}")),
            Err(e) => Err(e.to_string()),
        },
        Err(e) => Err(e.to_string() + &came_back(e.work)),
    }
}

/// Calls a kept function from this domain. Fails with the function's exception.
#[func(raise)]
pub fn remote_call_here(tag: Int, n: Int) -> Result<Int, Error> {
    let call = kept_function(tag)?.call(argument(tag, n, 0));
    Ok(call.map_err(|e| e.to_string())?.await?.0)
}

/// Calls a kept function, and drops the handle once a promise is fulfilled. With `cancel` that cancels
/// the call.
#[func(raise)]
pub fn remote_call_until(tag: Int, n: Int, until: Promise<()>, cancel: bool) -> Result<(), Error> {
    let called = kept_function(tag)?.call(argument(tag, n, 0));
    let call = called.map_err(|e| e.to_string())?;
    let call = if cancel { call.cancel_on_drop() } else { call };
    until.await?;
    drop(call);
    Ok(())
}

/// Calls a kept function, and drops the handle before the call can be delivered, which cancels the
/// call. With `detach` the handle is [detached] instead.
///
/// [detached]: ocaml_lwt_interop::JoinHandle::detach
#[func(sync, raise)]
pub fn remote_call_dropped(tag: Int, n: Int, detach: bool) -> Result<(), Error> {
    let called = kept_function(tag)?.call(argument(tag, n, 0));
    let call = called.map_err(|e| e.to_string())?.cancel_on_drop();
    if detach {
        call.detach();
    }
    Ok(())
}

/// Calls a function at once: on the loop of `target`, or in Domain 0's blocking pool if there is none.
#[func(raise)]
pub fn remote_call_now(f: OCamlFunc<(Int,), Int>, target: Option<Domain>) -> Result<Int, Error> {
    let f = f.remote()?;
    match target {
        Some(target) => Ok(target.call(move |token| f.call_now(token, (1,)))?.await??),
        None => {
            let called = ocaml_blocking::run(move || with_token(|t| f.call_now(t, (1,))));
            Ok(called.await???)
        }
    }
}

/// Calls a function that returns a promise at once, which cannot be.
#[func(sync, raise)]
pub fn remote_call_async_now(
    token: &RuntimeToken<'_>,
    f: OCamlAsyncFunc<(Int,), Int>,
) -> Result<Int, Error> {
    Ok(f.remote()?.call_now(token, (1,))?)
}

// ---- workers

/// Creates an empty set of workers.
#[func(sync)]
pub fn workers_create() -> Opaque<AnswerWorkers> {
    Opaque::new(AnswerWorkers(Workers::new()))
}

/// Returns the number of workers.
#[func(sync)]
pub fn workers_len(workers: Opaque<AnswerWorkers>) -> Int {
    workers.len() as Int
}

/// Adds this domain to the workers.
#[func(sync, raise)]
pub fn workers_join(workers: Opaque<AnswerWorkers>, f: Function) -> Result<(), Error> {
    workers.join(f.remote()?);
    Ok(())
}

/// Removes a domain from the workers, and returns once its calls have finished.
#[func]
pub fn workers_leave(workers: Opaque<AnswerWorkers>, domain: Domain) {
    workers.leave(&domain).await
}

/// Removes a domain from the workers, and awaits the end of its calls on tokio.
#[func(tokio)]
pub async fn workers_leave_on_tokio(workers: Opaque<AnswerWorkers>, domain: Domain) {
    workers.leave(&domain).await
}

type Leaving = Pin<Box<dyn Future<Output = ()> + Send>>;

static LEAVING: Mutex<Vec<Leaving>> = Mutex::new(Vec::new());

/// Removes a domain from the workers, and awaits the end of its calls with a waker that panics.
/// Returns `true` if there are such calls.
#[func(sync)]
pub fn workers_leave_with_panicking_waker(workers: Opaque<AnswerWorkers>, domain: Domain) -> bool {
    let mut leaving: Leaving = Box::pin(workers.leave(&domain));
    let waker = PanickingWaker::waker();
    let polled = leaving.as_mut().poll(&mut Context::from_waker(&waker));
    let mut all = LEAVING.lock().unwrap_or_else(PoisonError::into_inner);
    all.push(leaving);
    polled.is_pending()
}

/// Calls a worker from tokio, and returns the answer or the error.
#[func(tokio)]
pub async fn workers_call(
    workers: Opaque<AnswerWorkers>,
    tag: Int,
    n: Int,
    trouble: Int,
) -> Result<Int, String> {
    match workers.call(argument(tag, n, trouble)) {
        Ok(call) => call.await.map(|answer| answer.0).map_err(|e| e.to_string()),
        Err(e) => Err(e.to_string() + &came_back(e.work)),
    }
}

/// Calls a worker, and drops the call once a promise is fulfilled.
#[func(raise)]
pub fn workers_call_until(
    workers: Opaque<AnswerWorkers>,
    tag: Int,
    n: Int,
    until: Promise<()>,
) -> Result<(), Error> {
    let call = workers
        .call(argument(tag, n, 0))
        .map_err(|e| e.to_string())?;
    until.await?;
    drop(call);
    Ok(())
}

/// Calls a worker, and drops the call before it can be delivered.
#[func(sync, raise)]
pub fn workers_call_dropped(workers: Opaque<AnswerWorkers>, tag: Int, n: Int) -> Result<(), Error> {
    drop(
        workers
            .call(argument(tag, n, 0))
            .map_err(|e| e.to_string())?,
    );
    Ok(())
}

// ---- stress

/// The number of times that the function of each call was started.
static STARTED: Mutex<Vec<AtomicU8>> = Mutex::new(Vec::new());
static STOPPED: AtomicBool = AtomicBool::new(false);

/// Records that a function starts to answer call `n`. Returns `true` if it is the first.
#[func(sync)]
pub fn stress_call_begins(n: Int) -> bool {
    let started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    started[n as usize].fetch_add(1, Ordering::Relaxed) == 0
}

/// Stops [`stress_calls`].
#[func(sync)]
pub fn stress_stop() {
    STOPPED.store(true, Ordering::Relaxed);
}

#[derive(Default)]
struct Tally {
    calls: Int,
    answers: Int,
    exceptions: Int,
    failures: Int,
    cancelled: Int,
    without_worker: Int,
}

/// Calls workers from several tasks of tokio without pause, until [`stress_stop`] is called, and cancels
/// each fifth call. Returns the number of calls, and the numbers of answers, exceptions, failures,
/// cancelled calls, and calls that had no worker.
#[func(tokio, raise)]
pub async fn stress_calls(
    workers: Opaque<AnswerWorkers>,
    tag: Int,
    tasks: Int,
) -> Result<Vec<Int>, tokio::task::JoinError> {
    STOPPED.store(false, Ordering::Relaxed);
    STARTED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clear();
    let tally = Arc::new(Mutex::new(Tally::default()));
    let tasks: Vec<_> = (0..tasks)
        .map(|_| tokio::spawn(call_on(workers.clone(), tag, tally.clone())))
        .collect();
    for task in tasks {
        task.await?;
    }
    let t = tally.lock().unwrap_or_else(PoisonError::into_inner);
    let outcomes = [
        t.answers,
        t.exceptions,
        t.failures,
        t.cancelled,
        t.without_worker,
    ];
    Ok([t.calls].into_iter().chain(outcomes).collect())
}

async fn call_on(workers: Opaque<AnswerWorkers>, tag: Int, tally: Arc<Mutex<Tally>>) {
    let count = |f: fn(&mut Tally) -> &mut Int| {
        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        *f(&mut tally) += 1;
    };
    let started = |n: Int| {
        let started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
        started[n as usize].load(Ordering::Relaxed)
    };
    while !STOPPED.load(Ordering::Relaxed) {
        let n = {
            let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
            started.push(AtomicU8::new(0));
            started.len() as Int - 1
        };
        count(|t| &mut t.calls);
        let Ok(mut call) = workers.call(argument(tag, n, 0)) else {
            count(|t| &mut t.without_worker);
            tokio::task::yield_now().await;
            continue;
        };
        if n % 5 == 4 {
            // The call is dropped after 0 to 6 polls, unless it has ended before.
            for _ in 0..n / 5 % 7 {
                if futures_lite::future::poll_once(&mut call).await.is_some() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            drop(call);
            count(|t| &mut t.cancelled);
            continue;
        }
        match call.await {
            Ok(answer) => {
                assert_eq!((answer.0, started(n)), (n + 1, 1), "call {n}");
                count(|t| &mut t.answers);
            }
            Err(RemoteError::Exception(_)) => {
                assert_eq!(started(n), 1, "call {n}");
                count(|t| &mut t.exceptions);
            }
            Err(_) => count(|t| &mut t.failures),
        }
    }
}
