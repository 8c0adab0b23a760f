//! Every short life of a task, beside what has to come of it. No thread owns an executor here, so
//! each wake-up comes as another thread's does.

use super::*;
use crate::base::counters;
use crate::domain::executor::Executor;
use crate::domain::shared::Shared;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

/// What a poll does.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Waits,
    Ends,
    Wakes,
    WakesAndEnds,
    Stops,
    StopsAndEnds,
    /// A loop inside the poll takes the task that was woken from the queue.
    Nests,
    NestsAndEnds,
    NestsAndStops,
    Keeps,
    Closes,
}

const POLLS: [Step; 11] = [
    Step::Waits,
    Step::Ends,
    Step::Wakes,
    Step::WakesAndEnds,
    Step::Stops,
    Step::StopsAndEnds,
    Step::Nests,
    Step::NestsAndEnds,
    Step::NestsAndStops,
    Step::Keeps,
    Step::Closes,
];

/// What may happen to a task, in any order.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Event {
    /// At the end of the first poll it is kept, is over, or is given up.
    Attach,
    Finish,
    GiveUp,
    Clone,
    Drop,
    Wake,
    WakeByValue,
    DrainInject,
    Tick(Step),
    Stop,
    Close,
}

/// What the task's work can reach.
struct World {
    executor: Executor,
    task: RefCell<Option<Task>>,
    wakers: RefCell<Vec<Waker>>,
    next: Cell<Step>,
    polls: Cell<usize>,
    drops: Cell<usize>,
    /// Whether the work's destructor panics.
    panics: bool,
}

struct Script(Rc<World>);

impl Work for Script {
    const DETACHED: bool = false;

