//! A domain's tasks. The domain's Lwt loop polls those that are ready, one by one.

use crate::base::panic::{catch_and_discard, catch_unwind};
use crate::base::slot_map::{Key, SlotMap};
use crate::domain::shared::Shared;
use crate::task::{Home, NewTask, RunQueue, Runnable, Task, Work};
use pin_project_lite::pin_project;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

pin_project! {
    /// A future that the executor alone refers to.
    struct Spawned<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future<Output = ()> + 'static> Work for Spawned<F> {
    const DETACHED: bool = true;

    fn poll(self: Pin<&mut Self>, _key: Key, cx: &mut Context<'_>) -> Poll<()> {
        let future = self.project().future;
        catch_unwind(|| future.poll(cx)).unwrap_or(Poll::Ready(()))
    }
}

/// A domain's tasks. They are polled and dropped by the thread that owns the domain.
pub(crate) struct Executor {
    ready: RunQueue,
    /// The tasks that the executor itself drops at the domain's end. Those of calls are in the table of
    /// calls.
    spawned: RefCell<SlotMap<Task>>,
    /// Dropped after the tasks, which would keep it from freeing its scheduler.
    home: Home<Shared>,
    closed: Cell<bool>,
}

impl Executor {
    /// Creates the executor of a new domain, whose owner is the calling thread.
    pub(crate) fn new(shared: Shared) -> Self {
        Executor {
            ready: RunQueue::new(),
            spawned: RefCell::new(SlotMap::new()),
            home: Home::new(shared),
            closed: Cell::new(false),
        }
    }

    /// Returns the part of the domain that other threads use.
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        self.home.scheduler()
    }

    /// Returns what a new task is made with.
    #[inline]
    pub(crate) fn home(&self) -> &Home<Shared> {
        &self.home
    }

    /// Adds a task, which a later tick polls. After `close` the future is dropped at once.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        if self.closed.get() {
            return catch_and_discard(|| drop(future));
        }
        let new = NewTask::new(self.home(), Spawned { future });
        let mut spawned = self.spawned.borrow_mut();
        spawned.insert_with(|key| new.attach(key)).wake();
    }

    /// Queues a task of this domain that has become ready.
    pub(crate) fn push(&self, task: Runnable) {
        if !self.closed.get() {
            self.ready.push(task);
        }
    }

    /// Moves the tasks that other threads have woken into the run queue.
    pub(crate) fn drain_inject(&self) {
        if !self.shared().inject.is_empty() {
            self.ready.append(&self.shared().inject);
        }
    }

    /// Polls one task that is ready. Returns `false` if there was none.
    pub(crate) fn tick(&self) -> bool {
        let task = self.ready.pop().or_else(|| {
            self.drain_inject();
            self.ready.pop()
        });
        let Some(task) = task else { return false };
        if let Some(key) = task.run(&self.home) {
            let done = self.spawned.borrow_mut().remove(key);
            drop(done);
        }
        true
    }

    /// Returns `true` if a tick would find a task.
    pub(crate) fn has_ready(&self) -> bool {
        !(self.ready.is_empty() && self.shared().inject.is_empty())
    }

    /// Drops every task that was spawned, pending or ready; their destructors run here. Nothing is
    /// polled any more.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        self.shared().inject.close();
        while self.ready.pop().is_some() {}
        let all = self.spawned.borrow_mut().drain();
        drop(all);
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests;
