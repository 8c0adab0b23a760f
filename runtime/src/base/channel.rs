//! Bounded channels, with any number of senders and receivers on any threads.
//!
//! A channel holds as many elements as its [`Credit`] allows, and each is received once. The elements of one sender
//! are received in the order in which it sent them. Senders and receivers that wait are served first in, first out;
//! no later call overtakes them.
//!
//! If there is an element for a receiver that waits, the element is reserved, and the receiver takes it when it is
//! polled. Dropped before that, it has taken nothing: the next receiver is notified instead. The element of a sender
//! that waits moves into the channel as soon as there is room. Dropped before that, the sender has not sent it.
//!
//! A channel is closed by a sender, or when the last of either kind is dropped. Then it accepts no more
//! elements. Those that are in it can still be received, unless no receiver is left: then they are dropped. A sender
//! can also fail the channel with an error, which receivers get after the last element.
//!
//! Wakers, destructors and weights are code of users, which may panic and may use the channel. It runs outside of the
//! lock.

mod ring;
mod state;
mod waiters;

use crate::base::panic::{catch_and_discard, catch_and_discard_cold, drop_each};
use crate::base::sync::{Mutex, MutexGuard};
use ring::{Limits, Queue, Ring};
use state::{Phase, State, Wakes, Watcher};
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};
use thiserror::Error;
use waiters::Key;

/// How much a channel holds: a number of elements, and, if it is given how to weigh them, a number of bytes.
#[derive(Debug)]
pub(crate) struct Credit<T> {
    limits: Limits,
    weigh: Option<fn(&T) -> usize>,
}

impl<T> Credit<T> {
    /// Credit for so many elements.
    ///
    /// # Panics
    /// The number is 0.
    pub(crate) fn elements(elements: usize) -> Self {
        assert!(elements > 0, "a channel needs room for one element");
        Credit {
            limits: Limits { elements, bytes: 0 },
            weigh: None,
        }
    }

    /// Limits also the sum of the elements' weights. An element that weighs more than `bytes` counts as `bytes`, so that
    /// it passes alone. An element is weighed once, when it is sent.
    ///
    /// # Panics
    /// The number is 0.
    pub(crate) fn and_bytes(self, bytes: usize, weigh: fn(&T) -> usize) -> Self {
        assert!(bytes > 0, "a channel needs room for one byte");
        Credit {
            limits: Limits {
                bytes,
                ..self.limits
            },
            weigh: Some(weigh),
        }
    }
}

/// Creates a channel. `E` is the type of the error that a sender may [fail](Sender::fail) it with.
pub(crate) fn channel<T, E>(credit: Credit<T>) -> (Sender<T, E>, Receiver<T, E>) {
    let shared = Arc::new(Shared {
        limits: credit.limits,
        weigh: credit.weigh,
        state: Mutex::new(State::new(credit.limits)),
    });
    let sender = Sender {
        shared: shared.clone(),
    };
    (sender, Receiver { shared, slot: None })
}

/// The channel is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the channel is closed")]
#[non_exhaustive]
pub struct Closed;

/// The channel was closed before the element was sent. Carries the element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the channel is closed")]
pub struct SendError<T>(pub T);

/// The element was not sent. Carries the element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TrySendError<T> {
    /// There is no room, or senders wait.
    #[error("the channel is full")]
    Full(T),
    /// The channel is closed.
    #[error("the channel is closed")]
    Closed(T),
}

/// Nothing was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum TryRecvError<E> {
    /// All elements that are in the channel are reserved, or there are none.
    #[error("the channel is empty")]
    Empty,
    /// The channel is closed and empty.
    #[error("the channel is closed")]
    Closed,
    /// The channel is empty, and a sender has failed it.
    #[error("{0}")]
    Failed(E),
}

// ---- what all handles share

struct Shared<T, E> {
    limits: Limits,
    weigh: Option<fn(&T) -> usize>,
    state: Mutex<State<T, E>>,
}

/// What a receiver gets if it gets no element.
enum Nothing<E> {
    Empty,
    Ended(Option<Arc<E>>),
}

/// How far a poll has come under the lock.
enum Step<R> {
    Ready(R),
    Waiting,
    /// The waker has to be cloned, which is code of the user's.
    NeedsWaker,
}

