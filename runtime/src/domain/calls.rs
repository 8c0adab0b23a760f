//! The calls that OCaml waits for. Each is settled once: by its outcome, by OCaml that cancels it,
//! or by the domain's end.
//!
//! ```text
//!   add             attach               complete            release
//!  -----> Unattached -----> Attached(work) -----> Resolved -----> (gone)
//!             |                  |                   ^              ^
//!             |    complete      |                   |              |
//!             +------------------|-------------------+              |
//!             |                  |                                  |
//!             +------------------+----------------------------------+
//!                                  cancel, close: the work comes out
//! ```

use crate::base::counters;
use crate::base::slot_map::{Key, SlotMap};
use std::cell::RefCell;

/// A promise that OCaml waits for. `W` is the work behind it.
enum Call<W> {
    /// A `Resolver` somewhere will resolve it, or its work is just being made.
    Unattached,
    Attached(W),
    /// The outcome is in a batch. The key stays taken until OCaml has looked, lest the promise of
    /// the next call under the same key got it.
    Resolved,
}

impl<W> Call<W> {
    fn into_work(self) -> Option<W> {
        match self {
            Call::Attached(work) => Some(work),
            Call::Unattached | Call::Resolved => None,
        }
    }
}

/// The call had been settled before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AlreadyResolved;

/// See the module's documentation. Work that comes out of the table is the caller's to stop or
/// to drop, which may run user code, and so come back here.
pub(crate) struct Calls<W>(RefCell<SlotMap<Call<W>>>);

impl<W> Calls<W> {
    pub(crate) const fn new() -> Self {
        Calls(RefCell::new(SlotMap::new()))
    }

    pub(crate) fn add(&self) -> Key {
        counters::count(|t| &t.calls_started, 1);
        self.0.borrow_mut().insert(Call::Unattached)
    }

    /// Says what is behind the call. It comes back if the call is settled already.
    pub(crate) fn attach(&self, key: Key, work: W) -> Result<(), W> {
        match self.0.borrow_mut().get_mut(key) {
            Some(call @ Call::Unattached) => {
                *call = Call::Attached(work);
                Ok(())
            }
            _ => Err(work),
        }
    }

    /// The call has an outcome. The work that was behind it comes out.
    pub(crate) fn complete(&self, key: Key) -> Result<Option<W>, AlreadyResolved> {
        match self.0.borrow_mut().get_mut(key) {
            None | Some(Call::Resolved) => {
                counters::count(|t| &t.late_completions, 1);
                Err(AlreadyResolved)
            }
            Some(call) => {
                counters::count(|t| &t.calls_resolved, 1);
                Ok(std::mem::replace(call, Call::Resolved).into_work())
            }
        }
    }

    /// Whether the call is not settled yet.
    #[cfg(test)]
    pub(crate) fn is_open(&self, key: Key) -> bool {
        !matches!(
            self.0.borrow_mut().get_mut(key),
            None | Some(Call::Resolved)
        )
    }

    /// Looks at the work behind the call, if there is some.
    #[cfg(all(test, not(loom_model)))]
    pub(crate) fn with_work<R>(&self, key: Key, f: impl FnOnce(&mut W) -> R) -> Option<R> {
        match self.0.borrow_mut().get_mut(key) {
            Some(Call::Attached(work)) => Some(f(work)),
            _ => None,
        }
    }

    /// OCaml has taken the outcome of a settled call.
    pub(crate) fn release(&self, key: Key) {
        let call = self.0.borrow_mut().remove(key);
        debug_assert!(matches!(call, None | Some(Call::Resolved)));
    }

    /// OCaml does not wait any more. The work that was behind the call comes out. If there is an
    /// outcome on its way, the key stays taken until OCaml has seen and released it.
    pub(crate) fn cancel(&self, key: Key) -> Option<W> {
        let mut calls = self.0.borrow_mut();
        if let Call::Resolved = calls.get_mut(key)? {
            return None;
        }
        counters::count(|t| &t.calls_resolved, 1);
        calls.remove(key).and_then(Call::into_work)
    }

