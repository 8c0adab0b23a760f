//! A stream that one task polls and another one reads: its elements pass through a bounded channel, in batches.
//!
//! Each side learns of the other's end: the reader when the stream has ended, has panicked or was dropped with its task,
//! and the task, which is woken, when the reader is dropped. Then the task drops the stream.

use crate::base::channel::{Credit, Receiver, Sender, channel};
use crate::base::panic::{Panic, catch_unwind};
use futures_core::Stream;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

/// The number of elements that are sent, and received, at a time.
pub(crate) const BATCH: usize = 64;

/// Why the elements of a stream end before the stream does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Interrupted {
    /// The stream, or its destructor, panicked.
    Panicked(Panic),
    /// The task that polled the stream was dropped.
    Dropped,
}

/// Returns the future that polls a stream, and the stream of the elements that it sends.
pub(crate) fn pipe<S: Stream>(
    stream: S,
    credit: Credit<S::Item>,
) -> (impl Future<Output = ()>, Received<S::Item>) {
    let (sender, receiver) = channel(credit);
    let producer = Producer {
        stream: Some(Box::pin(stream)),
        sender,
    };
    let received = Received {
        receiver,
        arrived: Vec::new(),
        is_interrupted: false,
    };
    (producer.run(), received)
}

/// A stream, until it has ended.
struct Producer<S: Stream> {
    stream: Option<Pin<Box<S>>>,
    sender: Sender<S::Item, Interrupted>,
}

impl<S: Stream> Producer<S> {
    async fn run(mut self) {
        let mut elements = VecDeque::new();
        loop {
            let more = match self.poll(&mut elements).await {
                Ok(more) => more,
                Err(panic) => {
                    self.send(&mut elements).await;
                    return self.end(Some(Interrupted::Panicked(panic)));
                }
            };
            let sent = self.send(&mut elements).await;
            if !(more && sent) {
                return self.end(None);
            }
        }
    }

    /// Polls the stream for a batch of elements. Returns `false` if it has ended, or if nobody reads any more.
    async fn poll(&mut self, elements: &mut VecDeque<S::Item>) -> Result<bool, Panic> {
        let stream = self.stream.as_mut().expect("it has not ended");
        let mut closed = pin!(self.sender.closed());
        poll_fn(|cx| match closed.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Ok(false)),
            Poll::Pending => poll_batch(stream.as_mut(), cx, elements),
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

/// Polls a stream for as many elements as are ready, [`BATCH`] at most. Ready with `false` if the stream has ended.
fn poll_batch<S: Stream>(
    mut stream: Pin<&mut S>,
    cx: &mut Context<'_>,
    elements: &mut VecDeque<S::Item>,
) -> Poll<Result<bool, Panic>> {
    while elements.len() < BATCH {
        match catch_unwind(|| stream.as_mut().poll_next(cx)) {
            Ok(Poll::Ready(Some(element))) => elements.push_back(element),
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
    arrived: Vec<T>,
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
        if this.arrived.is_empty() {
            let received = this.receiver.poll_recv_many(cx, &mut this.arrived, BATCH);
            if let Err(why) = ready!(received) {
                this.is_interrupted = true;
                return Poll::Ready(Some(Err(why)));
            }
            this.arrived.reverse();
        }
        Poll::Ready(this.arrived.pop().map(Ok))
    }
}

// The elements are not pinned.
impl<T> Unpin for Received<T> {}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;
    use futures_lite::{StreamExt, future, stream};
    use std::sync::Arc;

    fn credit<T>() -> Credit<T> {
        Credit::elements(2 * BATCH)
    }

    #[test]
    fn all_elements_arrive_in_order() {
        for n in [0, 1, BATCH, 5 * BATCH + 1] {
            let (producer, received) = pipe(stream::iter(0..n), credit());
            let elements = future::zip(producer, received.collect::<Vec<_>>());
            let elements: Result<Vec<_>, _> = future::block_on(elements).1.into_iter().collect();
            assert_eq!(elements, Ok((0..n).collect()));
        }
    }

    #[test]
    fn a_panic_follows_the_elements_before() {
        let failing = stream::iter(0..3).map(|n| if n == 2 { panic!("at {n}") } else { n });
        let (producer, received) = pipe(failing, credit());
        let elements = future::block_on(future::zip(producer, received.collect::<Vec<_>>())).1;
        assert_eq!(elements[..2], [Ok(0), Ok(1)]);
        assert!(matches!(&elements[2], Err(Interrupted::Panicked(p)) if p.message == "at 2"));
        assert_eq!(elements.len(), 3);
    }

    #[test]
    fn the_stream_is_dropped_when_nobody_reads() {
        let alive = Arc::new(());
        let held = alive.clone();
        let endless = stream::pending::<u32>().map(move |n| {
            let _held = &held;
            n
        });
        let (producer, received) = pipe(endless, credit());
        let mut producer = Box::pin(producer);
        assert!(future::block_on(future::poll_once(&mut producer)).is_none());
        drop(received);
        future::block_on(producer);
        assert_eq!(Arc::strong_count(&alive), 1);
    }

    #[test]
    fn the_reader_learns_that_the_task_was_dropped() {
        let (producer, mut received) = pipe(stream::iter(0..1000), credit());
        let mut producer = Box::pin(producer);
        assert!(
            future::block_on(future::poll_once(&mut producer)).is_none(),
            "it is full"
        );
        drop(producer);
        let elements = future::block_on((&mut received).collect::<Vec<_>>());
        assert_eq!(elements.len(), 2 * BATCH + 1);
        assert_eq!(elements.last(), Some(&Err(Interrupted::Dropped)));
    }
}
