//! A queue that any thread pushes to and one thread pops from, in which no thread waits for another.
//!
//! A linked list, after Dmitry Vyukov's queue of many producers: a push first makes its node the last
//! one, which decides the order, and then links it to the node before. A thread that the kernel suspends
//! in between leaves a gap: until it goes on, `pop` finds the queue empty. So a domain, whose lock keeps
//! all collections waiting, never spins for a thread that does not run. Who pushes has to notify the
//! consumer afterwards.

use crate::base::sync::{AtomicPtr, AtomicUsize, Ordering};
use std::marker::PhantomData;
use std::ptr::{null_mut, without_provenance_mut};
use std::sync::Mutex;

struct Node<T> {
    /// The node of the next value. Written once, by the push that made that node the last one.
    next: AtomicPtr<Node<T>>,
    /// `None` once the value was popped, and in the queue's first node.
    value: Option<T>,
}

impl<T> Node<T> {
    fn allocate(value: Option<T>) -> *mut Self {
        let next = AtomicPtr::new(null_mut());
        Box::into_raw(Box::new(Node { next, value }))
    }
}

/// See the module's documentation.
pub(crate) struct Queue<T> {
    /// The node of the last value, or [`closed`]. A thread that replaces it alone writes the `next` of the
    /// node that was there.
    last: AtomicPtr<Node<T>>,
    /// The node before that of the first value. Null while a thread pops: who takes it owns it, and all
    /// nodes that are linked to it.
    first: AtomicPtr<Node<T>>,
    /// The node that was the last one when the queue was closed. Null before.
    end: AtomicPtr<Node<T>>,
    pushed: AtomicUsize,
    popped: AtomicUsize,
    /// The queue may be shared and sent as a mutex of its values may.
    values: PhantomData<Mutex<T>>,
}

/// The last node of a queue that is closed. No node is at this address, since nodes are aligned.
fn closed<T>() -> *mut Node<T> {
    without_provenance_mut(1)
}

impl<T> Queue<T> {
    pub(crate) fn new() -> Self {
        let empty = Node::allocate(None);
        Queue {
            last: AtomicPtr::new(empty),
            first: AtomicPtr::new(empty),
            end: AtomicPtr::new(null_mut()),
            pushed: AtomicUsize::new(0),
            popped: AtomicUsize::new(0),
            values: PhantomData,
        }
    }

    /// Appends a value. Fails with it if the queue is closed. Any thread.
    pub(crate) fn push(&self, value: T) -> Result<(), T> {
        let node = Node::allocate(Some(value));
        let mut last = self.last.load(Ordering::Relaxed);
        let before = loop {
            if last == closed() {
                // SAFETY: `allocate` made the node with `Box::into_raw`, and no other thread knows it.
                let node = unsafe { Box::from_raw(node) };
                return Err(node.value.expect("a new node has its value"));
            }
            // Acquire and release: this thread writes to the old node, and another one to this.
            match self
                .last
                .compare_exchange_weak(last, node, Ordering::AcqRel, Ordering::Relaxed)
            {
                // The same address, but this pointer is surely that of the node that is there now.
                Ok(before) => break before,
                Err(now) => last = now,
            }
        };
        self.pushed.fetch_add(1, Ordering::Relaxed);
        // SAFETY: `before` was the last node when this thread replaced it. Whoever pops frees a node only
        // when its `next` is set, which this thread alone does, here; `drop`, which frees the others, cannot
        // run while this has `&self`.
        unsafe { (*before).next.store(node, Ordering::Release) };
        Ok(())
    }

    /// Removes the first value. Returns `None` if there is none, while another thread pops, and as long
    /// as the first push that is not complete has not been completed.
    pub(crate) fn pop(&self) -> Option<T> {
        let first = self.first.swap(null_mut(), Ordering::Acquire);
        if first.is_null() {
            return None;
        }
        // SAFETY: whoever takes `first` owns the node, which came from `allocate` and is freed only
        // below, after `first` has been replaced, and by `drop`.
        let next = unsafe { (*first).next.load(Ordering::Acquire) };
        if next.is_null() {
            self.first.store(first, Ordering::Release);
            return None;
        }
        // SAFETY: the owner of `first` owns the nodes that are linked to it. The push that made this node
        // wrote the value before it linked it, and pushes touch only its `next` from then on.
        let value = unsafe { (*next).value.take() };
        self.popped.fetch_add(1, Ordering::Relaxed);
        self.first.store(next, Ordering::Release);
        // SAFETY: the node came from `Box::into_raw` in `allocate`. Its `next` is set, so no push uses it
        // any more, and `first` was this thread's and is another node now.
        drop(unsafe { Box::from_raw(first) });
        value
    }

    /// The number of values, about: those that are pushed or popped meanwhile may count or not. Any thread.
    pub(crate) fn len(&self) -> usize {
        let popped = self.popped.load(Ordering::Relaxed);
        self.pushed.load(Ordering::Relaxed).saturating_sub(popped)
    }