/// A clone of a task's waker, made outside of the lock and only if it is needed.
struct Spare(Option<Waker>);

impl Spare {
    /// Puts the task's waker in the place of an older one, which is dropped later. Returns `false` if it has to be
    /// cloned first.
    fn replace(&mut self, old: &mut Waker, waker: &Waker) -> bool {
        old.will_wake(waker)
            || match &mut self.0 {
                Some(spare) => {
                    std::mem::swap(old, spare);
                    true
                }
                None => false,
            }
    }
}

impl Drop for Spare {
    fn drop(&mut self) {
        if let Some(waker) = self.0.take() {
            catch_and_discard_cold(|| drop(waker));
        }
    }
}

impl<T, E> Shared<T, E> {
    fn lock(&self) -> MutexGuard<'_, State<T, E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, and wakes everyone whom that concerns. `f` runs no code of users.
    fn change<R>(&self, f: impl FnOnce(&mut State<T, E>) -> R) -> R {
        let mut wakes = Wakes::default();
        let result = {
            let mut state = self.lock();
            let result = f(&mut state);
            state.serve(&mut wakes);
            result
        };
        for waker in wakes {
            catch_and_discard(|| waker.wake());
        }
        result
    }

    /// Calls `step` with the state until it does not need the waker any more.
    fn poll<R>(
        &self,
        cx: &Context<'_>,
        mut step: impl FnMut(&mut State<T, E>, &mut Spare) -> Step<R>,
    ) -> Poll<R> {
        let mut spare = Spare(None);
        loop {
            match self.change(|state| step(state, &mut spare)) {
                Step::Ready(result) => return Poll::Ready(result),
                Step::Waiting => return Poll::Pending,
                Step::NeedsWaker => spare.0 = Some(cx.waker().clone()),
            }
        }
    }

    /// Closes the channel, or fails it. Returns `false` if it is closed.
    fn end(&self, phase: Phase<E>) -> bool {
        let late = self.change(|state| match state.is_open() {
            true => {
                state.phase = phase;
                None
            }
            false => Some(phase),
        });
        // An error that came too late is dropped here, outside of the lock.
        late.is_none()
    }

    // ---- sending

    /// Returns the weight of an element. Code of the user's.
    fn weight(&self, item: &T) -> Option<usize> {
        self.weigh.map(|weigh| weigh(item).min(self.limits.bytes))
    }

    fn push(&self, item: T, weight: Option<usize>) -> Result<(), TrySendError<T>> {
        self.change(|state| {
            if !state.is_open() {
                return Err(TrySendError::Closed(item));
            }
            if !state.senders.is_empty() {
                return Err(TrySendError::Full(item));
            }
            state.ring.push(item, weight).map_err(TrySendError::Full)
        })
    }

    /// Sends the elements of `queue`. While it waits, they are in the slot.
    fn poll_send(
        &self,
        slot: &mut Option<Key>,
        queue: &mut Queue<T>,
        cx: &Context<'_>,
    ) -> Poll<Result<(), Closed>> {
        self.poll(cx, |state, spare| {
            if let Some(key) = slot.take() {
                if let state::Sender::Waiting(_, old) = state.senders.get(&key) {
                    let replaced = spare.replace(old, cx.waker());
                    *slot = Some(key);
                    return match replaced {
                        true => Step::Waiting,
                        false => Step::NeedsWaker,
                    };
                }
                return Step::Ready(match state.free_sender(key) {
                    state::Sender::Refused(rest) => {
                        *queue = rest;
                        Err(Closed)
                    }
                    _ => Ok(()),
                });
            }
            if !state.is_open() {
                return Step::Ready(Err(Closed));
            }
            if state.senders.is_empty() {
                state.ring.accept(queue);
            }
            if queue.items.is_empty() {
                return Step::Ready(Ok(()));
            }
            let Some(waker) = spare.0.take() else {
                return Step::NeedsWaker;
            };
            let rest = std::mem::replace(queue, Queue::new());
            let sender = state::Sender::Waiting(rest, waker);
            *slot = Some(state.senders.add(sender));
            Step::Waiting
        })
    }

