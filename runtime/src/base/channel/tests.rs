use super::*;
use crate::base::panic::PanicsOnDrop;
use futures_lite::future::{block_on, poll_once};
use proptest::prelude::*;
use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Mutex as StdMutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

fn of<T>(elements: usize) -> (Sender<T, Infallible>, Receiver<T, Infallible>) {
    channel(Credit::elements(elements))
}

/// Polls a future once, which has to be pending.
fn pending<F: Future + Unpin>(future: &mut F) {
    assert!(block_on(poll_once(future)).is_none());
}

/// Polls a future once, which has to be ready.
fn ready<F: Future + Unpin>(mut future: F) -> F::Output {
    block_on(poll_once(&mut future)).expect("it is ready")
}

#[test]
fn elements_are_received_in_order_and_the_channel_is_bounded() {
    let (tx, rx) = of(2);
    assert_eq!(tx.try_send(1), Ok(()));
    assert_eq!(ready(tx.send(2)), Ok(()));
    assert_eq!(tx.try_send(3), Err(TrySendError::Full(3)));
    assert_eq!((tx.len(), rx.len(), rx.capacity()), (2, 2, 2));
    let mut third = tx.send(3);
    pending(&mut third);
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.len(), 2, "the third moved into the channel");
    assert_eq!(ready(third), Ok(()));
    assert_eq!(ready(rx.recv()), Ok(Some(2)));
    assert_eq!(ready(rx.recv()), Ok(Some(3)));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn batches_take_what_there_is() {
    let (tx, rx) = of(4);
    let mut items = VecDeque::from_iter(0..13);
    assert_eq!(tx.try_send_all(&mut items), Ok(4));
    assert_eq!(items.front(), Some(&4));
    let mut all = tx.send_all(&mut items);
    pending(&mut all);
    let mut got = Vec::new();
    assert_eq!(ready(rx.recv_many(&mut got, 3)), Ok(3));
    assert_eq!(rx.try_recv_many(&mut got, 100), Ok(4));
    pending(&mut all);
    assert_eq!(rx.try_recv_many(&mut got, 100), Ok(4));
    assert_eq!(ready(all), Ok(()));
    assert!(items.is_empty());
    assert_eq!(rx.try_recv_many(&mut got, 100), Ok(2));
    assert_eq!(got, Vec::from_iter(0..13));
}

#[test]
fn a_dropped_batch_gives_back_what_it_has_not_sent() {
    let (tx, rx) = of(2);
    let mut items = VecDeque::from_iter(0..5);
    let mut all = tx.send_all(&mut items);
    pending(&mut all);
    assert_eq!(rx.try_recv(), Ok(0));
    drop(all);
    assert_eq!(items, [3, 4]);
    let mut all = tx.send_all(&mut items);
    pending(&mut all);
    rx.close();
    assert_eq!(ready(all), Err(Closed));
    assert_eq!(items, [3, 4]);
    assert_eq!(ready(tx.send_all(&mut items)), Err(Closed));
    assert_eq!(tx.try_send_all(&mut items), Err(Closed));
    assert_eq!(items, [3, 4]);
}

#[test]
fn a_dropped_receiver_passes_its_reservation_on() {
    let (tx, rx) = of(2);
    let (mut first, mut second) = (rx.recv(), rx.recv());
    pending(&mut first);
    pending(&mut second);
    tx.try_send(1).unwrap();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty), "it is reserved");
    drop(first);
    assert_eq!(ready(second), Ok(Some(1)));
    let mut third = rx.recv();
    pending(&mut third);
    tx.try_send(2).unwrap();
    drop(third);
    assert_eq!(rx.try_recv(), Ok(2));
}

