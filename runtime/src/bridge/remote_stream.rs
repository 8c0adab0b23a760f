//! OCaml's streams on other threads.

use crate::base::error::JoinError;
use crate::base::pipe::{Interrupted, Received, pipe};
use crate::bridge::ocaml_stream::{OCamlStream, Weighed};
use crate::domain::Domain;
use crate::domain::context;
use crate::value::batch::Element;
use crate::value::declare::from_ocaml;
use crate::value::exception::{OCamlException, RemoteError};
use crate::value::read::FromOCaml;
use futures_core::Stream;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

/// An OCaml stream that any thread reads: an argument, or what [`OCamlStream::remote`] returns.
///
/// ```
/// use futures_lite::StreamExt;
/// use ocaml_lwt_interop::{RemoteError, RemoteStream, func};
///
/// /// Returns the number of bytes.
/// #[func(tokio, raise)]
/// pub async fn total_size(mut blocks: RemoteStream<Vec<u8>>) -> Result<usize, RemoteError> {
///     let mut size = 0;
///     while let Some(block) = blocks.next().await {
///         size += block?.len();
///     }
///     Ok(size)
/// }
/// ```
///
/// A task of the stream's domain reads the OCaml stream and sends its elements in batches. It is ahead of the reader by four
/// batches at most: one that OCaml has just given, one that is being made, one on its way, and one that is being read. A batch
/// has up to 64 elements, and ends with the element with which it takes 256 KiB. Known is the size of strings, arrays of
/// floats, Bigarrays and boxed numbers, of records, tuples, options and arrays of these, and of their own block; what lies
/// deeper counts as nothing.
///
/// An element is `Err` if the stream failed or an element does not convert, with the exception, or if the domain has
/// terminated. Then the stream has ended.
///
/// Dropping it, on any thread, ends that task and closes the OCaml stream.
pub struct RemoteStream<T> {
    home: Domain,
    received: Received<Result<Element<T>, OCamlException>>,
}

impl<T: FromOCaml + Send + 'static> OCamlStream<T> {
    /// Returns the stream for a reader on another thread, such as a task on tokio.
    pub fn remote(self) -> RemoteStream<T> {
        let home = Domain::from_shared(self.home().clone());
        let (producer, received) = pipe(Weighed(self), |element| {
            element.as_ref().map_or(0, |element| element.bytes)
        });
        // Where there is no executor any more, the task is dropped, and the reader gets an error.
        context::with_current(move |core| core.executor.spawn(producer));
        RemoteStream { home, received }
    }
}

// Spawning the task runs no code of the user's.
from_ocaml!([T: FromOCaml + Send + 'static] RemoteStream<T>, <OCamlStream<T> as FromOCaml>::TYPE, |source| {
    OCamlStream::from_ocaml(source).map(OCamlStream::remote)
});

impl<T> RemoteStream<T> {
    /// Returns the domain of the OCaml stream.
    pub fn domain(&self) -> &Domain {
        &self.home
    }
}

impl<T> Stream for RemoteStream<T> {
    type Item = Result<T, RemoteError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let domain = self.home.id();
        let received = Pin::new(&mut self.received).poll_next(cx);
        received.map(|element| {
            element.map(|element| match element {
                Ok(Ok(element)) => Ok(element.value),
                Ok(Err(exn)) => Err(RemoteError::Exception(exn)),
                Err(Interrupted::Panicked(panic)) => Err(JoinError::Panicked(panic).into()),
                Err(Interrupted::Dropped) => Err(JoinError::DomainTerminated { domain }.into()),
            })
        })
    }
}

impl<T> fmt::Debug for RemoteStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteStream")
            .field("domain", &self.home.id())
            .finish_non_exhaustive()
    }
}
