//! Locks, signal masks, tokio's state and names of the threads of the library and of tokio.

use crate::Int;
use futures_lite::future;
use ocaml_lwt_interop::{Bytes, Domain, JoinError, OCamlFunc, domain, func, ocaml_blocking};
use std::error::Error as StdError;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;

type Error = Box<dyn StdError + Send + Sync>;

// ---- locks

static GATE: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

fn gate() -> std::sync::MutexGuard<'static, bool> {
    GATE.0.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits in Domain 0's blocking pool until `threads_open_gate` is called, which takes a domain that runs.
#[func(raise)]
pub fn threads_wait_at_gate() -> Result<(), Error> {
    *gate() = false;
    ocaml_blocking::run(|| {
        let mut open = gate();
        while !*open {
            open = GATE.1.wait(open).unwrap_or_else(PoisonError::into_inner);
        }
    })
    .await?;
    Ok(())
}

/// Ends the wait of `threads_wait_at_gate`.
#[func(sync)]
pub fn threads_open_gate() {
    *gate() = true;
    GATE.1.notify_all();
}

/// Calls a domain from a closure in Domain 0's blocking pool, and waits there for the result, which is the
/// domain's number. The function is called on the domain meanwhile. `how` chooses how the closure waits.
#[func(raise)]
pub fn threads_call_from_pool(
    target: Domain,
    f: OCamlFunc<(), ()>,
    how: Int,
) -> Result<Int, Error> {
    let f = f.remote()?;
    let call = move |token: &ocaml_lwt_interop::RuntimeToken<'_>| {
        f.call_now(token, ()).map_err(|e| e.to_string())?;
        Ok::<_, String>(token.domain_id() as Int)
    };
    let id = ocaml_blocking::run(move || -> Result<Int, Error> {
        match how {
            // Without the lock.
            0 => Ok(target.call_blocking(call)??),
            1 => Ok(future::block_on(target.call(call)?)??),
            // With the lock, which the wait gives back.
            2 => domain::with_token(|_| Ok::<_, Error>(target.call_blocking(call)??))?,
            // In nested closures.
            _ => domain::with_token(|_| {
                domain::with_token(|_| Ok::<_, Error>(target.call_blocking(call)??))
            })??,
        }
    });
    id.await?
}

// ---- signals

/// The signals that a child process of the calling thread blocks and ignores, as the kernel shows them.
fn signals_of_child() -> Result<Bytes, Error> {
    let out = Command::new("grep")
        .args(["Sig", "/proc/self/status"])
        .output()?;
    Ok(out.stdout.into())
}

/// Starts a child by `std::process` on a thread of tokio's.
#[func(tokio, raise)]
pub async fn threads_child_of_tokio() -> Result<Bytes, Error> {
    signals_of_child()
}

/// Starts a child by `std::process` on tokio's blocking pool.
#[func(blocking, raise)]
pub fn threads_child_of_blocking() -> Result<Bytes, Error> {
    signals_of_child()
}

/// Starts a child by `std::process` on Domain 0's blocking pool.
#[func(raise)]
pub fn threads_child_of_pool() -> Result<Bytes, Error> {
    ocaml_blocking::run(signals_of_child).await?
}

/// Starts a child by `std::process` on the calling domain.
#[func(raise)]
pub fn threads_child_of_task() -> Result<Bytes, Error> {
    future::yield_now().await;
    signals_of_child()
}

/// The error of a write to a pipe whose other end is closed.
fn write_to_closed() -> Result<Bytes, Error> {
    let (open, closed) = UnixStream::pair()?;
    drop(closed);
    // A file's `write` lets the kernel send SIGPIPE; a socket's would not.
    let text = match File::from(OwnedFd::from(open)).write(b"x") {
        Err(e) if e.kind() == ErrorKind::BrokenPipe => "Broken pipe".to_owned(),
        Err(e) => e.to_string(),
        Ok(n) => format!("{n} written"),
    };
    Ok(text.into_bytes().into())
}

/// Writes to a closed socket in a task.
#[func(raise)]
pub fn threads_write_in_task() -> Result<Bytes, Error> {
    future::yield_now().await;
    write_to_closed()
}

/// Writes to a closed socket on a thread of tokio's.
#[func(tokio, raise)]
pub async fn threads_write_on_tokio() -> Result<Bytes, Error> {
    write_to_closed()
}

