//! OCaml's streams in Rust.

use crate::base::not_send::NotSend;
use crate::base::panic::drop_each;
use crate::base::pipe::BATCH;
use crate::bridge::apply::{applied, apply};
use crate::bridge::promise::PromiseFuture;
use crate::domain::context;
use crate::domain::dispatch::post;
use crate::domain::shared::Shared;
use crate::ffi::callbacks::Callbacks;
use crate::value::batch::{Batch, Element, Ending};
use crate::value::conversion_error::ConversionError;
use crate::value::declare::{Stored, from_ocaml};
use crate::value::exception::OCamlException;
use crate::value::kept::Kept;
use crate::value::probe::is_probing;
use crate::value::read::FromOCaml;
use crate::value::types::Type;
use futures_core::Stream;
use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// An OCaml stream, `t Lwt_interop.Stream.t`, as a [`Stream`] of this domain. OCaml makes one from a `Lwt_stream.t`, a
/// `Lwt_seq.t` or a `Channel.t`: `Stream.of_lwt_stream` and the like.
///
/// ```
/// use futures_lite::StreamExt;
/// use ocaml_lwt_interop::{OCamlException, OCamlStream, func};
///
/// #[func(raise)]
/// pub async fn total(mut numbers: OCamlStream<isize>) -> Result<isize, OCamlException> {
///     let mut total = 0;
///     while let Some(n) = numbers.next().await {
///         total += n?;
///     }
///     Ok(total)
/// }
/// ```
///
/// ```ocaml
/// external total : int Lwt_interop.Stream.t -> int Lwt.t = "total"
/// ```
///
/// An element is `Err` if the stream failed, with the exception, or if the element does not convert, with
/// `Invalid_argument`. Then the stream has ended.
///
/// Rust asks for elements when it is polled, and gets as many as there are: at most 64 at a time, and 256 KiB with the last
/// of them, as far as their size is known. [`RemoteStream`](crate::RemoteStream) says when it is.
///
/// Dropping it closes the OCaml stream and its source, in the next turn of the loop; also if the call is refused because of
/// a later argument.
///
/// It is not `Send`: it belongs to the domain that it came from. Other threads read it as a
/// [`RemoteStream`](crate::RemoteStream). An argument that belongs to another domain is refused.
///
/// # Panics
/// Polling it outside of a domain's executor panics, as awaiting a [`Promise`](crate::Promise) does.
pub struct OCamlStream<T> {
    home: Arc<Shared>,
    state: State<T>,
    /// Those that have arrived.
    elements: std::vec::IntoIter<Element<T>>,
    _type: NotSend<T>,
}

/// ```text
///          poll                  a batch with the end
///   Open --------> Pulling(..) -----------------------> Last(..) ---> Ended
///    ^                |                                                ^
///    +----------------+                                                |
///        a batch                       all: `close`                    |
///    ------------------------------------------------------------------+
/// ```
enum State<T> {
    /// There may be more elements.
    Open(Kept),
    /// OCaml has been asked for a batch.
    Pulling(Kept, PromiseFuture<Batch<T>>),
    /// The error follows the elements that have arrived.
    Last(OCamlException),
    Ended,
}

impl<T: FromOCaml + 'static> OCamlStream<T> {
    /// Asks OCaml for a batch.
    fn pull(stream: &Kept) -> PromiseFuture<Batch<T>> {
        let pulled = context::with_entered(|core, token| {
            let pull = Callbacks::registered(token).stream_pull(token);
            match applied(token, &pull, &(Stored(stream.root()), BATCH)) {
                Ok(application) => apply(token, core, &application),
                Err(exn) => PromiseFuture::failed(exn),
            }
        });
        pulled.unwrap_or_else(|e| panic!("an OCamlStream was polled in the wrong place: {e}"))
    }

    /// Takes over a batch.
    fn take_over(&mut self, stream: Kept, batch: Result<Batch<T>, OCamlException>) {
        let batch = match batch {
            Ok(batch) => batch,
            Err(exn) => {
                close(&self.home, stream);
                self.state = State::Last(exn);
                return;
            }
        };
        // If the conversion of an element panics, dropping `self` closes the stream.
        self.state = State::Open(stream);
        let end = context::with_entered(|_, token| {
            let (elements, ending) = batch.finish(token);
            self.elements = elements.into_iter();
            match ending {
                Ok(Ending::More) => None,
                Ok(Ending::Finished) => Some((State::Ended, false)),
                Ok(Ending::Failed(exn)) => {
                    let exn = OCamlException::from_root(token, exn);
                    Some((State::Last(exn), false))
                }
                Err(refused) => {
                    let exn = OCamlException::from_conversion(token, refused);
                    Some((State::Last(exn), true))
                }
            }
        });
        // It was polled just now, so there is a token.
        if let Ok(Some((end, closes))) = end {
            let open = mem::replace(&mut self.state, end);
            if let (State::Open(stream), true) = (open, closes) {
                close(&self.home, stream);
            }
        }
    }
}