#[test]
fn a_dropped_sender_has_sent_or_has_its_element() {
    let (tx, rx) = of(1);
    tx.try_send(0).unwrap();
    let (mut first, mut second) = (tx.send(1), tx.send(2));
    pending(&mut first);
    pending(&mut second);
    assert_eq!(rx.try_recv(), Ok(0));
    drop(first);
    drop(second);
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn weights_are_limited_and_a_heavy_element_passes_alone() {
    let credit = Credit::elements(10).and_bytes(10, |n: &usize| *n);
    let (tx, rx) = channel::<_, Infallible>(credit);
    tx.try_send(6).unwrap();
    assert_eq!(tx.try_send(5), Err(TrySendError::Full(5)));
    tx.try_send(4).unwrap();
    tx.try_send(0).unwrap();
    let mut heavy = tx.send(1_000);
    pending(&mut heavy);
    assert_eq!(tx.try_send(0), Err(TrySendError::Full(0)), "no overtaking");
    assert_eq!(rx.try_recv(), Ok(6));
    pending(&mut heavy);
    let mut got = Vec::new();
    assert_eq!(rx.try_recv_many(&mut got, 9), Ok(2));
    assert_eq!(ready(heavy), Ok(()));
    assert_eq!(tx.try_send(1), Err(TrySendError::Full(1)));
    // A light sender behind a heavy one that gives up moves on.
    let (mut heavy, mut light) = (tx.send(usize::MAX), tx.send(0));
    pending(&mut heavy);
    pending(&mut light);
    drop(heavy);
    assert_eq!(ready(light), Ok(()));
    assert_eq!(rx.try_recv_many(&mut got, 9), Ok(2));
    assert_eq!(got, [4, 0, 1_000, 0]);
    let mut items = VecDeque::from([3, 3, 3, 3]);
    assert_eq!(tx.try_send_all(&mut items), Ok(3));
}

#[test]
fn closing_refuses_senders_and_ends_receivers() {
    let (tx, rx) = of(1);
    tx.try_send(1).unwrap();
    let mut send = tx.send(2);
    pending(&mut send);
    let mut closed = tx.closed();
    pending(&mut closed);
    assert!(rx.close());
    assert!(!tx.close(), "it is closed");
    assert!(tx.is_closed() && rx.is_closed());
    ready(closed);
    ready(tx.closed());
    assert_eq!(ready(send), Err(SendError(2)));
    assert_eq!(tx.try_send(3), Err(TrySendError::Closed(3)));
    assert_eq!(ready(rx.recv()), Ok(Some(1)));
    assert_eq!(ready(rx.recv()), Ok(None));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    assert_eq!(ready(rx.recv_many(&mut Vec::new(), 1)), Ok(0));
}

#[test]
fn receivers_wait_behind_a_reservation_until_a_closed_channel_is_empty() {
    let (tx, rx) = of(1);
    let (mut first, mut second) = (rx.recv(), rx.recv());
    pending(&mut first);
    pending(&mut second);
    tx.try_send(1).unwrap();
    drop(tx);
    pending(&mut second);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(ready(first), Ok(Some(1)));
    assert_eq!(ready(second), Ok(None));
}

#[test]
fn every_receiver_gets_the_failure_after_the_elements() {
    let (tx, rx) = channel::<u8, String>(Credit::elements(3));
    tx.try_send(1).unwrap();
    assert!(tx.fail("lost".to_owned()));
    assert!(!tx.fail("again".to_owned()));
    assert_eq!(ready(rx.recv()), Ok(Some(1)));
    for _ in 0..2 {
        assert_eq!(ready(rx.recv()), Err("lost".to_owned()));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Failed("lost".to_owned())));
    }
}

#[test]
fn a_polled_handle_keeps_its_place_until_it_stops() {
    let (tx, mut rx) = of(4);
    let mut got = Vec::new();
    let poll = |rx: &mut Receiver<u8, Infallible>, got: &mut Vec<u8>| {
        block_on(poll_once(std::future::poll_fn(|cx| {
            rx.poll_recv_many(cx, got, 2)
        })))
    };
    assert_eq!(poll(&mut rx, &mut got), None);
    tx.try_send(1).unwrap();
    let mut other = rx.clone();
    assert_eq!(poll(&mut other, &mut got), None);
    rx.stop_waiting();
    assert_eq!(poll(&mut other, &mut got), Some(Ok(1)));
    assert_eq!(poll(&mut rx, &mut got), None);
    tx.try_send_all(&mut VecDeque::from([2, 3, 4])).unwrap();
    assert_eq!(poll(&mut rx, &mut got), Some(Ok(2)));
    drop(tx);
    assert_eq!(poll(&mut rx, &mut got), Some(Ok(1)));
    assert_eq!(poll(&mut rx, &mut got), Some(Ok(0)));
    assert_eq!(got, [1, 2, 3, 4]);
}

