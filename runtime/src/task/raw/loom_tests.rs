//! Tasks that other threads wake while their domain runs them, or ends. In the models no thread
//! owns an executor, so each wake-up comes as another thread's does.
//!
//! loom tells of a task whose memory is leaked or given up twice, and of parts of the header that
//! two threads use without an order.

use super::*;
use crate::base::sync::model_of_three;
use crate::domain::executor::Executor;
use crate::domain::shared::Shared;
use crate::task::run_queue::{InjectQueue, RunQueue};
use loom::sync::Arc as Held;
use loom::sync::atomic::AtomicUsize;
use loom::thread;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Weak;

fn executor() -> (Executor, Arc<Shared>) {
    let shared = Arc::new(Shared::new(7).unwrap());
    (Executor::new(shared.clone()), shared)
}

/// A task that hands out its waker, and is ready at the poll of this number.
struct Spawned {
    waker: Rc<RefCell<Option<Waker>>>,
    polls: Rc<Cell<usize>>,
    /// loom tells if the work is not dropped.
    held: Held<()>,
}

impl Spawned {
    fn on(executor: &Executor, ready_at: usize, mut look: impl FnMut() + 'static) -> Self {
        let task = Spawned {
            waker: Rc::default(),
            polls: Rc::default(),
            held: Held::new(()),
        };
        let (waker, polls, held) = (task.waker.clone(), task.polls.clone(), task.held.clone());
        executor.spawn(poll_fn(move |cx| {
            let _held = &held;
            look();
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

/// Once nobody uses the domain any more, the tasks have given it up as well.
fn is_gone(domain: &Weak<Shared>) -> bool {
    domain.strong_count() == 0
}

/// Each wake-up is followed by a poll that sees what was written before it, and there are no more
/// polls than wake-ups.
#[test]
fn loom_a_poll_sees_what_was_written_before_the_wake_up() {
    model_of_three(|| {
        let (executor, _shared) = executor();
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

/// Likewise if the thread finds that the task is queued already.
#[test]
fn loom_who_finds_a_task_queued_is_seen_by_its_poll() {
    loom::model(|| {
        let (executor, _shared) = executor();
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
            "it was neither seen nor queued again"
        );
        executor.close();
    });
}

/// A loop that looks, and sleeps if it may, polls each task that was woken, or is woken itself.
#[test]
fn loom_a_loop_does_not_sleep_on_a_task() {
    model_of_three(|| {
        let (executor, shared) = executor();
        let tasks = [0, 1].map(|_| Spawned::on(&executor, 0, || ()));
        // There is news already, so that who raises may have nothing to change.
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
        let woken = shared.counters.stats().wakeups;
        let all = tasks.iter().all(|task| task.polls.get() == 2);
        if parked {
            assert!(woken <= 1);
            assert!(all || woken == 1, "slept on a task");
        } else {
            assert_eq!(woken, 0, "woke a loop that did not sleep");
        }
        while executor.tick() {}
        assert!(tasks.iter().all(|task| task.polls.get() == 2));
        executor.close();
    });
}

/// The task is done while another thread wakes it and gives up the last waker.
#[test]
fn loom_a_wake_up_races_the_end_of_its_task() {
    loom::model(|| {
        let (executor, shared) = executor();
        let task = Spawned::on(&executor, 2, || ());
        let domain = Arc::downgrade(&shared);
        let mine = task.waker();
        let theirs = mine.clone();
        let other = thread::spawn(move || {
            theirs.wake_by_ref();
            drop(theirs);
        });
        mine.wake();
        // The other thread may have said that it queues it, and not have done so.
        while executor.tick() {}
        let done = task.polls.get() == 2;
        assert_eq!(task.is_dropped(), done);
        other.join().unwrap();
        while executor.tick() {}
        assert_eq!(task.polls.get(), 2, "once, and not after completion");
        assert!(task.is_dropped());
        drop((executor, shared));
        assert!(is_gone(&domain));
    });
}

/// The domain ends while two threads wake its tasks. Whoever is last takes it along.
#[test]
fn loom_a_wake_up_races_the_end_of_its_domain() {
    model_of_three(|| {
        let (executor, shared) = executor();
        let tasks = [0, 1].map(|_| Spawned::on(&executor, 0, || ()));
        let first = tasks[0].waker();
        let wakers = [vec![first.clone()], vec![first, tasks[1].waker()]];
        let threads =
            wakers.map(|wakers| thread::spawn(move || wakers.into_iter().for_each(Waker::wake)));
        let domain = Arc::downgrade(&shared);
        executor.close();
        assert!(tasks.iter().all(Spawned::is_dropped), "at home");
        assert!(!executor.tick());
        drop((executor, shared));
        for t in threads {
            t.join().unwrap();
        }
        assert!(is_gone(&domain));
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

/// Another thread wakes a task that is not yet known to anybody, which ends at once, or goes on.
#[test]
fn loom_a_wake_up_races_the_first_poll() {
    for goes_on in [false, true] {
        loom::model(move || {
            let (executor, shared) = executor();
            let domain = Arc::downgrade(&shared);
            let (polls, held) = (Rc::new(Cell::new(0)), Held::new(()));
            let work = Probe {
                polls: polls.clone(),
                _held: held.clone(),
            };
            let mut new = NewTask::new(executor.home(), work);
            let waker = new.poll(|_, cx| cx.waker().clone());
            let other = thread::spawn(move || waker.wake());
            // A loop inside the first poll.
            executor.tick();
            let task = if goes_on {
                new.attach(Key::from_int(0))
            } else {
                new.finish();
                assert_eq!(Held::strong_count(&held), 1);
                // The other thread may be the last to know of the domain.
                executor.close();
                drop((executor, shared));
                other.join().unwrap();
                assert!(is_gone(&domain));
                return;
            };
            other.join().unwrap();
            while executor.tick() {}
            assert_eq!(polls.get(), 1, "woken once");
            drop(task);
            assert_eq!(Held::strong_count(&held), 1);
            drop((executor, shared));
            assert!(is_gone(&domain));
        });
    }
}

/// The owner stops a task while another thread wakes it.
#[test]
fn loom_a_wake_up_races_a_stop() {
    loom::model(|| {
        let (executor, shared) = executor();
        let domain = Arc::downgrade(&shared);
        let held = Held::new(());
        let work = Probe {
            polls: Rc::default(),
            _held: held.clone(),
        };
        let mut new = NewTask::new(executor.home(), work);
        let waker = new.poll(|_, cx| cx.waker().clone());
        let task = new.attach(Key::from_int(0));
        let other = thread::spawn(move || {
            waker.wake_by_ref();
            waker.wake();
        });
        executor.tick();
        drop(task);
        assert_eq!(Held::strong_count(&held), 1, "at once");
        other.join().unwrap();
        while executor.tick() {}
        drop((executor, shared));
        assert!(is_gone(&domain));
    });
}

/// Two threads push while the owner takes and closes: each task is taken once, in its thread's
/// order, or given up.
#[test]
fn loom_what_is_pushed_is_taken_or_given_up() {
    model_of_three(|| {
        let (executor, _shared) = executor();
        let tasks = [0, 1, 2].map(|i| {
            let work = Probe {
                polls: Rc::default(),
                _held: Held::new(()),
            };
            NewTask::new(executor.home(), work).attach(Key::from_int(i))
        });
        let names = tasks.each_ref().map(|task| task.task.as_raw());
        let woken = Held::new(InjectQueue::new());
        let threads = [vec![0, 1], vec![2]].map(|of_one: Vec<usize>| {
            let shares: Vec<_> = of_one
                .iter()
                .map(|i| TaskRef::clone(&tasks[*i].task))
                .collect();
            let woken = woken.clone();
            thread::spawn(move || {
                let pushed: Vec<_> = shares.into_iter().map(|s| woken.push(s)).collect();
                assert!(pushed.is_sorted_by(|a, b| a >= b), "it opened again");
            })
        });
        let queue = RunQueue::new();
        let taken = || std::iter::from_fn(|| queue.pop()).map(|task| task.as_raw());
        queue.append(&woken);
        let mut took: Vec<_> = taken().collect();
        queue.append(&woken);
        took.extend(taken());
        woken.close();
        assert!(woken.is_empty());
        for t in threads {
            t.join().unwrap();
        }
        queue.append(&woken);
        assert!(queue.is_empty(), "pushed after the end");
        let place = |i: usize| took.iter().position(|name| *name == names[i]);
        assert!(place(1).is_none() || place(0) < place(1), "out of order");
        assert!(
            took.iter()
                .all(|name| took.iter().filter(|n| *n == name).count() == 1)
        );
        // The tasks' own shares are the only ones left.
        assert!(tasks.iter().all(|task| task.task.header().is_unique()));
    });
}
