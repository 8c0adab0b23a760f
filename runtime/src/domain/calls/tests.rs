use super::*;
use proptest::prelude::*;

/// An event of a call. They may happen in any order.
#[derive(Debug, Clone, Copy)]
enum Event {
    Add,
    Attach(usize),
    Complete(usize),
    Release(usize),
    Cancel(usize),
    Close,
}

/// The expected state of a call.
#[derive(Debug, Default, Clone, PartialEq)]
struct Expected {
    work: Option<usize>,
    completed: bool,
    cancelled: bool,
    ended: bool,
    /// Its outcome is in a batch that OCaml has not handled.
    unseen: bool,
}

impl Expected {
    fn is_open(&self) -> bool {
        !(self.completed || self.cancelled || self.ended)
    }
}

/// The table of calls beside the expected states, by number.
struct Model {
    calls: Calls<usize>,
    keys: Vec<Key>,
    expected_states: Vec<Expected>,
    /// Each piece of work has a number of its own, and is in the table or was returned.
    works: usize,
    out: Vec<usize>,
    late: u64,
}

impl Model {
    fn new() -> Self {
        Model {
            calls: Calls::new(),
            keys: Vec::new(),
            expected_states: Vec::new(),
            works: 0,
            out: Vec::new(),
            late: 0,
        }
    }

    fn returned(&mut self, real: Option<usize>, expected: Option<usize>) {
        assert_eq!(real, expected);
        self.out.extend(real);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Add => {
                self.keys.push(self.calls.add(|_| None));
                self.expected_states.push(Expected::default());
            }
            Event::Attach(n) => {
                let work = self.works;
                self.works += 1;
                let refused = self.calls.attach(self.keys[n], work).err();
                let expected_state = &mut self.expected_states[n];
                let takes = expected_state.is_open() && expected_state.work.is_none();
                if takes {
                    expected_state.work = Some(work);
                }
                self.returned(refused, (!takes).then_some(work));
            }
            Event::Complete(n) => {
                let done = self.calls.complete(self.keys[n]);
                let expected_state = &mut self.expected_states[n];
                assert_eq!(done.is_ok(), expected_state.is_open());
                match done {
                    Ok(work) => {
                        expected_state.completed = true;
                        expected_state.unseen = true;
                        let expected = expected_state.work.take();
                        self.returned(work, expected);
                    }
                    Err(AlreadyResolved) => self.late += 1,
                }
            }
            Event::Release(n) => {
                // OCaml releases what it found in a batch.
                if !self.expected_states[n].is_open() {
                    self.calls.release(self.keys[n]);
                    self.expected_states[n].unseen = false;
                }
            }
            Event::Cancel(n) => {
                let work = self.calls.cancel(self.keys[n]);
                let expected_state = &mut self.expected_states[n];
                expected_state.cancelled |= expected_state.is_open();
                let expected = expected_state.work.take();
                self.returned(work, expected);
            }
            Event::Close => {
                let mut works = self.calls.close();
                let mut expected = Vec::new();
                for expected_state in &mut self.expected_states {
                    expected_state.ended |= expected_state.is_open();
                    expected_state.unseen = false;
                    expected.extend(expected_state.work.take());
                }
                works.sort();
                expected.sort();
                assert_eq!(works, expected);
                self.out.extend(works);
            }
        }
    }

    /// Checks the invariants, after each event.
    fn check(&self) {
        let mut inside = Vec::new();
        for (key, expected_state) in self.keys.iter().zip(&self.expected_states) {
            assert_eq!(self.calls.is_open(*key), expected_state.is_open());
            assert_eq!(self.calls.with_work(*key, |w| *w), expected_state.work);
            let ways = [
                expected_state.completed,
                expected_state.cancelled,
                expected_state.ended,
            ];
            assert!(
                ways.iter().filter(|way| **way).count() <= 1,
                "{expected_state:?}"
            );
            inside.extend(expected_state.work);
        }
        let taken = self
            .expected_states
            .iter()
            .filter(|f| f.is_open() || f.unseen);
        assert_eq!(self.calls.0.borrow().len(), taken.count(), "taken places");
        inside.extend(&self.out);
        inside.sort();
        assert_eq!(
            inside,
            (0..self.works).collect::<Vec<_>>(),
            "each work once"
        );
    }
}

/// Runs a history, with the counters of this thread.
fn run(events: &[Event]) {
    let count = || {
        let c = counters::thread();
        [
            c.calls_started.get(),
            c.calls_resolved.get(),
            c.late_completions.get(),
        ]
    };
    let before = count();
    let mut model = Model::new();
    for event in events {
        model.happen(*event);
        model.check();
    }
    let after = count();
    let closed = model
        .expected_states
        .iter()
        .filter(|f| !f.is_open())
        .count();
    let expected = [model.keys.len() as u64, closed as u64, model.late];
    for i in 0..3 {
        assert_eq!(after[i] - before[i], expected[i], "counter {i}: {events:?}");
    }
}

/// Every order of up to six events that two calls may see, and the end.
#[test]
fn every_short_history_resolves_each_call_once() {
    fn histories(so_far: &mut Vec<Event>, calls: usize, left: usize) -> usize {
        if left == 0 {
            run(so_far);
            return 1;
        }
        let mut next = vec![Event::Close];
        if calls < 2 {
            next.push(Event::Add);
        }
        for n in 0..calls {
            next.extend([
                Event::Attach(n),
                Event::Complete(n),
                Event::Release(n),
                Event::Cancel(n),
            ]);
        }
        let mut tried = 0;
        for event in next {
            so_far.push(event);
            let added = usize::from(matches!(event, Event::Add));
            tried += histories(so_far, calls + added, left - 1);
            so_far.pop();
        }
        tried
    }
    let tried = histories(&mut Vec::new(), 0, 6);
    assert!(tried > 10_000, "{tried} histories");
}

proptest! {
    /// The same for many calls that share their slots.
    #[test]
    fn long_histories_resolve_each_call_once(
        events in proptest::collection::vec((0..16u8, any::<usize>()), 0..300),
    ) {
        let mut calls = 0;
        let events: Vec<_> = events
            .into_iter()
            .map(|(kind, n)| match kind {
                0 if n % 8 == 0 => Event::Close,
                _ if calls == 0 || kind < 4 => {
                    calls += 1;
                    Event::Add
                }
                4..=6 => Event::Attach(n % calls),
                7..=9 => Event::Complete(n % calls),
                10..=12 => Event::Release(n % calls),
                _ => Event::Cancel(n % calls),
            })
            .collect();
        run(&events);
    }
}
