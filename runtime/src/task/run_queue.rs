//! The queues of tasks that are ready: [`RunQueue`] for those that the owner's thread has woken,
//! [`InjectQueue`] for those that other threads have.
//!
//! Both are linked through the headers of the tasks: the link of a task in a queue is null, or the
//! [`Runnable`] of the next task, given up with `into_raw`. The link of every other task is null.

use crate::base::sync::{AtomicPtr, Ordering};
use crate::task::raw::{Header, Runnable};
use std::cell::Cell;
use std::mem::forget;
use std::ptr::{null_mut, without_provenance_mut};

/// Takes the tasks that follow `task` in its queue.
#[inline]
fn take_next(task: &mut Runnable) -> Option<Runnable> {
    let next = task.header().next.replace(null_mut());
    // SAFETY: a link is null, or a `Runnable` that was given up; with the link null, it is used once.
    unsafe { Runnable::from_raw(next) }
}

/// Puts tasks behind `task`, which none follow.
#[inline]
fn set_next(task: &mut Runnable, next: Option<Runnable>) {
    task.header()
        .next
        .set(next.map_or(null_mut(), Runnable::into_raw));
}

/// A queue of the owner's thread, first in, first out. Uses no locked instruction.
pub(crate) struct RunQueue {
    first: Cell<Option<Runnable>>,
    /// The last task of the list that begins with `first`; null if that is empty.
    last: Cell<*mut Header>,
    /// Tasks from an inject queue that are still in its order, the newest first.
    stack: Cell<Option<Runnable>>,
    /// Tasks from the same inject queue that are in order, the oldest first.
    reversed: Cell<Option<Runnable>>,
    /// The last task of the list that begins with `reversed`; null if that is empty.
    newest: Cell<*mut Header>,
}

impl RunQueue {
    pub(crate) fn new() -> Self {
        RunQueue {
            first: Cell::new(None),
            last: Cell::new(null_mut()),
            stack: Cell::new(None),
            reversed: Cell::new(None),
            newest: Cell::new(null_mut()),
        }
    }

    /// Returns `true` if there is no task, neither to [`pop`](Self::pop) nor in an
    /// [`append`](Self::append) that is not complete.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.last.get().is_null() && self.newest.get().is_null()
    }

    /// Returns `true` if an [`append`](Self::append) is not complete.
    #[inline]
    pub(crate) fn is_appending(&self) -> bool {
        !self.newest.get().is_null()
    }

    /// Appends a task.
    pub(crate) fn push(&self, task: Runnable) {
        let last = self.last.replace(task.as_ptr());
        if last.is_null() {
            self.set_first(Some(task));
        } else {
            // SAFETY: `last` was the last task of this queue, which has a reference to it. The queue
            // has its `Runnable` as well, and with it the right to use the link, which is null.
            unsafe { (*last).next.set(task.into_raw()) };
        }
    }

    /// Removes the first task.
    pub(crate) fn pop(&self) -> Option<Runnable> {
        let mut task = self.first.take()?;
        let next = take_next(&mut task);
        if next.is_none() {
            self.last.set(null_mut());
        }
        self.set_first(next);
        Some(task)
    }

    /// Sets `first`, which is `None`.
    fn set_first(&self, task: Option<Runnable>) {
        // Nothing to drop.
        forget(self.first.replace(task));
    }

    /// Appends the tasks of an inject queue, in the order in which they were pushed, in steps: one call
    /// looks at `steps` tasks at most. Returns `true` if it has to be called again to complete that; until
    /// then none of these tasks can be popped.
    pub(crate) fn append(&self, inject: &InjectQueue, steps: usize) -> bool {
        if !self.is_appending() {
            let Some(newest) = inject.take() else {
                return false;
            };
            self.newest.set(newest.as_ptr());
            self.stack.set(Some(newest));
        }
        for _ in 0..steps {
            let Some(mut task) = self.stack.take() else {
                break;
            };
            self.stack.set(take_next(&mut task));
            set_next(&mut task, self.reversed.take());
            self.reversed.set(Some(task));
        }
        let stack = self.stack.take();
        let incomplete = stack.is_some();
        self.stack.set(stack);
        if !incomplete {
            self.append_reversed();
        }
        incomplete
    }

    /// Appends the list that begins with `reversed`, whose last task is `newest`.
    fn append_reversed(&self) {
        let newest = self.newest.replace(null_mut());
        if let Some(oldest) = self.reversed.take() {
            let last = self.last.replace(newest);
            if last.is_null() {
                self.set_first(Some(oldest));
            } else {
                // SAFETY: `last` was the last task of this queue, which has a reference to it. The queue
                // has its `Runnable` as well, and with it the right to use the link, which is null.
                unsafe { (*last).next.set(oldest.into_raw()) };
            }
        }
    }

    /// Drops a task of this queue, or if there is none, takes those of an inject queue. Returns `false` if
    /// there is none either.
    pub(crate) fn drop_next(&self, inject: &InjectQueue) -> bool {
        self.drop_own() || self.take_all(inject)
    }

    fn take_all(&self, inject: &InjectQueue) -> bool {
        let newest = inject.take();
        let any = newest.is_some();
        forget(self.stack.replace(newest));
        any
    }

    fn drop_own(&self) -> bool {
        if let Some(mut task) = self.stack.take() {
            self.stack.set(take_next(&mut task));
            return true;
        }
        if self.is_appending() {
            self.append_reversed();
        }
        self.pop().is_some()
    }
}