/// Writes to a closed socket on tokio's blocking pool.
#[func(blocking, raise)]
pub fn threads_write_on_blocking() -> Result<Bytes, Error> {
    write_to_closed()
}

/// Writes to a closed socket on Domain 0's blocking pool.
#[func(raise)]
pub fn threads_write_in_pool() -> Result<Bytes, Error> {
    ocaml_blocking::run(write_to_closed).await?
}

/// Writes to a closed socket on a thread of its own.
#[func(sync, raise)]
pub fn threads_write_on_thread() -> Result<Bytes, Error> {
    thread::spawn(write_to_closed).join().expect("no panic")
}

// ---- tokio's state

/// Locks a tokio mutex, which is never contended, until the flag of `threads_stop` is set: a task that never
/// waits. Starts with the first poll, or with one by the loop.
#[func]
pub async fn threads_lock_until_stopped(yields: bool) -> Int {
    STOP.store(false, Ordering::Relaxed);
    let mutex = tokio::sync::Mutex::new(0);
    if yields {
        future::yield_now().await;
    }
    while !STOP.load(Ordering::Relaxed) {
        *mutex.lock().await += 1;
    }
    *mutex.lock().await
}

static STOP: AtomicBool = AtomicBool::new(false);

/// Sets the flag.
#[func(sync)]
pub fn threads_stop() {
    STOP.store(true, Ordering::Relaxed);
}

/// Uses tokio resources more often than a task's budget allows, where there is no budget: in a synchronous
/// function.
#[func(sync)]
pub fn threads_lock_often() -> Int {
    let mutex = tokio::sync::Mutex::new(0);
    future::block_on(async {
        for _ in 0..1000 {
            *mutex.lock().await += 1;
        }
        *mutex.lock().await
    })
}

/// Holds a guard of another runtime across an await, until the promise is resolved, and then forgets or
/// drops it.
#[func(raise)]
pub async fn threads_hold_guard(
    until: ocaml_lwt_interop::Promise<()>,
    forget: bool,
) -> Result<(), Error> {
    let other = tokio::runtime::Builder::new_current_thread().build()?;
    let guard = other.enter();
    until.await.map_err(|e| e.to_string())?;
    if forget {
        std::mem::forget(guard);
    } else {
        drop(guard);
    }
    other.shutdown_background();
    Ok(())
}

/// Returns `true` if the current runtime is the shared one, at the first poll and after an await.
#[func]
pub async fn threads_in_shared_runtime() -> bool {
    let shared = ocaml_lwt_interop::tokio_handle().expect("it runs").id();
    let is_shared = || tokio::runtime::Handle::current().id() == shared;
    let first = is_shared();
    future::yield_now().await;
    first && is_shared() && tokio::spawn(async { true }).await.unwrap_or(false)
}

/// Calls the function while a guard of another runtime is held, which is dropped afterwards: in a task, or
/// within that runtime's `block_on`.
#[func(raise)]
pub async fn threads_call_under_guard(f: OCamlFunc<(), ()>, within: bool) -> Result<(), Error> {
    let other = tokio::runtime::Builder::new_current_thread().build()?;
    future::yield_now().await;
    let call = || domain::with_token(|token| f.call(token, ()).map_err(|e| e.to_string()));
    if within {
        other.block_on(async { call() })??;
    } else {
        let _guard = other.enter();
        call()??;
    }
    Ok(())
}

/// The same in a synchronous function.
#[func(sync, raise)]
pub fn threads_sync_call_under_guard(f: OCamlFunc<(), ()>) -> Result<(), Error> {
    let other = tokio::runtime::Builder::new_current_thread().build()?;
    let _guard = other.enter();
    domain::with_token(|token| f.call(token, ()).map_err(|e| e.to_string()))??;
    Ok(())
}

/// Cancels a task that uses up its budget in each poll.
#[func(raise)]
pub async fn threads_cancel_busy() -> Result<bool, Error> {
    let mut task = domain::spawn_local(async {
        let mutex = tokio::sync::Mutex::new(());
        loop {
            drop(mutex.lock().await);
        }
    })?;
    for _ in 0..3 {
        future::yield_now().await;
    }
    task.cancel();
    let outcome: Result<(), _> = task.await;
    Ok(matches!(outcome, Err(JoinError::Cancelled)))
}
