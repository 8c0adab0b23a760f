//! The file descriptor that wakes a loop from its wait.

use crate::wake::mailbox::Notifier;
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};

/// A file descriptor that is readable between `notify` and `clear`.
pub(crate) struct Eventfd(EventFd);

impl Eventfd {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        Ok(Eventfd(EventFd::from_flags(flags)?))
    }
}

impl AsRawFd for Eventfd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Notifier for Eventfd {
    fn notify(&self) {
        // Does not block, and fails only if the counter is at its limit: then the descriptor is
        // readable.
        let _ = self.0.write(1);
    }

    fn clear(&self) {
        // Does not block, and fails only if the counter is 0 already.
        let _ = self.0.read();
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;

    fn is_readable(eventfd: &Eventfd) -> bool {
        eventfd.0.read().is_ok()
    }

    #[test]
    fn the_descriptor_is_readable_from_a_notification_until_it_is_cleared() {
        let eventfd = Eventfd::new().unwrap();
        assert!(!is_readable(&eventfd));
        eventfd.notify();
        eventfd.notify();
        assert!(is_readable(&eventfd));
        eventfd.notify();
        eventfd.clear();
        assert!(!is_readable(&eventfd));
        eventfd.clear();
    }
}