#[test]
fn a_paused_channel_has_no_room_and_does_not_end() {
    let (tx, rx) = of(2);
    tx.pause();
    assert_eq!(tx.try_send(9), Err(TrySendError::Full(9)));
    let (mut send, mut first) = (tx.send(5), rx.recv());
    pending(&mut send);
    pending(&mut first);
    tx.put_although_paused(VecDeque::from([1]));
    assert_eq!(ready(first), Ok(Some(1)));
    let mut second = rx.recv();
    pending(&mut second);
    tx.resume(VecDeque::from([2, 3, 4]));
    assert_eq!(rx.len(), 3, "more than there is room for");
    assert_eq!(tx.try_send(9), Err(TrySendError::Full(9)));
    assert_eq!(ready(second), Ok(Some(2)));
    pending(&mut send);
    assert_eq!(rx.try_recv(), Ok(3));
    assert_eq!(ready(send), Ok(()));
    let mut got = Vec::new();
    assert_eq!(rx.try_recv_many(&mut got, 9), Ok(2));
    assert_eq!(got, [4, 5]);
    // Closed meanwhile.
    tx.pause();
    rx.close();
    let mut last = rx.recv();
    pending(&mut last);
    tx.resume(VecDeque::from([6]));
    assert_eq!(ready(last), Ok(Some(6)));
    assert_eq!(ready(rx.recv()), Ok(None));
}

/// Uses the channel, and panics, when it is dropped.
struct Bomb(Option<Sender<Bomb, Infallible>>, Arc<AtomicUsize>);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.1.fetch_add(1, Ordering::Relaxed);
        if let Some(tx) = self.0.take() {
            assert!(tx.is_closed());
            assert!(tx.try_send(Bomb(None, self.1.clone())).is_err());
        }
        panic!("in a destructor");
    }
}

#[test]
fn the_last_receiver_drops_the_elements_whatever_their_destructors_do() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let (tx, rx) = of(3);
    for _ in 0..3 {
        let bomb = Bomb(Some(tx.clone()), dropped.clone());
        assert!(tx.try_send(bomb).is_ok());
    }
    let second = rx.clone();
    drop(rx);
    assert_eq!(dropped.load(Ordering::Relaxed), 0);
    assert!(!tx.is_closed());
    drop(second);
    // Three that were in the channel. What their destructors sent in vain is dropped by these, of which the first
    // panic ends each.
    assert_eq!(dropped.load(Ordering::Relaxed), 6);
    assert!(tx.is_closed());
}

/// A waker that uses the channel and panics.
struct Rude(Sender<u8, Infallible>, AtomicUsize);

impl Wake for Rude {
    fn wake(self: Arc<Self>) {
        self.1.fetch_add(1, Ordering::Relaxed);
        let _ = self.0.try_send(9);
        panic!("in a waker");
    }
}

#[test]
fn wakers_may_use_the_channel_and_panic() {
    let (tx, rx) = of(2);
    let rude = Arc::new(Rude(tx.clone(), AtomicUsize::new(0)));
    let waker = Waker::from(rude.clone());
    let mut cx = Context::from_waker(&waker);
    let (mut first, mut second) = (rx.recv(), rx.recv());
    assert!(Pin::new(&mut first).poll(&mut cx).is_pending());
    assert!(Pin::new(&mut second).poll(&mut cx).is_pending());
    assert_eq!(tx.try_send(1), Ok(()));
    assert_eq!(rude.1.load(Ordering::Relaxed), 2);
    assert_eq!(ready(first), Ok(Some(1)));
    assert_eq!(ready(second), Ok(Some(9)));
}

#[test]
fn a_weight_that_panics_loses_no_other_element() {
    let credit = Credit::elements(10).and_bytes(10, |n: &usize| match n {
        7 => panic!("in a weight"),
        n => *n,
    });
    let (tx, rx) = channel::<_, Infallible>(credit);
    let mut items = VecDeque::from([1, 7, 2]);
    for _ in 0..2 {
        let panicked = crate::base::panic::catch_unwind(|| tx.try_send_all(&mut items).is_ok());
        assert!(panicked.is_err());
        assert_eq!(items, [1, 7, 2]);
        let panicked = crate::base::panic::catch_unwind(|| ready(tx.send_all(&mut items)).is_ok());
        assert!(panicked.is_err());
        assert_eq!(items, [1, 7, 2]);
    }
    assert_eq!(tx.try_send(3), Ok(()));
    assert_eq!(rx.try_recv(), Ok(3));
}