    /// Withdraws a sender. Returns the elements that it has not sent.
    fn withdraw(&self, key: Key) -> Option<Queue<T>> {
        match self.change(|state| state.free_sender(key)) {
            state::Sender::Waiting(rest, waker) => {
                catch_and_discard_cold(|| drop(waker));
                Some(rest)
            }
            state::Sender::Refused(rest) => Some(rest),
            state::Sender::Sent => None,
        }
    }

    // ---- receiving

    /// Calls `take` with the number of elements that may be removed from the ring, if there are any.
    fn grant<R>(
        state: &mut State<T, E>,
        take: impl FnOnce(&mut Ring<T>, usize) -> R,
    ) -> Result<R, Nothing<E>> {
        match state.available() {
            0 if state.is_exhausted() => Err(Nothing::Ended(state.failure())),
            0 => Err(Nothing::Empty),
            n => Ok(take(&mut state.ring, n)),
        }
    }

    fn try_receive<R>(
        &self,
        take: impl FnOnce(&mut Ring<T>, usize) -> R,
    ) -> Result<R, TryRecvError<E>>
    where
        E: Clone,
    {
        let nothing = match self.change(|state| Self::grant(state, take)) {
            Ok(received) => return Ok(received),
            Err(nothing) => nothing,
        };
        Err(match nothing {
            Nothing::Empty => TryRecvError::Empty,
            Nothing::Ended(None) => TryRecvError::Closed,
            Nothing::Ended(Some(error)) => TryRecvError::Failed((*error).clone()),
        })
    }

    fn poll_receive<R>(
        &self,
        slot: &mut Option<Key>,
        cx: &Context<'_>,
        mut take: impl FnMut(&mut Ring<T>, usize) -> R,
    ) -> Poll<Result<Option<R>, E>>
    where
        E: Clone,
    {
        let polled = self.poll(cx, |state, spare| {
            if let Some(key) = slot.take() {
                if let state::Receiver::Waiting(old) = state.receivers.get(&key) {
                    let replaced = spare.replace(old, cx.waker());
                    *slot = Some(key);
                    return match replaced {
                        true => Step::Waiting,
                        false => Step::NeedsWaker,
                    };
                }
                // An element that was reserved is available now.
                state.free_receiver(key);
            }
            match Self::grant(state, &mut take) {
                Ok(received) => Step::Ready(Ok(received)),
                Err(Nothing::Ended(error)) => Step::Ready(Err(error)),
                Err(Nothing::Empty) => match spare.0.take() {
                    Some(waker) => {
                        let receiver = state::Receiver::Waiting(waker);
                        *slot = Some(state.receivers.add(receiver));
                        Step::Waiting
                    }
                    None => Step::NeedsWaker,
                },
            }
        });
        polled.map(|received| match received {
            Ok(received) => Ok(Some(received)),
            Err(None) => Ok(None),
            Err(Some(error)) => Err((*error).clone()),
        })
    }

    /// Gives up the place or the reservation of a receiver.
    fn leave(&self, slot: &mut Option<Key>) {
        if let Some(key) = slot.take() {
            let receiver = self.change(|state| state.free_receiver(key));
            catch_and_discard(|| drop(receiver));
        }
    }
}

/// Removes up to `max` elements and appends them to `to`. Returns their number.
fn up_to<T>(max: usize, to: &mut Vec<T>) -> impl FnMut(&mut Ring<T>, usize) -> usize {
    assert!(max > 0, "a batch has at least one element");
    move |ring, n| {
        let n = n.min(max);
        ring.pop_many(n, to);
        n
    }
}

/// Removes one element.
fn one<T>(ring: &mut Ring<T>, _available: usize) -> T {
    ring.pop().expect("an element is available")
}

// ---- senders

/// A handle that sends. The channel is closed when the last one is dropped.
pub(crate) struct Sender<T, E> {
    shared: Arc<Shared<T, E>>,
}

impl<T, E> Sender<T, E> {
    /// Sends an element if there is room and no sender waits.
    pub(crate) fn try_send(&self, item: T) -> Result<(), TrySendError<T>> {
        let weight = self.shared.weight(&item);
        self.shared.push(item, weight)
    }

