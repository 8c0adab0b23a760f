//! The functions that the domains call: one for each way in which a call may go.

use futures_lite::future;
use ocaml_lwt_interop::{Domain, JoinError, OCamlAsyncFunc, Promise, Rooted, domain, func};
use std::time::Duration;

type Error = Box<dyn std::error::Error>;

const ON_PURPOSE: &str = "on purpose";

/// Returns the message of the errors and panics that are made on purpose.
#[func(sync)]
pub fn on_purpose() -> &'static str {
    ON_PURPOSE
}

/// Returns at the first poll: no task is made, and the promise is fulfilled already.
#[func]
pub async fn ready(n: isize) -> isize {
    n
}

/// Yields to other tasks a few times.
#[func]
pub async fn yields(n: isize) -> isize {
    for _ in 0..n % 8 {
        future::yield_now().await;
    }
    n
}

/// Waits for tokio's timer.
#[func]
pub async fn timer(n: isize, seconds: f64) -> isize {
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    n
}

/// Waits for a task on tokio's threads.
#[func(raise)]
pub async fn on_tokio(n: isize) -> Result<isize, Error> {
    Ok(tokio::spawn(async move { n }).await?)
}

/// Waits for a Lwt promise. `?` returns the exception that rejects it.
#[func(raise)]
pub async fn awaits(promise: Promise<isize>) -> Result<isize, Error> {
    Ok(promise.await?)
}

/// Has the loop call an OCaml function, and waits for the promise that it returns.
#[func(raise)]
pub async fn calls_back(f: OCamlAsyncFunc<(isize,), isize>, n: isize) -> Result<isize, Error> {
    Ok(f.call((n,))?.await?)
}

/// Never resolves: ends when it is cancelled, or with its domain.
#[func]
pub async fn never() -> isize {
    future::pending().await
}

/// Returns an error, at once or later.
#[func(raise)]
pub async fn fails(n: isize) -> Result<isize, Error> {
    yields(n).await;
    Err(ON_PURPOSE.into())
}

/// Panics, at once or later.
#[func]
pub async fn panics(n: isize) -> isize {
    yields(n).await;
    panic!("{ON_PURPOSE}")
}

/// Runs a task on another domain and returns the number of that domain. If the task panics or the
/// domain ends, OCaml gets an exception.
#[func(raise)]
pub async fn cross_domain(
    target: Domain,
    #[ocaml(label)] panics: bool,
) -> Result<isize, JoinError> {
    let task = target.spawn(move || async move {
        future::yield_now().await;
        assert!(!panics, "{ON_PURPOSE}");
        domain::current().map_or(-1, |here| here.id() as isize)
    })?;
    task.await
}

/// Stops Rust from printing the panics that are made on purpose.
#[func(sync)]
pub fn silence_panics_on_purpose() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !panic.to_string().ends_with(ON_PURPOSE) {
            print(panic);
        }
    }));
}

/// Keeps an OCaml value for ever: a leak for the checks to detect.
#[func(sync)]
pub fn leak(value: Rooted<String>) {
    std::mem::forget(value);
}
