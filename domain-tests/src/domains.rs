//! Work for other domains.

use crate::failures::Counted;
use crate::{Error, Int};
use futures_lite::future;
use ocaml_lwt_interop::domain::{self, with_token};
use ocaml_lwt_interop::ocaml_blocking::TrySubmitError;
use ocaml_lwt_interop::{CallError, Domain, JoinError, OCamlFunc, Rooted, func, ocaml_blocking};
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

/// What became of a task.
fn text<T: std::fmt::Debug>(outcome: Result<T, JoinError>) -> String {
    match outcome {
        Ok(value) => format!("{value:?}"),
        Err(e) => e.to_string(),
    }
}

/// The domains that Rust knows, by id.
#[func(sync)]
pub fn known_domains() -> Vec<Int> {
    domain::all().iter().map(|d| d.id() as Int).collect()
}

thread_local! {
    static VISITS: Cell<Int> = const { Cell::new(0) };
}

/// Runs a task on a domain, with state that is not `Send`: the id that the task saw, and how many
/// such tasks the domain has had.
#[func(raise)]
pub fn task_on(id: Int) -> Result<(Int, Int), Error> {
    let task = find(id)?.spawn(|| async {
        let not_send = Rc::new(Cell::new(0));
        future::yield_now().await;
        VISITS.set(VISITS.get() + 1);
        not_send.set(here());
        (not_send.get(), VISITS.get())
    })?;
    Ok(task.await?)
}

/// A task that ends well (0), panics (1), or never ends. What becomes of it otherwise is an exception.
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

/// The same on tokio: spawned and awaited there.
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

/// The same on a thread that nobody knows: a task, and a call that is waited for.
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

/// `call_blocking` on a blocking thread of tokio's.
#[func(blocking, raise)]
pub fn closure_from_blocking_pool(id: Int) -> Result<Int, String> {
    find(id)?
        .call_blocking(|t| t.domain_id() as Int)
        .map_err(|e| e.to_string())
}

/// `call_blocking` on this domain's thread: the text of the refusal, and the work that came back.
#[func(sync)]
pub fn call_blocking_here() -> (String, String) {
    let Some(me) = domain::current() else {
        return ("no domain".to_owned(), String::new());
    };
    let precious = "precious".to_owned();
    match me.call_blocking(move |_| precious) {
        Ok(_) => ("it was done".to_owned(), String::new()),
        Err(e) => {
            let told = e.to_string();
            match e {
                // Somewhere else the work can still be done.
                CallError::WouldBlockDomain { work, .. } => {
                    (told, with_token(work).unwrap_or_default())
                }
                _ => (told, String::new()),
            }
        }
    }
}

/// A task on a domain that does not end by itself: what its handle says in the end. With
/// `cancel` the handle is cancelled once the task runs.
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

/// The same, awaited on tokio.
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

/// A closure for a domain: what became of it.
#[func]
pub fn closure_on(id: Int) -> String {
    match find(id).and_then(|target| target.call(|_| here()).map_err(|e| e.to_string())) {
        Ok(call) => text(call.await),
        Err(e) => e,
    }
}

/// Tasks of this domain: their sum; the last one is cancelled.
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

static DEAD: Mutex<Option<Domain>> = Mutex::new(None);

/// Remembers the calling domain for [`visit_dead`].
#[func(sync)]
pub fn remember_domain() {
    if let Ok(mut dead) = DEAD.lock() {
        *dead = domain::current();
    }
}

/// Sends work to the domain that was remembered, which has ended: each error, and the work that
/// each hands back.
#[func]
pub fn work_for_terminated() -> Vec<(String, Int)> {
    let Some(target) = DEAD.lock().ok().and_then(|d| d.clone()) else {
        return vec![("nobody was remembered".to_owned(), 0)];
    };
    let mut told = Vec::new();
    match target.call(move |_| 1) {
        Ok(_) => told.push(("call was taken".to_owned(), 0)),
        Err(e) => told.push((e.to_string(), with_token(e.work).unwrap_or(0))),
    }
    match target.spawn(move || async { 2 }) {
        Ok(_) => told.push(("spawn was taken".to_owned(), 0)),
        Err(e) => told.push((e.to_string(), (e.work)().await)),
    }
    let elsewhere = std::thread::spawn(move || match target.call_blocking(move |_| 3) {
        Ok(_) => ("call_blocking was taken".to_owned(), None),
        Err(e) => (
            e.to_string(),
            match e {
                CallError::DomainTerminated(t) => Some(t.work),
                _ => None,
            },
        ),
    });
    match elsewhere.join() {
        Ok((e, Some(work))) => told.push((e, with_token(work).unwrap_or(0))),
        Ok((e, None)) => told.push((e, 0)),
        Err(_) => told.push(("call_blocking panicked".to_owned(), 0)),
    }
    told
}

/// What `with_token` says on a tokio worker, on tokio's blocking pool, and on a thread.
#[func(raise)]
pub fn misuse() -> Result<(String, String, String), Error> {
    fn refused() -> String {
        with_token(|_| ()).map_or_else(|e| e.to_string(), |()| "there was a token".to_owned())
    }
    let on_tokio = tokio::spawn(async { refused() }).await?;
    let on_pool = tokio::task::spawn_blocking(refused).await?;
    let on_thread = std::thread::spawn(refused).join().map_err(|_| "panicked")?;
    Ok((on_tokio, on_pool, on_thread))
}

