//! Channels that Rust and OCaml share.

pub(crate) mod both;
pub(crate) mod for_ocaml;
pub(crate) mod sink;

use crate::base::channel::{Closed, SendError, TryRecvError as BaseError, TrySendError};
use crate::bridge::channel::both::Both;
use crate::bridge::channel::for_ocaml::{AnyChannel, RING};
use crate::bridge::channel::sink::ChannelSink;
use crate::ffi::callbacks::Callbacks;
use crate::ffi::root::Root;
use crate::ffi::token::RuntimeToken;
use crate::value::conversion_error::{ConversionError, Place};
use crate::value::declare::{from_ocaml, to_ocaml};
use crate::value::read::FromOCaml;
use crate::value::rooted::read_root;
use crate::value::types::Type;
use crate::value::write::ToOCaml;
use futures_lite::Stream;
use std::any::type_name;
use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use thiserror::Error;

/// A bounded channel between Rust and OCaml code: tasks, tokio tasks, threads and domains. In OCaml it is a
/// `t Lwt_interop.Channel.t`.
///
/// ```
/// use ocaml_lwt_interop::{Channel, func};
///
/// /// Returns a channel for numbers.
/// #[func(sync)]
/// pub fn numbers() -> Channel<u32> {
///     Channel::new(64)
/// }
///
/// /// Sends the numbers below `n`, on tokio, and closes the channel.
/// #[func(tokio)]
/// pub async fn count(numbers: Channel<u32>, n: u32) {
///     for i in 0..n {
///         if numbers.send(i).await.is_err() {
///             return; // OCaml has closed it.
///         }
///     }
///     numbers.close();
/// }
///
/// /// Returns the sum of what OCaml sends.
/// #[func]
/// pub async fn sum(numbers: Channel<u32>) -> u64 {
///     let mut sum = 0;
///     while let Some(n) = numbers.recv().await {
///         sum += u64::from(n);
///     }
///     sum
/// }
/// ```
///
/// ```ocaml
/// external numbers : unit -> int Lwt_interop.Channel.t = "numbers"
/// external count : int Lwt_interop.Channel.t -> int -> unit Lwt.t = "count"
/// external sum : int Lwt_interop.Channel.t -> int Lwt.t = "sum"
/// ```
///
/// Each element is received once, and the elements of one sender are received in the order in which it sent them.
/// Senders and receivers that wait are served first in, first out, whichever language they are written in. Clones are the
/// same channel. It is not closed when handles are dropped: call [`close`](Self::close). When the last handle is dropped,
/// and OCaml has collected its own, the elements in it are dropped.
///
/// A channel holds `T`s. OCaml converts an element when it sends it, and again when it receives it; so what OCaml sends to
/// OCaml is converted twice. A channel that was made in OCaml holds OCaml values until it is first passed to Rust: then
/// the elements that are in it are converted.
///
/// # Errors
/// A channel has elements of one Rust type. Passing it as a `Channel` of another one is `Invalid_argument` in OCaml, and so
/// is passing a channel that has elements which do not convert. An element that does not convert when OCaml sends it is
/// `Invalid_argument` there, and is not sent. One that does not convert when OCaml receives it is dropped, and
/// `Invalid_argument` there. Channels that are elements of a channel are passed to Rust with it, up to 16 levels deep.
pub struct Channel<T> {
    both: Arc<Both<T>>,
}

/// No element was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TryRecvError {
    /// There is no element, or those that are there are reserved for receivers that wait.
    #[error("the channel is empty")]
    Empty,
    /// The channel is closed and empty.
    #[error("the channel is closed")]
    Closed,
}

