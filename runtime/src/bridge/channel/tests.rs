//! Sinks and streams of channels.

use crate::bridge::channel::{Channel, ChannelStream};
use futures_lite::future::{block_on, poll_once, zip};
use futures_util::{SinkExt, StreamExt, stream};
use std::sync::Arc;

async fn rest<T: Send + 'static>(stream: ChannelStream<T>) -> Vec<T> {
    stream.collect().await
}

#[test]
fn forward_sends_all_elements_in_order_and_closes() {
    let channel = Channel::new(3);
    let numbers = stream::iter(0..100).map(Ok);
    let (forwarded, received) =
        block_on(zip(numbers.forward(channel.sink()), rest(channel.stream())));
    assert!(forwarded.is_ok());
    assert_eq!(received, (0..100).collect::<Vec<_>>());
}

#[test]
fn one_element_waits_beside_a_full_channel() {
    let channel = Channel::new(2);
    let mut sink = channel.sink();
    for n in 0..3 {
        block_on(sink.feed(n)).expect("it is open");
    }
    assert!(block_on(poll_once(sink.feed(3))).is_none());
    assert!(block_on(poll_once(sink.flush())).is_none());
    assert_eq!((channel.len(), channel.try_recv()), (2, Ok(0)));
    // The element that waits comes before those of later senders.
    assert!(channel.try_send(9).is_err());
    block_on(sink.flush()).expect("it is open");
    assert_eq!(channel.try_recv(), Ok(1));
    assert_eq!(channel.try_recv(), Ok(2));
    assert!(channel.is_empty() && !channel.is_closed());
}

#[test]
fn a_sink_that_is_ready_reserves_no_room() {
    let channel = Channel::new(1);
    let mut sink = channel.sink();
    block_on(std::future::poll_fn(|cx| sink.poll_ready_unpin(cx))).expect("it is open");
    assert!(channel.try_send(1).is_ok());
}

#[test]
fn a_sink_that_is_dropped_withdraws_its_element() {
    let alive = Arc::new(());
    let channel = Channel::new(1);
    let mut sink = channel.sink();
    block_on(sink.feed(alive.clone())).expect("it is open");
    block_on(sink.feed(alive.clone())).expect("it is open");
    assert!(block_on(poll_once(sink.flush())).is_none());
    assert_eq!(Arc::strong_count(&alive), 3);
    drop(sink);
    assert_eq!((channel.len(), Arc::strong_count(&alive)), (1, 2));
    assert!(!channel.is_closed());
    drop(channel.try_recv());
    assert!(channel.is_empty());
}

#[test]
fn a_closed_channel_refuses_and_gives_the_element_back() {
    let channel = Channel::new(1);
    let mut sink = channel.sink();
    block_on(sink.feed(1)).expect("it is open");
    block_on(sink.feed(2)).expect("it waits");
    assert!(block_on(poll_once(sink.flush())).is_none());
    channel.close();
    assert!(block_on(sink.flush()).is_err());
    assert_eq!((sink.take_refused(), sink.take_refused()), (Some(2), None));
    assert!(block_on(sink.feed(3)).is_err());
    // The elements before the end are there.
    assert_eq!(block_on(rest(channel.stream())), [1]);
    assert!(block_on(sink.close()).is_ok());
}

#[test]
fn send_all_leaves_the_channel_open() {
    let channel = Channel::new(4);
    let mut numbers = stream::iter(0..4).map(Ok);
    block_on(channel.sink().send_all(&mut numbers)).expect("it is open");
    assert_eq!((channel.len(), channel.is_closed()), (4, false));
}

#[test]
#[should_panic(expected = "before it was ready")]
fn an_element_too_early_panics() {
    let channel = Channel::new(1);
    let mut sink = channel.sink();
    for n in 0..3 {
        let _ = sink.start_send_unpin(n);
    }
}

#[test]
fn sinks_and_streams_are_for_any_thread() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let channel = Channel::new(2);
    let mut sinks: Vec<_> = (0..4).map(|_| is_send(channel.sink())).collect();
    let received = std::thread::scope(|scope| {
        let stream = is_send(channel.stream());
        let received = scope.spawn(|| block_on(stream.take(400).collect::<Vec<_>>()));
        for (i, sink) in sinks.iter_mut().enumerate() {
            scope.spawn(move || {
                for n in 0..100 {
                    block_on(sink.send((i, n))).expect("it is open");
                }
            });
        }
        received.join().expect("it does not panic")
    });
    for i in 0..4 {
        let mine = received.iter().filter(|(sender, _)| *sender == i);
        assert!(mine.map(|(_, n)| *n).eq(0..100));
    }
}