/// What a task is told that blocks for its own domain, and what one gets from an executor of its
/// own.
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

/// What `spawn_local` says on a thread that runs no loop.
#[func(blocking)]
pub fn spawn_local_elsewhere() -> String {
    domain::spawn_local(async {}).map_or_else(|e| e.to_string(), |_| "it was taken".to_owned())
}

/// What a thread-local destructor of a domain's thread finds when it asks for a token.
#[func(sync)]
pub fn ask_at_thread_end() {
    struct Asks;
    impl Drop for Asks {
        fn drop(&mut self) {
            let told = with_token(|_| ())
                .map_or_else(|e| e.to_string(), |()| "there was a token".to_owned());
            if let Ok(mut answers) = ANSWERS.lock() {
                answers.push(told);
            }
        }
    }
    thread_local!(static ASKS: Asks = const { Asks });
    ASKS.with(|_| ());
}

static ANSWERS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// What [`ask_at_thread_end`] was told so far.
#[func(sync)]
pub fn answers_at_thread_end() -> Vec<String> {
    ANSWERS
        .lock()
        .map(|mut a| std::mem::take(&mut *a))
        .unwrap_or_default()
}

/// A panic on another domain: in the factory (0), in the task (1), in a closure (2).
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

/// Calls an OCaml function on the blocking lane of Domain 0.
#[func(raise)]
pub fn ocaml_blocking(f: Rooted<ocaml::Value>) -> Result<Int, Error> {
    let called = ocaml_blocking::run(move |token| {
        let f: OCamlFunc<(), Int> = ocaml::FromValue::from_value(f.value(token));
        f.call(token, ()).map_err(|e| e.to_string())
    });
    Ok(called.await??)
}

/// A panic on the blocking lane.
#[func(raise)]
pub fn ocaml_blocking_panics() -> Result<(), JoinError> {
    ocaml_blocking::run(|_| panic!("on the blocking pool")).await
}

/// Fills the lane's queue, whose threads are blocked until the function opens the gate. Returns
/// how many places there were, what the closures that had one came to, how many of them were
/// cancelled, and how many ran of those whose futures were dropped.
#[func(raise)]
pub fn ocaml_blocking_fill(open_gate: OCamlFunc<(), ()>) -> Result<(Int, Int, Int, Int), Error> {
    let ran = Arc::new(AtomicUsize::new(0));
    let dropped = || {
        let ran = ran.clone();
        ocaml_blocking::run(move |_| ran.fetch_add(1, Ordering::Relaxed))
    };
    // This one had a place, the other one waits for one.
    let mut queued = Box::pin(dropped());
    assert!(future::poll_once(&mut queued).await.is_none());
    let mut jobs = Vec::new();
    loop {
        match ocaml_blocking::try_submit(|_| 1) {
            Ok(job) => jobs.push(job),
            Err(TrySubmitError::Full(_)) => break,
            Err(other) => return Err(other.into()),
        }
    }
    let mut waiting = Box::pin(dropped());
    assert!(future::poll_once(&mut waiting).await.is_none());
    let mut late = Box::pin(ocaml_blocking::submit(|_| 100));
    assert!(future::poll_once(&mut late).await.is_none());
    drop((queued, waiting));
    jobs[7].cancel();
    domain::with_token(|token| open_gate.call(token, ()))??;
    let places = 1 + jobs.len();
    let (mut sum, mut cancelled) = (late.await?.await?, 0);
    for job in jobs {
        match job.await {
            Ok(n) => sum += n,
            Err(JoinError::Cancelled) => cancelled += 1,
            Err(e) => return Err(e.into()),
        }
    }
    let ran = ran.load(Ordering::Relaxed);
    Ok((places as Int, sum, cancelled, ran as Int))
}

fn burn(microseconds: Int) {
    let end = Instant::now() + Duration::from_micros(microseconds as u64);
    while Instant::now() < end {
        std::hint::spin_loop();
    }
}

/// Keeps the thread busy.
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

/// How many units of work this domain has done.
#[func(sync)]
pub fn units() -> Int {
    UNITS.get()
}

/// A task that is always ready, for so many polls.
#[func]
pub fn always_ready(polls: Int, microseconds: Int) {
    for _ in 0..polls {
        future::yield_now().await;
        unit(microseconds);
    }
}

/// Sends messages to this domain from a thread of its own, all before the first is received.
#[func(raise)]
pub fn flood(messages: Int, microseconds: Int) -> Result<(), Error> {
    let home = domain::current().ok_or("no domain")?;
    let sent = std::thread::spawn(move || {
        let send = |_| home.call(move |_| unit(microseconds)).ok();
        (0..messages).map(send).collect::<Option<Vec<_>>>()
    });
    let calls = sent.join().expect("sending does not panic");
    for call in calls.ok_or("the domain has ended")? {
        call.await?;
    }
    Ok(())
}
