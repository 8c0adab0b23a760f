//! The tasks of a domain that are ready: those that its own thread has woken, and those that others
//! have. Each is in one of the two at most, linked through its header.

use crate::base::sync::{AtomicPtr, Ordering};
use crate::task::raw::{Header, TaskRef};
use std::cell::Cell;
use std::ptr::{dangling_mut, null_mut};

/// The owner's: first in, first out. No locked instruction.
pub(crate) struct RunQueue {
    first: Cell<*mut Header>,
    last: Cell<*mut Header>,
}

impl RunQueue {
    pub(crate) fn new() -> Self {
        RunQueue {
            first: Cell::new(null_mut()),
            last: Cell::new(null_mut()),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.first.get().is_null()
    }

    pub(crate) fn push(&self, task: TaskRef) {
        task.link().store(null_mut(), Ordering::Relaxed);
        let task = task.into_raw();
        let last = self.last.replace(task);
        if last.is_null() {
            self.first.set(task);
        } else {
            // SAFETY: it is in this queue, which has a share of it.
            unsafe { TaskRef::link_of(last) }.store(task, Ordering::Relaxed);
        }
    }

    pub(crate) fn pop(&self) -> Option<TaskRef> {
        let first = self.first.get();
        if first.is_null() {
            return None;
        }
        // SAFETY: the queue has a share of it, which the caller gets.
        let task = unsafe { TaskRef::from_raw(first) };
        let next = task.link().load(Ordering::Relaxed);
        self.first.set(next);
        if next.is_null() {
            self.last.set(null_mut());
        }
        Some(task)
    }

    /// Appends what others have woken, the first one first.
    pub(crate) fn append(&self, woken: &InjectQueue) {
        let mut newest = woken.take();
        let mut list = null_mut();
        // The stack has the newest on top.
        while !newest.is_null() {
            // SAFETY: it was in the stack, which had a share of it, and is nowhere else now.
            let link = unsafe { TaskRef::link_of(newest) };
            let next = link.load(Ordering::Relaxed);
            link.store(list, Ordering::Relaxed);
            list = newest;
            newest = next;
        }
        while !list.is_null() {
            // SAFETY: as above; the share goes into the queue.
            let task = unsafe { TaskRef::from_raw(list) };
            list = task.link().load(Ordering::Relaxed);
            self.push(task);
        }
    }
}

impl Drop for RunQueue {
    fn drop(&mut self) {
        while let Some(task) = self.pop() {
            drop(task);
        }
    }
}

/// Other threads': a stack that the owner takes whole.
#[derive(Debug)]
pub(crate) struct InjectQueue(AtomicPtr<Header>);

/// In place of a task: the domain has ended.
fn closed() -> *mut Header {
    dangling_mut()
}

impl InjectQueue {
    pub(crate) fn new() -> Self {
        InjectQueue(AtomicPtr::new(null_mut()))
    }

    /// Any thread. `false` if the domain has ended.
    pub(crate) fn push(&self, task: TaskRef) -> bool {
        let mut top = self.0.load(Ordering::Relaxed);
        loop {
            if top == closed() {
                return false;
            }
            task.link().store(top, Ordering::Relaxed);
            let raw = TaskRef::as_raw(&task);
            match self
                .0
                .compare_exchange_weak(top, raw, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => {
                    // The stack has it now.
                    task.into_raw();
                    return true;
                }
                Err(now) => top = now,
            }
        }
    }

    /// A hint for the owner.
    pub(crate) fn is_empty(&self) -> bool {
        let top = self.0.load(Ordering::Relaxed);
        top.is_null() || top == closed()
    }

    fn take(&self) -> *mut Header {
        if self.is_empty() {
            return null_mut();
        }
        // Only the owner closes.
        self.0.swap(null_mut(), Ordering::AcqRel)
    }

    /// Gives up what is in it; nothing gets in any more. The owner.
    pub(crate) fn close(&self) {
        let rest = InjectQueue(AtomicPtr::new(self.0.swap(closed(), Ordering::AcqRel)));
        RunQueue::new().append(&rest);
    }
}

impl Drop for InjectQueue {
    fn drop(&mut self) {
        RunQueue::new().append(self);
    }
}
