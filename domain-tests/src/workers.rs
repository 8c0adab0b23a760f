//! OCaml functions that threads call, and domains that deal calls out among them.

use crate::failures::{Counted, PanickingWaker};
use crate::{Error, Int};
use ocaml_lwt_interop::domain::with_token;
use ocaml_lwt_interop::{
    Domain, OCamlAsyncFunc, Opaque, Promise, RemoteError, RemoteFunc, Workers, func,
};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

/// The argument of a call, a number.
pub struct Asked {
    n: Int,
    trouble: Int,
    _counted: Counted,
}

const CONVERTING_PANICS: Int = 1;
const DROPPING_PANICS: Int = 2;

impl Drop for Asked {
    fn drop(&mut self) {
        if self.trouble == DROPPING_PANICS {
            panic!("in an argument's destructor")
        }
    }
}

// SAFETY: it makes an int.
unsafe impl ocaml::ToValue for Asked {
    fn to_value(&self, rt: &ocaml::Runtime) -> ocaml::Value {
        assert!(
            self.trouble != CONVERTING_PANICS,
            "in an argument's conversion"
        );
        self.n.to_value(rt)
    }
}

/// The result of a call, which cannot be negative.
#[derive(Debug)]
pub struct Answer(Int);

// SAFETY: it is an int.
unsafe impl ocaml::FromValue for Answer {
    fn from_value(value: ocaml::Value) -> Self {
        let n = Int::from_value(value);
        assert!(n >= 0, "in a result's conversion");
        Answer(n)
    }
}

type Function = OCamlAsyncFunc<(Asked,), Answer>;
type Remote = RemoteFunc<(Asked,), Answer>;
/// What the tests call.
pub type AnswerWorkers = Workers<(Asked,), Answer>;

fn asked(tag: Int, n: Int, trouble: Int) -> (Asked,) {
    let asked = Asked {
        n,
        trouble,
        _counted: Counted::new(tag),
    };
    (asked,)
}

/// Takes the trouble out of what came back.
fn came_back((mut asked,): (Asked,)) -> String {
    asked.trouble = 0;
    format!(", {} came back", asked.n)
}

// ---- one function

static KEPT: Mutex<BTreeMap<Int, Remote>> = Mutex::new(BTreeMap::new());

fn kept_functions() -> MutexGuard<'static, BTreeMap<Int, Remote>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

fn kept_function(tag: Int) -> Result<Remote, Error> {
    Ok(kept_functions().get(&tag).ok_or("it is not kept")?.clone())
}

/// Keeps a function for other threads.
#[func(sync, raise)]
pub fn remote_keep(tag: Int, f: Function) -> Result<(), Error> {
    let remote = f.remote()?;
    assert_eq!(Some(remote.domain()), with_token(|t| t.domain())?.as_ref());
    kept_functions().insert(tag, remote);
    Ok(())
}

/// Drops it: here (0), on a plain thread (1), on tokio (2).
#[func(raise)]
pub fn remote_drop(tag: Int, where_: Int) -> Result<(), Error> {
    let remote = kept_functions().remove(&tag).ok_or("it is not kept")?;
    match where_ {
        0 => drop(remote),
        1 => std::thread::spawn(|| drop(remote))
            .join()
            .map_err(|_| "panicked")?,
        _ => tokio::spawn(async { drop(remote) }).await?,
    }
    Ok(())
}

/// Calls it from tokio: the answer, or what was told instead.
#[func(tokio)]
pub async fn remote_call(tag: Int, n: Int, trouble: Int) -> Result<Int, String> {
    let called = kept_function(tag)
        .map_err(|e| e.to_string())?
        .call(asked(tag, n, trouble));
    match called {
        Ok(call) => match call.await {
            Ok(answer) => Ok(answer.0),
            Err(RemoteError::Exception(exception)) => Err(format!("exception {exception}")),
            Err(e) => Err(e.to_string()),
        },
        Err(e) => Err(e.to_string() + &came_back(e.work)),
    }
}

