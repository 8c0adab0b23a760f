//! A domain's tasks. The domain's Lwt loop polls those that are ready, one by one.

use crate::base::panic::{catch_and_discard, catch_and_discard_cold, catch_unwind};
use crate::base::slot_map::{Key, SlotMap};
use crate::domain::shared::Shared;
use crate::task::{Home, InjectQueue, NewTask, RunQueue, Runnable, Task, Work};
use pin_project_lite::pin_project;
use std::cell::{OnceCell, RefCell};
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

/// The number of tasks that one call of [`Executor::drain_inject`] moves: some tens of microseconds.
const TASKS_PER_STEP: usize = 256;

/// A domain's tasks. They are polled and dropped by the thread that owns the domain.
pub(crate) struct Executor {
    ready: RunQueue,
    /// The tasks that the executor itself drops at the domain's end. Those of calls are in the table of
    /// calls.
    spawned: RefCell<SlotMap<Task>>,
    /// Dropped after the tasks, which would keep it from freeing its scheduler.
    home: Home<Shared>,
    /// Set when the executor is closed: the tasks that other threads had woken by then.
    closed: OnceCell<InjectQueue>,
}

impl Executor {
    /// Creates the executor of a new domain, whose owner is the calling thread.
    pub(crate) fn new(shared: Shared) -> Self {
        Executor {
            ready: RunQueue::new(),
            spawned: RefCell::new(SlotMap::new()),
            home: Home::new(shared),
            closed: OnceCell::new(),
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
        if self.is_closed() {
            return catch_and_discard_cold(|| drop(future));
        }
        let new = NewTask::new(self.home(), Spawned { future }).erase();
        let mut spawned = self.spawned.borrow_mut();
        spawned.insert_with(|key| new.attach(key)).wake();
    }

    /// Queues a task of this domain that has become ready.
    pub(crate) fn push(&self, task: Runnable) {
        if !self.is_closed() {
            self.ready.push(task);
        }
    }

    /// Moves tasks that other threads have woken into the run queue, a limited number of them. Returns
    /// `true` if it has to be called again, before any of them can be polled.
    pub(crate) fn drain_inject(&self) -> bool {
        self.ready.append(&self.shared().inject, TASKS_PER_STEP)
    }

    /// Returns `true` if [`drain_inject`](Self::drain_inject) has something to do.
    #[inline]
    pub(crate) fn has_injected(&self) -> bool {
        !self.shared().inject.is_empty() || self.ready.is_appending()
    }

    /// Takes the next task that is ready.
    #[inline]
    pub(crate) fn next(&self) -> Option<Runnable> {
        self.ready.pop().or_else(|| {
            if !self.has_injected() {
                return None;
            }
            self.drain_inject();
            self.ready.pop()
        })
    }

    /// Polls a task that is ready.
    #[inline]
    pub(crate) fn run(&self, task: Runnable) -> Poll<()> {
        task.run(&self.home).map(|key| {
            if let Some(key) = key {
                let done = self.spawned.borrow_mut().remove(key);
                drop(done);
            }
        })
    }

    /// Polls one task that is ready. Returns `false` if there was none.
    #[cfg(test)]
    pub(crate) fn tick(&self) -> bool {
        self.next().map(|task| self.run(task)).is_some()
    }

    /// Returns `true` if a tick would find a task.
    #[inline]
    pub(crate) fn has_ready(&self) -> bool {
        !(self.ready.is_empty() && self.shared().inject.is_empty())
    }

    fn is_closed(&self) -> bool {
        self.closed.get().is_some()
    }

    /// Closes the executor: from now on nothing is polled, and futures that are spawned are dropped at
    /// once.
    pub(crate) fn close(&self) {
        self.closed.get_or_init(|| self.shared().inject.close());
    }

    /// Drops the next task of a closed executor, or the queue's reference to one. The destructors of work
    /// run here. Returns `false` if there is none. See [`SlotMap::remove_next`].
    pub(crate) fn close_next(&self, cursor: &mut usize) -> bool {
        let injected = self.closed.get().expect("the executor is closed");
        if self.ready.drop_next(injected) {
            return true;
        }
        let task = self.spawned.borrow_mut().remove_next(cursor);
        let any = task.is_some();
        catch_and_discard(|| drop(task));
        any
    }

    /// Closes the executor and drops all tasks.
    #[cfg(test)]
    pub(crate) fn close_all(&self) {
        self.close();
        let mut cursor = 0;
        while self.close_next(&mut cursor) {}
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests;
