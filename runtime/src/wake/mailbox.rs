//! The way into a domain for other threads: a queue of messages, the signal that there is news,
//! and the bell that wakes a loop which sleeps.

use crate::base::sync::{Mutex, MutexGuard, Queue};
use crate::wake::parker::Signal;
use crossbeam_utils::CachePadded;
use std::sync::PoisonError;

/// What wakes a loop from its wait. Any thread may ring it; to drop it is to close it.
pub(crate) trait Bell {
    fn ring(&self);
    /// Forgets that it was rung.
    fn silence(&self);
}

/// See the module's documentation.
pub(crate) struct Inbox<M, B> {
    queue: Queue<M>,
    signal: CachePadded<Signal>,
    /// Behind a lock so that no one rings what was closed and is something else by now, as the
    /// numbers of descriptors are; taken only to wake a sleeper, where the system call costs far
    /// more. `None` once the inbox is closed.
    bell: Mutex<Option<B>>,
}

impl<M, B: Bell> Inbox<M, B> {
    /// The inbox of a loop that is awake.
    pub(crate) fn new(bell: B) -> Self {
        Inbox {
            queue: Queue::unbounded(),
            signal: CachePadded::new(Signal::new()),
            bell: Mutex::new(Some(bell)),
        }
    }

    fn bell(&self) -> MutexGuard<'_, Option<B>> {
        self.bell.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Uses the bell, unless it is closed.
    pub(crate) fn with_bell<R>(&self, f: impl FnOnce(&B) -> R) -> Option<R> {
        self.bell().as_ref().map(f)
    }

    /// Sends a message, and [wakes](Self::wake) the loop; returns whether that took a ring. If the
    /// inbox is closed the message comes back. Any thread, never blocks.
    pub(crate) fn send(&self, message: M) -> Result<bool, M> {
        self.queue.push(message).map_err(|e| e.into_inner())?;
        // Afterwards, so that a loop which sees the news finds the message.
        Ok(self.wake())
    }

    /// Tells the loop that there is work. Any thread; rings, and returns `true`, only if the
    /// loop sleeps and nobody has woken it yet.
    pub(crate) fn wake(&self) -> bool {
        self.signal.raise() && self.with_bell(Bell::ring).is_some()
    }

    /// Whether messages are taken.
    pub(crate) fn is_open(&self) -> bool {
        !self.queue.is_closed()
    }

    /// See [`Signal::take`]. The owner.
    pub(crate) fn take_news(&self) -> bool {
        self.signal.take()
    }

    /// See [`Signal::has_news`]. The owner.
    pub(crate) fn has_news(&self) -> bool {
        self.signal.has_news()
    }

    /// See [`Signal::is_parked`]. The owner.
    pub(crate) fn is_parked(&self) -> bool {
        self.signal.is_parked()
    }

    /// See [`Signal::park`]. The owner.
    #[must_use]
    pub(crate) fn park(&self) -> bool {
        self.signal.park()
    }

    /// The next message. The owner.
    pub(crate) fn receive(&self) -> Option<M> {
        self.queue.pop().ok()
    }

    /// How many messages wait. Any thread.
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Later messages go back to their senders, those that were not yet received to `drop`; the
    /// bell is closed. The owner.
    pub(crate) fn close(&self, drop: impl FnMut(M)) {
        self.queue.close();
        std::iter::from_fn(|| self.receive()).for_each(drop);
        *self.bell() = None;
    }
}

/// For models that nobody sleeps in.
#[cfg(all(test, loom_model))]
pub(crate) struct Silent;

#[cfg(all(test, loom_model))]
impl Bell for Silent {
    fn ring(&self) {}
    fn silence(&self) {}
}

#[cfg(all(test, loom_model))]
mod models {
    use super::*;
    use crate::base::sync::model_of_three;
    use loom::cell::UnsafeCell;
    use loom::sync::{Arc, Condvar, Mutex};
    use loom::thread;

