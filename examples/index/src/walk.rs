//! Finds files.

use crate::progress::Progress;
use futures_lite::future::block_on;
use ocaml_lwt_interop::{Bytes, Channel, ToOCaml};
use std::path::{Path, PathBuf};
use std::{fs, io, mem};

/// The number of paths in a batch.
const BATCH: usize = 16;

/// A path, and why it could not be read.
#[derive(ToOCaml)]
pub struct Unreadable(Bytes, String);

struct Walk<'a> {
    /// Directories that are not read yet.
    dirs: Vec<PathBuf>,
    batch: Vec<Bytes>,
    paths: &'a Channel<Vec<Bytes>>,
    progress: Option<&'a Progress>,
    unreadable: Vec<Unreadable>,
}

/// The channel was closed.
struct Stopped;

/// Sends the paths of the files that are roots or below them. Only symbolic links that are roots are
/// followed, since others could lead to the same file twice or form cycles. Blocks while the channel is full.
pub fn walk(
    roots: Vec<PathBuf>,
    paths: &Channel<Vec<Bytes>>,
    progress: Option<&Progress>,
) -> Vec<Unreadable> {
    let mut walk = Walk {
        dirs: Vec::new(),
        batch: Vec::new(),
        paths,
        progress,
        unreadable: Vec::new(),
    };
    if let (Ok(()), Some(progress)) = (walk.run(roots), progress) {
        progress.all_listed();
    }
    walk.unreadable
}

impl Walk<'_> {
    fn run(&mut self, roots: Vec<PathBuf>) -> Result<(), Stopped> {
        for root in roots {
            match fs::metadata(&root) {
                Ok(found) if found.is_dir() || found.is_file() => {
                    self.found(root, found.file_type())?;
                }
                Ok(_) => self.unreadable(root, io::Error::other("neither a file nor a directory")),
                Err(e) => self.unreadable(root, e),
            }
        }
        while let Some(dir) = self.dirs.pop() {
            match fs::read_dir(&dir) {
                Ok(entries) => self.entries(&dir, entries)?,
                Err(e) => self.unreadable(dir, e),
            }
        }
        self.flush()
    }

    fn entries(&mut self, dir: &Path, entries: fs::ReadDir) -> Result<(), Stopped> {
        for entry in entries {
            match entry.and_then(|e| Ok((e.path(), e.file_type()?))) {
                Ok((path, kind)) => self.found(path, kind)?,
                Err(e) => self.unreadable(dir.into(), e),
            }
        }
        Ok(())
    }

    /// Links, devices and the like are skipped silently.
    fn found(&mut self, path: PathBuf, kind: fs::FileType) -> Result<(), Stopped> {
        if kind.is_dir() {
            self.dirs.push(path);
        } else if kind.is_file() {
            self.batch.push(path.into());
            if self.batch.len() == BATCH {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn unreadable(&mut self, path: PathBuf, why: io::Error) {
        self.unreadable
            .push(Unreadable(path.into(), why.to_string()));
    }

    fn flush(&mut self) -> Result<(), Stopped> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let batch = mem::take(&mut self.batch);
        if let Some(progress) = self.progress {
            progress.listed(batch.len());
        }
        block_on(self.paths.send(batch)).map_err(|_| Stopped)
    }
}
