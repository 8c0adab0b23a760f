//! Work that is sent to other domains, Domain 0's blocking pool, and fairness.

use crate::failures::Counted;
use crate::{Error, Int};
use futures_lite::future;
use ocaml_lwt_interop::domain::{self, with_token};
use ocaml_lwt_interop::ocaml_blocking::TrySubmitError;
use ocaml_lwt_interop::{CallError, Domain, JoinError, OCamlFunc, func, ocaml_blocking};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn here() -> Int {
    domain::current().map_or(-1, |d| d.id() as Int)
}

fn find(id: Int) -> Result<Domain, String> {
    domain::get(id as u64).ok_or_else(|| format!("no domain {id}"))
}

/// Returns the value or the error of a task as text.
fn text<T: std::fmt::Debug>(outcome: Result<T, JoinError>) -> String {
    match outcome {
        Ok(value) => format!("{value:?}"),
        Err(e) => e.to_string(),
    }
}

/// Returns the ids of all domains that have an executor.
#[func(sync)]
pub fn known_domains() -> Vec<Int> {
    domain::all().iter().map(|d| d.id() as Int).collect()
}

thread_local! {
    static TASKS_RUN: Cell<Int> = const { Cell::new(0) };
}

/// Runs a task on a domain, with state that is not `Send`. Returns the id of the domain that the task
/// saw, and the number of such tasks there so far.
#[func(raise)]
pub fn task_on(id: Int) -> Result<(Int, Int), Error> {
    let task = find(id)?.spawn(|| async {
        let not_send = Rc::new(Cell::new(0));
        future::yield_now().await;
        TASKS_RUN.set(TASKS_RUN.get() + 1);
        not_send.set(here());
        (not_send.get(), TASKS_RUN.get())
    })?;
    Ok(task.await?)
}

/// Runs a task that returns its domain's id (0), panics (1), or never finishes (else). Fails with an
/// exception if the task yields no value.
#[func(raise)]
pub async fn task_with_outcome(target: Domain, how: Int) -> Result<Int, JoinError> {
    let task = target.spawn(move || async move {
        future::yield_now().await;
        match how {
            0 => here(),
            1 => panic!("as asked"),
            _ => future::pending().await,
        }
    })?;
    task.await
}

/// Runs a task on a domain, spawned and awaited on tokio, and returns the domain's id.
#[func(tokio, raise)]
pub fn task_on_from_tokio(id: Int) -> Result<Int, String> {
    let task = find(id)?.spawn(|| async {
        future::yield_now().await;
        here()
    });
    task.map_err(|e| e.to_string())?
        .await
        .map_err(|e| e.to_string())
}

/// Runs a task and a `call_blocking` on a domain, from a plain thread. Returns the domain's id twice.
#[func(raise)]
pub fn work_from_thread(id: Int) -> Result<(Int, Int), Error> {
    let target = find(id)?;
    let (tx, rx) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let both = || {
            let task = target
                .spawn(|| async { here() })
                .map_err(|e| e.to_string())?;
            let first = future::block_on(task).map_err(|e| e.to_string())?;
            let second = target
                .call_blocking(|t| t.domain_id() as Int)
                .map_err(|e| e.to_string())?;
            Ok::<_, String>((first, second))
        };
        let _ = tx.send(both());
    });
    Ok(rx.await??)
}

/// Returns the domain's id through `call_blocking`, from tokio's blocking pool.
#[func(blocking, raise)]
pub fn closure_from_blocking_pool(id: Int) -> Result<Int, String> {
    find(id)?
        .call_blocking(|t| t.domain_id() as Int)
        .map_err(|e| e.to_string())
}

/// Returns the error of `call_blocking` on this domain's own thread, and the result of the work that
/// the error returned.
#[func(sync)]
pub fn call_blocking_here() -> (String, String) {
    let Some(me) = domain::current() else {
        return ("no domain".to_owned(), String::new());
    };
    let precious = "precious".to_owned();
    match me.call_blocking(move |_| precious) {
        Ok(_) => ("the work ran".to_owned(), String::new()),
        Err(e) => {
            let error = e.to_string();
            match e {
                // The work can still be run.
                CallError::WouldBlockDomain { work, .. } => {
                    (error, with_token(work).unwrap_or_default())
                }
                _ => (error, String::new()),
            }
        }
    }
}

/// Runs a task that never finishes on a domain, and returns the outcome of its handle. With `cancel`
/// the task is cancelled once it runs.
#[func]
pub fn pending_task_on(tag: Int, id: Int, cancel: bool) -> String {
    let (started, has_started) = tokio::sync::oneshot::channel();
    let spawned = find(id).and_then(|target| {
        let work = move || async move {
            let _counted = Counted::new(tag);
            let _ = started.send(());
            future::pending::<()>().await;
        };
        target.spawn(work).map_err(|e| e.to_string())
    });
    match spawned {
        Ok(mut task) => {
            if cancel {
                let _ = has_started.await;
                task.cancel();
                task.cancel();
            }
            text(task.await)
        }
        Err(e) => e,
    }
}