    /// Two senders, and an owner that receives once and closes: each message is received, dropped
    /// by the owner, or back at its sender, and only one of these.
    #[test]
    fn loom_a_message_is_received_or_handed_back() {
        model_of_three(|| {
            let inbox = Arc::new(Inbox::new(Silent));
            let senders: Vec<_> = (0..2)
                .map(|i| {
                    let inbox = inbox.clone();
                    thread::spawn(move || {
                        let open = inbox.is_open();
                        // loom tells of a message that is leaked.
                        let sent = inbox.send(Arc::new(i));
                        assert!(open || sent.is_err(), "it opened again");
                        sent.err().map(|back| *back)
                    })
                })
                .collect();
            let mut here: Vec<i32> = inbox.receive().iter().map(|m| **m).collect();
            inbox.close(|m| here.push(*m));
            assert!(!inbox.is_open());
            assert_eq!(inbox.send(Arc::new(7)).err().as_deref(), Some(&7));
            let back = senders.into_iter().filter_map(|s| s.join().unwrap());
            here.extend(back);
            assert!(inbox.receive().is_none(), "sent after the end");
            here.sort();
            assert_eq!(here, [0, 1]);
        });
    }

    /// A number of the process's table of descriptors, whatever it stands for at the moment.
    #[derive(Clone)]
    struct Number(Arc<UnsafeCell<&'static str>>);

    impl Number {
        fn is(&self) -> &'static str {
            // SAFETY: loom refuses a look that is not ordered with each change.
            self.0.with(|now| unsafe { *now })
        }

        fn becomes(&self, what: &'static str) {
            // SAFETY: loom refuses a change that is not ordered with each look.
            self.0.with_mut(|now| unsafe { *now = what });
        }
    }

    struct Descriptor(Number);

    impl Bell for Descriptor {
        fn ring(&self) {
            assert_eq!(self.0.is(), "the bell", "rang something else");
        }

        fn silence(&self) {
            self.ring();
        }
    }

    impl Drop for Descriptor {
        fn drop(&mut self) {
            self.0.becomes("closed");
        }
    }

    /// Nobody writes to a number that was closed, or is something else by now.
    #[test]
    fn loom_a_closed_descriptor_is_not_written_to() {
        model_of_three(|| {
            let number = Number(Arc::new(UnsafeCell::new("the bell")));
            let inbox = Arc::new(Inbox::new(Descriptor(number.clone())));
            let parked = inbox.park();
            let senders: Vec<_> = (0..2)
                .map(|i| {
                    let inbox = inbox.clone();
                    thread::spawn(move || inbox.send(i).unwrap_or_else(|_| inbox.wake()))
                })
                .collect();
            inbox.close(drop);
            assert!(inbox.with_bell(Bell::silence).is_none());
            number.becomes("a user's file");
            let rang = senders.into_iter().map(|s| s.join().unwrap());
            assert!(parked && rang.filter(|rang| *rang).count() <= 1);
        });
    }

    /// A bell that a loop can sleep on.
    #[derive(Clone)]
    struct Sleep(Arc<(Mutex<bool>, Condvar)>);

    impl Sleep {
        fn new() -> Self {
            Sleep(Arc::new((Mutex::new(false), Condvar::new())))
        }

        /// If nobody rings, loom tells of a deadlock.
        fn wait(&self) {
            let (rung, changed) = &*self.0;
            let mut rung = rung.lock().unwrap();
            while !*rung {
                rung = changed.wait(rung).unwrap();
            }
        }
    }

    impl Bell for Sleep {
        fn ring(&self) {
            *self.0.0.lock().unwrap() = true;
            self.0.1.notify_one();
        }

        fn silence(&self) {
            *self.0.0.lock().unwrap() = false;
        }
    }

    /// A loop that looks, sleeps if it may and looks again gets every message, and does not look
    /// more often than there was news.
    #[test]
    fn loom_a_sleeping_loop_gets_every_message() {
        model_of_three(|| {
            let sleep = Sleep::new();
            let inbox = Arc::new(Inbox::new(sleep.clone()));
            let senders: Vec<_> = (0..2)
                .map(|i| {
                    let inbox = inbox.clone();
                    thread::spawn(move || {
                        inbox.send(i).unwrap();
                    })
                })
                .collect();
            let (mut got, mut looks) = (0, 0);
            loop {
                looks += 1;
                inbox.take_news();
                while inbox.receive().is_some() {
                    got += 1;
                }
                if got == 2 {
                    break;
                }
                if inbox.park() {
                    sleep.wait();
                    let _ = inbox.with_bell(Bell::silence);
                }
            }
            assert!(looks <= 3, "it span");
            for s in senders {
                s.join().unwrap();
            }
        });
    }
}
