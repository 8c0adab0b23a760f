//! The way into a domain for other threads: a queue of messages, the signal that there is news,
//! and the notifier that wakes a loop which sleeps.

use crate::base::sync::{Mutex, MutexGuard, Queue};
use crate::wake::parker::Parker;
use crossbeam_utils::CachePadded;
use std::sync::PoisonError;

/// What wakes a loop from its wait. Any thread may ring it; to drop it is to close it.
pub(crate) trait Notifier {
    fn notify(&self);
    /// Forgets that it was rung.
    fn clear(&self);
}

/// See the module's documentation.
pub(crate) struct Mailbox<M, B> {
    queue: Queue<M>,
    parker: CachePadded<Parker>,
    /// Behind a lock so that no one rings what was closed and is something else by now, as the
    /// numbers of descriptors are; taken only to wake a sleeper, where the system call costs far
    /// more. `None` once the mailbox is closed.
    notifier: Mutex<Option<B>>,
}

impl<M, B: Notifier> Mailbox<M, B> {
    /// The mailbox of a loop that is awake.
    pub(crate) fn new(notifier: B) -> Self {
        Mailbox {
            queue: Queue::unbounded(),
            parker: CachePadded::new(Parker::new()),
            notifier: Mutex::new(Some(notifier)),
        }
    }

    fn notifier(&self) -> MutexGuard<'_, Option<B>> {
        self.notifier.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Uses the notifier, unless it is closed.
    pub(crate) fn with_notifier<R>(&self, f: impl FnOnce(&B) -> R) -> Option<R> {
        self.notifier().as_ref().map(f)
    }

    /// Sends a message, and [wakes](Self::wake) the loop; returns whether that took a ring. If the
    /// mailbox is closed the message comes back. Any thread, never blocks.
    pub(crate) fn send(&self, message: M) -> Result<bool, M> {
        self.queue.push(message).map_err(|e| e.into_inner())?;
        // Afterwards, so that a loop which sees the news finds the message.
        Ok(self.wake())
    }

    /// Tells the loop that there is work. Any thread; rings, and returns `true`, only if the
    /// loop sleeps and nobody has woken it yet.
    pub(crate) fn wake(&self) -> bool {
        self.parker.notify() && self.with_notifier(Notifier::notify).is_some()
    }

    /// Whether messages are taken.
    pub(crate) fn is_open(&self) -> bool {
        !self.queue.is_closed()
    }

    /// See [`Parker::take`]. The owner.
    pub(crate) fn take_notification(&self) -> bool {
        self.parker.take_notification()
    }

    /// See [`Parker::is_notified`]. The owner.
    pub(crate) fn is_notified(&self) -> bool {
        self.parker.is_notified()
    }

    /// See [`Parker::is_parked`]. The owner.
    pub(crate) fn is_parked(&self) -> bool {
        self.parker.is_parked()
    }

    /// See [`Parker::park`]. The owner.
    #[must_use]
    pub(crate) fn park(&self) -> bool {
        self.parker.park()
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
    /// notifier is closed. The owner.
    pub(crate) fn close(&self, drop: impl FnMut(M)) {
        self.queue.close();
        std::iter::from_fn(|| self.receive()).for_each(drop);
        *self.notifier() = None;
    }
}

/// For models that nobody sleeps in.
#[cfg(all(test, loom_model))]
pub(crate) struct NullNotifier;

#[cfg(all(test, loom_model))]
impl Notifier for NullNotifier {
    fn notify(&self) {}
    fn clear(&self) {}
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
            let mailbox = Arc::new(Mailbox::new(NullNotifier));
            let senders: Vec<_> = (0..2)
                .map(|i| {
                    let mailbox = mailbox.clone();
                    thread::spawn(move || {
                        let open = mailbox.is_open();
                        // loom tells of a message that is leaked.
                        let sent = mailbox.send(Arc::new(i));
                        assert!(open || sent.is_err(), "it opened again");
                        sent.err().map(|back| *back)
                    })
                })
                .collect();
            let mut here: Vec<i32> = mailbox.receive().iter().map(|m| **m).collect();
            mailbox.close(|m| here.push(*m));
            assert!(!mailbox.is_open());
            assert_eq!(mailbox.send(Arc::new(7)).err().as_deref(), Some(&7));
            let back = senders.into_iter().filter_map(|s| s.join().unwrap());
            here.extend(back);
            assert!(mailbox.receive().is_none(), "sent after the end");
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

    impl Notifier for Descriptor {
        fn notify(&self) {
            assert_eq!(self.0.is(), "the notifier", "notified something else");
        }

        fn clear(&self) {
            self.notify();
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
            let number = Number(Arc::new(UnsafeCell::new("the notifier")));
            let mailbox = Arc::new(Mailbox::new(Descriptor(number.clone())));
            let parked = mailbox.park();
            let senders: Vec<_> = (0..2)
                .map(|i| {
                    let mailbox = mailbox.clone();
                    thread::spawn(move || mailbox.send(i).unwrap_or_else(|_| mailbox.wake()))
                })
                .collect();
            mailbox.close(drop);
            assert!(mailbox.with_notifier(Notifier::clear).is_none());
            number.becomes("a user's file");
            let notified = senders.into_iter().map(|s| s.join().unwrap());
            assert!(parked && notified.filter(|notified| *notified).count() <= 1);
        });
    }

    /// A notifier that a loop can sleep on.
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

    impl Notifier for Sleep {
        fn notify(&self) {
            *self.0.0.lock().unwrap() = true;
            self.0.1.notify_one();
        }

        fn clear(&self) {
            *self.0.0.lock().unwrap() = false;
        }
    }

    /// A loop that looks, sleeps if it may and looks again gets every message, and does not look
    /// more often than there was news.
    #[test]
    fn loom_a_sleeping_loop_gets_every_message() {
        model_of_three(|| {
            let sleep = Sleep::new();
            let mailbox = Arc::new(Mailbox::new(sleep.clone()));
            let senders: Vec<_> = (0..2)
                .map(|i| {
                    let mailbox = mailbox.clone();
                    thread::spawn(move || {
                        mailbox.send(i).unwrap();
                    })
                })
                .collect();
            let (mut got, mut looks) = (0, 0);
            loop {
                looks += 1;
                mailbox.take_notification();
                while mailbox.receive().is_some() {
                    got += 1;
                }
                if got == 2 {
                    break;
                }
                if mailbox.park() {
                    sleep.wait();
                    let _ = mailbox.with_notifier(Notifier::clear);
                }
            }
            assert!(looks <= 3, "it span");
            for s in senders {
                s.join().unwrap();
            }
        });
    }
}