/// Calls it from here, and raises what it raises.
#[func(raise)]
pub fn remote_call_here(tag: Int, n: Int) -> Result<Int, Error> {
    let call = kept_function(tag)?.call(asked(tag, n, 0));
    Ok(call.map_err(|e| e.to_string())?.await?.0)
}

/// Calls it, and drops the handle when a promise is fulfilled, so that the call is cancelled, or not.
#[func(raise)]
pub fn remote_call_until(tag: Int, n: Int, until: Promise<()>, cancel: bool) -> Result<(), Error> {
    let called = kept_function(tag)?.call(asked(tag, n, 0));
    let call = called.map_err(|e| e.to_string())?;
    let call = if cancel { call.cancel_on_drop() } else { call };
    until.await?;
    drop(call);
    Ok(())
}

/// Calls it, and drops the handle before the call can be delivered. It is [detached] if that is
/// asked for.
///
/// [detached]: ocaml_lwt_interop::JoinHandle::detach
#[func(sync, raise)]
pub fn remote_call_dropped(tag: Int, n: Int, detach: bool) -> Result<(), Error> {
    let called = kept_function(tag)?.call(asked(tag, n, 0));
    let call = called.map_err(|e| e.to_string())?.cancel_on_drop();
    if detach {
        call.detach();
    }
    Ok(())
}

// ---- workers

/// None yet.
#[func(sync)]
pub fn workers_create() -> Opaque<AnswerWorkers> {
    Opaque::new(Workers::new())
}

/// How many there are.
#[func(sync)]
pub fn workers_len(workers: Opaque<AnswerWorkers>) -> Int {
    workers.len() as Int
}

/// This domain joins.
#[func(sync, raise)]
pub fn workers_join(workers: Opaque<AnswerWorkers>, f: Function) -> Result<(), Error> {
    workers.join(f.remote()?);
    Ok(())
}

/// A domain leaves.
#[func]
pub fn workers_leave(workers: Opaque<AnswerWorkers>, domain: Domain) {
    workers.leave(&domain).await
}

/// The same, awaited on tokio.
#[func(tokio)]
pub async fn workers_leave_on_tokio(workers: Opaque<AnswerWorkers>, domain: Domain) {
    workers.leave(&domain).await
}

type Leaving = Pin<Box<dyn Future<Output = ()> + Send>>;

static LEAVING: Mutex<Vec<Leaving>> = Mutex::new(Vec::new());

/// Has a domain leave, with a waker that panics. Whether it waits.
#[func(sync)]
pub fn workers_leave_with_panicking_waker(workers: Opaque<AnswerWorkers>, domain: Domain) -> bool {
    let mut leaving: Leaving = Box::pin(workers.leave(&domain));
    let waker = Waker::from(Arc::new(PanickingWaker));
    let polled = leaving.as_mut().poll(&mut Context::from_waker(&waker));
    let mut all = LEAVING.lock().unwrap_or_else(PoisonError::into_inner);
    all.push(leaving);
    polled.is_pending()
}

/// Calls from tokio: the answer, or what was told instead.
#[func(tokio)]
pub async fn workers_call(
    workers: Opaque<AnswerWorkers>,
    tag: Int,
    n: Int,
    trouble: Int,
) -> Result<Int, String> {
    match workers.call(asked(tag, n, trouble)) {
        Ok(call) => call.await.map(|answer| answer.0).map_err(|e| e.to_string()),
        Err(e) => Err(e.to_string() + &came_back(e.work)),
    }
}

/// Calls, and drops that when a promise is fulfilled.
#[func(raise)]
pub fn workers_call_until(
    workers: Opaque<AnswerWorkers>,
    tag: Int,
    n: Int,
    until: Promise<()>,
) -> Result<(), Error> {
    let call = workers.call(asked(tag, n, 0)).map_err(|e| e.to_string())?;
    until.await?;
    drop(call);
    Ok(())
}