    /// Sends elements from the front of `items`, as many as there is room for, if no sender waits. Returns their number.
    pub(crate) fn try_send_all(&self, items: &mut VecDeque<T>) -> Result<usize, Closed> {
        let before = items.len();
        let mut queue = self.weighed(items);
        let sent = self.shared.change(|state| {
            if !state.is_open() {
                return Err(Closed);
            }
            if state.senders.is_empty() {
                state.ring.accept(&mut queue);
            }
            Ok(())
        });
        *items = queue.items;
        sent.map(|()| before - items.len())
    }

    /// Sends an element. Waits while the channel is full.
    ///
    /// Dropping the future before it is ready drops the element, unless it is in the channel by then.
    pub(crate) fn send(&self, item: T) -> Send<'_, T, E> {
        Send {
            sender: self,
            item: Some(item),
            queue: Queue::new(),
            slot: None,
        }
    }

    /// Sends all elements, in order. Waits while the channel is full. Elements of other senders may come between them.
    ///
    /// When the future is ready or is dropped, `items` has those that were not sent: all that are left, if the channel
    /// is closed, and none if the future is fulfilled. While it waits, they are in the channel's care.
    pub(crate) fn send_all<'a>(&'a self, items: &'a mut VecDeque<T>) -> SendAll<'a, T, E> {
        SendAll {
            sender: self,
            items,
            queue: None,
            slot: None,
        }
    }

    /// Sends all elements, like [`send_all`](Self::send_all), for a caller that has a waker and no task.
    pub(crate) fn start_sending(&self, items: VecDeque<T>) -> Sending<T, E> {
        let mut items = items;
        Sending {
            queue: self.weighed(&mut items),
            sender: self.clone(),
            slot: None,
        }
    }

    /// Pauses the channel: there is no room from now on.
    pub(crate) fn pause(&self) {
        self.shared.change(|state| state.ring.pause());
    }

    /// Puts elements into a channel that is paused. They may be more than there is room for.
    pub(crate) fn put_although_paused(&self, items: VecDeque<T>) {
        self.shared.change(|state| {
            state.ring.resume(items);
            state.ring.pause();
        });
    }

    /// Resumes the channel after a pause, with these elements in front of those of senders that wait. They may be more
    /// than there is room for. The channel does not weigh its elements.
    pub(crate) fn resume(&self, items: VecDeque<T>) {
        debug_assert!(self.shared.weigh.is_none());
        self.shared.change(|state| state.ring.resume(items));
    }

    /// Takes the elements, and weighs them if the channel does.
    fn weighed(&self, items: &mut VecDeque<T>) -> Queue<T> {
        let weights = match self.shared.weigh {
            // Before they are taken, because it may panic.
            Some(_) => items.iter().filter_map(|i| self.shared.weight(i)).collect(),
            None => VecDeque::new(),
        };
        Queue {
            items: std::mem::take(items),
            weights,
        }
    }

    /// Closes the channel. Returns `false` if it is closed already.
    pub(crate) fn close(&self) -> bool {
        self.shared.end(Phase::Closed)
    }

    /// Closes the channel with an error, which each receiver gets after the last element. Returns `false`, and does
    /// nothing, if it is closed already.
    pub(crate) fn fail(&self, error: E) -> bool {
        self.shared.end(Phase::Failed(Arc::new(error)))
    }

    /// Waits until the channel is closed, for example because no receiver is left.
    pub(crate) fn closed(&self) -> WaitClosed<'_, T, E> {
        WaitClosed {
            sender: self,
            slot: None,
        }
    }

    /// Returns `true` once the channel is closed.
    pub(crate) fn is_closed(&self) -> bool {
        !self.shared.lock().is_open()
    }

    /// Returns the number of elements in the channel.
    pub(crate) fn len(&self) -> usize {
        self.shared.lock().ring.len()
    }

    /// Returns the number of elements that the channel has room for in all.
    pub(crate) fn capacity(&self) -> usize {
        self.shared.limits.elements
    }
}

impl<T, E> Clone for Sender<T, E> {
    fn clone(&self) -> Self {
        self.shared.lock().sender_handles += 1;
        Sender {
            shared: self.shared.clone(),
        }
    }
}

impl<T, E> Drop for Sender<T, E> {
    fn drop(&mut self) {
        self.shared.change(|state| {
            state.sender_handles -= 1;
            if state.sender_handles == 0 && state.is_open() {
                state.phase = Phase::Closed;
            }
        });
    }
}

impl<T, E> fmt::Debug for Sender<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

