//! What wakes a domain's loop from its wait: a file descriptor, or a waker where the loop waits in a tokio runtime.

use crate::wake::eventfd::Eventfd;
use crate::wake::mailbox::Notifier;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::task::Waker;

/// See the module's documentation.
pub(crate) struct LoopNotifier {
    eventfd: Eventfd,
    waker: Option<Waker>,
}

impl LoopNotifier {
    /// Creates a notifier of a loop that waits for the file descriptor.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(LoopNotifier {
            eventfd: Eventfd::new()?,
            waker: None,
        })
    }

    /// Returns `true` if it wakes a waker.
    pub(crate) fn has_waker(&self) -> bool {
        self.waker.is_some()
    }

    /// From now on wakes `waker` or, if that is `None`, makes the file descriptor readable.
    pub(crate) fn set_waker(&mut self, waker: Option<Waker>) {
        self.waker = waker;
    }
}

impl AsRawFd for LoopNotifier {
    fn as_raw_fd(&self) -> RawFd {
        self.eventfd.as_raw_fd()
    }
}

impl Notifier for LoopNotifier {
    fn notify(&self) {
        match &self.waker {
            Some(waker) => waker.wake_by_ref(),
            None => self.eventfd.notify(),
        }
    }

    fn clear(&self) {
        self.eventfd.clear();
    }
}
