//! The Rust half of the indexer: lists files and reads them, on tokio.
//!
//! `files.mli` declares these functions for OCaml.

mod content;
mod walk;

use content::Content;
use ocaml_lwt_interop::{Bytes, OCamlAsyncFunc, func};
use std::path::PathBuf;
use tokio::sync::mpsc;
use walk::Unreadable;

type Error = Box<dyn std::error::Error>;

/// Gives the paths of all files below the roots to `take`, a batch at a time. The next batch waits
/// until the promise that `take` returned for the last one is fulfilled, so a slow taker slows the
/// walk down instead of filling the memory. The result is what could not be listed.
#[func(raise)]
pub async fn list_files(
    roots: Vec<Bytes>,
    take: OCamlAsyncFunc<(Vec<Bytes>,), ()>,
) -> Result<Vec<Unreadable>, Error> {
    let (send, mut batches) = mpsc::channel(4);
    let roots = roots.into_iter().map(PathBuf::from).collect();
    // When this function ends early, by an error or because OCaml cancels its promise, `batches` is
    // dropped, and that ends the walk.
    let walk = tokio::task::spawn_blocking(move || walk::walk(roots, &send));
    while let Some(batch) = batches.recv().await {
        take.call((batch,))?.await?;
    }
    Ok(walk.await?)
}

/// Reads some files, in one trip to tokio's blocking pool. (`tokio::fs::File` would take a trip for
/// each system call, which is worth it for files that are long, or not on a disk.)
#[func(raise)]
pub async fn read_files(paths: Vec<Bytes>) -> Result<Vec<Result<Content, String>>, Error> {
    let read = |path: Bytes| Content::read(&PathBuf::from(path)).map_err(|e| e.to_string());
    let read_all = move || paths.into_iter().map(read).collect();
    Ok(tokio::task::spawn_blocking(read_all).await?)
}
