//! Waiters of a channel, and the order in which they wait.

/// Slots for waiters, and a first-in, first-out queue of those that wait. A waiter keeps its slot after it has
/// left the queue, until it has seen why.
pub(super) struct Waiters<W> {
    slots: Vec<Slot<W>>,
    first: usize,
    last: usize,
    /// The first of the free slots, which are linked by `next`.
    free: usize,
}

/// Names the slot of a waiter. Not `Copy`: who has it owns the slot.
#[derive(Debug)]
pub(super) struct Key(usize);

struct Slot<W> {
    /// `None` if the slot is free.
    waiter: Option<W>,
    previous: usize,
    next: usize,
}

/// No slot.
const NIL: usize = usize::MAX;

impl<W> Waiters<W> {
    pub(super) const fn new() -> Self {
        Waiters {
            slots: Vec::new(),
            first: NIL,
            last: NIL,
            free: NIL,
        }
    }

    /// Appends a waiter to the queue.
    pub(super) fn add(&mut self, waiter: W) -> Key {
        let slot = Slot {
            waiter: Some(waiter),
            previous: self.last,
            next: NIL,
        };
        let index = self.free;
        let index = match self.slots.get_mut(index) {
            Some(free) => {
                self.free = std::mem::replace(free, slot).next;
                index
            }
            None => {
                self.slots.push(slot);
                self.slots.len() - 1
            }
        };
        match self.slots.get_mut(self.last) {
            Some(last) => last.next = index,
            None => self.first = index,
        }
        self.last = index;
        Key(index)
    }

    /// Returns `true` if no waiter is in the queue.
    pub(super) fn is_empty(&self) -> bool {
        self.first == NIL
    }

    /// Returns the first waiter of the queue.
    pub(super) fn first(&mut self) -> Option<&mut W> {
        self.slots.get_mut(self.first)?.waiter.as_mut()
    }

    /// Takes the first waiter out of the queue. It keeps its slot.
    pub(super) fn dequeue(&mut self) -> Option<&mut W> {
        let index = self.first;
        if index == NIL {
            return None;
        }
        self.unlink(index);
        self.slots[index].waiter.as_mut()
    }

    /// Returns the waiter of a slot.
    pub(super) fn get(&mut self, key: &Key) -> &mut W {
        let waiter = self.slots[key.0].waiter.as_mut();
        waiter.expect("its owner has not given up the slot")
    }

    /// Takes a waiter out of the queue. It keeps its slot.
    pub(super) fn remove(&mut self, key: &Key) {
        self.unlink(key.0);
    }

    /// Frees the slot of a waiter that is not in the queue.
    pub(super) fn free(&mut self, key: Key) -> W {
        let slot = &mut self.slots[key.0];
        slot.next = self.free;
        self.free = key.0;
        let waiter = slot.waiter.take();
        waiter.expect("its owner has not given up the slot")
    }

    fn unlink(&mut self, index: usize) {
        let Slot { previous, next, .. } = self.slots[index];
        match self.slots.get_mut(previous) {
            Some(slot) => slot.next = next,
            None => self.first = next,
        }
        match self.slots.get_mut(next) {
            Some(slot) => slot.previous = previous,
            None => self.last = previous,
        }
    }
}
