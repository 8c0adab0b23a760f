//! A stream that one task polls and another one reads: its elements pass through a bounded channel, in batches.
//!
//! Each side learns of the other's end: the reader when the stream has ended, has panicked or was dropped with its task,
//! and the task, which is woken, when the reader is dropped. Then the task drops the stream.

use crate::base::channel::{Credit, Receiver, Sender, channel};
use crate::base::panic::{Each, Panic, catch_unwind};
use futures_core::Stream;
use futures_lite::future::yield_now;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

/// The number of elements that are sent, and received, at a time.
pub(crate) const BATCH: usize = 64;
/// A batch ends when its elements weigh so many bytes.
pub(crate) const BATCH_BYTES: usize = 256 << 10;
/// A batch ends when the stream has been polled for so long.
const BATCH_TIME: Duration = Duration::from_micros(200);
/// The number of elements between two readings of the clock.
const STRIDE: usize = 8;

/// How much of a batch there is.
pub(crate) struct Fill {
    elements: usize,
    bytes: usize,
    until: Instant,
}

impl Fill {
    /// Begins a batch.
    pub(crate) fn new() -> Self {
        Fill {
            elements: 0,
            bytes: 0,
            until: Instant::now() + BATCH_TIME,
        }
    }

    /// Adds an element. Returns `true` if the batch ends with it, which `max` limits as well.
    pub(crate) fn add(&mut self, bytes: usize, max: usize) -> bool {
        self.elements += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        self.elements >= max
            || self.bytes >= BATCH_BYTES
            || (self.elements % STRIDE == 1 && Instant::now() >= self.until)
    }
}

/// Why the elements of a stream end before the stream does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Interrupted {
    /// The stream, or its destructor, panicked.
    Panicked(Panic),
    /// The task that polled the stream was dropped.
    Dropped,
}

/// Returns the future that polls a stream, and the stream of the elements that it sends. `weigh` returns the number of bytes
/// of an element. The stream is ahead of the reader by three batches: one that is being made, one in the channel, and one
/// that is being read.
pub(crate) fn pipe<S: Stream>(
    stream: S,
    weigh: fn(&S::Item) -> usize,
) -> (impl Future<Output = ()>, Received<S::Item>) {
    let (sender, receiver) = channel(Credit::elements(BATCH).and_bytes(BATCH_BYTES, weigh));
    let producer = Producer {
        stream: Some(Box::pin(stream)),
        weigh,
        sender,
    };
    let received = Received {
        receiver,
        arrived: Each(Vec::new()),
        is_interrupted: false,
    };
    (producer.run(), received)
}

/// A stream, until it has ended.
struct Producer<S: Stream> {
    stream: Option<Pin<Box<S>>>,
    weigh: fn(&S::Item) -> usize,
    sender: Sender<S::Item, Interrupted>,
}

impl<S: Stream> Producer<S> {
    async fn run(mut self) {
        let mut elements = Each(VecDeque::new());
        loop {
            let more = match self.poll(&mut elements.0).await {
                Ok(more) => more,
                Err(panic) => {
                    self.send(&mut elements.0).await;
                    return self.end(Some(Interrupted::Panicked(panic)));
                }
            };
            let sent = self.send(&mut elements.0).await;
            if !(more && sent) {
                drop(elements);
                return self.end(None);
            }
            // A stream that is always ready must not keep its thread.
            yield_now().await;
        }
    }

    /// Polls the stream for a batch of elements. Returns `false` if it has ended, or if nobody reads any more.
    async fn poll(&mut self, elements: &mut VecDeque<S::Item>) -> Result<bool, Panic> {
        let stream = self.stream.as_mut().expect("it has not ended");
        let weigh = self.weigh;
        let mut closed = pin!(self.sender.closed());
        poll_fn(|cx| match closed.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Ok(false)),
            Poll::Pending => poll_batch(stream.as_mut(), cx, weigh, elements),
        })
        .await
    }

    /// Returns `false` if nobody reads any more.
    async fn send(&mut self, elements: &mut VecDeque<S::Item>) -> bool {
        self.sender.send_all(elements).await.is_ok()
    }

    /// Drops the stream, and then tells the reader.
    fn end(&mut self, why: Option<Interrupted>) {
        let stream = self.stream.take();
        let panic = catch_unwind(|| drop(stream)).err();
        match why.or(panic.map(Interrupted::Panicked)) {
            Some(why) => self.sender.fail(why),
            None => self.sender.close(),
        };
    }
}

impl<S: Stream> Drop for Producer<S> {
    fn drop(&mut self) {
        if self.stream.is_some() {
            self.end(Some(Interrupted::Dropped));
        }
    }
}

