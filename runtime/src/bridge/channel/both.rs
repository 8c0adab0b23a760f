//! What all handles of a channel share, those of OCaml's included.

use crate::base::channel::{Credit, Receiver, Sender, channel};
use crate::value::exception::Failure;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The two ends of a channel, and what OCaml's side needs.
pub(crate) struct Both<T> {
    pub(crate) tx: Sender<T, Infallible>,
    pub(crate) rx: Receiver<T, Infallible>,
    /// The elements of a channel that OCaml made, while it passes them on.
    first: Mutex<VecDeque<T>>,
    /// Why elements that OCaml received in a batch did not convert: the next receivers of OCaml's get these errors.
    failures: Mutex<VecDeque<Failure>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<T> Both<T> {
    /// # Panics
    /// The capacity is 0.
    pub(crate) fn new(capacity: usize) -> Self {
        let (tx, rx) = channel(Credit::elements(capacity));
        Both {
            tx,
            rx,
            first: Mutex::default(),
            failures: Mutex::default(),
        }
    }

    /// The ring of a channel that OCaml made, before it has its elements: it is paused.
    pub(crate) fn paused(capacity: usize) -> Self {
        let both = Both::new(capacity);
        both.tx.pause();
        both
    }

    /// Keeps elements of OCaml's channel, behind those that are kept already.
    pub(crate) fn keep(&self, items: VecDeque<T>) {
        lock(&self.first).extend(items);
    }

    /// Returns the last `n` elements that are kept, which are not sent after all.
    pub(crate) fn unkeep(&self, n: usize) -> VecDeque<T> {
        let mut first = lock(&self.first);
        let rest = first.len().saturating_sub(n);
        first.split_off(rest)
    }

    /// Puts the elements that are kept into the channel, without so many at the beginning, which OCaml has received. It
    /// stays paused.
    pub(crate) fn put(&self, received: usize) {
        let mut first = lock(&self.first);
        let received = received.min(first.len());
        let items = first.split_off(received);
        self.tx.put_although_paused(items);
    }

    /// Returns all elements that are kept.
    pub(crate) fn take_kept(&self) -> VecDeque<T> {
        std::mem::take(&mut *lock(&self.first))
    }

    /// Resumes the channel, with the elements that are kept.
    pub(crate) fn resume(&self) {
        self.tx.resume(self.take_kept());
    }

    pub(crate) fn add_failure(&self, failure: Failure) {
        lock(&self.failures).push_back(failure);
    }

    pub(crate) fn next_failure(&self) -> Option<Failure> {
        lock(&self.failures).pop_front()
    }
}