impl Drop for RunQueue {
    fn drop(&mut self) {
        while self.drop_own() {}
    }
}

/// A queue that any thread pushes to: a stack that the owner takes as a whole. Null if it is empty.
#[derive(Debug)]
pub(crate) struct InjectQueue(AtomicPtr<Header>);

/// The stack of a queue that is closed. No task is at this address, since headers are aligned.
fn closed() -> *mut Header {
    without_provenance_mut(1)
}

impl InjectQueue {
    pub(crate) fn new() -> Self {
        InjectQueue(AtomicPtr::new(null_mut()))
    }

    /// Pushes a task. Returns `false`, and drops the reference, if the queue is closed. Any thread.
    pub(crate) fn push(&self, task: Runnable) -> bool {
        let mut top = self.0.load(Ordering::Relaxed);
        loop {
            if top == closed() {
                task.header().next.set(null_mut());
                return false;
            }
            // From the exchange on, the task and those below it are the stack's.
            task.header().next.set(top);
            match self.0.compare_exchange_weak(
                top,
                task.as_ptr(),
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    forget(task);
                    return true;
                }
                Err(now) => top = now,
            }
        }
    }

    /// Returns `true` if there is nothing to take. Any thread; a task that another thread is pushing may
    /// be missed.
    pub(crate) fn is_empty(&self) -> bool {
        let top = self.0.load(Ordering::Relaxed);
        top.is_null() || top == closed()
    }

    /// Takes all tasks, the newest first, unless the queue is closed. The owner.
    fn take(&self) -> Option<Runnable> {
        // The owner alone closes the queue.
        if self.is_empty() {
            return None;
        }
        self.replace(null_mut())
    }

    /// Refuses later tasks. Returns a queue of those that are there. The owner.
    pub(crate) fn close(&self) -> InjectQueue {
        let rest = self.replace(closed());
        InjectQueue(AtomicPtr::new(rest.map_or(null_mut(), Runnable::into_raw)))
    }

    fn replace(&self, stack: *mut Header) -> Option<Runnable> {
        let top = self.0.swap(stack, Ordering::AcqRel);
        if top == closed() {
            return None;
        }
        // SAFETY: `push` put the `Runnable` of the topmost task here, and the exchange has taken it.
        unsafe { Runnable::from_raw(top) }
    }
}

impl Drop for InjectQueue {
    fn drop(&mut self) {
        RunQueue::new().take_all(self);
    }
}