/// Polls a stream for as many elements as are ready and fit a batch. Ready with `false` if the stream has ended.
fn poll_batch<S: Stream>(
    mut stream: Pin<&mut S>,
    cx: &mut Context<'_>,
    weigh: fn(&S::Item) -> usize,
    elements: &mut VecDeque<S::Item>,
) -> Poll<Result<bool, Panic>> {
    let mut fill = Fill::new();
    loop {
        let polled = catch_unwind(|| {
            let element = stream.as_mut().poll_next(cx);
            element.map(|element| element.map(|element| (weigh(&element), element)))
        });
        match polled {
            Ok(Poll::Ready(Some((bytes, element)))) => {
                elements.push_back(element);
                if fill.add(bytes, BATCH) {
                    break;
                }
            }
            Ok(Poll::Ready(None)) => return Poll::Ready(Ok(false)),
            Ok(Poll::Pending) if elements.is_empty() => return Poll::Pending,
            Ok(Poll::Pending) => break,
            Err(panic) => return Poll::Ready(Err(panic)),
        }
    }
    Poll::Ready(Ok(true))
}

/// The elements that the other task sends, and why they end if the stream has not ended. Dropping it ends the other task.
pub(crate) struct Received<T> {
    receiver: Receiver<T, Interrupted>,
    /// Those that have been received, in reverse.
    arrived: Each<Vec<T>>,
    /// The channel gives its error each time.
    is_interrupted: bool,
}

impl<T> Stream for Received<T> {
    type Item = Result<T, Interrupted>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.is_interrupted {
            return Poll::Ready(None);
        }
        if this.arrived.0.is_empty() {
            let received = this.receiver.poll_recv_many(cx, &mut this.arrived.0, BATCH);
            if let Err(why) = ready!(received) {
                this.is_interrupted = true;
                return Poll::Ready(Some(Err(why)));
            }
            this.arrived.0.reverse();
        }
        Poll::Ready(this.arrived.0.pop().map(Ok))
    }
}

// The elements are not pinned.
impl<T> Unpin for Received<T> {}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;
    use crate::base::panic::PanicsOnDrop;
    use futures_lite::{StreamExt, future, stream};
    use std::sync::Arc;

    fn weightless<T>(_: &T) -> usize {
        0
    }

    #[test]
    fn all_elements_arrive_in_order() {
        for n in [0, 1, BATCH, 5 * BATCH + 1] {
            let (producer, received) = pipe(stream::iter(0..n), weightless);
            let elements = future::zip(producer, received.collect::<Vec<_>>());
            let elements: Result<Vec<_>, _> = future::block_on(elements).1.into_iter().collect();
            assert_eq!(elements, Ok((0..n).collect()));
        }
    }

    #[test]
    fn a_panic_follows_the_elements_before() {
        let failing = stream::iter(0..3).map(|n| if n == 2 { panic!("at {n}") } else { n });
        let (producer, received) = pipe(failing, weightless);
        let elements = future::block_on(future::zip(producer, received.collect::<Vec<_>>())).1;
        assert_eq!(elements[..2], [Ok(0), Ok(1)]);
        assert!(matches!(&elements[2], Err(Interrupted::Panicked(p)) if p.message == "at 2"));
        assert_eq!(elements.len(), 3);
    }

    #[test]
    fn a_batch_is_bounded_in_bytes() {
        let (producer, received) = pipe(stream::iter(0..10), |_| BATCH_BYTES / 2);
        let mut producer = Box::pin(producer);
        for _ in 0..10 {
            assert!(future::block_on(future::poll_once(&mut producer)).is_none());
        }
        assert_eq!(received.receiver.len(), 2);
    }

    #[test]
    fn the_stream_is_dropped_when_nobody_reads() {
        let alive = Arc::new(());
        let held = alive.clone();
        let endless = stream::pending::<u32>().map(move |n| {
            let _held = &held;
            n
        });
        let (producer, received) = pipe(endless, weightless);
        let mut producer = Box::pin(producer);
        assert!(future::block_on(future::poll_once(&mut producer)).is_none());
        drop(received);
        future::block_on(producer);
        assert_eq!(Arc::strong_count(&alive), 1);
    }

    #[test]
    fn the_reader_learns_that_the_task_was_dropped() {
        let (producer, mut received) = pipe(stream::iter(0..1000), weightless);
        let mut producer = Box::pin(producer);
        for _ in 0..10 {
            assert!(future::block_on(future::poll_once(&mut producer)).is_none());
        }
        drop(producer);
        let elements = future::block_on((&mut received).collect::<Vec<_>>());
        // What the channel held, and why there is no more.
        assert_eq!(elements.len(), BATCH + 1);
        assert_eq!(elements.last(), Some(&Err(Interrupted::Dropped)));
    }

    #[test]
    fn elements_are_dropped_although_their_destructors_panic() {
        let alive = Arc::new(());
        let held = alive.clone();
        let elements = stream::iter(0..1000).map(move |_| PanicsOnDrop(held.clone()));
        let (producer, received) = pipe(elements, weightless);
        let mut producer = Box::pin(producer);
        for _ in 0..10 {
            assert!(future::block_on(future::poll_once(&mut producer)).is_none());
        }
        drop(producer);
        drop(received);
        assert_eq!(Arc::strong_count(&alive), 1);
    }
}