impl<T: Send + 'static> Channel<T> {
    /// Creates an empty channel that holds up to `capacity` elements.
    ///
    /// # Panics
    /// Panics if `capacity` is 0.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Channel {
            both: Arc::new(Both::new(capacity)),
        }
    }

    /// Sends an element. Waits while the channel is full.
    ///
    /// Dropping the future before it is ready drops the element, unless it is in the channel by then.
    ///
    /// # Errors
    /// Fails with the element if the channel is closed.
    pub async fn send(&self, item: T) -> Result<(), SendError<T>> {
        self.both.tx.send(item).await
    }

    /// Sends an element if there is room and no sender waits.
    ///
    /// # Errors
    /// Fails with the element if the channel is full or closed.
    pub fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
        self.both.tx.try_send(item)
    }

    /// Sends elements from the front of `items`, in order, until `items` is empty. Waits while the channel is full. Costs
    /// less than sending each.
    ///
    /// If the future is dropped before it is ready, `items` has the elements that were not sent.
    ///
    /// # Errors
    /// Fails if the channel is closed. `items` has the elements that were not sent.
    pub async fn send_all(&self, items: &mut VecDeque<T>) -> Result<(), Closed> {
        self.both.tx.send_all(items).await
    }

    /// Receives the oldest element. Waits for one. Returns `None` if the channel is closed and empty.
    ///
    /// If the future is dropped before it is ready, it has taken no element.
    pub async fn recv(&self) -> Option<T> {
        match self.both.rx.recv().await {
            Ok(item) => item,
            Err(never) => match never {},
        }
    }

    /// Receives the oldest element that is not reserved for a receiver that waits.
    ///
    /// # Errors
    /// Fails if there is none.
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.both.rx.try_recv().map_err(|e| match e {
            BaseError::Empty => TryRecvError::Empty,
            BaseError::Closed => TryRecvError::Closed,
            BaseError::Failed(never) => match never {},
        })
    }

    /// Receives the elements that there are, up to `max`, and appends them to `items`. Waits for the first one. Returns
    /// their number, which is 0 if the channel is closed and empty. Costs less than receiving each.
    ///
    /// If the future is dropped before it is ready, it has taken no element.
    ///
    /// # Panics
    /// Panics if `max` is 0.
    pub async fn recv_many(&self, items: &mut Vec<T>, max: usize) -> usize {
        match self.both.rx.recv_many(items, max).await {
            Ok(n) => n,
            Err(never) => match never {},
        }
    }

    /// Returns a stream of the elements, which ends when the channel is closed and empty.
    #[must_use]
    pub fn stream(&self) -> ChannelStream<T> {
        ChannelStream {
            receiver: self.both.rx.clone(),
            channel: self.clone(),
        }
    }

    /// Returns a sink that sends elements.
    #[must_use]
    pub fn sink(&self) -> ChannelSink<T> {
        ChannelSink::new(self.both.clone())
    }

    /// Closes the channel: it accepts no more elements. Senders that wait fail. The elements in the channel can still be
    /// received. Does nothing if it is closed.
    pub fn close(&self) {
        self.both.tx.close();
    }

    /// Waits until the channel is closed.
    pub async fn closed(&self) {
        self.both.tx.closed().await;
    }

    /// Returns `true` once the channel is closed.
    pub fn is_closed(&self) -> bool {
        self.both.tx.is_closed()
    }

    /// Returns the number of elements in the channel, with those that are reserved for receivers that wait.
    pub fn len(&self) -> usize {
        self.both.tx.len()
    }

    /// Returns `true` if there is no element in the channel.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of elements that the channel can hold.
    pub fn capacity(&self) -> usize {
        self.both.tx.capacity()
    }
}

impl<T> Clone for Channel<T> {
    fn clone(&self) -> Self {
        Channel {
            both: self.both.clone(),
        }
    }
}

impl<T> fmt::Debug for Channel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("len", &self.both.tx.len())
            .field("capacity", &self.both.tx.capacity())
            .finish_non_exhaustive()
    }
}

/// The stream of the elements that a [`Channel`]'s handle receives. It ends when the channel is closed and empty.
///
/// While a poll is pending, an element may be reserved for the stream, until the next poll or until it is dropped.
pub struct ChannelStream<T> {
    receiver: crate::base::channel::Receiver<T, std::convert::Infallible>,
    /// Keeps the other end.
    channel: Channel<T>,
}

impl<T: Send + 'static> Stream for ChannelStream<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let polled = self.receiver.poll_recv(cx);
        polled.map(|received| received.unwrap_or_else(|never| match never {}))
    }
}

// Elements are not pinned.
impl<T> Unpin for ChannelStream<T> {}