#[test]
fn threads_receive_each_element_once() {
    let (tx, rx) = of(3);
    let n = if cfg!(miri) { 20 } else { 5_000 };
    let received = StdMutex::new(Vec::new());
    std::thread::scope(|scope| {
        for sender in 0..2 {
            let tx = tx.clone();
            scope.spawn(move || {
                block_on(async {
                    for i in 0..n {
                        match i % 3 {
                            0 => tx
                                .send_all(&mut VecDeque::from([(sender, i)]))
                                .await
                                .unwrap(),
                            _ => tx.send((sender, i)).await.unwrap(),
                        }
                    }
                });
            });
        }
        for _ in 0..2 {
            let rx = rx.clone();
            scope.spawn(|| {
                let rx = rx;
                let mut mine = Vec::new();
                block_on(async {
                    loop {
                        if let Ok(Some(x)) = rx.recv().await {
                            mine.push(x);
                        }
                        if rx.recv_many(&mut mine, 2).await == Ok(0) {
                            break;
                        }
                    }
                });
                assert!(is_sorted_by_sender(&mine));
                received.lock().unwrap().extend(mine);
            });
        }
        drop(tx);
    });
    let mut received = received.into_inner().unwrap();
    received.sort();
    let sent: Vec<_> = (0..2).flat_map(|s| (0..n).map(move |i| (s, i))).collect();
    assert_eq!(received, sent);
}

fn is_sorted_by_sender(received: &[(usize, usize)]) -> bool {
    (0..2).all(|sender| {
        let of_sender = received.iter().filter(|(s, _)| *s == sender);
        of_sender.is_sorted()
    })
}

// ---- a model

#[derive(Debug, Clone)]
enum Op {
    Send(usize),
    SendAll(Vec<usize>),
    TrySend(usize),
    TrySendAll(Vec<usize>),
    Recv(usize),
    TryRecv(usize),
    Poll(usize),
    Drop(usize),
    Close,
    Fail,
}

/// An element: its number and its weight.
type Element = (usize, usize);

/// Of a call that is not finished.
#[derive(Debug, Clone)]
enum Call {
    Sending(VecDeque<Element>),
    Sent,
    Refused,
    Receiving(usize),
    Notified(usize),
    Ended,
}

/// What a channel is to do, in the simplest way.
struct Model {
    elements: usize,
    bytes: usize,
    queue: VecDeque<Element>,
    /// What receivers get at the end.
    ending: Option<&'static str>,
    /// In their order.
    calls: Vec<(usize, Call)>,
    next_call: usize,
}

impl Model {
    fn weight(&self, element: Element) -> usize {
        element.1.min(self.bytes)
    }

    fn fits(&self, element: Element) -> bool {
        let sum: usize = self.queue.iter().map(|e| self.weight(*e)).sum();
        self.queue.len() < self.elements && sum + self.weight(element) <= self.bytes
    }

    fn accept(&mut self, items: &mut VecDeque<Element>) {
        while items.front().is_some_and(|e| self.fits(*e)) {
            self.queue.extend(items.pop_front());
        }
    }

    fn position(&self, holds: impl Fn(&Call) -> bool) -> Option<usize> {
        self.calls.iter().position(|(_, call)| holds(call))
    }

    fn sender_waits(&self) -> bool {
        self.position(|c| matches!(c, Call::Sending(_))).is_some()
    }

    fn available(&self) -> usize {
        let notified = |(_, c): &&(usize, Call)| matches!(c, Call::Notified(_));
        self.queue.len() - self.calls.iter().filter(notified).count()
    }