/// Calls, and drops that before the call can be delivered.
#[func(sync, raise)]
pub fn workers_call_dropped(workers: Opaque<AnswerWorkers>, tag: Int, n: Int) -> Result<(), Error> {
    drop(workers.call(asked(tag, n, 0)).map_err(|e| e.to_string())?);
    Ok(())
}

// ---- a storm

/// How often each call's function was begun.
static BEGUN: Mutex<Vec<AtomicU8>> = Mutex::new(Vec::new());
static CALM: AtomicBool = AtomicBool::new(false);

/// A function has begun to answer call `n`. Whether it is the first to do so.
#[func(sync)]
pub fn stress_call_begins(n: Int) -> bool {
    let begun = BEGUN.lock().unwrap_or_else(PoisonError::into_inner);
    begun[n as usize].fetch_add(1, Ordering::Relaxed) == 0
}

/// The storm shall end.
#[func(sync)]
pub fn stress_stop() {
    CALM.store(true, Ordering::Relaxed);
}

#[derive(Default)]
struct Tally {
    calls: Int,
    answers: Int,
    exceptions: Int,
    failures: Int,
    cancelled: Int,
    nobody: Int,
}

/// Tasks of tokio's call without pause until it [calms](storm_calms), and cancel each fifth call.
/// What became of the calls: how many there were; answers, exceptions, failures, those that were
/// cancelled, those that nobody took.
#[func(tokio, raise)]
pub async fn stress_calls(
    workers: Opaque<AnswerWorkers>,
    tag: Int,
    tasks: Int,
) -> Result<Vec<Int>, tokio::task::JoinError> {
    CALM.store(false, Ordering::Relaxed);
    BEGUN.lock().unwrap_or_else(PoisonError::into_inner).clear();
    let tally = Arc::new(Mutex::new(Tally::default()));
    let tasks: Vec<_> = (0..tasks)
        .map(|_| tokio::spawn(call_on(workers.clone(), tag, tally.clone())))
        .collect();
    for task in tasks {
        task.await?;
    }
    let t = tally.lock().unwrap_or_else(PoisonError::into_inner);
    let outcomes = [t.answers, t.exceptions, t.failures, t.cancelled, t.nobody];
    Ok([t.calls].into_iter().chain(outcomes).collect())
}

async fn call_on(workers: Opaque<AnswerWorkers>, tag: Int, tally: Arc<Mutex<Tally>>) {
    let note = |f: fn(&mut Tally) -> &mut Int| {
        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        *f(&mut tally) += 1;
    };
    let begun = |n: Int| {
        let begun = BEGUN.lock().unwrap_or_else(PoisonError::into_inner);
        begun[n as usize].load(Ordering::Relaxed)
    };
    while !CALM.load(Ordering::Relaxed) {
        let n = {
            let mut begun = BEGUN.lock().unwrap_or_else(PoisonError::into_inner);
            begun.push(AtomicU8::new(0));
            begun.len() as Int - 1
        };
        note(|t| &mut t.calls);
        let Ok(mut call) = workers.call(asked(tag, n, 0)) else {
            note(|t| &mut t.nobody);
            tokio::task::yield_now().await;
            continue;
        };
        if n % 5 == 4 {
            // Soon, or a bit later, or after it has ended.
            for _ in 0..n / 5 % 7 {
                if futures_lite::future::poll_once(&mut call).await.is_some() {
                    break;
                }
                tokio::task::yield_now().await;
            }
            drop(call);
            note(|t| &mut t.cancelled);
            continue;
        }
        match call.await {
            Ok(answer) => {
                assert_eq!((answer.0, begun(n)), (n + 1, 1), "call {n}");
                note(|t| &mut t.answers);
            }
            Err(RemoteError::Exception(_)) => {
                assert_eq!(begun(n), 1, "call {n}");
                note(|t| &mut t.exceptions);
            }
            Err(_) => note(|t| &mut t.failures),
        }
    }
}