/// The future of [`Sender::send`].
#[must_use = "futures do nothing unless awaited"]
pub(crate) struct Send<'a, T, E> {
    sender: &'a Sender<T, E>,
    /// Before the first poll.
    item: Option<T>,
    /// Empty while it waits: the element is in the slot.
    queue: Queue<T>,
    slot: Option<Key>,
}

// Elements are not pinned, in this future and the next one.
impl<T, E> Unpin for Send<'_, T, E> {}
impl<T, E> Unpin for SendAll<'_, T, E> {}

impl<T, E> Future for Send<'_, T, E> {
    type Output = Result<(), SendError<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let shared = &this.sender.shared;
        if let Some(item) = this.item.take() {
            let weight = shared.weight(&item);
            match shared.push(item, weight) {
                Ok(()) => return Poll::Ready(Ok(())),
                Err(TrySendError::Closed(item)) => return Poll::Ready(Err(SendError(item))),
                Err(TrySendError::Full(item)) => {
                    this.queue = Queue {
                        items: VecDeque::from([item]),
                        weights: weight.into_iter().collect(),
                    }
                }
            }
        } else {
            assert!(this.slot.is_some(), "polled after completion");
        }
        shared
            .poll_send(&mut this.slot, &mut this.queue, cx)
            .map_err(|Closed| {
                let item = this.queue.items.pop_front();
                SendError(item.expect("it was not sent"))
            })
    }
}

impl<T, E> Drop for Send<'_, T, E> {
    fn drop(&mut self) {
        if let Some(key) = self.slot.take() {
            drop(self.sender.shared.withdraw(key));
        }
    }
}

/// The future of [`Sender::send_all`].
#[must_use = "futures do nothing unless awaited"]
pub(crate) struct SendAll<'a, T, E> {
    sender: &'a Sender<T, E>,
    /// Empty from the first poll until the end.
    items: &'a mut VecDeque<T>,
    /// What was in `items`. Empty while it waits: the elements are in the slot.
    queue: Option<Queue<T>>,
    slot: Option<Key>,
}

impl<T, E> Future for SendAll<'_, T, E> {
    type Output = Result<(), Closed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let queue = match &mut this.queue {
            Some(queue) => queue,
            None => this.queue.insert(this.sender.weighed(this.items)),
        };
        let polled = this.sender.shared.poll_send(&mut this.slot, queue, cx);
        if polled.is_ready() {
            this.give_back();
        }
        polled
    }
}

impl<T, E> SendAll<'_, T, E> {
    fn give_back(&mut self) {
        if let Some(queue) = self.queue.take() {
            *self.items = queue.items;
        }
    }
}

impl<T, E> Drop for SendAll<'_, T, E> {
    fn drop(&mut self) {
        if let Some(key) = self.slot.take() {
            self.queue = self.sender.shared.withdraw(key);
        }
        self.give_back();
    }
}

/// Elements that are being sent. It owns its sender. Dropped, it withdraws what it has not sent.
pub(crate) struct Sending<T, E> {
    sender: Sender<T, E>,
    /// Empty while it waits: the elements are in the slot.
    queue: Queue<T>,
    slot: Option<Key>,
}

impl<T, E> Sending<T, E> {
    /// Sends what there is room for. Is ready when all elements are in the channel, or it is closed. Not to be polled
    /// after that.
    pub(crate) fn poll(&mut self, cx: &Context<'_>) -> Poll<Result<(), Closed>> {
        let shared = &self.sender.shared;
        shared.poll_send(&mut self.slot, &mut self.queue, cx)
    }

    /// Returns the elements that the closed channel has refused, after the poll that was ready.
    pub(crate) fn into_refused(mut self) -> VecDeque<T> {
        std::mem::take(&mut self.queue.items)
    }

    /// Stops to wait. Drops the elements that are not in the channel. `learn` gets the outcome before other code of users
    /// runs: destructors, and the wakers of others that wait.
    pub(crate) fn stop(mut self, learn: impl FnOnce(Stopped)) {
        match self.slot.take() {
            Some(key) => self.stop_waiting(key, learn),
            None if self.queue.items.is_empty() => learn(Stopped::Sent),
            None => learn(Stopped::Refused),
        }
    }

