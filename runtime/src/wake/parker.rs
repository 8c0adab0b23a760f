//! The parker of a loop: one atomic that says whether the loop has been notified and whether it sleeps.
//!
//! Every transition is a read-modify-write of the same atomic, so notifiers and the owner agree on one
//! order of events. A notifier that finds `NOTIFIED`, and an owner that finds `IDLE`, change nothing:
//! then two fences make sure that one of them sees what the other did.
//!
//! ```text
//!           notify                    notify (the caller must wake the loop)
//!   IDLE ------------> NOTIFIED <---------------------------- PARKED
//!    ^                    |                                     ^
//!    | take_notification  |                                     |
//!    +--------------------+         park (only from IDLE)       |
//!    +----------------------------------------------------------+
//! ```

use crate::base::sync::{AtomicU8, Ordering, fence};

/// The loop is awake, and has not been notified since it last took a notification.
const IDLE: u8 = 0;
/// The loop has been notified.
const NOTIFIED: u8 = 1;
/// The loop sleeps, or is about to: the next notifier must wake it.
const PARKED: u8 = 2;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Parker(AtomicU8);

impl Parker {
    /// The parker of a loop that is awake.
    pub(crate) fn new() -> Self {
        Parker(AtomicU8::new(IDLE))
    }

    /// Notifies the loop. Any thread.
    ///
    /// The owner sees what the caller wrote before once it has taken the notification. Returns `true` if
    /// the caller has to wake the loop: of all callers that find a sleeping loop exactly one does. Of
    /// many that notify a busy loop only the first writes to the atomic.
    #[must_use]
    pub(crate) fn notify(&self) -> bool {
        // Either the owner, which drains its queues after its own fence, sees what was queued; or this
        // load sees that the notification was taken.
        fence(Ordering::SeqCst);
        self.0.load(Ordering::Relaxed) != NOTIFIED
            && self.0.swap(NOTIFIED, Ordering::AcqRel) == PARKED
    }

    /// Takes the notification, and notes that the loop is awake. Returns `false` if there was none. The
    /// owner calls it *before* it drains its queues, so that nothing that is queued later is missed.
    pub(crate) fn take_notification(&self) -> bool {
        if self.0.load(Ordering::Relaxed) == IDLE {
            // A later notification is taken the next time, and the loop does not sleep before.
            return false;
        }
        let notified = self.0.swap(IDLE, Ordering::AcqRel) == NOTIFIED;
        fence(Ordering::SeqCst);
        notified
    }

    /// Returns `true` if there is a notification. A hint: what was written before it is visible only
    /// after [`take_notification`](Self::take_notification).
    pub(crate) fn is_notified(&self) -> bool {
        self.0.load(Ordering::Relaxed) == NOTIFIED
    }

    /// Returns `true` if the loop has parked and has not been notified since. The owner.
    pub(crate) fn is_parked(&self) -> bool {
        self.0.load(Ordering::Relaxed) == PARKED
    }

    /// Announces that the loop will sleep. Returns `false` if it must not, because there is a
    /// notification. The owner.
    #[must_use]
    pub(crate) fn park(&self) -> bool {
        self.0
            .compare_exchange(IDLE, PARKED, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;

    #[test]
    fn one_of_many_notifiers_wakes_a_parked_loop() {
        let parker = Parker::new();
        assert!(parker.park());
        assert!(parker.notify());
        assert!(!parker.notify());
        assert!(parker.take_notification());
        assert!(!parker.notify(), "a loop that is awake needs no wake-up");
    }

    #[test]
    fn a_notification_forbids_parking() {
        let parker = Parker::new();
        assert!(!parker.notify());
        assert!(!parker.park());
        assert!(parker.take_notification());
        assert!(parker.park());
        assert!(
            !parker.take_notification(),
            "it woke without a notification"
        );
    }
}

#[cfg(all(test, loom_model))]
mod models {
    use super::*;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicUsize;

    /// Two senders and a loop: in every order, the loop never sleeps while there is a message, and a
    /// sleeping loop is woken exactly once.
    #[test]
    fn loom_a_loop_does_not_sleep_on_a_message() {
        loom::model(|| {
            let parker = Arc::new(Parker::new());
            let queue = Arc::new(AtomicUsize::new(0));
            let wakeups = Arc::new(AtomicUsize::new(0));
            let senders: Vec<_> = (0..2)
                .map(|_| {
                    let (parker, queue, wakeups) = (parker.clone(), queue.clone(), wakeups.clone());
                    loom::thread::spawn(move || {
                        // Relaxed: visibility has to come from the parker alone.
                        queue.fetch_add(1, Ordering::Relaxed);
                        if parker.notify() {
                            wakeups.fetch_add(1, Ordering::Relaxed);
                        }
                    })
                })
                .collect();
            // The owner drains its queue, then tries to sleep.
            parker.take_notification();
            let seen = queue.load(Ordering::Relaxed);
            let parked = parker.park();
            for s in senders {
                s.join().unwrap();
            }
            let wakeups = wakeups.load(Ordering::Relaxed);
            if parked {
                assert!(wakeups <= 1);
                assert!(seen == 2 || wakeups == 1, "slept on a message");
            } else {
                assert_eq!(wakeups, 0, "woke a loop that did not sleep");
                assert!(parker.take_notification());
            }
        });
    }

    /// The owner sees what a sender wrote before its notification once it has taken that.
    #[test]
    fn loom_a_notification_makes_earlier_writes_visible() {
        loom::model(|| {
            let parker = Arc::new(Parker::new());
            let data = Arc::new(AtomicUsize::new(0));
            let t = {
                let (parker, data) = (parker.clone(), data.clone());
                loom::thread::spawn(move || {
                    data.store(7, Ordering::Relaxed);
                    let _ = parker.notify();
                })
            };
            if parker.take_notification() {
                assert_eq!(data.load(Ordering::Relaxed), 7);
            }
            t.join().unwrap();
        });
    }
}
