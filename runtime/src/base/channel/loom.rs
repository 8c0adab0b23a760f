//! Models of senders and receivers that race with each other, and with those that close the channel or give up.
//!
//! loom reports elements that are leaked, and threads that wait for ever.

use super::*;
use crate::base::sync::model_of_three;
use ::loom::future::block_on;
use ::loom::sync::Arc as Held;
use ::loom::thread::{self, JoinHandle};
use futures_lite::future::poll_once;
use std::convert::Infallible;

/// The sender and the number of an element.
type Element = (usize, usize);

fn of(
    elements: usize,
) -> (
    Sender<Held<Element>, Infallible>,
    Receiver<Held<Element>, Infallible>,
) {
    channel(Credit::elements(elements))
}

/// Sends two elements, one after the other or as a batch.
fn send(tx: Sender<Held<Element>, Infallible>, sender: usize, as_batch: bool) -> JoinHandle<usize> {
    thread::spawn(move || {
        let items = [0, 1].map(|i| Held::new((sender, i)));
        block_on(async {
            if as_batch {
                let mut items = VecDeque::from(items);
                let _ = tx.send_all(&mut items).await;
                return 2 - items.len();
            }
            for (i, item) in items.into_iter().enumerate() {
                if let Err(SendError(back)) = tx.send(item).await {
                    assert_eq!(*back, (sender, i));
                    return i;
                }
            }
            2
        })
    })
}

/// Receives until the channel is closed and empty.
fn receive(rx: &Receiver<Held<Element>, Infallible>, as_batch: bool) -> Vec<Element> {
    let mut received = Vec::new();
    block_on(async {
        if as_batch {
            while rx.recv_many(&mut received, 3).await != Ok(0) {}
        } else {
            while let Ok(Some(item)) = rx.recv().await {
                received.push(item);
            }
        }
    });
    received.iter().map(|item| **item).collect()
}

/// Checks a model with more threads or steps than others: executions with at most two preemptions.
fn model_of_many(f: impl Fn() + Sync + std::marker::Send + 'static) {
    let mut builder = ::loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(2));
    builder.check(f);
}

/// Those of one sender are in order, without a gap.
fn check(received: &[Element], sent: usize, sender: usize) {
    let of_sender = received.iter().filter(|(s, _)| *s == sender);
    let expected: Vec<_> = (0..sent).map(|i| (sender, i)).collect();
    assert!(of_sender.eq(expected.iter()), "{received:?}");
}

/// Two senders, one with batches, and a receiver. All that is sent arrives, in the order of each sender.
#[test]
fn loom_channel_two_senders() {
    for (capacity, as_batch) in [(1, false), (2, true)] {
        model_of_many(move || {
            let (tx, rx) = of(capacity);
            let senders = [send(tx.clone(), 0, false), send(tx, 1, true)];
            let received = receive(&rx, as_batch);
            for (sender, thread) in senders.into_iter().enumerate() {
                assert_eq!(thread.join().unwrap(), 2);
                check(&received, 2, sender);
            }
            assert_eq!(received.len(), 4);
        });
    }
}

/// Two receivers, one with batches. Each element arrives once.
#[test]
fn loom_channel_two_receivers() {
    for (capacity, as_batch) in [(1, false), (2, true)] {
        model_of_many(move || {
            let (tx, rx) = of(capacity);
            let other = rx.clone();
            let receiver = thread::spawn(move || receive(&other, true));
            let sender = send(tx, 0, as_batch);
            let here = receive(&rx, false);
            assert_eq!(sender.join().unwrap(), 2);
            let there = receiver.join().unwrap();
            assert!(here.is_sorted() && there.is_sorted());
            let mut all = [here, there].concat();
            all.sort();
            check(&all, 2, 0);
        });
    }
}

/// Two senders and two receivers, which give up once and then try again.
#[test]
fn loom_channel_two_of_each_that_give_up() {
    for capacity in [1, 2] {
        model_of_many(move || {
            let (tx, rx) = of(capacity);
            let senders = [0, 1].map(|sender| {
                let tx = tx.clone();
                thread::spawn(move || {
                    let item = Held::new((sender, 0));
                    let polled = block_on(poll_once(tx.send(item.clone())));
                    // Given up: it is in the channel, or it is dropped.
                    matches!(polled, Some(Ok(()))) || Held::strong_count(&item) == 2
                })
            });
            drop(tx);
            let other = rx.clone();
            let receiver = thread::spawn(move || {
                // Dropped after it was notified, or before: either way it has taken nothing.
                if let Some(Ok(Some(item))) = block_on(poll_once(other.recv())) {
                    return vec![*item];
                }
                receive(&other, false)
            });
            let mut received = receive(&rx, false);
            received.extend(receiver.join().unwrap());
            received.extend(receive(&rx, false));
            received.sort();
            let sent: Vec<Element> = (0..2)
                .zip(senders)
                .filter_map(|(sender, thread)| thread.join().unwrap().then_some((sender, 0)))
                .collect();
            // A sender cannot know whether what it has given up was received meanwhile.
            assert!(sent.iter().all(|item| received.contains(item)));
            assert!(received.windows(2).all(|two| two[0] != two[1]), "twice");
        });
    }
}

/// Closing races with a sender and a receiver that wait. What was sent is received, and the rest comes back.
#[test]
fn loom_channel_close() {
    for as_batch in [false, true] {
        model_of_three(move || {
            let (tx, rx) = of(1);
            let closer = tx.clone();
            let sender = send(tx, 0, as_batch);
            let receiver = {
                let rx = rx.clone();
                thread::spawn(move || receive(&rx, as_batch))
            };
            assert!(closer.close());
            let received = receiver.join().unwrap();
            check(&received, sender.join().unwrap(), 0);
            assert!(matches!(rx.try_recv(), Err(TryRecvError::Closed)));
        });
    }
}

/// The last receiver is dropped while a sender waits, which learns of it. loom reports elements that are left.
#[test]
fn loom_channel_receiver_is_dropped() {
    model_of_three(|| {
        let (tx, rx) = of(1);
        let watcher = {
            let tx = tx.clone();
            thread::spawn(move || block_on(tx.closed()))
        };
        let sender = send(tx, 0, false);
        let first = block_on(poll_once(rx.recv()));
        drop(rx);
        let sent = sender.join().unwrap();
        assert!(sent <= 2);
        if let Some(Ok(Some(item))) = first {
            assert_eq!(*item, (0, 0));
            assert!(sent > 0);
        }
        watcher.join().unwrap();
    });
}

/// A receiver that was notified is dropped, while another one waits: it gets the element. `close` comes too late to
/// take it away.
#[test]
fn loom_channel_reservation_passes_on() {
    model_of_three(|| {
        let (tx, rx) = of(1);
        let mut first = rx.recv();
        assert!(block_on(poll_once(&mut first)).is_none());
        let second = {
            let rx = rx.clone();
            thread::spawn(move || block_on(rx.recv()).unwrap().map(|item| *item))
        };
        let sender = thread::spawn(move || {
            assert!(tx.try_send(Held::new((0, 0))).is_ok());
            tx.close();
        });
        drop(first);
        sender.join().unwrap();
        assert_eq!(second.join().unwrap(), Some((0, 0)));
    });
}
