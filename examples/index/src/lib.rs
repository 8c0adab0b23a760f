//! The Rust half of the indexer: lists and reads files on tokio, and shows the progress.

mod content;
mod progress;
mod walk;

use content::Content;
use ocaml_lwt_interop::{Bytes, Channel, List, Opaque, func};
use progress::Progress;
use std::path::PathBuf;
use walk::Unreadable;

type Error = Box<dyn std::error::Error>;

/// Sends the paths of all files below `roots` to a channel, a batch at a time, and returns what could not be listed. A
/// full channel holds the walk up, so memory stays bounded. Closing the channel ends the walk.
#[func(raise)]
pub async fn list_files(
    roots: List<Bytes>,
    paths: Channel<Vec<Bytes>>,
    progress: Option<Opaque<Progress>>,
) -> Result<List<Unreadable>, Error> {
    let roots = roots.into_iter().map(PathBuf::from).collect();
    let walk = tokio::task::spawn_blocking(move || walk::walk(roots, &paths, progress.as_deref()));
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
