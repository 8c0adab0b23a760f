//! The part of a domain that every thread may touch: its inbox and its wake-up.

use crate::local::Local;
use crate::metrics::DomainCounters;
use crate::panic::contain_quietly;
use crate::signal::Signal;
use crate::token::RuntimeToken;
use concurrent_queue::ConcurrentQueue;
use once_cell::sync::Lazy;
use std::any::Any;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Work that travels to a domain. It is run there, once, or dropped.
pub(crate) trait Message: Send {
    fn deliver(self: Box<Self>, local: &Local, token: &RuntimeToken<'_>);
    /// So that a message that cannot be sent goes back to its sender whole.
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send>;
}

/// A message made from a closure.
pub(crate) struct Run<F>(pub(crate) F);

impl<F: FnOnce(&Local, &RuntimeToken<'_>) + Send + 'static> Message for Run<F> {
    fn deliver(self: Box<Self>, local: &Local, token: &RuntimeToken<'_>) {
        (self.0)(local, token)
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

/// What other threads know of a domain.
pub(crate) struct Shared {
    pub(crate) id: u64,
    inbox: ConcurrentQueue<Box<dyn Message>>,
    signal: Signal,
    /// Wakes the loop from its wait. Behind a lock so that no one writes to a number
    /// that was closed and is something else by now; taken only to wake a sleeper,
    /// where the system call costs far more. `None` once the domain has ended.
    eventfd: Mutex<Option<OwnedFd>>,
    pub(crate) counters: DomainCounters,
}

impl Shared {
    /// The shared part of a new executor, not yet known to anyone.
    pub(crate) fn new(id: u64) -> io::Result<Self> {
        // SAFETY: no pointers are passed.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd == -1 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just made and has no other owner.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Shared {
            id,
            inbox: ConcurrentQueue::unbounded(),
            signal: Signal::new(),
            eventfd: Mutex::new(Some(fd)),
            counters: DomainCounters::new(),
        })
    }

    fn eventfd(&self) -> MutexGuard<'_, Option<OwnedFd>> {
        self.eventfd.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The descriptor that becomes readable when a sleeping loop is woken.
    pub(crate) fn raw_fd(&self) -> Option<i32> {
        self.eventfd().as_ref().map(AsRawFd::as_raw_fd)
    }

    pub(crate) fn is_alive(&self) -> bool {
        !self.inbox.is_closed()
    }

    /// Tells the loop that there is work. Any thread; a system call only if the loop
    /// sleeps and nobody has woken it yet.
    pub(crate) fn wake(&self) {
        if self.signal.raise()
            && let Some(fd) = &*self.eventfd()
        {
            self.counters.wakeups.fetch_add(1, Ordering::Relaxed);
            let one = 1u64.to_ne_bytes();
            // SAFETY: eight readable bytes, and a descriptor that the guard keeps open.
            // It cannot block, and it fails only if the counter is at its limit,
            // when the loop is about to wake anyway.
            unsafe { libc::write(fd.as_raw_fd(), one.as_ptr().cast(), one.len()) };
        }
    }

    /// Makes the descriptor unreadable again. The owner, when its loop saw it.
    pub(crate) fn clear_wake(&self) {
        if let Some(fd) = &*self.eventfd() {
            let mut count = [0u8; 8];
            // SAFETY: eight writable bytes, and a descriptor that the guard keeps open.
            unsafe { libc::read(fd.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
        }
    }

    /// See [`Signal::take`]. The owner.
    pub(crate) fn take_news(&self) -> bool {
        self.counters.awake();
        self.signal.take()
    }

    /// See [`Signal::park`]. The owner.
    #[must_use]
    pub(crate) fn park(&self) -> bool {
        let parked = self.signal.park();
        if parked {
            self.counters.sleep();
        }
        parked
    }

    /// Sends a message. Any thread, never blocks. If the domain is gone the message
    /// comes back.
    pub(crate) fn send<M: Message + 'static>(&self, message: M) -> Result<(), M> {
        match self.inbox.push(Box::new(message)) {
            Ok(()) => {
                self.note_message();
                self.wake();
                Ok(())
            }
            Err(refused) => {
                let any = refused.into_inner().into_any();
                Err(*any.downcast::<M>().expect("the message that was pushed"))
            }
        }
    }

    /// Counts a message to this domain from the calling thread.
    pub(crate) fn note_message(&self) {
        self.counters.messages_in.fetch_add(1, Ordering::Relaxed);
        crate::local::with_owner(|local| local.shared.counters.messages_out.add(1));
    }

    pub(crate) fn receive(&self) -> Option<Box<dyn Message>> {
        self.inbox.pop().ok()
    }

    /// Ends the domain: later messages go back to their senders, those that were not
    /// yet received are dropped, the descriptor is closed. The owner.
    pub(crate) fn close(&self) {
        self.inbox.close();
        while let Some(message) = self.receive() {
            contain_quietly(|| drop(message));
        }
        registry().remove(&self.id);
        *self.eventfd() = None;
    }
}

static REGISTRY: Lazy<Mutex<BTreeMap<u64, Arc<Shared>>>> = Lazy::new(Mutex::default);

/// The domains that have an executor, by unique id. The lock is held for a look-up.
pub(crate) fn registry() -> MutexGuard<'static, BTreeMap<u64, Arc<Shared>>> {
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;

    type Nop = Run<fn(&Local, &RuntimeToken<'_>)>;

    fn nop() -> Nop {
        Run(|_, _| ())
    }

    #[test]
    fn a_closed_inbox_hands_messages_back() {
        let s = Shared::new(u64::MAX).unwrap();
        assert!(s.send(nop()).is_ok());
        s.close();
        assert!(!s.is_alive());
        assert!(s.send(nop()).is_err());
        assert!(s.receive().is_none());
        s.wake();
    }

    #[test]
    fn a_parked_loop_is_woken_once_through_its_descriptor() {
        let s = Shared::new(u64::MAX).unwrap();
        assert!(s.park());
        for _ in 0..3 {
            assert!(s.send(nop()).is_ok());
        }
        assert_eq!(s.counters.stats().wakeups, 1);
        assert_eq!(s.counters.stats().messages_in, 3);
        assert!(s.take_news());
        s.clear_wake();
        while s.receive().is_some() {}
        assert!(s.park(), "all was received");
    }
}
