//! Finding files.

use ocaml_lwt_interop::Bytes;
use std::path::{Path, PathBuf};
use std::{fs, io, mem};
use tokio::sync::mpsc::Sender;

/// How many paths are handed over at a time.
const BATCH: usize = 16;

/// A path and why it was left out.
pub type Unreadable = (Bytes, String);

struct Walk<'a> {
    /// Directories still to be read.
    dirs: Vec<PathBuf>,
    batch: Vec<Bytes>,
    send: &'a Sender<Vec<Bytes>>,
    unreadable: Vec<Unreadable>,
}

/// Nobody takes the files any more.
struct Unwanted;

/// Sends the paths of the files that are below the roots, or are roots. Symbolic links are followed
/// only where they are roots: others would lead to the same file twice, or in circles.
pub fn walk(roots: Vec<PathBuf>, send: &Sender<Vec<Bytes>>) -> Vec<Unreadable> {
    let mut walk = Walk {
        dirs: Vec::new(),
        batch: Vec::new(),
        send,
        unreadable: Vec::new(),
    };
    // Who asked for it knows that it was not completed.
    let _ = walk.run(roots);
    walk.unreadable
}

impl Walk<'_> {
    fn run(&mut self, roots: Vec<PathBuf>) -> Result<(), Unwanted> {
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

    fn entries(&mut self, dir: &Path, entries: fs::ReadDir) -> Result<(), Unwanted> {
        for entry in entries {
            match entry.and_then(|e| Ok((e.path(), e.file_type()?))) {
                Ok((path, kind)) => self.found(path, kind)?,
                Err(e) => self.unreadable(dir.into(), e),
            }
        }
        Ok(())
    }

    /// Links, devices and the like are left out without a word.
    fn found(&mut self, path: PathBuf, kind: fs::FileType) -> Result<(), Unwanted> {
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
        self.unreadable.push((path.into(), why.to_string()));
    }

    fn flush(&mut self) -> Result<(), Unwanted> {
        if self.batch.is_empty() {
            return Ok(());
        }
        self.send
            .blocking_send(mem::take(&mut self.batch))
            .map_err(|_| Unwanted)
    }
}