    /// The domain ends: no call is left, and OCaml settles those that were. All work comes out.
    pub(crate) fn close(&self) -> Vec<W> {
        let calls = self.0.borrow_mut().drain();
        let open = calls
            .iter()
            .filter(|c| !matches!(c, Call::Resolved))
            .count();
        counters::count(|t| &t.calls_resolved, open as u64);
        calls.into_iter().filter_map(Call::into_work).collect()
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What may happen to a call, in any order.
    #[derive(Debug, Clone, Copy)]
    enum Event {
        Add,
        Attach(usize),
        Complete(usize),
        Release(usize),
        Cancel(usize),
        Close,
    }

    /// What has become of a call.
    #[derive(Debug, Default, Clone, PartialEq)]
    struct Fate {
        work: Option<usize>,
        completed: bool,
        cancelled: bool,
        ended: bool,
        /// Its outcome is in a batch that OCaml has not seen.
        unseen: bool,
    }

    impl Fate {
        fn is_open(&self) -> bool {
            !(self.completed || self.cancelled || self.ended)
        }
    }

    /// Calls beside their fates, by number.
    struct Beside {
        calls: Calls<usize>,
        keys: Vec<Key>,
        fates: Vec<Fate>,
        /// Each piece of work has a number of its own, and has come out or is in the table.
        works: usize,
        out: Vec<usize>,
        late: u64,
    }

    impl Beside {
        fn new() -> Self {
            Beside {
                calls: Calls::new(),
                keys: Vec::new(),
                fates: Vec::new(),
                works: 0,
                out: Vec::new(),
                late: 0,
            }
        }

        fn comes_out(&mut self, real: Option<usize>, expected: Option<usize>) {
            assert_eq!(real, expected);
            self.out.extend(real);
        }

        fn happen(&mut self, event: Event) {
            match event {
                Event::Add => {
                    self.keys.push(self.calls.add());
                    self.fates.push(Fate::default());
                }
                Event::Attach(n) => {
                    let work = self.works;
                    self.works += 1;
                    let refused = self.calls.attach(self.keys[n], work).err();
                    let fate = &mut self.fates[n];
                    let takes = fate.is_open() && fate.work.is_none();
                    if takes {
                        fate.work = Some(work);
                    }
                    self.comes_out(refused, (!takes).then_some(work));
                }
                Event::Complete(n) => {
                    let done = self.calls.complete(self.keys[n]);
                    let fate = &mut self.fates[n];
                    assert_eq!(done.is_ok(), fate.is_open());
                    match done {
                        Ok(work) => {
                            fate.completed = true;
                            fate.unseen = true;
                            let expected = fate.work.take();
                            self.comes_out(work, expected);
                        }
                        Err(AlreadyResolved) => self.late += 1,
                    }
                }
                Event::Release(n) => {
                    // OCaml releases what it found in a batch.
                    if !self.fates[n].is_open() {
                        self.calls.release(self.keys[n]);
                        self.fates[n].unseen = false;
                    }
                }
                Event::Cancel(n) => {
                    let work = self.calls.cancel(self.keys[n]);
                    let fate = &mut self.fates[n];
                    fate.cancelled |= fate.is_open();
                    let expected = fate.work.take();
                    self.comes_out(work, expected);
                }
                Event::Close => {
                    let mut works = self.calls.close();
                    let mut expected = Vec::new();
                    for fate in &mut self.fates {
                        fate.ended |= fate.is_open();
                        fate.unseen = false;
                        expected.extend(fate.work.take());
                    }
                    works.sort();
                    expected.sort();
                    assert_eq!(works, expected);
                    self.out.extend(works);
                }
            }
        }

        /// What holds after each event.
        fn check(&self) {
            let mut inside = Vec::new();
            for (key, fate) in self.keys.iter().zip(&self.fates) {
                assert_eq!(self.calls.is_open(*key), fate.is_open());
                assert_eq!(self.calls.with_work(*key, |w| *w), fate.work);
                let ways = [fate.completed, fate.cancelled, fate.ended];
                assert!(ways.iter().filter(|way| **way).count() <= 1, "{fate:?}");
                inside.extend(fate.work);
            }
            let taken = self.fates.iter().filter(|f| f.is_open() || f.unseen);
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
        let mut beside = Beside::new();
        for event in events {
            beside.happen(*event);
            beside.check();
        }
        let after = count();
        let closed = beside.fates.iter().filter(|f| !f.is_open()).count();
        let expected = [beside.keys.len() as u64, closed as u64, beside.late];
        for i in 0..3 {
            assert_eq!(after[i] - before[i], expected[i], "counter {i}: {events:?}");
        }
    }

    /// Every order of up to six events that two calls may see, and the end.
    #[test]
    fn every_short_life_of_calls_settles_each_once() {
        fn lives(so_far: &mut Vec<Event>, calls: usize, left: usize) -> usize {
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
                tried += lives(so_far, calls + added, left - 1);
                so_far.pop();
            }
            tried
        }
        let tried = lives(&mut Vec::new(), 0, 6);
        assert!(tried > 10_000, "{tried} lives");
    }

    proptest! {
        /// The same for many calls that share their places.
        #[test]
        fn long_lives_of_calls_settle_each_once(
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
}

#[cfg(all(test, loom_model))]
mod models {
    use super::*;
    use crate::wake::mailbox::{Mailbox, NullNotifier};
    use loom::sync::Arc;
    use loom::thread;

    /// A `Resolver` on another thread, while OCaml may cancel and the domain ends: the promise is
    /// settled once, and the value is used, dropped at home, or back at the resolver.
    #[test]
    fn loom_a_promise_is_settled_once() {
        for cancels in [false, true] {
            loom::model(move || {
                let mailbox = Arc::new(Mailbox::new(NullNotifier));
                let calls = Calls::<()>::new();
                let key = calls.add();
                let resolver = {
                    let mailbox = mailbox.clone();
                    thread::spawn(move || mailbox.send((key, Arc::new(7))).err())
                };
                let (mut settled, mut here) = (0, 0);
                let receive = |settled: &mut i32, here: &mut i32| {
                    if let Some((key, value)) = mailbox.receive() {
                        assert_eq!(*value, 7);
                        *here += 1;
                        *settled += i32::from(calls.complete(key).is_ok());
                    }
                };
                receive(&mut settled, &mut here);
                if cancels {
                    settled += i32::from(calls.is_open(key));
                    calls.cancel(key);
                }
                receive(&mut settled, &mut here);
                mailbox.close(|_| here += 1);
                // What is open now is for OCaml to resolve.
                settled += i32::from(calls.is_open(key));
                calls.close();
                assert_eq!(settled, 1);
                assert_eq!(here + i32::from(resolver.join().unwrap().is_some()), 1);
                assert_eq!(calls.complete(key), Err(AlreadyResolved));
            });
        }
    }
}
