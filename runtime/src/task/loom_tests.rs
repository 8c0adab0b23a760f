//! Models of tasks that other threads wake while their owner runs, completes or cancels them.
//!
//! loom reports memory that is leaked or freed twice, and parts of the header that two threads use
//! without an order.

use super::*;
use crate::base::slot_map::Key;
use crate::base::sync::model_of_three;
use crate::task::test_scheduler::{TestExecutor, TestScheduler};
use loom::sync::Arc as Held;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

/// A task that keeps the waker of its first poll, and is ready at the poll of this number.
struct Spawned {
    waker: Rc<RefCell<Option<Waker>>>,
    polls: Rc<Cell<usize>>,
    /// loom reports if the work is not dropped.
    held: Held<()>,
}

impl Spawned {
    fn on(executor: &TestExecutor, ready_at: usize, mut on_poll: impl FnMut() + 'static) -> Self {
        let task = Spawned {
            waker: Rc::default(),
            polls: Rc::default(),
            held: Held::new(()),
        };
        let (waker, polls, held) = (task.waker.clone(), task.polls.clone(), task.held.clone());
        executor.spawn(poll_fn(move |cx| {
            let _held = &held;
            on_poll();
            polls.set(polls.get() + 1);
            if polls.get() == ready_at {
                return Poll::Ready(());
            }
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

fn weak(executor: &TestExecutor) -> Weak<TestScheduler> {
    Arc::downgrade(executor.home.scheduler())
}

/// Each wake-up is followed by a poll that sees what was written before it, and there are no more
/// polls than wake-ups.
#[test]
fn loom_a_poll_sees_what_was_written_before_the_wake_up() {
    model_of_three(|| {
        let executor = TestExecutor::new();
        let written = Held::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let seen = Rc::new(Cell::new([0, 0]));
        let task = Spawned::on(&executor, 0, {
            let (written, seen) = (written.clone(), seen.clone());
            // Relaxed: the order has to come from the task.
            move || seen.set([0, 1].map(|i| written[i].load(Ordering::Relaxed)))
        });
        let waker = task.waker();
        let threads = [(0, waker.clone()), (1, waker)].map(|(i, waker)| {
            let written = written.clone();
            thread::spawn(move || {
                written[i].store(1, Ordering::Relaxed);
                waker.wake();
            })
        });
        while !executor.tick() {
            thread::yield_now();
        }
        let in_time = seen.get();
        for t in threads {
            t.join().unwrap();
        }
        let mut after = 0;
        while executor.tick() {
            after += 1;
        }
        assert_eq!(task.polls.get(), 2 + after);
        assert_eq!(seen.get(), [1, 1], "it is not polled again");
        if after == 0 {
            assert_eq!(in_time, [1, 1], "both woke it before the poll");
        }
        executor.close();
        assert!(task.is_dropped());
    });
}

/// A wake-up of a task that is scheduled already makes its poll see what was written before, too.
#[test]
fn loom_a_wake_up_of_a_scheduled_task_is_seen_by_its_poll() {
    loom::model(|| {
        let executor = TestExecutor::new();
        let written = Held::new(AtomicUsize::new(0));
        let seen = Rc::new(Cell::new(0));
        let task = Spawned::on(&executor, 0, {
            let (written, seen) = (written.clone(), seen.clone());
            move || seen.set(written.load(Ordering::Relaxed))
        });
        let waker = task.waker();
        waker.wake_by_ref();
        let other = thread::spawn(move || {
            written.store(1, Ordering::Relaxed);
            waker.wake();
        });
        assert!(executor.tick());
        let in_time = seen.get();
        other.join().unwrap();
        let again = executor.tick();
        assert_eq!(seen.get(), 1);
        assert!(
            again || in_time == 1,
            "it was neither seen nor scheduled again"
        );
        executor.close();
    });
}

/// A task completes while another thread wakes it and drops the last waker.
#[test]
fn loom_a_wake_up_races_the_completion_of_its_task() {
    loom::model(|| {
        let executor = TestExecutor::new();
        let task = Spawned::on(&executor, 2, || ());
        let scheduler = weak(&executor);
        let mine = task.waker();
        let theirs = mine.clone();
        let other = thread::spawn(move || {
            theirs.wake_by_ref();
            drop(theirs);
        });
        mine.wake();
        // The other thread may have marked the task as scheduled, and not have queued it yet.
        while executor.tick() {}
        let complete = task.polls.get() == 2;
        assert_eq!(task.is_dropped(), complete);
        other.join().unwrap();
        while executor.tick() {}
        assert_eq!(task.polls.get(), 2, "once, and not after completion");
        assert!(task.is_dropped());
        drop(executor);
        assert_eq!(scheduler.strong_count(), 0);
    });
}

/// The executor is closed while two threads wake its tasks. The last reference to a task frees it, and
/// then its scheduler.
#[test]
fn loom_a_wake_up_races_the_end_of_its_executor() {
    model_of_three(|| {
        let executor = TestExecutor::new();
        let tasks = [0, 1].map(|_| Spawned::on(&executor, 0, || ()));
        let first = tasks[0].waker();
        let wakers = [vec![first.clone()], vec![first, tasks[1].waker()]];
        let threads =
            wakers.map(|wakers| thread::spawn(move || wakers.into_iter().for_each(Waker::wake)));
        let scheduler = weak(&executor);
        executor.close();
        assert!(tasks.iter().all(Spawned::is_dropped), "by the owner");
        assert!(!executor.tick());
        drop(executor);
        for t in threads {
            t.join().unwrap();
        }
        assert_eq!(scheduler.strong_count(), 0);
        assert!(tasks.iter().all(|task| task.polls.get() == 1));
    });
}

/// Work that is never ready.
struct Probe {
    polls: Rc<Cell<usize>>,
    _held: Held<()>,
}

impl Work for Probe {
    const DETACHED: bool = false;

    fn poll(self: Pin<&mut Self>, _key: Key, _cx: &mut Context<'_>) -> Poll<()> {
        self.polls.set(self.polls.get() + 1);
        Poll::Pending
    }
}

/// Another thread wakes a task during its first poll, after which the task is finished or attached.
#[test]
fn loom_a_wake_up_races_the_first_poll() {
    for attached in [false, true] {
        loom::model(move || {
            let executor = TestExecutor::new();
            let scheduler = weak(&executor);
            let (polls, held) = (Rc::new(Cell::new(0)), Held::new(()));
            let work = Probe {
                polls: polls.clone(),
                _held: held.clone(),
            };
            let mut new = NewTask::new(&executor.home, work);
            let waker = new.poll(|_, cx| cx.waker().clone());
            let other = thread::spawn(move || waker.wake());
            // A loop inside the first poll.
            executor.tick();
            if !attached {
                new.finish();
                assert_eq!(Held::strong_count(&held), 1);
                // The other thread may have the last reference to the scheduler.
                executor.close();
                drop(executor);
                other.join().unwrap();
                assert_eq!(scheduler.strong_count(), 0);
                return;
            }
            let task = new.erase().attach(Key::from_int(0));
            other.join().unwrap();
            while executor.tick() {}
            assert_eq!(polls.get(), 1, "woken once");
            drop(task);
            assert_eq!(Held::strong_count(&held), 1);
            drop(executor);
            assert_eq!(scheduler.strong_count(), 0);
        });
    }
}

/// The owner cancels a task while another thread wakes it.
#[test]
fn loom_a_wake_up_races_a_cancellation() {
    loom::model(|| {
        let executor = TestExecutor::new();
        let scheduler = weak(&executor);
        let held = Held::new(());
        let work = Probe {
            polls: Rc::default(),
            _held: held.clone(),
        };
        let mut new = NewTask::new(&executor.home, work);
        let waker = new.poll(|_, cx| cx.waker().clone());
        let task = new.erase().attach(Key::from_int(0));
        let other = thread::spawn(move || {
            waker.wake_by_ref();
            waker.wake();
        });
        executor.tick();
        drop(task);
        assert_eq!(Held::strong_count(&held), 1, "at once");
        other.join().unwrap();
        while executor.tick() {}
        drop(executor);
        assert_eq!(scheduler.strong_count(), 0);
    });
}

/// Two threads push to an inject queue while the owner takes from it and closes it. Each task is taken
/// once, in the order of its thread, or refused.
#[test]
fn loom_a_task_that_is_pushed_is_taken_once_or_refused() {
    model_of_three(|| {
        // Tasks that are scheduled, and in no queue yet.
        let executor = TestExecutor::new();
        let owned = [0, 1, 2].map(|i| {
            let work = Probe {
                polls: Rc::default(),
                _held: Held::new(()),
            };
            let task = NewTask::new(&executor.home, work)
                .erase()
                .attach(Key::from_int(i));
            task.wake();
            task
        });
        let scheduled = RunQueue::new();
        scheduled.append(&executor.home.scheduler().0, usize::MAX);
        let tasks = [(); 3].map(|()| scheduled.pop().expect("each was woken"));
        let names = tasks.each_ref().map(Runnable::as_ptr);
        let inject = Held::new(InjectQueue::new());
        let [first, second, third] = tasks;
        let threads = [vec![first, second], vec![third]].map(|tasks| {
            let inject = inject.clone();
            thread::spawn(move || {
                let pushed: Vec<_> = tasks.into_iter().map(|task| inject.push(task)).collect();
                assert!(pushed.is_sorted_by(|a, b| a >= b), "it opened again");
            })
        });
        let queue = RunQueue::new();
        let taken = || std::iter::from_fn(|| queue.pop()).map(|task| task.as_ptr());
        queue.append(&inject, usize::MAX);
        let mut took: Vec<_> = taken().collect();
        queue.append(&inject, usize::MAX);
        took.extend(taken());
        inject.close();
        assert!(inject.is_empty());
        for t in threads {
            t.join().unwrap();
        }
        queue.append(&inject, usize::MAX);
        assert!(queue.is_empty(), "pushed after the end");
        let place = |i: usize| took.iter().position(|name| *name == names[i]);
        assert!(place(1).is_none() || place(0) < place(1), "out of order");
        assert!(
            took.iter()
                .all(|name| took.iter().filter(|n| *n == name).count() == 1)
        );
        // The owner's references are the only ones left.
        assert!(owned.iter().all(Task::is_unique));
    });
}