    fn poll(self: Pin<&mut Self>, _key: Key, cx: &mut Context<'_>) -> Poll<()> {
        use Step::*;
        let world = &self.0;
        world.polls.set(world.polls.get() + 1);
        let does = world.next.get();
        match does {
            Waits | Ends | Stops | StopsAndEnds => {}
            Wakes | WakesAndEnds => cx.waker().wake_by_ref(),
            Nests | NestsAndEnds | NestsAndStops => {
                cx.waker().wake_by_ref();
                world.executor.tick();
            }
            Keeps => world.wakers.borrow_mut().push(cx.waker().clone()),
            Closes => world.executor.close(),
        }
        if matches!(does, Stops | StopsAndEnds | NestsAndStops) {
            let task = world.task.take();
            drop(task);
            assert_eq!(world.drops.get(), 0, "under its own poll");
        }
        match does {
            Ends | WakesAndEnds | StopsAndEnds | NestsAndEnds => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.0.drops.set(self.0.drops.get() + 1);
        if self.0.panics {
            // Without what a panic prints.
            resume_unwind(Box::new("in a destructor"));
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Stage {
    Unbound,
    Idle,
    Done,
}

/// What has become of a task.
#[derive(Debug, Clone, Copy)]
struct Fate {
    stage: Stage,
    /// Somebody has it: its maker, or its owner.
    held: bool,
    wakers: usize,
    /// It says that it is in a queue; after the domain's end there is none.
    queued: bool,
    /// It was woken while it could not be polled.
    remembered: bool,
    closed: bool,
    polls: usize,
}

impl Fate {
    fn new() -> Self {
        Fate {
            stage: Stage::Unbound,
            held: true,
            wakers: 0,
            queued: false,
            remembered: false,
            closed: false,
            polls: 0,
        }
    }

    fn in_queue(&self) -> bool {
        self.queued && !self.closed
    }

    fn shares(&self) -> usize {
        usize::from(self.held) + self.wakers + usize::from(self.in_queue())
    }

    fn wake(&mut self) {
        self.queued |= self.stage != Stage::Done;
    }

    fn is_polled_next(&self) -> bool {
        self.in_queue() && self.stage == Stage::Idle
    }

    fn possible(&self) -> Vec<Event> {
        let mut events = Vec::new();
        match self.stage {
            Stage::Unbound => events.extend([Event::Attach, Event::Finish, Event::GiveUp]),
            _ if self.held => events.push(Event::Stop),
            _ => {}
        }
        if self.stage == Stage::Unbound || self.wakers > 0 {
            events.extend([Event::Clone, Event::Wake]);
        }
        if self.wakers > 0 {
            events.extend([Event::Drop, Event::WakeByValue]);
        }
        if self.is_polled_next() {
            events.extend(POLLS.map(Event::Tick));
            events.push(Event::DrainInject);
        } else {
            events.push(Event::Tick(Step::Waits));
        }
        if !self.closed {
            events.push(Event::Close);
        }
        events
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Attach => {
                self.stage = Stage::Idle;
                if std::mem::take(&mut self.remembered) {
                    self.wake();
                }
            }
            Event::Finish | Event::GiveUp => {
                self.stage = Stage::Done;
                self.held = false;
            }
            Event::Clone => self.wakers += 1,
            Event::Drop => self.wakers -= 1,
            Event::Wake => self.wake(),
            Event::WakeByValue => {
                self.wake();
                self.wakers -= 1;
            }
            Event::DrainInject => {}
            Event::Tick(does) => {
                let polled = self.is_polled_next();
                if self.in_queue() {
                    self.queued = false;
                    self.remembered = self.stage == Stage::Unbound;
                }
                if polled {
                    self.polls += 1;
                    self.poll(does);
                }
            }
            Event::Stop => {
                self.stage = Stage::Done;
                self.held = false;
            }
            Event::Close => self.closed = true,
        }
    }

    fn poll(&mut self, does: Step) {
        use Step::*;
        match does {
            Wakes | WakesAndEnds | Nests => self.wake(),
            Keeps => self.wakers += 1,
            Closes => self.closed = true,
            // What was remembered for a task that is done is of no use.
            Waits | Ends | Stops | StopsAndEnds | NestsAndEnds | NestsAndStops => {}
        }
        if matches!(does, Stops | StopsAndEnds | NestsAndStops) {
            self.held = false;
            self.stage = Stage::Done;
        }
        if matches!(does, Ends | WakesAndEnds | NestsAndEnds) {
            self.stage = Stage::Done;
        }
    }
}

/// A task beside its fate.
struct Beside<'a> {
    shared: Arc<Shared>,
    world: &'a Rc<World>,
    new: Option<NewTask<'a, Shared, Script>>,
    header: NonNull<Header>,
    fate: Fate,
}

impl<'a> Beside<'a> {
    fn new(world: &'a Rc<World>) -> Self {
        let new = NewTask::new(world.executor.home(), Script(world.clone()));
        Beside {
            shared: world.executor.home().shared.clone(),
            world,
            header: new.raw.cast(),
            new: Some(new),
            fate: Fate::new(),
        }
    }

    fn happen(&mut self, event: Event) {
        let world = self.world;
        let before = self.fate;
        self.fate.happen(event);
        // Whoever is woken or dropped may look at the wakers.
        let taken = || world.wakers.borrow_mut().pop();
        match event {
            Event::Attach => {
                let task = self
                    .new
                    .take()
                    .expect("it is fresh")
                    .attach(Key::from_int(1));
                *world.task.borrow_mut() = Some(task);
            }
            Event::Finish => {
                let new = self.new.take().expect("it is fresh");
                let outcome = catch_unwind(AssertUnwindSafe(|| new.finish()));
                assert_eq!(outcome.is_err(), world.panics, "it comes out");
            }
            Event::GiveUp => drop(self.new.take()),
            Event::Clone => {
                let clone = match &mut self.new {
                    Some(new) => new.poll(|_, cx| cx.waker().clone()),
                    None => world.wakers.borrow()[0].clone(),
                };
                world.wakers.borrow_mut().push(clone);
            }
            Event::Drop => drop(taken()),
            Event::Wake => match &mut self.new {
                Some(new) if before.wakers == 0 => new.poll(|_, cx| cx.waker().wake_by_ref()),
                _ => world.wakers.borrow()[0].wake_by_ref(),
            },
            Event::WakeByValue => taken().expect("there is one").wake(),
            Event::DrainInject => world.executor.drain_inject(),
            Event::Tick(does) => {
                world.next.set(does);
                assert_eq!(world.executor.tick(), before.in_queue());
            }
            Event::Stop => drop(world.task.take()),
            Event::Close => world.executor.close(),
        }
    }

    /// What holds after each event.
    fn check(&self) {
        let (world, fate) = (self.world, &self.fate);
        assert_eq!(world.polls.get(), fate.polls);
        assert_eq!(world.drops.get(), usize::from(fate.stage == Stage::Done));
        assert_eq!(world.executor.has_ready(), fate.in_queue());
        let there = fate.shares() > 0;
        // Here, the executor's, and the task's when its owner has given up its own share.
        let homes = 2 + usize::from(there && !fate.held);
        assert_eq!(Arc::strong_count(&self.shared), homes);
        if there {
            // SAFETY: somebody has a share.
            let state = unsafe { &self.header.as_ref().state }.load(Ordering::Relaxed);
            assert_eq!((state / REFERENCE) as usize, fate.shares());
            assert_eq!(state & SCHEDULED != 0, fate.queued);
        }
    }
}

/// Lives a life, and gives up what is left.
fn live(events: &[Event], panics: bool) -> Fate {
    let counts = || {
        let c = counters::thread();
        (c.tasks_made.get(), c.tasks_dropped.get())
    };
    let (made, dropped) = counts();
    let shared = Arc::new(Shared::new(u64::MAX).expect("there are descriptors"));
    let world = Rc::new(World {
        executor: Executor::new(shared.clone()),
        task: RefCell::default(),
        wakers: RefCell::default(),
        next: Cell::new(Step::Waits),
        polls: Cell::new(0),
        drops: Cell::new(0),
        panics,
    });
    let mut beside = Beside::new(&world);
    beside.shared = shared.clone();
    drop(shared);
    for event in events {
        beside.happen(*event);
        beside.check();
    }
    let fate = beside.fate;
    let shared = beside.shared.clone();
    drop(beside);
    drop(world.task.take());
    world.wakers.borrow_mut().clear();
    world.executor.close();
    assert_eq!(world.drops.get(), 1);
    assert_eq!(
        Arc::strong_count(&shared),
        2,
        "the task's share of its home"
    );
    assert_eq!(Rc::strong_count(&world), 1);
    let attached = u64::from(events.contains(&Event::Attach));
    let (made_now, dropped_now) = counts();
    assert_eq!(
        (made_now - made, dropped_now - dropped),
        (attached, attached)
    );
    fate
}

#[test]
fn every_short_life_of_a_task_drops_its_work_once() {
    fn lives(so_far: &mut Vec<Event>, left: usize) -> usize {
        let fate = [false, true].map(|panics| live(so_far, panics))[0];
        if left == 0 {
            return 1;
        }
        let mut tried = 1;
        for event in fate.possible() {
            so_far.push(event);
            tried += lives(so_far, left - 1);
            so_far.pop();
        }
        tried
    }
    let tried = lives(&mut Vec::new(), 6);
    assert!(tried > 10_000, "{tried} lives");
}
