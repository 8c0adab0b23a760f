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

/// The elements that are in a channel: never more than its limits say.
pub(super) struct Ring<T> {
    queue: Queue<T>,
    limits: Limits,
    /// The sum of the weights.
    bytes: usize,
}

impl<T> Ring<T> {
    pub(super) const fn new(limits: Limits) -> Self {
        Ring {
            queue: Queue::new(),
            limits,
            bytes: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.queue.items.len()
    }

    /// Panics if there is more than the limits say.
    pub(super) fn check(&self) {
        assert!(self.len() <= self.limits.elements);
        assert!(self.bytes <= self.limits.bytes);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.items.is_empty()
    }

    /// Moves elements of `from` into the ring, as many as fit.
    pub(super) fn accept(&mut self, from: &mut Queue<T>) {
        let mut n = from.items.len().min(self.limits.elements - self.len());
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
    }

    /// Puts an element into the ring. Fails with the element if it does not fit.
    pub(super) fn push(&mut self, item: T, weight: Option<usize>) -> Result<(), T> {
        let bytes = weight.unwrap_or(0);
        if self.len() == self.limits.elements || bytes > self.limits.bytes - self.bytes {
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
