//! OCaml values that Rust keeps, and the threads that drop them.

use crate::{Error, Int};
use ocaml_lwt_interop::domain::{self, with_token};
use ocaml_lwt_interop::{OCamlException, Promise, Rooted, func};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

static KEPT: Mutex<BTreeMap<Int, Arc<Rooted<String>>>> = Mutex::new(BTreeMap::new());

fn kept_values() -> MutexGuard<'static, BTreeMap<Int, Arc<Rooted<String>>>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps a value under a number.
#[func(sync)]
pub fn keep(n: Int, value: Rooted<String>) {
    kept_values().insert(n, Arc::new(value));
}

/// Returns the value that is kept under a number, on any domain.
#[func(sync, raise)]
pub fn kept(n: Int) -> Result<Option<String>, Error> {
    // No lock is held while OCaml converts.
    let value = kept_values().get(&n).cloned();
    Ok(value
        .map(|value| with_token(|t| value.get(t)))
        .transpose()?
        .transpose()?)
}

/// Drops the value that is kept under a number.
#[func(sync)]
pub fn forget(n: Int) {
    kept_values().remove(&n);
}

/// Drops a value on a plain thread (0), on a tokio worker (1), in tokio's blocking pool (2), or on the
/// domain with this id (3). Returns once it is dropped.
#[func(raise)]
pub fn drop_elsewhere(value: Rooted, where_: Int, id: Int) -> Result<(), Error> {
    match where_ {
        0 => {
            let (tx, rx) = tokio::sync::oneshot::channel();
            std::thread::spawn(move || {
                drop(value);
                let _ = tx.send(());
            });
            rx.await?;
        }
        1 => tokio::spawn(async move { drop(value) }).await?,
        2 => tokio::task::spawn_blocking(move || drop(value)).await?,
        _ => {
            domain::get(id as u64)
                .ok_or("no such domain")?
                .spawn(move || async move { drop(value) })?
                .await?;
        }
    }
    Ok(())
}

/// Awaits a promise that is rejected, drops the exception on another thread, and returns its message.
#[func(raise)]
pub fn drop_exception_elsewhere(p: Promise<()>) -> Result<String, Error> {
    let Err(exception): Result<(), OCamlException> = p.await else {
        return Ok("it was fulfilled".to_owned());
    };
    let text = std::thread::spawn(move || exception.message().to_owned())
        .join()
        .map_err(|_| "panicked")?;
    Ok(text)
}
