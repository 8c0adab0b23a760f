//! The Rust side of a domain's scheduler: `async_executor::LocalExecutor`, ticked by
//! the domain's Lwt loop.

use crate::metrics::Alive;
use crate::panic::{contain, contain_quietly};
use crate::shared::Shared;
use crate::slots::{Key, Slots};
use async_executor::{LocalExecutor, Task};
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
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

/// The future of a task, which is taken out to be polled.
struct Held {
    future: Option<Pin<Box<dyn Future<Output = ()>>>>,
    _alive: Alive,
}

/// The futures of the tasks. They are here rather than in the tasks, because `LocalExecutor` cannot
/// drop a task whose waker another thread is just using: that one would be lost with its future.
#[derive(Clone)]
struct Futures(Rc<RefCell<Slots<Held>>>);

impl Futures {
    fn add(&self, future: impl Future<Output = ()> + 'static) -> Key {
        self.0.borrow_mut().insert(Held {
            future: Some(Box::pin(future)),
            _alive: Alive::new(),
        })
    }

    fn poll(&self, key: Key, cx: &mut Context<'_>) -> Poll<()> {
        let future = self.0.borrow_mut().get_mut(key).map(|h| h.future.take());
        let Some(mut future) = future.flatten() else {
            return Poll::Ready(());
        };
        let polled = contain(|| future.as_mut().poll(cx));
        if let Ok(Poll::Pending) = polled
            && let Some(held) = self.0.borrow_mut().get_mut(key)
        {
            held.future = Some(future);
            return Poll::Pending;
        }
        contain_quietly(|| drop(future));
        let held = self.0.borrow_mut().remove(key);
        drop(held);
        Poll::Ready(())
    }

    fn drop_all(&self) {
        let all = self.0.borrow_mut().drain();
        for held in all {
            contain_quietly(|| drop(held));
        }
    }
}

/// A domain's tasks. They are polled and dropped by the thread that owns the domain.
pub(crate) struct Executor {
    futures: Futures,
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
            futures: Futures(Rc::new(RefCell::new(Slots::new()))),
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

    /// Adds a task; it is polled by a later tick. After `close` the future is dropped at once.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        let Some(tasks) = self.tasks() else {
            return contain_quietly(|| drop(future));
        };
        let futures = self.futures.clone();
        let key = futures.add(future);
        tasks
            .spawn(poll_fn(move |cx| futures.poll(key, cx)))
            .detach();
    }

    /// Adds a task that calls `poll`, which owns nothing of the user's. Dropping the task's handle
    /// ends it.
    pub(crate) fn spawn_poller(
        &self,
        poll: impl FnMut(&mut Context<'_>) -> Poll<()> + 'static,
    ) -> Task<()> {
        match self.tasks() {
            Some(tasks) => tasks.spawn(poll_fn(poll)),
            None => LocalExecutor::new().spawn(poll_fn(poll)),
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
        self.futures.drop_all();
        drop(tasks);
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
        e.spawn(async {});
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
        e.spawn(async move { rx.await.unwrap() });
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

    /// A waker on another thread keeps tasks from being dropped by `LocalExecutor`: they are in
    /// nobody's queue while it is used.
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
    fn a_poller_ends_with_its_handle() {
        let (e, _shared) = executor();
        let polled = Rc::new(Cell::new(0));
        let count = polled.clone();
        let task = e.spawn_poller(move |_| {
            count.set(count.get() + 1);
            Poll::Pending
        });
        while e.tick() {}
        drop(task);
        while e.tick() {}
        assert_eq!((polled.get(), Rc::strong_count(&polled)), (1, 1));
    }
}