    fn serve(&mut self) {
        while let Some(i) = self.position(|c| matches!(c, Call::Sending(_))) {
            let Call::Sending(mut items) = self.calls[i].1.clone() else {
                unreachable!()
            };
            self.calls[i].1 = match self.ending {
                Some(_) => Call::Refused,
                None => {
                    self.accept(&mut items);
                    match items.is_empty() {
                        true => Call::Sent,
                        false => Call::Sending(items),
                    }
                }
            };
            if matches!(self.calls[i].1, Call::Sending(_)) {
                break;
            }
        }
        while let Some(i) = self.position(|c| matches!(c, Call::Receiving(_))) {
            self.calls[i].1 = match self.calls[i].1 {
                Call::Receiving(max) if self.available() > 0 => Call::Notified(max),
                _ if self.ending.is_some() && self.queue.is_empty() => Call::Ended,
                _ => break,
            };
        }
    }

    fn try_send(&mut self, items: Vec<Element>) -> String {
        if self.ending.is_some() {
            return "closed".to_owned();
        }
        let mut items = VecDeque::from(items);
        let before = items.len();
        if !self.sender_waits() {
            self.accept(&mut items);
        }
        format!("sent {}", before - items.len())
    }

    fn try_receive(&mut self, max: usize) -> Option<String> {
        match self.available() {
            0 if self.queue.is_empty() => self.ending.map(str::to_owned),
            0 => None,
            n => {
                let taken = self.queue.drain(..n.min(max));
                Some(format!("{:?}", taken.map(|e| e.0).collect::<Vec<_>>()))
            }
        }
    }

    /// Returns the outcome, or `None` if the call waits.
    fn start(&mut self, call: Call) -> Option<String> {
        let call = match call {
            Call::Sending(_) if self.ending.is_some() => return Some("closed".to_owned()),
            Call::Sending(mut items) => {
                if !self.sender_waits() {
                    self.accept(&mut items);
                }
                if items.is_empty() {
                    return Some("sent".to_owned());
                }
                Call::Sending(items)
            }
            Call::Receiving(max) => match self.try_receive(max) {
                Some(outcome) => return Some(outcome),
                None => call,
            },
            _ => unreachable!("calls start in one of these states"),
        };
        self.calls.push((self.next_call, call));
        None
    }

    /// Returns the outcome, or `None` if the call still waits.
    fn poll(&mut self, number: usize) -> Option<String> {
        let i = self.calls.iter().position(|(n, _)| *n == number)?;
        match self.calls[i].1 {
            Call::Sending(_) | Call::Receiving(_) => return None,
            _ => {}
        }
        match self.calls.remove(i).1 {
            Call::Sent => Some("sent".to_owned()),
            Call::Refused => Some("closed".to_owned()),
            Call::Ended => Some(self.ending.expect("it has ended").to_owned()),
            Call::Notified(max) => self.try_receive(max),
            Call::Sending(_) | Call::Receiving(_) => unreachable!("seen above"),
        }
    }

    fn is_ready(&self, number: usize) -> bool {
        let call = self.calls.iter().find(|(n, _)| *n == number);
        !matches!(call, Some((_, Call::Sending(_) | Call::Receiving(_))))
    }
}

struct CountWakes(AtomicUsize);

impl Wake for CountWakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A call of the implementation.
struct Pending {
    number: usize,
    future: Pin<Box<dyn Future<Output = String>>>,
    /// Since the last poll.
    wakes: Arc<CountWakes>,
}

impl Pending {
    fn poll(&mut self) -> Option<String> {
        // Another waker each time, so that the old one is replaced.
        self.wakes = Arc::new(CountWakes(AtomicUsize::new(0)));
        let waker = Waker::from(self.wakes.clone());
        match self.future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        }
    }
}

fn show_received(received: Result<(Vec<Element>, usize), &'static str>) -> String {
    match received {
        Ok((_, 0)) => "ended".to_owned(),
        Ok((items, n)) => {
            assert_eq!(items.len(), n);
            format!("{:?}", items.iter().map(|e| e.0).collect::<Vec<_>>())
        }
        Err(error) => error.to_owned(),
    }
}

