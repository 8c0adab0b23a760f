//! The state shared by the tasks of one owner.

use crate::task::free_list::FreeList;
use crate::task::raw::Schedule;
use std::cell::Cell;
use std::marker::PhantomData;
use std::mem::forget;
use std::sync::Arc;

thread_local! {
    /// How many references to attached tasks this thread has as their owner.
    static ATTACHED: Cell<usize> = const { Cell::new(0) };
}

/// The scheduler of some tasks, and the memory for them. The thread that makes it is the owner of these
/// tasks: the only one that polls them and drops their work.
///
/// Two facts are what the safety of tasks rests on:
///
/// - A scheduler has one home, which made its `Arc`, and a home stays on its thread. So a thread that has
///   the home of a task is the task's owner.
/// - The scheduler is alive as long as the owner has a reference to a task. A strong reference of each
///   task would cost two locked instructions. The owner's references are counted here instead, and if
///   there are any when the home is dropped, the scheduler is leaked.
pub(crate) struct Home<S> {
    scheduler: Arc<S>,
    free_list: FreeList,
    /// How many tasks there are that are not yet attached.
    unbound: Cell<usize>,
    _not_send: PhantomData<*mut ()>,
}

impl<S: Schedule> Home<S> {
    /// Makes the calling thread the owner of tasks with this scheduler.
    pub(crate) fn new(scheduler: S) -> Self {
        Home {
            scheduler: Arc::new(scheduler),
            free_list: FreeList::new(),
            unbound: Cell::new(0),
            _not_send: PhantomData,
        }
    }

    pub(crate) fn scheduler(&self) -> &Arc<S> {
        &self.scheduler
    }

    #[inline]
    pub(super) fn free_list(&self) -> &FreeList {
        &self.free_list
    }

    /// The owner has a reference to a new task.
    #[inline]
    pub(super) fn add_unbound(&self) {
        self.unbound.set(self.unbound.get() + 1);
    }

    /// The owner has given up its reference to a task that was not attached.
    #[inline]
    pub(super) fn remove_unbound(&self) {
        self.unbound.set(self.unbound.get() - 1);
    }

    /// A task is attached.
    pub(super) fn attach(&self) {
        ATTACHED.set(ATTACHED.get() + 1);
        self.remove_unbound();
    }
}

/// The calling thread gives up its reference to an attached task.
pub(super) fn remove_attached() {
    ATTACHED.set(ATTACHED.get() - 1);
}

impl<S> Drop for Home<S> {
    fn drop(&mut self) {
        // The attached tasks of another home on this thread may be among them.
        if self.unbound.get() + ATTACHED.get() > 0 {
            forget(self.scheduler.clone());
        }
    }
}
