//! Sending to a channel as a `Sink`.

use crate::base::channel::{Closed, Sending, TrySendError};
use crate::bridge::channel::both::Both;
use futures_sink::Sink;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// The sink of the elements that a handle sends to a [`Channel`](crate::Channel), on any thread:
/// [`Channel::sink`](crate::Channel::sink) returns it. With it the combinators of futures write to OCaml code, and wait while
/// the channel is full.
///
/// ```
/// use futures_util::{StreamExt, stream};
/// use ocaml_lwt_interop::{Channel, func};
///
/// /// Sends the squares below `n` squared, and closes the channel.
/// #[func(tokio)]
/// pub async fn squares(to: Channel<u32>, n: u32) {
///     let squares = stream::iter(0..n).map(|i| Ok(i * i));
///     // Fails if OCaml has closed the channel: then nobody wants the others.
///     let _ = squares.forward(to.sink()).await;
/// }
/// ```
///
/// ```ocaml
/// external squares : int Lwt_interop.Channel.t -> int -> unit Lwt.t = "squares"
/// ```
///
/// It is ready as soon as the channel has taken the last element. An element for which there is no room waits in the sink, in
/// turn with other senders. So a sink reserves no room that it does not use, and the elements on their way are those in the
/// channel and one in each sink.
///
/// Flushing waits until the last element is in the channel. Closing the sink flushes it, and then closes the channel for all
/// senders, as `forward` does at the end; `SinkExt::send_all` leaves it open. Dropping the sink drops the element that waits in
/// it, and leaves the channel open.
///
/// # Errors
/// Fails with [`Closed`] once the channel is closed. [`take_refused`](Self::take_refused) returns the element that the channel
/// has not taken.
///
/// # Panics
/// `start_send` panics if the sink is not ready.
pub struct ChannelSink<T> {
    both: Arc<Both<T>>,
    /// The element that waits.
    sending: Option<Sending<T, Infallible>>,
    refused: Option<T>,
}

impl<T> ChannelSink<T> {
    pub(crate) fn new(both: Arc<Both<T>>) -> Self {
        ChannelSink {
            both,
            sending: None,
            refused: None,
        }
    }

    /// Returns the last element that the sink was given and that the channel has not taken, because it was closed.
    pub fn take_refused(&mut self) -> Option<T> {
        self.refused.take()
    }

    /// Waits until the channel has taken the last element.
    fn poll_sent(&mut self, cx: &Context<'_>) -> Poll<Result<(), Closed>> {
        let Some(sending) = &mut self.sending else {
            return Poll::Ready(Ok(()));
        };
        let sent = ready!(sending.poll(cx));
        let refused = self.sending.take().map(Sending::into_refused);
        if let Some(item) = refused.and_then(|mut items| items.pop_front()) {
            self.refused = Some(item);
        }
        Poll::Ready(sent)
    }
}

impl<T: Send + 'static> Sink<T> for ChannelSink<T> {
    type Error = Closed;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        ready!(self.poll_sent(cx))?;
        Poll::Ready(match self.both.tx.is_closed() {
            true => Err(Closed),
            false => Ok(()),
        })
    }

    fn start_send(mut self: Pin<&mut Self>, item: T) -> Result<(), Closed> {
        assert!(
            self.sending.is_none(),
            "a ChannelSink was given an element before it was ready: await `poll_ready` before each `start_send`"
        );
        match self.both.tx.try_send(item) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(item)) => {
                let sending = self.both.tx.start_sending(VecDeque::from([item]));
                self.sending = Some(sending);
                Ok(())
            }
            Err(TrySendError::Closed(item)) => {
                self.refused = Some(item);
                Err(Closed)
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        self.poll_sent(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        ready!(self.poll_sent(cx))?;
        self.both.tx.close();
        Poll::Ready(Ok(()))
    }
}

// Elements are not pinned.
impl<T> Unpin for ChannelSink<T> {}

impl<T> fmt::Debug for ChannelSink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelSink").finish_non_exhaustive()
    }
}
