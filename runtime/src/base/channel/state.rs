//! What the lock of a channel protects. Nothing here runs code of users.

use super::ring::{Limits, Queue, Ring};
use super::waiters::{Key, Waiters};
use std::sync::Arc;
use std::task::Waker;

/// Whether a channel accepts elements, and what receivers get after the last one.
pub(super) enum Phase<E> {
    Open,
    Closed,
    Failed(Arc<E>),
}

/// A receiver that had to wait.
///
/// ```text
///   Waiting ---> Notified
///      |
///      +-------> Ended
/// ```
pub(super) enum Receiver {
    /// In the queue of receivers.
    Waiting(Waker),
    /// An element is reserved for it.
    Notified,
    /// The channel is closed and empty.
    Ended,
}

/// A sender that had to wait.
///
/// ```text
///   Waiting ---> Sent
///      |
///      +-------> Refused
/// ```
pub(super) enum Sender<T> {
    /// In the queue of senders, with what it has not sent yet.
    Waiting(Queue<T>, Waker),
    /// All of its elements are in the channel.
    Sent,
    /// The channel was closed before it had sent these elements.
    Refused(Queue<T>),
}

/// A task that waits until the channel is closed.
pub(super) enum Watcher {
    Waiting(Waker),
    Closed,
}

/// Wakers to be woken once the lock has been released.
#[derive(Default)]
pub(super) struct Wakes {
    first: Option<Waker>,
    others: Vec<Waker>,
}

impl Wakes {
    fn add(&mut self, waker: Waker) {
        match self.first {
            None => self.first = Some(waker),
            Some(_) => self.others.push(waker),
        }
    }
}

impl IntoIterator for Wakes {
    type Item = Waker;
    type IntoIter = std::iter::Chain<std::option::IntoIter<Waker>, std::vec::IntoIter<Waker>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.others)
    }
}

/// The state of a channel. After each change, [`serve`](Self::serve) restores:
///
/// - `reserved` is the number of receivers that are `Notified`. It is at most the number of elements, and equal to
///   it while receivers wait.
/// - The first element of the first sender that waits does not fit.
/// - No sender waits if the channel is closed, and no receiver if it is also empty.
pub(super) struct State<T, E> {
    pub(super) phase: Phase<E>,
    pub(super) ring: Ring<T>,
    reserved: usize,
    pub(super) receivers: Waiters<Receiver>,
    pub(super) senders: Waiters<Sender<T>>,
    pub(super) watchers: Waiters<Watcher>,
    /// The numbers of handles.
    pub(super) sender_handles: usize,
    pub(super) receiver_handles: usize,
}

impl<T, E> State<T, E> {
    /// The state of a channel with one handle of each kind.
    pub(super) fn new(limits: Limits) -> Self {
        State {
            phase: Phase::Open,
            ring: Ring::new(limits),
            reserved: 0,
            receivers: Waiters::new(),
            senders: Waiters::new(),
            watchers: Waiters::new(),
            sender_handles: 1,
            receiver_handles: 1,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open)
    }

    /// Returns `true` if no receiver will get an element any more.
    pub(super) fn is_exhausted(&self) -> bool {
        !self.is_open() && self.ring.is_empty() && !self.ring.is_paused()
    }

    /// Returns the error that receivers get at the end.
    pub(super) fn failure(&self) -> Option<Arc<E>> {
        match &self.phase {
            Phase::Failed(error) => Some(error.clone()),
            Phase::Open | Phase::Closed => None,
        }
    }

    /// Returns the number of elements that are not reserved.
    pub(super) fn available(&self) -> usize {
        self.ring.len() - self.reserved
    }

    /// Frees the slot of a receiver, and gives up its place or its reservation.
    pub(super) fn free_receiver(&mut self, key: Key) -> Receiver {
        if let Receiver::Waiting(_) = self.receivers.get(&key) {
            self.receivers.remove(&key);
        }
        let receiver = self.receivers.free(key);
        if let Receiver::Notified = receiver {
            self.reserved -= 1;
        }
        receiver
    }

    /// Frees the slot of a sender, and gives up its place.
    pub(super) fn free_sender(&mut self, key: Key) -> Sender<T> {
        if let Sender::Waiting(..) = self.senders.get(&key) {
            self.senders.remove(&key);
        }
        self.senders.free(key)
    }

    /// Frees the slot of a task that waits for the end, and gives up its place.
    pub(super) fn free_watcher(&mut self, key: Key) -> Watcher {
        if let Watcher::Waiting(_) = self.watchers.get(&key) {
            self.watchers.remove(&key);
        }
        self.watchers.free(key)
    }

    /// Restores the invariants after a change.
    pub(super) fn serve(&mut self, wakes: &mut Wakes) {
        match self.is_open() {
            true => self.accept_senders(wakes),
            false => self.refuse_senders(wakes),
        }
        while self.available() > 0 {
            let Some(receiver) = self.receivers.dequeue() else {
                break;
            };
            self.reserved += 1;
            if let Receiver::Waiting(waker) = std::mem::replace(receiver, Receiver::Notified) {
                wakes.add(waker);
            }
        }
        if self.is_exhausted() {
            while let Some(receiver) = self.receivers.dequeue() {
                if let Receiver::Waiting(waker) = std::mem::replace(receiver, Receiver::Ended) {
                    wakes.add(waker);
                }
            }
        }
        if cfg!(any(debug_assertions, loom_model)) {
            assert!(self.reserved <= self.ring.len());
        }
    }

    fn accept_senders(&mut self, wakes: &mut Wakes) {
        while let Some(Sender::Waiting(rest, _)) = self.senders.first() {
            self.ring.accept(rest);
            if !rest.items.is_empty() {
                return;
            }
            let sent = self.senders.dequeue();
            if let Some(Sender::Waiting(_, waker)) =
                sent.map(|sender| std::mem::replace(sender, Sender::Sent))
            {
                wakes.add(waker);
            }
        }
    }

    fn refuse_senders(&mut self, wakes: &mut Wakes) {
        while let Some(sender) = self.senders.dequeue() {
            if let Sender::Waiting(rest, waker) = std::mem::replace(sender, Sender::Sent) {
                *sender = Sender::Refused(rest);
                wakes.add(waker);
            }
        }
        while let Some(watcher) = self.watchers.dequeue() {
            if let Watcher::Waiting(waker) = std::mem::replace(watcher, Watcher::Closed) {
                wakes.add(waker);
            }
        }
    }
}
