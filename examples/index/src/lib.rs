//! The Rust half of the indexer: lists and reads files on tokio, and shows the progress.

mod content;
mod progress;
mod walk;

use content::Content;
use ocaml_lwt_interop::{Bytes, List, OCamlAsyncFunc, func};
use std::path::PathBuf;
use tokio::sync::mpsc;
use walk::Unreadable;

type Error = Box<dyn std::error::Error>;

/// Calls `take` with the paths of all files below `roots`, a batch at a time, and returns what could
/// not be listed. Each batch waits for the promise that `take` returned for the one before, so a slow
/// consumer slows the walk down, and memory stays bounded.
#[func(raise)]
pub async fn list_files(
    roots: List<Bytes>,
    take: OCamlAsyncFunc<(Vec<Bytes>,), ()>,
) -> Result<List<Unreadable>, Error> {
    let (send, mut batches) = mpsc::channel(4);
    let roots = roots.into_iter().map(PathBuf::from).collect();
    // If this future is dropped early, after an error or because OCaml cancels its promise, so is
    // `batches`, which ends the walk.
    let walk = tokio::task::spawn_blocking(move || walk::walk(roots, &send));
    while let Some(batch) = batches.recv().await {
        take.call((batch,))?.await?;
    }
    Ok(List(walk.await?))
}

/// Returns the contents of files, or why they cannot be read. One task of tokio's blocking pool reads them all.
#[func(raise)]
pub async fn read_files(paths: Vec<Bytes>) -> Result<Vec<Result<Content, String>>, Error> {
    let read = |path: Bytes| Content::read(&PathBuf::from(path)).map_err(|e| e.to_string());
    let read_all = move || paths.into_iter().map(read).collect();
    // `tokio::fs::File` would take a task for each system call, which pays off for files that are long or not on a disk.
    Ok(tokio::task::spawn_blocking(read_all).await?)
}
