//! What the threads of the library and of tokio hold and inherit: locks and signal masks.

use futures_lite::future;
use ocaml::Int;
use ocaml_lwt_interop::{Bytes, Domain, OCamlFunc, Rooted, domain, func, ocaml_blocking};
use std::error::Error as StdError;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Command;
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
    f: Rooted<ocaml::Value>,
    how: Int,
) -> Result<Int, Error> {
    let call = move |token: &ocaml_lwt_interop::RuntimeToken<'_>| {
        let f: OCamlFunc<(), ()> = ocaml::FromValue::from_value(f.value(token));
        f.call(token, ()).map_err(|e| e.to_string())?;
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