    fn stop_waiting(&self, key: Key, learn: impl FnOnce(Stopped)) {
        let sender = self.sender.shared.change(|state| {
            let sender = state.free_sender(key);
            learn(match sender {
                state::Sender::Waiting(..) => Stopped::Withdrawn,
                state::Sender::Refused(_) => Stopped::Refused,
                state::Sender::Sent => Stopped::Sent,
            });
            sender
        });
        match sender {
            state::Sender::Waiting(rest, waker) => {
                catch_and_discard_cold(|| drop(waker));
                drop_each(rest.items);
            }
            state::Sender::Refused(rest) => drop_each(rest.items),
            state::Sender::Sent => {}
        }
    }
}

/// What has become of elements whose sender [stopped](Sending::stop) to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// All of them are in the channel.
    Sent,
    /// The channel was closed before all were sent.
    Refused,
    /// There was no room for all of them yet.
    Withdrawn,
}

impl<T, E> Drop for Sending<T, E> {
    fn drop(&mut self) {
        if let Some(key) = self.slot.take() {
            self.stop_waiting(key, |_| {});
        }
        drop_each(std::mem::take(&mut self.queue.items));
    }
}

/// The future of [`Sender::closed`].
#[must_use = "futures do nothing unless awaited"]
pub(crate) struct WaitClosed<'a, T, E> {
    sender: &'a Sender<T, E>,
    slot: Option<Key>,
}

impl<T, E> Future for WaitClosed<'_, T, E> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let WaitClosed { sender, slot } = &mut *self;
        sender.shared.poll(cx, |state, spare| {
            if !state.is_open() {
                if let Some(key) = slot.take() {
                    state.free_watcher(key);
                }
                return Step::Ready(());
            }
            let replaced = match slot {
                Some(key) => match state.watchers.get(key) {
                    Watcher::Waiting(old) => spare.replace(old, cx.waker()),
                    Watcher::Closed => unreachable!("the channel is open"),
                },
                None => match spare.0.take() {
                    Some(waker) => {
                        *slot = Some(state.watchers.add(Watcher::Waiting(waker)));
                        true
                    }
                    None => false,
                },
            };
            match replaced {
                true => Step::Waiting,
                false => Step::NeedsWaker,
            }
        })
    }
}

impl<T, E> Drop for WaitClosed<'_, T, E> {
    fn drop(&mut self) {
        if let Some(key) = self.slot.take() {
            let shared = &self.sender.shared;
            let watcher = shared.change(|state| state.free_watcher(key));
            catch_and_discard_cold(|| drop(watcher));
        }
    }
}

// ---- receivers

/// A handle that receives. When the last one is dropped, the channel is closed and its elements are dropped.
pub(crate) struct Receiver<T, E> {
    shared: Arc<Shared<T, E>>,
    /// The place of [`poll_recv_many`](Self::poll_recv_many).
    slot: Option<Key>,
}

impl<T, E> Receiver<T, E> {
    /// Receives the next element that is not reserved.
    pub(crate) fn try_recv(&self) -> Result<T, TryRecvError<E>>
    where
        E: Clone,
    {
        self.shared.try_receive(one)
    }

    /// Receives up to `max` elements that are not reserved, and appends them to `to`. Returns their number, at least 1.
    ///
    /// # Panics
    /// `max` is 0.
    pub(crate) fn try_recv_many(
        &self,
        to: &mut Vec<T>,
        max: usize,
    ) -> Result<usize, TryRecvError<E>>
    where
        E: Clone,
    {
        self.shared.try_receive(up_to(max, to))
    }

