//! What the threads of the library and of tokio hold and inherit: locks and signal masks.

use futures_lite::future;
use ocaml::Int;
use ocaml_lwt_interop::{Bytes, Domain, OCamlFunc, Rooted, domain, func, ocaml_blocking};
use std::error::Error as StdError;
use std::process::Command;
use std::sync::{Condvar, Mutex, PoisonError};

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

/// The signals that a child process of the calling thread blocks, as the kernel shows them.
fn blocked_in_child() -> Result<Bytes, Error> {
    let out = Command::new("grep")
        .args(["SigBlk", "/proc/self/status"])
        .output()?;
    Ok(out.stdout.into())
}

/// Starts a child by `std::process` on a thread of tokio's.
#[func(tokio, raise)]
pub async fn threads_child_of_tokio() -> Result<Bytes, Error> {
    blocked_in_child()
}

/// Starts a child by `std::process` on tokio's blocking pool.
#[func(blocking, raise)]
pub fn threads_child_of_blocking() -> Result<Bytes, Error> {
    blocked_in_child()
}

/// Starts a child by `std::process` on Domain 0's blocking pool.
#[func(raise)]
pub fn threads_child_of_pool() -> Result<Bytes, Error> {
    ocaml_blocking::run(blocked_in_child).await?
}

/// Starts a child by `std::process` on the calling domain.
#[func(raise)]
pub fn threads_child_of_task() -> Result<Bytes, Error> {
    future::yield_now().await;
    blocked_in_child()
}
