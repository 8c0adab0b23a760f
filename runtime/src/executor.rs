//! The Rust side of a domain's scheduler: `async_executor::LocalExecutor`, ticked by
//! the domain's Lwt loop.

use crate::metrics::Alive;
use crate::panic::contain;
use crate::shared::Shared;
use async_executor::{LocalExecutor, Task};
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// Tells a domain's loop that its executor has tasks to poll.
struct LoopWaker(Arc<Shared>);

impl Wake for LoopWaker {
    fn wake(self: Arc<Self>) {
        self.0.wake();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.wake();
    }
}

/// A domain's tasks. They are polled and dropped by the thread that owns the domain.
pub(crate) struct Executor {
    /// `None` once closed.
    tasks: RefCell<Option<Rc<LocalExecutor<'static>>>>,
    /// `LocalExecutor::tick`, kept pending: while it is, a task that becomes ready
    /// wakes the loop. `None` while it is being polled, and after it has run a task.
    sentinel: RefCell<Option<Pin<Box<dyn Future<Output = ()>>>>>,
    /// Whether the sentinel sleeps: only then does a task that becomes ready wake the loop.
    asleep: Cell<bool>,
    waker: Waker,
}

fn sentinel(tasks: &Rc<LocalExecutor<'static>>) -> Pin<Box<dyn Future<Output = ()>>> {
    let tasks = tasks.clone();
    Box::pin(async move { tasks.tick().await })
}

impl Executor {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let tasks = Rc::new(LocalExecutor::new());
        let executor = Executor {
            sentinel: RefCell::new(None),
            asleep: Cell::new(false),
            tasks: RefCell::new(Some(tasks)),
            waker: Waker::from(Arc::new(LoopWaker(shared))),
        };
        // Nothing is queued: this only registers the waker.
        executor.tick();
        executor
    }

    fn tasks(&self) -> Option<Rc<LocalExecutor<'static>>> {
        self.tasks.borrow().clone()
    }

    /// Adds a task; it is polled by a later tick. `future` contains its own panics.
    /// After `close` the future is dropped at once, which cancels the task.
    pub(crate) fn spawn<T: 'static>(&self, future: impl Future<Output = T> + 'static) -> Task<T> {
        let future = Counted {
            future,
            _alive: Alive::new(),
        };
        match self.tasks() {
            Some(tasks) => tasks.spawn(future),
            None => LocalExecutor::new().spawn(future),
        }
    }

    /// Polls one task that is ready. Returns `false` if there was none; from then on
    /// the loop is woken when there is.
    pub(crate) fn tick(&self) -> bool {
        let Some(tasks) = self.tasks() else {
            return false;
        };
        // Tasks contain their own panics; should one of ours get through, it ends here.
        contain(|| self.tick_one(&tasks)).unwrap_or(true)
    }

    fn tick_one(&self, tasks: &Rc<LocalExecutor<'static>>) -> bool {
        self.asleep.set(false);
        if tasks.try_tick() {
            return true;
        }
        // The task that the sentinel may run can come back here: through an OCaml callback that
        // calls `exit`, whose hooks run the loop. That inner loop makes a sentinel of its own.
        let current = self.sentinel.take();
        let mut current = current.unwrap_or_else(|| sentinel(tasks));
        let ran = current
            .as_mut()
            .poll(&mut Context::from_waker(&self.waker))
            .is_ready();
        if !ran {
            drop(self.sentinel.replace(Some(current)));
            self.asleep.set(true);
        }
        ran
    }

    /// Whether the loop would be woken. If not, it ticks before it sleeps: it is a loop that runs
    /// inside a task.
    pub(crate) fn is_asleep(&self) -> bool {
        self.asleep.get() || self.tasks.borrow().is_none()
    }

    /// Drops every task, pending or ready; their destructors run here.
    pub(crate) fn close(&self) {
        let tasks = self.tasks.take();
        drop(self.sentinel.take());
        drop(tasks);
    }
}

/// A task's future, which counts in [`Totals::tasks`](crate::metrics::Totals::tasks).
struct Counted<F> {
    future: F,
    _alive: Alive,
}

impl<F: Future> Future for Counted<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: the field is pinned when the whole is: nothing here moves it, and `Counted` has
        // no destructor of its own.
        unsafe { self.map_unchecked_mut(|counted| &mut counted.future) }.poll(cx)
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;
    use futures_lite::future;

    fn executor() -> (Executor, Arc<Shared>) {
        let shared = Arc::new(Shared::new(u64::MAX).unwrap());
        (Executor::new(shared.clone()), shared)
    }

    #[test]
    fn a_spawned_task_is_news_and_an_idle_executor_is_not() {
        let (e, shared) = executor();
        shared.take_news();
        assert!(!e.tick());
        assert!(shared.park());
        e.spawn(async {}).detach();
        assert!(shared.take_news(), "spawning wakes the loop");
        assert!(e.tick());
        assert!(!e.tick());
        shared.take_news();
        assert!(shared.park());
    }

    #[test]
    fn a_wake_from_another_thread_is_news() {
        let (e, shared) = executor();
        let (tx, rx) = tokio::sync::oneshot::channel();
        e.spawn(async move { rx.await.unwrap() }).detach();
        while e.tick() {}
        shared.take_news();
        assert!(shared.park());
        std::thread::spawn(move || tx.send(()).unwrap())
            .join()
            .unwrap();
        assert_eq!(shared.counters.stats().wakeups, 1);
        shared.take_news();
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
            })
            .detach();
        }
        e.tick();
        e.close();
        assert_eq!(Rc::strong_count(&alive), 1);
        let held = alive.clone();
        e.spawn(async move { drop(held) }).detach();
        assert_eq!(Rc::strong_count(&alive), 1);
        assert!(!e.tick());
    }

    #[test]
    fn a_dropped_task_handle_drops_the_future_at_the_next_tick() {
        let (e, _shared) = executor();
        let alive = Rc::new(());
        let held = alive.clone();
        let task = e.spawn(async move {
            let _held = held;
            future::pending::<()>().await;
        });
        while e.tick() {}
        drop(task);
        assert_eq!(Rc::strong_count(&alive), 2);
        while e.tick() {}
        assert_eq!(Rc::strong_count(&alive), 1);
    }
}
