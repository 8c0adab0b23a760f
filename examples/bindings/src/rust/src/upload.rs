//! A write that leaves nothing behind if it does not end.

use crate::error::Error;
use bytes::Bytes;
use std::panic::resume_unwind;
use tokio::runtime::Handle;

/// Parts of a file are buffered up to this size.
const CHUNK: usize = 1 << 20;

/// A file that is being written. Dropping it, which cancelling a promise does, aborts the write in the background.
pub struct Upload {
    /// Is `None` when the file is complete.
    writer: Option<opendal::Writer>,
    tokio: Handle,
}

impl Upload {
    pub async fn begin(
        operator: &opendal::Operator,
        path: String,
        append: Option<bool>,
    ) -> Result<Self, Error> {
        let operator = operator.clone();
        // A task ends also if nobody waits for it any more. Then it drops an upload, and not half of one.
        let begun = tokio::spawn(async move {
            let writer = operator.writer_with(&path).append(append.unwrap_or(false));
            let writer = Some(writer.chunk(CHUNK).await?);
            let tokio = Handle::current();
            Ok(Upload { writer, tokio })
        });
        begun
            .await
            .unwrap_or_else(|e| resume_unwind(e.into_panic()))
    }

    pub async fn write(&mut self, part: Bytes) -> Result<(), Error> {
        let writer = self.writer.as_mut().expect("the file is not complete");
        Ok(writer.write(part).await?)
    }

    pub async fn finish(mut self) -> Result<(), Error> {
        let writer = self.writer.as_mut().expect("the file is not complete");
        writer.close().await?;
        self.writer = None;
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(mut writer) = self.writer.take() {
            // A service that has nothing to abort fails.
            self.tokio.spawn(async move { writer.abort().await.ok() });
        }
    }
}
