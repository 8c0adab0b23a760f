//! Every short sequence of events in the life of a task, compared with a model.

use super::*;
use crate::base::counters;
use crate::base::slot_map::Key;
use crate::task::test_scheduler::{TestExecutor, TestScheduler};
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// What a poll does.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Pending,
    Ready,
    Wake,
    WakeReady,
    /// Drops the `Task`.
    Cancel,
    CancelReady,
    /// Wakes the task, and runs a loop inside the poll, which takes the task from its queue.
    Nest,
    NestReady,
    NestCancel,
    KeepWaker,
    Close,
}

const STEPS: [Step; 11] = [
    Step::Pending,
    Step::Ready,
    Step::Wake,
    Step::WakeReady,
    Step::Cancel,
    Step::CancelReady,
    Step::Nest,
    Step::NestReady,
    Step::NestCancel,
    Step::KeepWaker,
    Step::Close,
];

/// What may happen to a task, in any order.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Event {
    Attach,
    Finish,
    DropNew,
    CloneWaker,
    DropWaker,
    WakeByRef,
    Wake,
    DrainInject,
    Tick(Step),
    Cancel,
    Close,
}

/// What the work of the task can reach.
struct Fixture {
    executor: TestExecutor,
    task: RefCell<Option<Task>>,
    wakers: RefCell<Vec<Waker>>,
    next: Cell<Step>,
    polls: Cell<usize>,
    drops: Cell<usize>,
    /// The destructor of the work panics.
    panics: bool,
}

impl Fixture {
    fn new(panics: bool) -> Self {
        Fixture {
            executor: TestExecutor::new(),
            task: RefCell::default(),
            wakers: RefCell::default(),
            next: Cell::new(Step::Pending),
            polls: Cell::new(0),
            drops: Cell::new(0),
            panics,
        }
    }
}

struct Script(Rc<Fixture>);

impl Work for Script {
    const DETACHED: bool = false;