fn agrees(elements: usize, bytes: usize, ops: Vec<Op>) {
    let credit = Credit::elements(elements).and_bytes(bytes, |e: &Element| e.1);
    let (tx, rx) = channel::<Element, &'static str>(credit);
    let mut model = Model {
        elements,
        bytes,
        queue: VecDeque::new(),
        ending: None,
        calls: Vec::new(),
        next_call: 0,
    };
    let mut pending: Vec<Pending> = Vec::new();
    let numbers = Rc::new(RefCell::new(0..));
    let number = |weights: &[usize]| -> Vec<Element> {
        let numbers = &mut *numbers.borrow_mut();
        weights
            .iter()
            .map(|w| (numbers.next().unwrap(), *w))
            .collect()
    };
    for op in ops {
        let started = match op.clone() {
            Op::Send(weight) => {
                let (tx, element) = (tx.clone(), number(&[weight])[0]);
                let call = Call::Sending(VecDeque::from([element]));
                let future = async move {
                    match tx.send(element).await {
                        Ok(()) => "sent".to_owned(),
                        Err(SendError(back)) => {
                            assert_eq!(back, element);
                            "closed".to_owned()
                        }
                    }
                };
                Some((
                    call,
                    Box::pin(future) as Pin<Box<dyn Future<Output = String>>>,
                ))
            }
            Op::SendAll(weights) => {
                let (tx, mut items) = (tx.clone(), VecDeque::from(number(&weights)));
                let call = Call::Sending(items.clone());
                let future = async move {
                    match tx.send_all(&mut items).await {
                        Ok(()) => {
                            assert!(items.is_empty());
                            "sent".to_owned()
                        }
                        Err(Closed) => "closed".to_owned(),
                    }
                };
                Some((call, Box::pin(future) as _))
            }
            Op::Recv(max) => {
                let rx = rx.clone();
                let future = async move {
                    let mut items = Vec::new();
                    let n = match max {
                        1 => rx.recv().await.map(|item| {
                            items.extend(item);
                            items.len()
                        }),
                        _ => rx.recv_many(&mut items, max).await,
                    };
                    show_received(n.map(|n| (items, n)))
                };
                Some((Call::Receiving(max), Box::pin(future) as _))
            }
            Op::TrySend(weight) => {
                let items = number(&[weight]);
                let sent = match tx.try_send(items[0]) {
                    Ok(()) => "sent 1",
                    Err(TrySendError::Full(_)) => "sent 0",
                    Err(TrySendError::Closed(_)) => "closed",
                };
                assert_eq!(sent, model.try_send(items));
                None
            }
            Op::TrySendAll(weights) => {
                let items = number(&weights);
                let mut queue = VecDeque::from(items.clone());
                let sent = match tx.try_send_all(&mut queue) {
                    Ok(n) => format!("sent {n}"),
                    Err(Closed) => "closed".to_owned(),
                };
                assert_eq!(sent, model.try_send(items));
                None
            }
            Op::TryRecv(max) => {
                let mut items = Vec::new();
                let received = match max {
                    1 => rx.try_recv().map(|item| {
                        items.push(item);
                        1
                    }),
                    _ => rx.try_recv_many(&mut items, max),
                };
                let received = match received {
                    Ok(n) => Some(show_received(Ok((items, n)))),
                    Err(TryRecvError::Empty) => None,
                    Err(TryRecvError::Closed) => Some("ended".to_owned()),
                    Err(TryRecvError::Failed(error)) => Some(error.to_owned()),
                };
                assert_eq!(received, model.try_receive(max));
                None
            }
            Op::Poll(_) | Op::Drop(_) if pending.is_empty() => None,
            Op::Poll(i) => {
                let i = i % pending.len();
                let outcome = pending[i].poll();
                assert_eq!(outcome, model.poll(pending[i].number));
                if outcome.is_some() {
                    pending.remove(i);
                }
                None
            }
            Op::Drop(i) => {
                let dropped = pending.remove(i % pending.len());
                model.calls.retain(|(n, _)| *n != dropped.number);
                drop(dropped);
                None
            }
            Op::Close => {
                assert_eq!(rx.close(), model.ending.is_none());
                model.ending.get_or_insert("ended");
                None
            }
            Op::Fail => {
                assert_eq!(tx.fail("failed"), model.ending.is_none());
                model.ending.get_or_insert("failed");
                None
            }
        };
        if let Some((call, future)) = started {
            let mut started = Pending {
                number: model.next_call,
                future,
                wakes: Arc::new(CountWakes(AtomicUsize::new(0))),
            };
            let outcome = started.poll();
            assert_eq!(outcome, model.start(call), "{op:?}");
            if outcome.is_none() {
                pending.push(started);
            }
            model.next_call += 1;
        }
        model.serve();
        assert_eq!(rx.len(), model.queue.len(), "{op:?}");
        for call in &pending {
            let woken = call.wakes.0.load(Ordering::Relaxed);
            let expected = usize::from(model.is_ready(call.number));
            assert_eq!(
                woken, expected,
                "wake-ups of call {} after {op:?}",
                call.number
            );
        }
    }
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let weight = || 0..5usize;
    let weights = || proptest::collection::vec(0..5usize, 0..7);
    let op = prop_oneof![
        6 => weight().prop_map(Op::Send),
        3 => weights().prop_map(Op::SendAll),
        2 => weight().prop_map(Op::TrySend),
        1 => weights().prop_map(Op::TrySendAll),
        7 => (1..6usize).prop_map(Op::Recv),
        2 => (1..6usize).prop_map(Op::TryRecv),
        6 => any::<usize>().prop_map(Op::Poll),
        4 => any::<usize>().prop_map(Op::Drop),
        1 => Just(Op::Close),
        1 => Just(Op::Fail),
    ];
    proptest::collection::vec(op, 0..60)
}

