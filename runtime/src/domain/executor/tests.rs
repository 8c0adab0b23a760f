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
fn spawning_notifies_the_loop_and_an_idle_executor_does_not() {
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
fn a_wake_from_another_thread_notifies_the_loop() {
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
fn closing_drops_pending_tasks_and_later_ones() {
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
    e.close_all();
    assert_eq!(Rc::strong_count(&alive), 1);
    let held = alive.clone();
    e.spawn(async move { drop(held) });
    assert_eq!(Rc::strong_count(&alive), 1);
    assert!(!e.tick());
}

/// Wakers on another thread, while the executor is closed and afterwards.
#[test]
fn closing_drops_tasks_that_other_threads_are_waking() {
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
        e.close_all();
        assert_eq!(Rc::strong_count(&alive), 1);
        thread.join().unwrap();
    }
}

#[test]
fn tasks_are_polled_in_the_order_in_which_they_were_woken() {
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
fn a_task_that_panics_is_dropped_and_others_run_on() {
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

fn poll_all(e: &Executor) {
    while e.has_ready() {
        e.tick();
    }
}

/// More tasks than one step moves keep their order, and none is polled before all are moved.
#[test]
fn tasks_that_another_thread_has_woken_are_polled_in_order_however_many() {
    const TASKS: usize = 3 * TASKS_PER_STEP + 7;
    let (e, _shared) = executor();
    let polled = Rc::new(RefCell::new(Vec::new()));
    let (tx, rx) = std::sync::mpsc::channel::<Waker>();
    for i in 0..TASKS {
        let (polled, tx) = (polled.clone(), tx.clone());
        let mut registered = false;
        e.spawn(poll_fn(move |cx| {
            if registered {
                polled.borrow_mut().push(i);
                return std::task::Poll::Ready(());
            }
            registered = true;
            let _ = tx.send(cx.waker().clone());
            std::task::Poll::Pending
        }));
    }
    poll_all(&e);
    std::thread::spawn(move || rx.iter().take(TASKS).for_each(Waker::wake))
        .join()
        .unwrap();
    for _ in 0..3 {
        assert!(e.drain_inject(), "there is more to move");
        assert!(e.has_ready());
        assert!(e.ready.pop().is_none(), "nothing is polled out of order");
    }
    assert!(!e.drain_inject());
    poll_all(&e);
    assert_eq!(*polled.borrow(), (0..TASKS).collect::<Vec<_>>());
    assert!(!e.has_ready());
}

/// The end of a domain drops each task once, also while woken tasks are being moved.
#[test]
fn closing_in_steps_drops_every_task_once() {
    let (e, _shared) = executor();
    let alive = Rc::new(());
    let (tx, rx) = std::sync::mpsc::channel::<Waker>();
    for _ in 0..2 * TASKS_PER_STEP {
        let (held, tx) = (alive.clone(), tx.clone());
        e.spawn(poll_fn(move |cx| {
            let _held = &held;
            let _ = tx.send(cx.waker().clone());
            std::task::Poll::Pending
        }));
    }
    poll_all(&e);
    std::thread::spawn(move || rx.iter().take(2 * TASKS_PER_STEP).for_each(Waker::wake))
        .join()
        .unwrap();
    assert!(e.drain_inject());
    e.close();
    let (mut cursor, mut steps) = (0, 0);
    while e.close_next(&mut cursor) {
        steps += 1;
    }
    assert!(steps >= 4 * TASKS_PER_STEP, "references and tasks: {steps}");
    assert_eq!(Rc::strong_count(&alive), 1);
}
