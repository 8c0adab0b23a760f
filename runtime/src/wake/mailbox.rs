//! The mailbox of a domain: a queue of messages that any thread sends to, and the parker and notifier
//! that wake the domain's loop.

use crate::base::sync::{Mutex, MutexGuard, yield_now};
use crate::wake::parker::Parker;
use crate::wake::queue::Queue;
use crossbeam_utils::CachePadded;
use std::sync::{PoisonError, TryLockError};

/// Wakes a loop from its wait. Any thread may use it. Dropping it closes it.
pub(crate) trait Notifier {
    /// Wakes the loop, or keeps it from sleeping until [`clear`](Self::clear).
    fn notify(&self);
    /// Clears the notifications so far.
    fn clear(&self);
}

/// See the module's documentation.
pub(crate) struct Mailbox<M, N> {
    queue: Queue<M>,
    parker: CachePadded<Parker>,
    /// `None` once the mailbox is closed. The lock keeps a sender from using a notifier that is closed:
    /// the number of its descriptor may be another file's by then. It is taken only to wake a loop that
    /// sleeps, where the system call costs far more.
    notifier: Mutex<Option<N>>,
}

impl<M, N: Notifier> Mailbox<M, N> {
    /// The mailbox of a loop that is awake.
    pub(crate) fn new(notifier: N) -> Self {
        Mailbox {
            queue: Queue::new(),
            parker: CachePadded::new(Parker::new()),
            notifier: Mutex::new(Some(notifier)),
        }
    }

    fn notifier(&self) -> MutexGuard<'_, Option<N>> {
        self.notifier.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `f` with the notifier. Returns `None` if the mailbox is closed.
    pub(crate) fn with_notifier<R>(&self, f: impl FnOnce(&N) -> R) -> Option<R> {
        self.notifier().as_ref().map(f)
    }

    /// Calls `f` with the notifier, to change it. Returns `None` if the mailbox is closed. A notification that finds the
    /// notifier as it was before has been noted in the parker before that.
    pub(crate) fn with_notifier_mut<R>(&self, f: impl FnOnce(&mut N) -> R) -> Option<R> {
        self.notifier().as_mut().map(f)
    }

    /// Clears the notifications so far. Returns `false` if another thread notifies just now: then the
    /// descriptor stays readable, and the loop comes back. Never waits. The owner.
    pub(crate) fn clear_notifier(&self) -> bool {
        let notifier = match self.notifier.try_lock() {
            Ok(notifier) => notifier,
            Err(TryLockError::Poisoned(error)) => error.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        if let Some(notifier) = &*notifier {
            notifier.clear();
        }
        true
    }

    /// Sends a message and [wakes](Self::wake) the loop. Returns `true` if the loop was woken from its
    /// sleep. Fails with the message if the mailbox is closed. Any thread; never blocks.
    pub(crate) fn send(&self, message: M) -> Result<bool, M> {
        self.queue.push(message)?;
        // After the push, so that a loop that takes the notification finds the message.
        Ok(self.wake())
    }

    /// Notifies the loop that there is work. Returns `true` if this call woke a sleeping loop through
    /// the notifier. Any thread.
    pub(crate) fn wake(&self) -> bool {
        self.parker.notify() && self.with_notifier(Notifier::notify).is_some()
    }

    /// Returns `true` until the mailbox is closed.
    pub(crate) fn is_open(&self) -> bool {
        !self.queue.is_closed()
    }

    /// See [`Parker::take_notification`]. The owner.
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

    /// Takes the next message. Returns `None` if there is none, or if the thread that sends it is
    /// suspended in the middle: it wakes the loop when it goes on. The owner.
    pub(crate) fn receive(&self) -> Option<M> {
        self.queue.pop()
    }

    /// Returns `true` once messages are [refused](Self::refuse) and all others have been received. The
    /// owner.
    pub(crate) fn is_drained(&self) -> bool {
        self.queue.is_drained()
    }

    /// The number of messages that have not been received. Any thread.
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Refuses later messages, which go back to their senders. The owner.
    pub(crate) fn refuse(&self) {
        self.queue.close();
    }

    /// Closes the mailbox and its notifier. Messages that have not been received go to `drop`, later ones
    /// back to their senders. Waits for threads that are suspended while they send. The owner.
    pub(crate) fn close(&self, mut drop: impl FnMut(M)) {
        self.refuse();
        while !self.is_drained() {
            match self.receive() {
                Some(message) => drop(message),
                None => yield_now(),
            }
        }
        *self.notifier() = None;
    }
}

/// The notifier of models in which no loop sleeps.
#[cfg(all(test, loom_model))]
pub(crate) struct NullNotifier;

#[cfg(all(test, loom_model))]
impl Notifier for NullNotifier {
    fn notify(&self) {}
    fn clear(&self) {}
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// Counts notifications.
    #[derive(Default)]
    struct Count(Cell<usize>);