impl<T> OCamlStream<T> {
    /// Returns the domain that it belongs to.
    pub(crate) fn home(&self) -> &Arc<Shared> {
        &self.home
    }

    /// Closes the OCaml stream, and drops the elements that have arrived. Does nothing if it has ended.
    pub fn close(&mut self) {
        match mem::replace(&mut self.state, State::Ended) {
            State::Open(stream) | State::Pulling(stream, _) => close(&self.home, stream),
            State::Last(_) | State::Ended => {}
        }
        drop_each(mem::take(&mut self.elements));
    }
}

/// Asks the loop to close a stream.
fn close(home: &Shared, stream: Kept) {
    // A domain that has terminated has closed its streams.
    let _ = post(home, move |token| {
        let callbacks = Callbacks::registered(token);
        let close = callbacks.stream_close(token);
        let _ = context::with_core(token, |core| {
            let application = applied(token, &close, &(Stored(stream.root()),));
            // The loop applies it, although the future is dropped. Without memory for that, the collector closes the
            // stream.
            application.map(|application| drop(apply::<()>(token, core, &application)))
        });
    });
}

impl<T: FromOCaml + 'static> OCamlStream<T> {
    /// Polls for the next element, which comes with its size.
    fn poll_element(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Element<T>, OCamlException>>> {
        let this = self;
        loop {
            if let Some(element) = this.elements.next() {
                return Poll::Ready(Some(Ok(element)));
            }
            match &mut this.state {
                State::Open(stream) => {
                    let pulling = Self::pull(stream);
                    if let State::Open(stream) = mem::replace(&mut this.state, State::Ended) {
                        this.state = State::Pulling(stream, pulling);
                    }
                }
                State::Pulling(_, pulling) => {
                    let batch = ready!(Pin::new(pulling).poll(cx));
                    if let State::Pulling(stream, _) = mem::replace(&mut this.state, State::Ended) {
                        this.take_over(stream, batch);
                    }
                }
                State::Last(_) => {
                    if let State::Last(exn) = mem::replace(&mut this.state, State::Ended) {
                        return Poll::Ready(Some(Err(exn)));
                    }
                }
                State::Ended => return Poll::Ready(None),
            }
        }
    }
}

impl<T: FromOCaml + 'static> Stream for OCamlStream<T> {
    type Item = Result<T, OCamlException>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.poll_element(cx);
        polled.map(|next| next.map(|element| element.map(|element| element.value)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let arrived = self.elements.len();
        match self.state {
            State::Ended => (arrived, Some(arrived)),
            State::Last(_) => (arrived + 1, Some(arrived + 1)),
            State::Open(_) | State::Pulling(..) => (arrived, None),
        }
    }
}

/// The same elements with their sizes.
pub(crate) struct Weighed<T>(pub(crate) OCamlStream<T>);

impl<T: FromOCaml + 'static> Stream for Weighed<T> {
    type Item = Result<Element<T>, OCamlException>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_element(cx)
    }
}

// It holds nothing that is pinned.
impl<T> Unpin for OCamlStream<T> {}

impl<T> Drop for OCamlStream<T> {
    fn drop(&mut self) {
        self.close();
    }
}

impl<T> fmt::Debug for OCamlStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OCamlStream").finish_non_exhaustive()
    }
}

from_ocaml!([T: FromOCaml] OCamlStream<T>, &Type::Stream(T::TYPE), |source| {
    let home = source.stream_home()?;
    let here = context::with_current(|core| core.shared.clone());
    let here = here.ok_or_else(|| {
        ConversionError::new(
            "a stream belongs to the loop of a domain, and this thread runs none: call the function in the loop",
        )
    })?;
    if home != here.id as isize {
        let id = here.id;
        return Err(ConversionError::new(match home {
            ..0 => format!(
                "the stream was moved away from domain {}: use the one that Stream.accept returns",
                -1 - home
            ),
            _ => format!(
                "the stream belongs to domain {home}, and was passed to Rust on domain {id}: move it with Stream.move and \
                 Stream.accept"
            ),
        }));
    }
    let state = match is_probing() {
        true => State::Ended,
        false => State::Open(Kept::new(source.root()?)),
    };
    Ok(OCamlStream {
        home: here,
        state,
        elements: Vec::new().into_iter(),
        _type: PhantomData,
    })
});
