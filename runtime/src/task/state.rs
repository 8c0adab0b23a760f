//! The state of a task: one atomic word that every thread uses, and the phase, which is the owner's.
//!
//! ```text
//!             attach           run
//!   Unbound ---------> Idle --------> Polling -----------------> Complete
//!      |                |  <--------     |           Ready        ^ ^ ^
//!      |                |   Pending      | drop                   | | |
//!      |                |                +--------> Cancelled ----+ | |
//!      |                |                          poll returns     | |
//!      |                +-------------------------------------------+ |
//!      |                               drop                           |
//!      +--------------------------------------------------------------+
//!                              finish, drop
//! ```
//!
//! A wake-up schedules the task, once ([`State::transition_to_scheduled`]), unless it is complete. A
//! task that leaves its queue while it is unbound or being polled notes that it was notified, and is
//! scheduled again when it becomes idle.

use crate::base::sync::{AtomicU32, Ordering};

/// The phase of a task. The work exists in every phase but `Complete`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not attached: only its `NewTask` polls it.
    Unbound { notified: bool },
    /// Attached, and not being polled.
    Idle,
    /// Being polled, or completed by a poll.
    Polling { notified: bool },
    /// Being polled or completed, and the owner has dropped its `Task` meanwhile.
    Cancelled,
    /// The work has been dropped, or is being dropped.
    Complete,
}

/// A queue has the task, or is about to: the thread that set this flag has the task's `Runnable`.
const SCHEDULED: u32 = 1;
/// Wake-ups have no effect any more.
const COMPLETE: u32 = 2;
/// One reference.
const REFERENCE: u32 = 4;
/// More references than this mean that wakers are leaked in a loop.
const MAX_REFERENCES: u32 = u32::MAX / 2;

/// The flags of a task and the number of its references. They are one word, so that a wake-up and
/// the removal from a queue take one locked instruction each.
pub(super) struct State(AtomicU32);

impl State {
    /// The state of a new task, with one reference.
    #[inline]
    pub(super) fn new() -> Self {
        State(AtomicU32::new(REFERENCE))
    }

    /// Returns `true` if there is one reference only. Then the caller has it, and no other thread can
    /// make another.
    #[inline]
    pub(super) fn is_unique(&self) -> bool {
        self.0.load(Ordering::Acquire) / REFERENCE == 1
    }

    /// Adds a reference.
    pub(super) fn ref_inc(&self) {
        if self.0.fetch_add(REFERENCE, Ordering::Relaxed) > MAX_REFERENCES {
            // As `Arc` does: an overflow would free the task while it is used.
            std::process::abort();
        }
    }

    /// Removes a reference. Returns `true` if it was the last one.
    #[inline]
    pub(super) fn ref_dec(&self) -> bool {
        // The only reference can be given up without a locked instruction.
        self.is_unique() || self.0.fetch_sub(REFERENCE, Ordering::AcqRel) / REFERENCE == 1
    }

    /// Marks the task as scheduled, and adds a reference for the queue. Returns `false`, and adds
    /// none, if the task is scheduled already or complete.
    pub(super) fn transition_to_scheduled(&self) -> bool {
        // A task that is scheduled already is written to as well: its next poll has to see what the
        // caller wrote before.
        let before = self
            .0
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |state| {
                match state & (SCHEDULED | COMPLETE) {
                    0 => Some((state | SCHEDULED) + REFERENCE),
                    SCHEDULED => Some(state),
                    _ => None,
                }
            });
        match before {
            Ok(before) if before & SCHEDULED == 0 => {
                if before > MAX_REFERENCES {
                    std::process::abort();
                }
                true
            }
            _ => false,
        }
    }

    /// Notes that the task has left its queue. What wakers wrote until now is visible from now on, and
    /// later wake-ups schedule the task again.
    pub(super) fn clear_scheduled(&self) {
        self.0.fetch_and(!SCHEDULED, Ordering::AcqRel);
    }

    /// Like [`clear_scheduled`](Self::clear_scheduled), and removes the queue's reference, which must
    /// not be the last one.
    pub(super) fn transition_to_polling(&self) {
        self.0.fetch_sub(SCHEDULED + REFERENCE, Ordering::AcqRel);
    }

    /// Makes wake-ups have no effect from now on.
    pub(super) fn transition_to_complete(&self) {
        self.0.fetch_or(COMPLETE, Ordering::AcqRel);
    }

    /// The number of references.
    #[cfg(all(test, not(loom_model)))]
    pub(super) fn references(&self) -> usize {
        (self.0.load(Ordering::Relaxed) / REFERENCE) as usize
    }

    #[cfg(all(test, not(loom_model)))]
    pub(super) fn is_scheduled(&self) -> bool {
        self.0.load(Ordering::Relaxed) & SCHEDULED != 0
    }
}