    fn poll(self: Pin<&mut Self>, _key: Key, cx: &mut Context<'_>) -> Poll<()> {
        use Step::*;
        let fixture = &self.0;
        fixture.polls.set(fixture.polls.get() + 1);
        let step = fixture.next.get();
        match step {
            Pending | Ready | Cancel | CancelReady => {}
            Wake | WakeReady => cx.waker().wake_by_ref(),
            Nest | NestReady | NestCancel => {
                cx.waker().wake_by_ref();
                fixture.executor.tick();
            }
            KeepWaker => fixture.wakers.borrow_mut().push(cx.waker().clone()),
            Close => fixture.executor.close(),
        }
        if matches!(step, Cancel | CancelReady | NestCancel) {
            let task = fixture.task.take();
            drop(task);
            assert_eq!(fixture.drops.get(), 0, "dropped during its own poll");
        }
        match step {
            Ready | WakeReady | CancelReady | NestReady => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.0.drops.set(self.0.drops.get() + 1);
        if self.0.panics {
            // A panic, but for what the hook prints.
            resume_unwind(Box::new("in a destructor"));
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Stage {
    Unbound,
    Idle,
    Complete,
}

/// The expected state of a task.
#[derive(Debug, Clone, Copy)]
struct Model {
    stage: Stage,
    /// There is a `NewTask` or a `Task`.
    owned: bool,
    wakers: usize,
    /// The task is marked as scheduled; after the queue was closed it is in none.
    scheduled: bool,
    /// It was taken from its queue while it could not be polled.
    notified: bool,
    closed: bool,
    polls: usize,
}

impl Model {
    fn new() -> Self {
        Model {
            stage: Stage::Unbound,
            owned: true,
            wakers: 0,
            scheduled: false,
            notified: false,
            closed: false,
            polls: 0,
        }
    }

    fn in_queue(&self) -> bool {
        self.scheduled && !self.closed
    }

    fn references(&self) -> usize {
        usize::from(self.owned) + self.wakers + usize::from(self.in_queue())
    }

    fn wake(&mut self) {
        self.scheduled |= self.stage != Stage::Complete;
    }

    fn is_polled_next(&self) -> bool {
        self.in_queue() && self.stage == Stage::Idle
    }

    fn possible(&self) -> Vec<Event> {
        let mut events = Vec::new();
        match self.stage {
            Stage::Unbound => events.extend([Event::Attach, Event::Finish, Event::DropNew]),
            _ if self.owned => events.push(Event::Cancel),
            _ => {}
        }
        if self.stage == Stage::Unbound || self.wakers > 0 {
            events.extend([Event::CloneWaker, Event::WakeByRef]);
        }
        if self.wakers > 0 {
            events.extend([Event::DropWaker, Event::Wake]);
        }
        if self.is_polled_next() {
            events.extend(STEPS.map(Event::Tick));
            events.push(Event::DrainInject);
        } else {
            events.push(Event::Tick(Step::Pending));
        }
        if !self.closed {
            events.push(Event::Close);
        }
        events
    }

    fn apply(&mut self, event: Event) {
        match event {
            Event::Attach => {
                self.stage = Stage::Idle;
                if std::mem::take(&mut self.notified) {
                    self.wake();
                }
            }
            Event::Finish | Event::DropNew | Event::Cancel => {
                self.stage = Stage::Complete;
                self.owned = false;
            }
            Event::CloneWaker => self.wakers += 1,
            Event::DropWaker => self.wakers -= 1,
            Event::WakeByRef => self.wake(),
            Event::Wake => {
                self.wake();
                self.wakers -= 1;
            }
            Event::DrainInject => {}
            Event::Tick(step) => {
                let polled = self.is_polled_next();
                if self.in_queue() {
                    self.scheduled = false;
                    self.notified = self.stage == Stage::Unbound;
                }
                if polled {
                    self.polls += 1;
                    self.poll(step);
                }
            }
            Event::Close => self.closed = true,
        }
    }

    fn poll(&mut self, step: Step) {
        use Step::*;
        match step {
            Wake | WakeReady | Nest => self.wake(),
            KeepWaker => self.wakers += 1,
            Close => self.closed = true,
            // A task that is complete is not scheduled again.
            Pending | Ready | Cancel | CancelReady | NestReady | NestCancel => {}
        }
        if matches!(step, Cancel | CancelReady | NestCancel) {
            self.owned = false;
            self.stage = Stage::Complete;
        }
        if matches!(step, Ready | WakeReady | NestReady) {
            self.stage = Stage::Complete;
        }
    }
}

/// A task and its model.
struct Checked<'a> {
    scheduler: Arc<TestScheduler>,
    fixture: &'a Rc<Fixture>,
    new: Option<NewTask<'a, TestScheduler, Script>>,
    /// Not a counted reference: valid as long as the model says that there is one.
    header: *const raw::Header,
    model: Model,
}

impl<'a> Checked<'a> {
    fn new(fixture: &'a Rc<Fixture>) -> Self {
        let new = NewTask::new(&fixture.executor.home, Script(fixture.clone()));
        Checked {
            scheduler: fixture.executor.home.scheduler().clone(),
            fixture,
            header: new.as_ptr(),
            new: Some(new),
            model: Model::new(),
        }
    }

    fn apply(&mut self, event: Event) {
        let fixture = self.fixture;
        let before = self.model;
        self.model.apply(event);
        // Waking and dropping may use the list of wakers.
        let last = || fixture.wakers.borrow_mut().pop();
        match event {
            Event::Attach => {
                let new = self.new.take().expect("the task is unbound");
                *fixture.task.borrow_mut() = Some(new.erase().attach(Key::from_int(1)));
            }
            Event::Finish => {
                let new = self.new.take().expect("the task is unbound");
                let outcome = catch_unwind(AssertUnwindSafe(|| new.finish()));
                assert_eq!(outcome.is_err(), fixture.panics, "the panic is passed on");
            }
            Event::DropNew => drop(self.new.take()),
            Event::CloneWaker => {
                let clone = match &mut self.new {
                    Some(new) => new.poll(|_, cx| cx.waker().clone()),
                    None => fixture.wakers.borrow()[0].clone(),
                };
                fixture.wakers.borrow_mut().push(clone);
            }
            Event::DropWaker => drop(last()),
            Event::WakeByRef => match &mut self.new {
                Some(new) if before.wakers == 0 => new.poll(|_, cx| cx.waker().wake_by_ref()),
                _ => fixture.wakers.borrow()[0].wake_by_ref(),
            },
            Event::Wake => last().expect("there is a waker").wake(),
            Event::DrainInject => fixture.executor.drain_inject(),
            Event::Tick(step) => {
                fixture.next.set(step);
                assert_eq!(fixture.executor.tick(), before.in_queue());
            }
            Event::Cancel => drop(fixture.task.take()),
            Event::Close => fixture.executor.close(),
        }
    }

    /// What holds after each event.
    fn check(&self) {
        let (fixture, model) = (self.fixture, &self.model);
        assert_eq!(fixture.polls.get(), model.polls);
        let complete = model.stage == Stage::Complete;
        assert_eq!(fixture.drops.get(), usize::from(complete));
        assert_eq!(fixture.executor.has_ready(), model.in_queue());
        let exists = model.references() > 0;
        // References to the scheduler: `self`'s, the home's, and the task's once its owner has given up
        // its own reference to the task.
        let schedulers = 2 + usize::from(exists && !model.owned);
        assert_eq!(Arc::strong_count(&self.scheduler), schedulers);
        if exists {
            // SAFETY: by the model, which every check so far agrees with, there is a reference to the
            // task.
            let state = unsafe { &(*self.header).state };
            assert_eq!(state.references(), model.references());
            assert_eq!(state.is_scheduled(), model.scheduled);
        }
    }
}

/// Lets the events happen to a task, checks it after each, and then gives up everything.
fn live(events: &[Event], panics: bool) -> Model {
    let counts = || {
        let c = counters::thread();
        (c.tasks_made.get(), c.tasks_dropped.get())
    };
    let (made, dropped) = counts();
    let fixture = Rc::new(Fixture::new(panics));
    let mut checked = Checked::new(&fixture);
    for event in events {
        checked.apply(*event);
        checked.check();
    }
    let model = checked.model;
    let scheduler = checked.scheduler.clone();
    drop(checked);
    drop(fixture.task.take());
    fixture.wakers.borrow_mut().clear();
    fixture.executor.close();
    assert_eq!(fixture.drops.get(), 1);
    assert_eq!(
        Arc::strong_count(&scheduler),
        2,
        "a task that is gone holds its home"
    );
    assert_eq!(Rc::strong_count(&fixture), 1);
    drop(fixture);
    assert_eq!(Arc::strong_count(&scheduler), 1, "leaked without need");
    let attached = u64::from(events.contains(&Event::Attach));
    let (made_now, dropped_now) = counts();
    assert_eq!(
        (made_now - made, dropped_now - dropped),
        (attached, attached)
    );
    model
}

#[test]
fn every_short_life_of_a_task_drops_its_work_once() {
    fn lives(so_far: &mut Vec<Event>, left: usize) -> usize {
        let model = [false, true].map(|panics| live(so_far, panics))[0];
        if left == 0 {
            return 1;
        }
        let mut tried = 1;
        for event in model.possible() {
            so_far.push(event);
            tried += lives(so_far, left - 1);
            so_far.pop();
        }
        tried
    }
    // Miri is a thousand times slower.
    let (length, expected) = if cfg!(miri) { (4, 300) } else { (6, 10_000) };
    let tried = lives(&mut Vec::new(), length);
    assert!(tried > expected, "{tried} lives");
}

/// Work that is never ready.
struct Never;

impl Work for Never {
    const DETACHED: bool = false;

    fn poll(self: Pin<&mut Self>, _key: Key, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

#[test]
fn the_executor_drops_a_detached_task_that_is_complete() {
    let executor = TestExecutor::new();
    executor.spawn(std::future::ready(()));
    executor.spawn(std::future::pending());
    assert_eq!(executor.spawned.borrow().len(), 2);
    while executor.tick() {}
    assert_eq!(executor.spawned.borrow().len(), 1);
}

/// A waker may be used although the task's home is gone and the task is not.
#[test]
fn a_scheduler_outlives_its_home_if_the_owner_has_a_task() {
    let executor = TestExecutor::new();
    let scheduler = Arc::downgrade(executor.home.scheduler());
    let mut new = NewTask::new(&executor.home, Never);
    let waker = new.poll(|_, cx| cx.waker().clone());
    let task = new.erase().attach(Key::from_int(1));
    executor.close();
    drop(executor);
    waker.wake();
    drop(task);
    let leaked = scheduler.upgrade().expect("it was leaked");
    assert_eq!(Arc::strong_count(&leaked), 2);
    // SAFETY: no task is left for which it was leaked.
    unsafe { Arc::decrement_strong_count(Arc::as_ptr(&leaked)) };
}

#[test]
#[should_panic(expected = "a task of another domain")]
fn a_task_is_not_run_with_the_home_of_another_owner() {
    let [first, second] = [(); 2].map(|()| TestExecutor::new());
    let task = NewTask::new(&first.home, Never)
        .erase()
        .attach(Key::from_int(1));
    task.wake();
    let queue = RunQueue::new();
    queue.append(&first.home.scheduler().0, usize::MAX);
    let _ = queue.pop().expect("it was woken").run(&second.home);
}

/// Work that is ready at once, and whose destructor drops the `Task` and runs a loop.
struct DropsTask(Rc<Fixture>);

impl Work for DropsTask {
    const DETACHED: bool = true;

    fn poll(self: Pin<&mut Self>, _key: Key, cx: &mut Context<'_>) -> Poll<()> {
        self.0.wakers.borrow_mut().push(cx.waker().clone());
        Poll::Ready(())
    }
}

impl Drop for DropsTask {
    fn drop(&mut self) {
        self.0
            .wakers
            .borrow_mut()
            .pop()
            .expect("it was polled")
            .wake();
        drop(self.0.task.take());
        assert!(!self.0.executor.tick(), "it is complete");
        self.0.drops.set(self.0.drops.get() + 1);
    }
}

#[test]
fn the_destructor_of_work_may_drop_its_own_task() {
    let fixture = Rc::new(Fixture::new(false));
    let new = NewTask::new(&fixture.executor.home, DropsTask(fixture.clone()));
    let task = new.erase().attach(Key::from_int(1));
    task.wake();
    *fixture.task.borrow_mut() = Some(task);
    assert!(fixture.executor.tick());
    assert_eq!(fixture.drops.get(), 1);
    let scheduler = fixture.executor.home.scheduler().clone();
    drop(fixture);
    assert_eq!(Arc::strong_count(&scheduler), 1, "leaked without need");
}