/// Runs a task that never finishes on a domain, awaits it on tokio, and returns its outcome.
#[func(tokio)]
pub fn pending_task_on_from_tokio(tag: Int, id: Int) -> String {
    let spawned = find(id).and_then(|target| {
        let work = move || async move {
            let _counted = Counted::new(tag);
            future::pending::<()>().await;
        };
        target.spawn(work).map_err(|e| e.to_string())
    });
    match spawned {
        Ok(task) => text(task.await),
        Err(e) => e,
    }
}

/// Runs a closure on a domain, and returns its outcome.
#[func]
pub fn closure_on(id: Int) -> String {
    match find(id).and_then(|target| target.call(|_| here()).map_err(|e| e.to_string())) {
        Ok(call) => text(call.await),
        Err(e) => e,
    }
}

/// Runs tasks on this domain. Returns the sum of the results of `n` of them, and the outcome of a
/// further one that was cancelled.
#[func(raise)]
pub fn local_tasks(tag: Int, n: Int) -> Result<(Int, String), Error> {
    let tasks = (0..n)
        .map(|i| {
            domain::spawn_local(async move {
                future::yield_now().await;
                i
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    let mut cancelled = domain::spawn_local(async move {
        let _counted = Counted::new(tag);
        future::pending::<()>().await;
    })?;
    cancelled.cancel();
    let mut sum = 0;
    for task in tasks {
        sum += task.await?;
    }
    Ok((sum, text(cancelled.await)))
}

static REMEMBERED: Mutex<Option<Domain>> = Mutex::new(None);

/// Remembers the calling domain for [`work_for_terminated`].
#[func(sync)]
pub fn remember_domain() {
    if let Ok(mut remembered) = REMEMBERED.lock() {
        *remembered = domain::current();
    }
}

/// Sends work to the domain that [`remember_domain`] remembered, after it terminated. Returns each
/// error, and the result of the work that the error returned.
#[func]
pub fn work_for_terminated() -> Vec<(String, Int)> {
    let Some(target) = REMEMBERED.lock().ok().and_then(|d| d.clone()) else {
        return vec![("no domain is remembered".to_owned(), 0)];
    };
    let mut errors = Vec::new();
    match target.call(move |_| 1) {
        Ok(_) => errors.push(("call was accepted".to_owned(), 0)),
        Err(e) => errors.push((e.to_string(), with_token(e.work).unwrap_or(0))),
    }
    match target.spawn(move || async { 2 }) {
        Ok(_) => errors.push(("spawn was accepted".to_owned(), 0)),
        Err(e) => errors.push((e.to_string(), (e.work)().await)),
    }
    let elsewhere = std::thread::spawn(move || match target.call_blocking(move |_| 3) {
        Ok(_) => ("call_blocking was accepted".to_owned(), None),
        Err(e) => (
            e.to_string(),
            match e {
                CallError::DomainTerminated(t) => Some(t.work),
                _ => None,
            },
        ),
    });
    match elsewhere.join() {
        Ok((e, Some(work))) => errors.push((e, with_token(work).unwrap_or(0))),
        Ok((e, None)) => errors.push((e, 0)),
        Err(_) => errors.push(("call_blocking panicked".to_owned(), 0)),
    }
    errors
}

/// Returns the errors of `with_token` on a tokio worker, in tokio's blocking pool, and on a plain
/// thread.
#[func(raise)]
pub fn misuse() -> Result<(String, String, String), Error> {
    fn error_of_with_token() -> String {
        with_token(|_| ()).map_or_else(|e| e.to_string(), |()| "there was a token".to_owned())
    }
    let on_tokio = tokio::spawn(async { error_of_with_token() }).await?;
    let on_pool = tokio::task::spawn_blocking(error_of_with_token).await?;
    let on_thread = std::thread::spawn(error_of_with_token)
        .join()
        .map_err(|_| "panicked")?;
    Ok((on_tokio, on_pool, on_thread))
}

/// Returns the error of `call_blocking` in a task of the domain that it is for, and the result of a
/// task in an executor that a task creates.
#[func(raise)]
pub fn nested_executors() -> Result<(String, String), Error> {
    future::yield_now().await;
    let here = domain::current().ok_or("no domain")?;
    let call = here.call_blocking(|_| ());
    let call_blocking = call.map_or_else(|e| e.to_string(), |()| "it blocked".to_owned());
    let own = async_executor::LocalExecutor::new();
    let task = own.spawn(async { "ran".to_owned() });
    while own.try_tick() {}
    Ok((call_blocking, task.await))
}

/// Returns the error of `spawn_local` on a thread that runs no loop.
#[func(blocking)]
pub fn spawn_local_elsewhere() -> String {
    domain::spawn_local(async {}).map_or_else(|e| e.to_string(), |_| "it was accepted".to_owned())
}

/// Makes a thread-local destructor of this thread ask for a token.
#[func(sync)]
pub fn ask_at_thread_end() {
    struct Asks;
    impl Drop for Asks {
        fn drop(&mut self) {
            let answer = with_token(|_| ())
                .map_or_else(|e| e.to_string(), |()| "there was a token".to_owned());
            if let Ok(mut answers) = ANSWERS.lock() {
                answers.push(answer);
            }
        }
    }
    thread_local!(static ASKS: Asks = const { Asks });
    ASKS.with(|_| ());
}

static ANSWERS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Returns the answers that the destructors of [`ask_at_thread_end`] got so far.
#[func(sync)]
pub fn answers_at_thread_end() -> Vec<String> {
    ANSWERS
        .lock()
        .map(|mut a| std::mem::take(&mut *a))
        .unwrap_or_default()
}

/// Panics on another domain: in the factory (0), in the task (1), or in a closure (2). Returns the
/// outcome.
#[func]
pub fn panic_elsewhere(id: Int, where_: Int) -> String {
    let spawned = find(id).and_then(|target| match where_ {
        0 => target
            .spawn(|| -> future::Ready<()> { panic!("in the factory") })
            .map_err(|e| e.to_string()),
        1 => target
            .spawn(|| async { panic!("in the task") })
            .map_err(|e| e.to_string()),
        _ => target
            .call(|_| panic!("in the closure"))
            .map_err(|e| e.to_string()),
    });
    match spawned {
        Ok(task) => text(task.await),
        Err(e) => e,
    }
}

/// Calls an OCaml function in Domain 0's blocking pool.
#[func(raise)]
pub fn ocaml_blocking(f: OCamlFunc<(), Int>) -> Result<Int, Error> {
    let f = f.remote()?;
    let called = ocaml_blocking::run(move || {
        domain::with_token(|token| f.call_now(token, ()).map_err(|e| e.to_string()))
    });
    Ok(called.await???)
}

/// Panics in Domain 0's blocking pool.
#[func(raise)]
pub fn ocaml_blocking_panics() -> Result<(), JoinError> {
    ocaml_blocking::run(|| panic!("on the blocking pool")).await
}

/// Fills the queue of Domain 0's blocking pool, whose threads are blocked until `open_gate` is called.
/// Returns the number of permits, the sum of the results of the closures that got one, the number of
/// those that were cancelled, and the number of those that ran though their futures were dropped.
#[func(raise)]
pub fn ocaml_blocking_fill(open_gate: OCamlFunc<(), ()>) -> Result<(Int, Int, Int, Int), Error> {
    let ran = Arc::new(AtomicUsize::new(0));
    let dropped = || {
        let ran = ran.clone();
        ocaml_blocking::run(move || ran.fetch_add(1, Ordering::Relaxed))
    };
    // `queued` takes a permit, and `waiting` below waits for one.
    let mut queued = Box::pin(dropped());
    assert!(future::poll_once(&mut queued).await.is_none());
    let mut jobs = Vec::new();
    loop {
        match ocaml_blocking::try_submit(|| 1) {
            Ok(job) => jobs.push(job),
            Err(TrySubmitError::Full(_)) => break,
            Err(other) => return Err(other.into()),
        }
    }
    let mut waiting = Box::pin(dropped());
    assert!(future::poll_once(&mut waiting).await.is_none());
    let mut late = Box::pin(ocaml_blocking::submit(|| 100));
    assert!(future::poll_once(&mut late).await.is_none());
    drop((queued, waiting));
    jobs[7].cancel();
    domain::with_token(|token| open_gate.call(token, ()))??;
    let permits = 1 + jobs.len();
    let (mut sum, mut cancelled) = (late.await?.await?, 0);
    for job in jobs {
        match job.await {
            Ok(n) => sum += n,
            Err(JoinError::Cancelled) => cancelled += 1,
            Err(e) => return Err(e.into()),
        }
    }
    let ran = ran.load(Ordering::Relaxed);
    Ok((permits as Int, sum, cancelled, ran as Int))
}

fn burn(microseconds: Int) {
    let end = Instant::now() + Duration::from_micros(microseconds as u64);
    while Instant::now() < end {
        std::hint::spin_loop();
    }
}

/// Keeps this thread busy.
#[func(sync)]
pub fn spin(microseconds: Int) {
    burn(microseconds);
}

thread_local! {
    static UNITS: Cell<Int> = const { Cell::new(0) };
}

fn unit(microseconds: Int) {
    burn(microseconds);
    UNITS.set(UNITS.get() + 1);
}

/// Returns the number of units of work that this domain has done.
#[func(sync)]
pub fn units() -> Int {
    UNITS.get()
}

/// Runs a unit of work in each of `polls` polls, and is ready again immediately after each.
#[func]
pub fn always_ready(polls: Int, microseconds: Int) {
    for _ in 0..polls {
        future::yield_now().await;
        unit(microseconds);
    }
}

/// Sends messages to this domain from another thread, all before the first is received, and awaits
/// them. Each runs a unit of work.
#[func(raise)]
pub fn flood(messages: Int, microseconds: Int) -> Result<(), Error> {
    let home = domain::current().ok_or("no domain")?;
    let sent = std::thread::spawn(move || {
        let send = |_| home.call(move |_| unit(microseconds)).ok();
        (0..messages).map(send).collect::<Option<Vec<_>>>()
    });
    let calls = sent.join().expect("sending does not panic");
    for call in calls.ok_or("the domain has terminated")? {
        call.await?;
    }
    Ok(())
}
