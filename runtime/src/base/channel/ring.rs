//! The elements of a channel, and its credit.

use std::collections::VecDeque;

/// Elements in their order, and their weights if the channel weighs its elements.
pub(super) struct Queue<T> {
    pub(super) items: VecDeque<T>,
    /// As many as there are elements, or none.
    pub(super) weights: VecDeque<usize>,
}

impl<T> Queue<T> {
    pub(super) const fn new() -> Self {
        Queue {
            items: VecDeque::new(),
            weights: VecDeque::new(),
        }
    }

    /// Moves the first `n` elements of `from`, which has as many, to the end of this queue.
    fn append(&mut self, from: &mut Queue<T>, n: usize) {
        if n == from.items.len() && self.items.is_empty() {
            // Often a batch meets an empty queue.
            std::mem::swap(self, from);
            return;
        }
        self.items.extend(from.items.drain(..n));
        let weighed = n.min(from.weights.len());
        self.weights.extend(from.weights.drain(..weighed));
    }
}

/// How much a channel may hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// At least 1.
    pub(super) elements: usize,
    /// The largest sum of the weights. No weight is greater.
    pub(super) bytes: usize,
}

/// The elements that are in a channel: never more than its limits say, but for those that it [resumed](Self::resume)
/// with.
pub(super) struct Ring<T> {
    queue: Queue<T>,
    limits: Limits,
    /// The sum of the weights.
    bytes: usize,
    /// There is no room, for whatever reason.
    paused: bool,
}

impl<T> Ring<T> {
    pub(super) const fn new(limits: Limits) -> Self {
        Ring {
            queue: Queue::new(),
            limits,
            bytes: 0,
            paused: false,
        }
    }

    /// Leaves no room from now on, until [`resume`](Self::resume).
    pub(super) fn pause(&mut self) {
        self.paused = true;
    }

    /// Puts elements into the ring although there may be no room, and has room again when there is.
    pub(super) fn resume(&mut self, items: VecDeque<T>) {
        self.queue.items.extend(items);
        self.paused = false;
    }

    /// Returns `true` if elements may come with [`resume`](Self::resume).
    pub(super) fn is_paused(&self) -> bool {
        self.paused
    }

    fn room(&self) -> usize {
        match self.paused {
            true => 0,
            // It may hold too much after `resume`.
            false => self.limits.elements.saturating_sub(self.len()),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.queue.items.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.items.is_empty()
    }

    /// Moves elements of `from` into the ring, as many as fit.
    pub(super) fn accept(&mut self, from: &mut Queue<T>) {
        let mut n = from.items.len().min(self.room());
        if !from.weights.is_empty() {
            let mut fits = 0;
            for weight in from.weights.iter().take(n) {
                if *weight > self.limits.bytes - self.bytes {
                    break;
                }
                self.bytes += weight;
                fits += 1;
            }
            n = fits;
        }
        self.queue.append(from, n);
        self.check();
    }

    /// Panics if more was accepted than the limits say.
    fn check(&self) {
        if cfg!(any(debug_assertions, loom_model)) && !self.queue.items.is_empty() {
            assert!(self.bytes <= self.limits.bytes);
        }
    }

    /// Puts an element into the ring. Fails with the element if it does not fit.
    pub(super) fn push(&mut self, item: T, weight: Option<usize>) -> Result<(), T> {
        let bytes = weight.unwrap_or(0);
        if self.room() == 0 || bytes > self.limits.bytes - self.bytes {
            return Err(item);
        }
        self.queue.items.push_back(item);
        self.queue.weights.extend(weight);
        self.bytes += bytes;
        Ok(())
    }

    /// Removes the first element.
    pub(super) fn pop(&mut self) -> Option<T> {
        self.bytes -= self.queue.weights.pop_front().unwrap_or(0);
        self.queue.items.pop_front()
    }

    /// Removes the first `n` elements, of which there are as many, and appends them to `to`.
    pub(super) fn pop_many(&mut self, n: usize, to: &mut Vec<T>) {
        let weighed = n.min(self.queue.weights.len());
        self.bytes -= self.queue.weights.drain(..weighed).sum::<usize>();
        to.extend(self.queue.items.drain(..n));
    }

    /// Removes all elements.
    pub(super) fn clear(&mut self) -> VecDeque<T> {
        self.bytes = 0;
        std::mem::replace(&mut self.queue, Queue::new()).items
    }
}