impl<T> fmt::Debug for ChannelStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ChannelStream").field(&self.channel).finish()
    }
}

// ---- conversions

/// The fields of a `Lwt_interop.Channel.t` that Rust reads and writes. OCaml has the same: see `entry/facts.rs`.
pub(crate) const FIELDS: &str = "ring capacity local";

/// What Rust reads of a channel.
struct Head {
    ring: Option<Arc<dyn AnyChannel>>,
    capacity: usize,
}

struct RingField(Option<Arc<dyn AnyChannel>>);

from_ocaml!([] RingField, &Type::Any, |source| Ok(RingField(source.custom(&RING))));

from_ocaml!([] Head, &Type::Any, |source| {
    let fields = source.fields(0, 3, "a Lwt_interop.Channel.t")?;
    let RingField(ring) = fields.get(0, Place::Hidden)?;
    Ok(Head {
        ring,
        capacity: fields.get(1, Place::Hidden)?,
    })
});

/// How many channels that are elements of each other are passed to Rust at once.
const MAX_DEPTH: u32 = 16;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// One channel deeper, until it is dropped.
struct Level(());

impl Level {
    fn enter() -> Result<Self, ConversionError> {
        if DEPTH.get() == MAX_DEPTH {
            return Err(ConversionError::new(format!(
                "a channel is an element of itself, or channels are elements of each other, more than {MAX_DEPTH} levels \
                 deep: pass the inner ones to Rust first"
            )));
        }
        DEPTH.set(DEPTH.get() + 1);
        Ok(Level(()))
    }
}

impl Drop for Level {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

/// Gives a channel of OCaml's a ring of `T`s, with its elements.
fn share<T: FromOCaml + ToOCaml + Send + 'static>(
    token: &RuntimeToken<'_>,
    channel: &Root,
) -> Result<(), ConversionError> {
    let _level = Level::enter()?;
    let Head { capacity, .. } = read_root(token, channel)?;
    if capacity == 0 {
        return Err(ConversionError::new(
            "a channel has a capacity of at least 1",
        ));
    }
    let both: Arc<dyn AnyChannel> = Arc::new(Both::<T>::paused(capacity));
    let ring = RING.alloc(token, both, 0);
    match Callbacks::registered(token).share_channel(token, channel, &ring) {
        Ok(None) => Ok(()),
        Ok(Some(why)) => Err(ConversionError::new(why)),
        Err(exn) => {
            let (text, _) = Callbacks::registered(token).describe_exception(token, &exn);
            Err(ConversionError::raised(exn, text))
        }
    }
}

from_ocaml!([T: FromOCaml + ToOCaml + Send + 'static] Channel<T>, &Type::Channel(<T as FromOCaml>::TYPE), |source| {
    let Some(ring) = Head::from_ocaml(source)?.ring else {
        return Err(ConversionError::unprepared(source.root()?, share::<T>));
    };
    let found = ring.element();
    match ring.into_any().downcast() {
        Ok(both) => Ok(Channel { both }),
        Err(_) => Err(ConversionError::new(format!(
            "expected a Channel<{}>, found a Channel<{found}>: a channel has elements of the Rust type that it was \
             first passed as",
            type_name::<T>()
        ))),
    }
});

/// Writes the ring of a channel.
struct Ring<'a, T>(&'a Arc<Both<T>>);

to_ocaml!([T: FromOCaml + ToOCaml + Send + 'static] Ring<'_, T>, &Type::Any, |ring, writer| {
    let content: Arc<dyn AnyChannel> = ring.0.clone();
    writer.other(|token| Ok(RING.alloc(token, content, size_of::<T>())))
});

to_ocaml!([T: FromOCaml + ToOCaml + Send + 'static] Channel<T>, &Type::Channel(<T as ToOCaml>::TYPE), |channel, writer| {
    let mut block = writer.begin(0, 3)?;
    writer.field(&mut block, Place::Hidden, &Ring(&channel.both))?;
    writer.field(&mut block, Place::Hidden, &channel.both.tx.capacity())?;
    // There is no OCaml ring.
    writer.field(&mut block, Place::Hidden, &())?;
    writer.end(block)
});

#[cfg(all(test, not(loom_model)))]
mod tests;
