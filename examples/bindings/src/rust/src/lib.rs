//! Apache OpenDAL for OCaml and Lwt. The build declares these functions in the OCaml module `Lwt_opendal`.

mod error;
mod metadata;
mod upload;

use bytes::Bytes;
use error::Error;
use futures_lite::{Stream, StreamExt};
use metadata::{Entry, Metadata};
use ocaml_lwt_interop::{OCamlStream, OpaqueType, func};
use std::collections::HashMap;
use std::ops::Bound;
use std::sync::Arc;
use upload::Upload;

/// A storage service and its configuration. All domains may use it.
///
/// Paths are relative to the root of the service. Those of directories end with `/`. The service `fs` does not refuse `..`, which
/// leads out of its root: check paths that others choose.
#[derive(OpaqueType)]
pub struct Operator(opendal::Operator);

#[func]
impl Operator {
    /// Returns an operator for a service of OpenDAL and its options: `create "memory" []`, or `create "fs" [ ("root",
    /// "/srv/data") ]`. OpenDAL's documentation has the options of each service. Fails with `ConfigInvalid` if the package
    /// was built without the service, or an option is missing.
    ///
    /// With the option `atomic_write_dir`, a directory on the same file system as `root`, the service `fs` writes to a
    /// file in that directory, which it renames at the end. So nobody sees a part of a file, and what a cancelled or a failed
    /// write has written is removed. Without it, that remains.
    #[func(raise)]
    pub fn create(service: String, options: HashMap<String, String>) -> Result<Self, Error> {
        Ok(Operator(opendal::Operator::via_iter(service, options)?))
    }

    /// Returns the content of a file, or `length` bytes from `offset` on, which the file has to have.
    #[func(raise)]
    pub async fn read(
        &self,
        #[ocaml(optional)] offset: Option<usize>,
        #[ocaml(optional)] length: Option<usize>,
        path: String,
    ) -> Result<Bytes, Error> {
        let read = self.0.read_with(&path).range(range(offset, length));
        Ok(read.await?.to_bytes())
    }

    /// Returns the content of a file in parts, as the service delivers them: `fs` in parts of up to 2 MiB. Few of them are
    /// in memory at a time.
    #[func(stream, tokio, raise)]
    pub async fn read_stream(
        self: Arc<Self>,
        #[ocaml(optional)] offset: Option<usize>,
        #[ocaml(optional)] length: Option<usize>,
        path: String,
    ) -> Result<impl Stream<Item = Result<Bytes, Error>>, Error> {
        let reader = self.0.reader(&path).await?;
        let parts = reader.into_stream(range(offset, length)).await?;
        Ok(parts.map(|part| Ok(part?.to_bytes())))
    }

    /// Writes a file. It replaces one of that name, unless `append` is true. Directories above it are created.
    #[func(raise)]
    pub async fn write(
        &self,
        #[ocaml(optional)] append: Option<bool>,
        path: String,
        content: Bytes,
    ) -> Result<(), Error> {
        let mut upload = Upload::begin(&self.0, path, append).await?;
        upload.write(content).await?;
        upload.finish().await
    }

    /// Writes a file from a stream of its parts, and returns how many bytes it has written. It asks for the next part when
    /// it has written the one before. If the stream fails, it fails with the same exception.
    ///
    /// Cancelling the promise closes the stream, and aborts the write in the background.
    #[func(raise)]
    pub async fn write_stream(
        &self,
        #[ocaml(optional)] append: Option<bool>,
        path: String,
        mut parts: OCamlStream<Bytes>,
    ) -> Result<usize, Box<dyn std::error::Error>> {
        let mut upload = Upload::begin(&self.0, path, append).await?;
        let mut length = 0;
        while let Some(part) = parts.next().await {
            let part = part?;
            length += part.len();
            upload.write(part).await?;
        }
        upload.finish().await?;
        Ok(length)
    }

    /// Returns what the service knows about a file or a directory.
    #[func(raise)]
    pub async fn stat(&self, path: String) -> Result<Metadata, Error> {
        Ok(self.0.stat(&path).await?.into())
    }

    /// Returns whether there is a file or a directory of that name.
    #[func(raise)]
    pub async fn exists(&self, path: String) -> Result<bool, Error> {
        Ok(self.0.exists(&path).await?)
    }

    /// Returns the entries of a directory, and with `recursive` also those of all directories below it. Some services list the
    /// directory itself, too: `fs` is one.
    #[func(stream, tokio, raise)]
    pub async fn list(
        self: Arc<Self>,
        #[ocaml(optional)] recursive: Option<bool>,
        directory: String,
    ) -> Result<impl Stream<Item = Result<Entry, Error>>, Error> {
        let lister = self.0.lister_with(&directory);
        let entries = lister.recursive(recursive.unwrap_or(false)).await?;
        Ok(entries.map(|entry| Ok(entry?.into())))
    }

    /// Creates a directory, and those above it.
    #[func(raise)]
    pub async fn create_dir(&self, path: String) -> Result<(), Error> {
        Ok(self.0.create_dir(&path).await?)
    }

    /// Deletes a file or an empty directory. One that does not exist is not an error.
    #[func(raise)]
    pub async fn delete(&self, path: String) -> Result<(), Error> {
        Ok(self.0.delete(&path).await?)
    }

    /// Deletes a directory with all that is in it.
    #[func(raise)]
    pub async fn remove_all(&self, path: String) -> Result<(), Error> {
        Ok(self.0.remove_all(&path).await?)
    }

    /// Copies a file within the service. Fails with `Unsupported` if that cannot: `memory` is one.
    #[func(raise)]
    pub async fn copy(&self, source: String, target: String) -> Result<(), Error> {
        Ok(self.0.copy(&source, &target).await?)
    }

    /// Renames a file. Fails with `Unsupported` if the service cannot: `memory` is one.
    #[func(raise)]
    pub async fn rename(&self, source: String, target: String) -> Result<(), Error> {
        Ok(self.0.rename(&source, &target).await?)
    }
}

fn range(offset: Option<usize>, length: Option<usize>) -> (Bound<u64>, Bound<u64>) {
    let start = offset.unwrap_or(0) as u64;
    let end = length.map(|length| start.saturating_add(length as u64));
    (
        Bound::Included(start),
        end.map_or(Bound::Unbounded, Bound::Excluded),
    )
}