proptest! {
    /// The same outcomes, lengths and wake-ups as those of the model.
    #[test]
    fn behaves_like_the_model(elements in 1..5usize, bytes in 1..8usize, ops in ops()) {
        agrees(elements, bytes, ops);
    }
}

#[test]
fn elements_that_are_not_sent_are_dropped_although_their_destructors_panic() {
    let alive = Rc::new(());
    let some = || -> VecDeque<_> { (0..3).map(|_| PanicsOnDrop(alive.clone())).collect() };
    let (tx, rx) = of(1);
    let poll = |sending: &mut Sending<PanicsOnDrop<Rc<()>>, Infallible>| {
        let polled = sending.poll(&Context::from_waker(Waker::noop()));
        matches!(polled, Poll::Ready(Err(Closed)))
    };
    let mut waits = tx.start_sending(some());
    assert!(!poll(&mut waits));
    drop(waits);
    let mut outcome = None;
    let mut stopped = tx.start_sending(some());
    assert!(!poll(&mut stopped));
    stopped.stop(|stopped| outcome = Some(stopped));
    assert_eq!(outcome, Some(Stopped::Withdrawn));
    drop(tx.start_sending(some()));
    tx.close();
    let mut refused = tx.start_sending(some());
    assert!(poll(&mut refused));
    drop(refused);
    drop((tx, rx));
    assert_eq!(Rc::strong_count(&alive), 1);
}

/// The waker of another sender uses the channel, and learns the outcome.
#[test]
fn the_outcome_of_a_sender_is_known_before_others_are_woken() {
    struct Looks(StdMutex<Vec<Stopped>>, AtomicUsize);
    impl Wake for Looks {
        fn wake(self: Arc<Self>) {
            self.1
                .store(self.0.lock().unwrap().len(), Ordering::Relaxed);
        }
    }
    let credit = Credit::elements(9).and_bytes(9, |bytes: &usize| *bytes);
    let (tx, rx) = channel::<usize, Infallible>(credit);
    assert!(tx.try_send(6).is_ok());
    let mut first = tx.start_sending(VecDeque::from([8]));
    assert!(first.poll(&Context::from_waker(Waker::noop())).is_pending());
    let looks = Arc::new(Looks(StdMutex::default(), AtomicUsize::new(0)));
    let mut second = tx.start_sending(VecDeque::from([2]));
    let waker = Waker::from(looks.clone());
    assert!(second.poll(&Context::from_waker(&waker)).is_pending());
    // There is room for the second one, which waits behind the first one.
    first.stop(|stopped| looks.0.lock().unwrap().push(stopped));
    assert_eq!(looks.1.load(Ordering::Relaxed), 1, "woken afterwards");
    assert_eq!(*looks.0.lock().unwrap(), [Stopped::Withdrawn]);
    assert_eq!((rx.try_recv(), rx.try_recv()), (Ok(6), Ok(2)));
}
