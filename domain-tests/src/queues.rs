//! Queues of calls of OCaml functions.

use crate::{Error, Int};
use ocaml_lwt_interop::{OCamlAsyncFunc, OCamlFunc, WhenFull, func};
use std::sync::mpsc;

/// Pushes the numbers below `n` from a thread, and merges those that wait into the newest.
#[func(raise)]
pub async fn queue_merged(f: OCamlFunc<(Int,), ()>, n: Int) -> Result<(), Error> {
    let queue = f
        .remote()?
        .queue(1, WhenFull::Merge(|last, next| *last = next))?;
    let pushing = queue.clone();
    tokio::task::spawn_blocking(move || (0..n).try_for_each(|i| pushing.push((i,)))).await??;
    Ok(queue.finish().await?)
}

/// Pushes the numbers below `n` while the function is not called, into a queue of `capacity` that drops the oldest ones.
#[func(raise)]
pub async fn queue_newest(f: OCamlFunc<(Int,), ()>, n: Int, capacity: Int) -> Result<(), Error> {
    let queue = f.remote()?.queue(capacity as usize, WhenFull::DropOldest)?;
    // Within this poll the domain calls nothing.
    (0..n).try_for_each(|i| queue.push((i,)))?;
    Ok(queue.finish().await?)
}

/// Sends the numbers below `n` from tokio, which waits while `capacity` of them are queued.
#[func(raise)]
pub async fn queue_all(f: OCamlAsyncFunc<(Int,), ()>, n: Int, capacity: Int) -> Result<(), Error> {
    let queue = f.remote()?.queue(capacity as usize, WhenFull::DropOldest)?;
    let sending = queue.clone();
    let sent = tokio::spawn(async move {
        for i in 0..n {
            if sending.send((i,)).await.is_err() {
                return i;
            }
        }
        n
    });
    let sent = sent.await?;
    queue.finish().await?;
    match sent == n {
        true => Ok(()),
        false => Err(format!("{sent} were sent").into()),
    }
}

/// Returns once a queue of this domain's, to which a thread pushes, has ended. The thread holds the last clone.
#[func(sync, raise)]
pub fn queue_until_the_end(f: OCamlFunc<(Int,), ()>, tag: Int) -> Result<(), Error> {
    let queue = f.remote()?.queue(1, WhenFull::DropOldest)?;
    let counted = crate::failures::Counted::new(tag);
    let (started, wait) = mpsc::channel();
    std::thread::spawn(move || {
        let _counted = counted;
        while queue.push((0,)).is_ok() {
            let _ = started.send(());
            std::thread::yield_now();
        }
    });
    wait.recv()?;
    Ok(())
}
