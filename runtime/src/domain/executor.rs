//! The Rust side of a domain's scheduler: the tasks that are ready, polled one by one by the
//! domain's Lwt loop.

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
    /// A future that nobody but the executor knows.
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
    /// The tasks that nobody else stops at the domain's end.
    spawned: RefCell<SlotMap<Task>>,
    closed: Cell<bool>,
    /// Dropped after the tasks, which would keep it from freeing its scheduler.
    home: Home<Shared>,
}

impl Executor {
    /// The executor of a new domain, whose owner is the calling thread.
    pub(crate) fn new(shared: Shared) -> Self {
        Executor {
            ready: RunQueue::new(),
            spawned: RefCell::new(SlotMap::new()),
            closed: Cell::new(false),
            home: Home::new(shared),
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        self.home.scheduler()
    }

    /// What a new task is made with.
    #[inline]
    pub(crate) fn home(&self) -> &Home<Shared> {
        &self.home
    }

    /// Adds a task; it is polled by a later tick. After `close` the future is dropped at once.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        if self.closed.get() {
            return catch_and_discard(|| drop(future));
        }
        let new = NewTask::new(self.home(), Spawned { future });
        let mut spawned = self.spawned.borrow_mut();
        spawned.insert_with(|key| new.attach(key)).wake();
    }

    /// A task of this domain's has become ready.
    pub(crate) fn push(&self, task: Runnable) {
        if !self.closed.get() {
            self.ready.push(task);
        }
    }

    /// Lets the tasks that other threads have woken get their turn.
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

    /// Whether a tick would find something.
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
mod tests {
    use super::*;
    use futures_lite::future;
    use std::future::poll_fn;
    use std::rc::Rc;
    use std::task::Waker;

    fn executor() -> (Executor, Arc<Shared>) {
        let executor = Executor::new(Shared::new(u64::MAX).unwrap());
        let shared = executor.shared().clone();
        (executor, shared)
    }

    #[test]
    fn a_spawned_task_is_news_and_an_idle_executor_is_not() {
        let (e, shared) = executor();
        assert!(!e.tick());
        assert!(shared.park());
        e.spawn(async {});
        assert!(e.has_ready());
        assert!(shared.take_notification(), "spawning wakes the loop");
        assert!(e.tick());
        assert!(!e.tick());
        assert!(!e.has_ready());
        shared.take_notification();
        assert!(shared.park());
    }

    #[test]
    fn a_wake_from_another_thread_is_news() {
        let (e, shared) = executor();
        let (tx, rx) = tokio::sync::oneshot::channel();
        e.spawn(async move { rx.await.unwrap() });
        while e.tick() {}
        shared.take_notification();
        assert!(shared.park());
        std::thread::spawn(move || tx.send(()).unwrap())
            .join()
            .unwrap();
        assert_eq!(shared.counters.stats().wakeups, 1);
        assert!(shared.take_notification());
        assert!(e.tick());
    }

    #[test]
    fn closing_drops_what_is_pending_and_what_comes_later() {
        let (e, _shared) = executor();
        let alive = Rc::new(());
        for _ in 0..3 {
            let held = alive.clone();
            e.spawn(async move {
                let _held = held;
                future::pending::<()>().await;
            });
        }
        e.tick();
        e.close();
        assert_eq!(Rc::strong_count(&alive), 1);
        let held = alive.clone();
        e.spawn(async move { drop(held) });
        assert_eq!(Rc::strong_count(&alive), 1);
        assert!(!e.tick());
    }

    /// Wakers on another thread, while the executor is closed and afterwards.
    #[test]
    fn closing_drops_what_other_threads_are_waking() {
        for _ in 0..200 {
            let (e, _shared) = executor();
            let alive = Rc::new(());
            let (tx, rx) = std::sync::mpsc::channel::<Waker>();
            for _ in 0..10 {
                let (held, tx) = (alive.clone(), tx.clone());
                e.spawn(poll_fn(move |cx| {
                    let _held = &held;
                    let _ = tx.send(cx.waker().clone());
                    Poll::Pending
                }));
            }
            drop(tx);
            while e.tick() {}
            let thread = std::thread::spawn(move || {
                for waker in rx.iter().take(10) {
                    waker.wake();
                }
            });
            e.close();
            assert_eq!(Rc::strong_count(&alive), 1);
            thread.join().unwrap();
        }
    }

    #[test]
    fn tasks_get_their_turns_in_the_order_in_which_they_were_woken() {
        let (e, _shared) = executor();
        let order = Rc::new(RefCell::new(Vec::new()));
        for i in 0..5 {
            let order = order.clone();
            e.spawn(async move {
                for round in 0..3 {
                    order.borrow_mut().push((round, i));
                    future::yield_now().await;
                }
            });
        }
        while e.tick() {}
        let expected: Vec<_> = (0..3).flat_map(|r| (0..5).map(move |i| (r, i))).collect();
        assert_eq!(*order.borrow(), expected);
    }

    #[test]
    fn a_task_that_panics_is_dropped_and_others_go_on() {
        let (e, _shared) = executor();
        let alive = Rc::new(());
        let held = alive.clone();
        e.spawn(async move {
            let _held = held;
            panic!("in a task");
        });
        let other = alive.clone();
        e.spawn(async move { drop(other) });
        while e.tick() {}
        assert_eq!(Rc::strong_count(&alive), 1);
        assert_eq!(e.spawned.borrow().len(), 0);
    }
}