    /// Receives the next element. Returns `None` if the channel is closed and empty, or the error that a sender has
    /// failed it with.
    ///
    /// Dropped before it is ready, the future has taken nothing.
    pub(crate) fn recv(&self) -> Recv<'_, T, E> {
        Recv {
            receiver: self,
            slot: None,
        }
    }

    /// Receives up to `max` elements, as many as there are, and appends them to `to`. Waits for the first one. Returns
    /// their number, which is 0 if the channel is closed and empty, or the error that a sender has failed it with.
    ///
    /// Dropped before it is ready, the future has taken nothing.
    ///
    /// # Panics
    /// `max` is 0.
    pub(crate) fn recv_many<'a>(&'a self, to: &'a mut Vec<T>, max: usize) -> RecvMany<'a, T, E> {
        RecvMany {
            receiver: self,
            to,
            max,
            slot: None,
        }
    }

    /// Polls what [`recv_many`](Self::recv_many) does. While it is pending, the handle has a place among the receivers
    /// that wait, and may have an element reserved, until the next poll, [`stop_waiting`](Self::stop_waiting), or the end
    /// of the handle.
    ///
    /// # Panics
    /// `max` is 0.
    pub(crate) fn poll_recv_many(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut Vec<T>,
        max: usize,
    ) -> Poll<Result<usize, E>>
    where
        E: Clone,
    {
        let polled = self.shared.poll_receive(&mut self.slot, cx, up_to(max, to));
        polled.map_ok(|received| received.unwrap_or(0))
    }

    /// Polls what [`recv`](Self::recv) does, with the same place as [`poll_recv_many`](Self::poll_recv_many).
    pub(crate) fn poll_recv(&mut self, cx: &Context<'_>) -> Poll<Result<Option<T>, E>>
    where
        E: Clone,
    {
        self.shared.poll_receive(&mut self.slot, cx, one)
    }

    /// Gives up the place that [`poll_recv_many`](Self::poll_recv_many) has, and its reservation.
    pub(crate) fn stop_waiting(&mut self) {
        self.shared.leave(&mut self.slot);
    }
}

/// For tests: elsewhere each receiver has a sender beside it, which closes and counts.
#[cfg(all(test, not(loom_model)))]
impl<T, E> Receiver<T, E> {
    /// Closes the channel. The elements that are in it can still be received. Returns `false` if it is closed already.
    pub(crate) fn close(&self) -> bool {
        self.shared.end(Phase::Closed)
    }

    /// Returns `true` once the channel is closed.
    pub(crate) fn is_closed(&self) -> bool {
        !self.shared.lock().is_open()
    }

    /// Returns the number of elements in the channel, with those that are reserved.
    pub(crate) fn len(&self) -> usize {
        self.shared.lock().ring.len()
    }

    /// Returns the number of elements that the channel has room for in all.
    pub(crate) fn capacity(&self) -> usize {
        self.shared.limits.elements
    }
}

impl<T, E> Clone for Receiver<T, E> {
    fn clone(&self) -> Self {
        self.shared.lock().receiver_handles += 1;
        Receiver {
            shared: self.shared.clone(),
            slot: None,
        }
    }
}

impl<T, E> Drop for Receiver<T, E> {
    fn drop(&mut self) {
        self.stop_waiting();
        let left = self.shared.change(|state| {
            state.receiver_handles -= 1;
            if state.receiver_handles > 0 {
                return VecDeque::new();
            }
            if state.is_open() {
                state.phase = Phase::Closed;
            }
            state.ring.clear()
        });
        drop_each(left);
    }
}

impl<T, E> fmt::Debug for Receiver<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}

/// The future of [`Receiver::recv`].
#[must_use = "futures do nothing unless awaited"]
pub(crate) struct Recv<'a, T, E> {
    receiver: &'a Receiver<T, E>,
    slot: Option<Key>,
}

impl<T, E: Clone> Future for Recv<'_, T, E> {
    type Output = Result<Option<T>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let receiver = self.receiver;
        receiver.shared.poll_receive(&mut self.slot, cx, one)
    }
}

impl<T, E> Drop for Recv<'_, T, E> {
    fn drop(&mut self) {
        self.receiver.shared.leave(&mut self.slot);
    }
}

/// The future of [`Receiver::recv_many`].
#[must_use = "futures do nothing unless awaited"]
pub(crate) struct RecvMany<'a, T, E> {
    receiver: &'a Receiver<T, E>,
    to: &'a mut Vec<T>,
    max: usize,
    slot: Option<Key>,
}

impl<T, E: Clone> Future for RecvMany<'_, T, E> {
    type Output = Result<usize, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let take = up_to(this.max, this.to);
        let polled = this.receiver.shared.poll_receive(&mut this.slot, cx, take);
        polled.map_ok(|received| received.unwrap_or(0))
    }
}

impl<T, E> Drop for RecvMany<'_, T, E> {
    fn drop(&mut self) {
        self.receiver.shared.leave(&mut self.slot);
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests;

#[cfg(all(test, loom_model))]
mod loom;
