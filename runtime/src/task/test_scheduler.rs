//! A scheduler for the tests of tasks, which needs no domain: every wake-up goes through the inject
//! queue, as that of another thread does.

use crate::base::slot_map::{Key, SlotMap};
use crate::task::{Home, InjectQueue, NewTask, RunQueue, Runnable, Schedule, Task, Work};
use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

pub(super) struct TestScheduler(pub(super) InjectQueue);

impl Schedule for TestScheduler {
    fn schedule(&self, task: Runnable) {
        self.0.push(task);
    }
}

/// The work of a task that [`TestExecutor::spawn`] makes.
struct Spawned<F>(Pin<Box<F>>);

impl<F: Future<Output = ()> + 'static> Work for Spawned<F> {
    const DETACHED: bool = true;

    fn poll(mut self: Pin<&mut Self>, _key: Key, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}

pub(super) struct TestExecutor {
    ready: RunQueue,
    pub(super) spawned: RefCell<SlotMap<Task>>,
    pub(super) home: Home<TestScheduler>,
}

impl TestExecutor {
    pub(super) fn new() -> Self {
        TestExecutor {
            ready: RunQueue::new(),
            spawned: RefCell::new(SlotMap::new()),
            home: Home::new(TestScheduler(InjectQueue::new())),
        }
    }

    /// Makes a task, and schedules it.
    pub(super) fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        let new = NewTask::new(&self.home, Spawned(Box::pin(future))).erase();
        let mut spawned = self.spawned.borrow_mut();
        spawned.insert_with(|key| new.attach(key)).wake();
    }

    pub(super) fn drain_inject(&self) {
        self.ready.append(&self.home.scheduler().0, usize::MAX);
    }

    /// Runs one task that is ready. Returns `false` if there is none.
    pub(super) fn tick(&self) -> bool {
        if self.ready.is_empty() {
            self.drain_inject();
        }
        let Some(task) = self.ready.pop() else {
            return false;
        };
        if let Poll::Ready(Some(key)) = task.run(&self.home) {
            let complete = self.spawned.borrow_mut().remove(key);
            drop(complete);
        }
        true
    }

    #[cfg(not(loom_model))]
    pub(super) fn has_ready(&self) -> bool {
        !(self.ready.is_empty() && self.home.scheduler().0.is_empty())
    }

    /// Refuses tasks from now on, and drops those that are ready or were spawned.
    pub(super) fn close(&self) {
        self.home.scheduler().0.close();
        while self.ready.pop().is_some() {}
        let all = self.spawned.borrow_mut().drain();
        drop(all);
    }
}
