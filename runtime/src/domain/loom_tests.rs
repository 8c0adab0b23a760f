//! Models of an executor whose tasks other threads wake while its loop goes to sleep or its domain
//! terminates. No thread has a `Core`, so each wake-up is one by another thread.

use crate::base::sync::model_of_three;
use crate::domain::executor::Executor;
use crate::domain::shared::Shared;
use loom::sync::Arc as Held;
use loom::thread;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};

/// A task that is never ready, and keeps the waker of its first poll.
struct Pending {
    waker: Rc<RefCell<Option<Waker>>>,
    polls: Rc<Cell<usize>>,
    /// loom reports if the work is not dropped.
    held: Held<()>,
}

impl Pending {
    fn on(executor: &Executor) -> Self {
        let task = Pending {
            waker: Rc::default(),
            polls: Rc::default(),
            held: Held::new(()),
        };
        let (waker, polls, held) = (task.waker.clone(), task.polls.clone(), task.held.clone());
        executor.spawn(poll_fn(move |cx| {
            let _held = &held;
            polls.set(polls.get() + 1);
            if polls.get() == 1 {
                *waker.borrow_mut() = Some(cx.waker().clone());
            }
            Poll::Pending
        }));
        assert!(executor.tick());
        task
    }

    fn waker(&self) -> Waker {
        self.waker.take().expect("it was polled")
    }

    fn is_dropped(&self) -> bool {
        Held::strong_count(&self.held) == 1
    }
}

fn executor() -> (Executor, Arc<Shared>) {
    let executor = Executor::new(Shared::new(7).unwrap());
    let shared = executor.shared().clone();
    (executor, shared)
}

/// A loop that drains its queues, and sleeps if it may, polls each task that was woken, or is woken
/// itself.
#[test]
fn loom_a_loop_does_not_sleep_on_a_task() {
    model_of_three(|| {
        let (executor, shared) = executor();
        let tasks = [0, 1].map(|_| Pending::on(&executor));
        // The loop is notified already, so that a notification may have nothing to change.
        assert!(shared.is_notified());
        let threads = [0, 1].map(|i: usize| {
            let waker = tasks[i].waker();
            thread::spawn(move || waker.wake())
        });
        shared.take_notification();
        while executor.tick() {}
        let parked = !executor.has_ready() && shared.park();
        for t in threads {
            t.join().unwrap();
        }
        let wakeups = shared.counters.stats().wakeups;
        let all = tasks.iter().all(|task| task.polls.get() == 2);
        if parked {
            assert!(wakeups <= 1);
            assert!(all || wakeups == 1, "slept on a task");
        } else {
            assert_eq!(wakeups, 0, "woke a loop that did not sleep");
        }
        while executor.tick() {}
        assert!(tasks.iter().all(|task| task.polls.get() == 2));
        executor.close_all();
    });
}

/// The domain terminates while two threads wake its tasks. The last reference to a task frees it, and
/// then the domain's shared part.
#[test]
fn loom_a_wake_up_races_the_end_of_its_domain() {
    model_of_three(|| {
        let (executor, shared) = executor();
        let tasks = [0, 1].map(|_| Pending::on(&executor));
        let first = tasks[0].waker();
        let wakers = [vec![first.clone()], vec![first, tasks[1].waker()]];
        let threads =
            wakers.map(|wakers| thread::spawn(move || wakers.into_iter().for_each(Waker::wake)));
        let domain = Arc::downgrade(&shared);
        executor.close_all();
        assert!(tasks.iter().all(Pending::is_dropped), "by the owner");
        assert!(!executor.tick());
        drop((executor, shared));
        for t in threads {
            t.join().unwrap();
        }
        assert_eq!(domain.strong_count(), 0);
        assert!(tasks.iter().all(|task| task.polls.get() == 1));
    });
}