    /// Refuses later values. Any thread.
    pub(crate) fn close(&self) {
        let last = self.last.swap(closed(), Ordering::AcqRel);
        if last != closed() {
            self.end.store(last, Ordering::Release);
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.last.load(Ordering::Relaxed) == closed()
    }

    /// Returns `true` once the queue is closed and each value that was pushed has been popped. For the
    /// thread that closes and pops.
    pub(crate) fn is_drained(&self) -> bool {
        let end = self.end.load(Ordering::Acquire);
        !end.is_null() && self.first.load(Ordering::Relaxed) == end
    }
}

impl<T> Drop for Queue<T> {
    fn drop(&mut self) {
        while self.pop().is_some() {}
        let first = self.first.load(Ordering::Relaxed);
        // SAFETY: nothing else refers to the queue, so no push or pop is under way: the node before the
        // first value is there, and is the only one that is left.
        drop(unsafe { Box::from_raw(first) });
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;
    use std::rc::Rc;
    use std::sync::Arc;

    #[test]
    fn values_come_in_order_and_go_back_once_it_is_closed() {
        let queue = Queue::new();
        assert_eq!(queue.pop(), None);
        for i in 0..3 {
            assert_eq!(queue.push(i), Ok(()));
        }
        assert_eq!((queue.pop(), queue.len()), (Some(0), 2));
        assert!(!queue.is_drained());
        queue.close();
        queue.close();
        assert!(queue.is_closed() && !queue.is_drained());
        assert_eq!(queue.push(7), Err(7));
        assert_eq!([queue.pop(), queue.pop()], [Some(1), Some(2)]);
        assert!(queue.is_drained());
        assert_eq!((queue.pop(), queue.len()), (None, 0));
    }

    #[test]
    fn a_queue_drops_the_values_that_are_left() {
        let value = Rc::new(());
        for close in [false, true] {
            let queue = Queue::new();
            for _ in 0..3 {
                assert!(queue.push(value.clone()).is_ok());
            }
            queue.pop();
            if close {
                queue.close();
                assert!(queue.push(value.clone()).is_err());
            }
            drop(queue);
            assert_eq!(Rc::strong_count(&value), 1);
        }
    }

    /// The push of another thread is suspended between its two steps.
    #[test]
    fn nobody_waits_for_a_push_that_is_suspended() {
        let queue = Queue::new();
        assert!(queue.push(1).is_ok());
        let suspended = Node::allocate(Some(2));
        let before = queue.last.swap(suspended, Ordering::AcqRel);
        assert!(queue.push(3).is_ok());
        assert_eq!((queue.pop(), queue.pop()), (Some(1), None));
        queue.close();
        assert!(!queue.is_drained(), "two values have not been popped");
        // SAFETY: as in `push`.
        unsafe { (*before).next.store(suspended, Ordering::Release) };
        assert_eq!([queue.pop(), queue.pop()], [Some(2), Some(3)]);
        assert!(queue.is_drained());
    }

    #[test]
    fn many_threads_push_and_the_order_of_each_is_kept() {
        let queue = Arc::new(Queue::new());
        let threads = [0, 1, 2, 3].map(|thread| {
            let queue = queue.clone();
            std::thread::spawn(move || {
                for i in 0..10_000 {
                    assert!(queue.push((thread, i)).is_ok());
                }
            })
        });
        let mut next = [0; 4];
        while next.iter().sum::<usize>() < 40_000 {
            if let Some((thread, i)) = queue.pop() {
                assert_eq!(next[thread], i);
                next[thread] += 1;
            }
        }
        for thread in threads {
            thread.join().expect("it pushes");
        }
        assert_eq!((queue.pop(), queue.len()), (None, 0));
    }
}

#[cfg(all(test, loom_model))]
mod models {
    use super::*;
    use crate::base::sync::model_of_three;
    use loom::sync::Arc;
    use loom::thread;

    /// Two threads push while the owner pops once, closes and drains: each value is popped or handed back,
    /// and only one of these.
    #[test]
    fn loom_a_value_is_popped_or_handed_back() {
        model_of_three(|| {
            let queue = Arc::new(Queue::new());
            let threads: Vec<_> = (0..2)
                .map(|i| {
                    let queue = queue.clone();
                    // loom reports a value that is leaked.
                    thread::spawn(move || queue.push(Arc::new(i)).err().map(|back| *back))
                })
                .collect();
            let mut values: Vec<i32> = queue.pop().iter().map(|value| **value).collect();
            queue.close();
            while !queue.is_drained() {
                match queue.pop() {
                    Some(value) => values.push(*value),
                    None => thread::yield_now(),
                }
            }
            assert!(queue.pop().is_none());
            values.extend(threads.into_iter().filter_map(|t| t.join().unwrap()));
            values.sort();
            assert_eq!(values, [0, 1]);
        });
    }

    /// The consumer finds a thread's values in their order, and the content of each.
    #[test]
    fn loom_values_come_in_order() {
        model_of_three(|| {
            let queue = Arc::new(Queue::new());
            let other = queue.clone();
            let producer = thread::spawn(move || {
                for i in 1..=2 {
                    assert!(other.push(Box::new(i)).is_ok());
                }
            });
            let mut next = 1;
            for _ in 0..2 {
                if let Some(value) = queue.pop() {
                    assert_eq!(*value, next);
                    next += 1;
                }
            }
            producer.join().unwrap();
            while let Some(value) = queue.pop() {
                assert_eq!(*value, next);
                next += 1;
            }
            assert_eq!(next, 3);
        });
    }
}
