//! The Rust half of the indexer: lists files and reads them, on tokio.
//!
//! `files.mli` declares these functions for OCaml.

mod bytes;
mod content;
mod walk;

use bytes::Bytes;
use content::Content;
use ocaml_lwt_interop::{OCamlAsyncFunc, func};
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
    let roots = roots.into_iter().map(Bytes::into_path).collect();
    // When this function ends early, by an error or because OCaml cancels its promise, `batches` is
    // dropped, and that ends the walk.
    let walk = tokio::task::spawn_blocking(move || walk::walk(roots, &send));
    while let Some(batch) = batches.recv().await {
        take.call((batch,))?.await?;
    }
    Ok(walk.await?)
}

/// Reads a file.
///
/// It takes one trip to tokio's blocking pool; `tokio::fs::File` would take one for each system call.
#[func]
pub async fn read_text(path: Bytes) -> Result<Content, String> {
    let path = path.into_path();
    match tokio::task::spawn_blocking(move || Content::read(&path)).await {
        Ok(content) => content.map_err(|e| e.to_string()),
        Err(e) => Err(e.to_string()),
    }
}
