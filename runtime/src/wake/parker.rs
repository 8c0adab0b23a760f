//! The wake protocol of a domain: one atomic that tells whether its loop has
//! news to look at and whether it sleeps.
//!
//! Every transition is a read-modify-write of the same atomic, so senders and
//! the owner agree on one order of events. A sender that finds news need not
//! change anything, nor the owner that finds none: then two fences see to it
//! that one of them sees what the other did.
//!
//! ```text
//!            raise                     raise (the sender must wake the loop)
//!   Idle ------------> News <----------------------------- Parked
//!    ^                  |                                    ^
//!    |       take       |                                    |
//!    +------------------+        park (only from Idle)       |
//!    +-------------------------------------------------------+
//! ```

use crate::base::sync::{AtomicU8, Ordering, fence};

/// The loop is awake and nothing has happened since it last looked.
const IDLE: u8 = 0;
/// Something happened since the loop last looked.
const NOTIFIED: u8 = 1;
/// The loop is about to sleep, or asleep: whoever raises must wake it.
const PARKED: u8 = 2;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Parker(AtomicU8);

impl Parker {
    /// A parker of a loop that is awake.
    pub(crate) fn new() -> Self {
        Parker(AtomicU8::new(IDLE))
    }

    /// Tells the loop that there is something to look at. Any thread.
    ///
    /// What the caller wrote before is visible to the owner after `take`.
    /// Returns whether the caller has to wake the loop: of all the callers that
    /// meet a sleeping loop exactly one gets `true`. Of many senders to a busy
    /// loop only the first writes to what they share.
    #[must_use]
    pub(crate) fn notify(&self) -> bool {
        // Either the owner, who looks after its own fence, sees what was sent; or this sees that
        // it has taken the news.
        fence(Ordering::SeqCst);
        self.0.load(Ordering::Relaxed) != NOTIFIED
            && self.0.swap(NOTIFIED, Ordering::AcqRel) == PARKED
    }

    /// Forgets the news, and that the loop slept. The owner calls it *before*
    /// it looks at its queues, so that nothing that comes later is missed.
    pub(crate) fn take_notification(&self) -> bool {
        if self.0.load(Ordering::Relaxed) == IDLE {
            // What is sent now is news to the next look, without which the loop does not sleep.
            return false;
        }
        let news = self.0.swap(IDLE, Ordering::AcqRel) == NOTIFIED;
        fence(Ordering::SeqCst);
        news
    }

    /// Whether there is news. A hint: what it is based on is seen only after [`take`](Self::take).
    pub(crate) fn is_notified(&self) -> bool {
        self.0.load(Ordering::Relaxed) == NOTIFIED
    }

    /// Whether the loop has announced that it sleeps, and nobody has raised since. The owner.
    pub(crate) fn is_parked(&self) -> bool {
        self.0.load(Ordering::Relaxed) == PARKED
    }

    /// Announces that the loop will sleep. Returns `false` if it must not,
    /// because there is news. Only the owner calls it.
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
    fn one_of_many_raisers_wakes_a_parked_loop() {
        let s = Parker::new();
        assert!(s.park());
        assert!(s.notify());
        assert!(!s.notify());
        assert!(s.take_notification());
        assert!(!s.notify(), "an awake loop needs no wake");
    }

    #[test]
    fn news_forbids_parking() {
        let s = Parker::new();
        assert!(!s.notify());
        assert!(!s.park());
        assert!(s.take_notification());
        assert!(s.park());
        assert!(!s.take_notification(), "waking up without news");
    }
}

#[cfg(all(test, loom_model))]
mod models {
    use super::*;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicUsize;

    /// Two senders and a loop: whatever the order, the loop never sleeps on a
    /// message, and a sleeping loop is woken exactly once.
    #[test]
    fn loom_no_message_is_slept_on() {
        loom::model(|| {
            let parker = Arc::new(Parker::new());
            let queue = Arc::new(AtomicUsize::new(0));
            let wakes = Arc::new(AtomicUsize::new(0));
            let senders: Vec<_> = (0..2)
                .map(|_| {
                    let (parker, queue, wakes) = (parker.clone(), queue.clone(), wakes.clone());
                    loom::thread::spawn(move || {
                        // Relaxed: visibility has to come from the parker alone.
                        queue.fetch_add(1, Ordering::Relaxed);
                        if parker.notify() {
                            wakes.fetch_add(1, Ordering::Relaxed);
                        }
                    })
                })
                .collect();
            // The owner: look, then try to sleep.
            parker.take_notification();
            let seen = queue.load(Ordering::Relaxed);
            let parked = parker.park();
            for s in senders {
                s.join().unwrap();
            }
            let woken = wakes.load(Ordering::Relaxed);
            if parked {
                assert!(woken <= 1);
                assert!(seen == 2 || woken == 1, "slept on a message");
            } else {
                assert_eq!(woken, 0, "woke a loop that did not sleep");
                assert!(parker.take_notification());
            }
        });
    }

    /// What a sender wrote before `raise` is there after `take` saw the news.
    #[test]
    fn loom_take_sees_what_was_written() {
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