    impl Notifier for Count {
        fn notify(&self) {
            self.0.set(self.0.get() + 1);
        }

        fn clear(&self) {
            self.0.set(0);
        }
    }

    #[test]
    fn a_closed_mailbox_hands_messages_back() {
        let mailbox = Mailbox::new(Count::default());
        assert_eq!(mailbox.send(1), Ok(false));
        assert_eq!(mailbox.send(2), Ok(false));
        assert_eq!(mailbox.receive(), Some(1));
        let mut dropped = Vec::new();
        mailbox.close(|message| dropped.push(message));
        assert_eq!(dropped, [2]);
        assert!(!mailbox.is_open());
        assert_eq!(mailbox.send(3), Err(3));
        assert_eq!(mailbox.receive(), None);
        assert!(mailbox.with_notifier(|_| ()).is_none());
    }

    #[test]
    fn a_parked_loop_is_woken_once_through_its_notifier() {
        let mailbox = Mailbox::new(Count::default());
        let notifications = || mailbox.with_notifier(|n| n.0.get()).expect("it is open");
        assert!(mailbox.park());
        let woken = [1, 2, 3].map(|message| mailbox.send(message).expect("it is open"));
        assert_eq!(woken, [true, false, false]);
        assert_eq!(notifications(), 1);
        assert!(mailbox.take_notification());
        assert_eq!(mailbox.len(), 3);
    }
}

#[cfg(all(test, loom_model))]
mod models {
    use super::*;
    use crate::base::sync::model_of_three;
    use loom::cell::Cell;
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
                        // loom reports a message that is leaked.
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
            assert!(mailbox.receive().is_none(), "sent after it was closed");
            here.sort();
            assert_eq!(here, [0, 1]);
        });
    }

    /// A number in the process's table of descriptors, and the file that it stands for. loom reports
    /// accesses that are not ordered.
    #[derive(Clone)]
    struct Number(Arc<Cell<&'static str>>);

    struct Descriptor(Number);

    impl Notifier for Descriptor {
        fn notify(&self) {
            assert_eq!(self.0.0.get(), "the notifier", "notified another file");
        }

        fn clear(&self) {
            self.notify();
        }
    }

    impl Drop for Descriptor {
        fn drop(&mut self) {
            self.0.0.set("closed");
        }
    }

    /// No sender writes to a descriptor that was closed, or is another file's by then.
    #[test]
    fn loom_a_closed_descriptor_is_not_written_to() {
        model_of_three(|| {
            let number = Number(Arc::new(Cell::new("the notifier")));
            let mailbox = Arc::new(Mailbox::new(Descriptor(number.clone())));
            let parked = mailbox.park();
            let senders: Vec<_> = (0..2)
                .map(|i| {
                    let mailbox = mailbox.clone();
                    thread::spawn(move || mailbox.send(i).unwrap_or_else(|_| mailbox.wake()))
                })
                .collect();
            mailbox.close(drop);
            mailbox.clear_notifier();
            number.0.set("a user's file");
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

        /// If there is no notification, loom reports a deadlock.
        fn wait(&self) {
            let (notified, changed) = &*self.0;
            let mut notified = notified.lock().unwrap();
            while !*notified {
                notified = changed.wait(notified).unwrap();
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

    /// A loop that drains its queue, sleeps if it may and drains again gets every message, and does not
    /// drain more often than it was notified.
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
            let (mut got, mut drains, mut again) = (0, 0, 0);
            loop {
                drains += 1;
                mailbox.take_notification();
                while mailbox.receive().is_some() {
                    got += 1;
                }
                if got == 2 {
                    break;
                }
                if mailbox.park() {
                    sleep.wait();
                    if !mailbox.clear_notifier() {
                        again += 1;
                        thread::yield_now();
                    }
                }
            }
            assert!(drains <= 3 + again, "it was busy without need");
            for s in senders {
                s.join().unwrap();
            }
        });
    }
}
