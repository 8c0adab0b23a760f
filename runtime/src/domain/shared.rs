//! The part of a domain that every thread may touch: its mailbox and its wake-up.

use crate::base::counters::DomainCounters;
use crate::base::panic::catch_and_discard;
use crate::domain::message::Message;
use crate::task::InjectQueue;
use crate::wake::mailbox::Mailbox;
use crate::wake::notifier::LoopNotifier;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::atomic::Ordering;
use std::task::Waker;
use std::time::Duration;

/// The part of a domain that other threads hold a reference to.
pub(crate) struct Shared {
    pub(crate) id: u64,
    mailbox: Mailbox<Box<dyn Message>, LoopNotifier>,
    /// Tasks that other threads have woken.
    pub(crate) inject: InjectQueue,
    pub(crate) counters: DomainCounters,
}

impl Shared {
    /// Creates the shared part of an executor. It is not registered yet.
    pub(crate) fn new(id: u64) -> io::Result<Self> {
        Ok(Shared {
            id,
            mailbox: Mailbox::new(LoopNotifier::new()?),
            inject: InjectQueue::new(),
            counters: DomainCounters::new(),
        })
    }

    /// Returns the descriptor that becomes readable when a sleeping loop is woken.
    pub(crate) fn raw_fd(&self) -> Option<i32> {
        self.mailbox.with_notifier(AsRawFd::as_raw_fd)
    }

    /// Sets what wakes the loop: the waker, or the descriptor. The owner.
    pub(crate) fn wake_through(&self, waker: Option<Waker>) {
        self.mailbox.with_notifier_mut(|n| n.set_waker(waker));
    }

    /// Returns `true` if a waker wakes the loop. The owner.
    pub(crate) fn wakes_through_waker(&self) -> bool {
        self.mailbox.with_notifier(LoopNotifier::has_waker) == Some(true)
    }

    /// Returns `true` if the loop has announced that it sleeps, and was not notified since. The owner.
    pub(crate) fn is_parked(&self) -> bool {
        self.mailbox.is_parked()
    }

    /// Returns `true` if the domain takes messages. Any thread.
    pub(crate) fn is_alive(&self) -> bool {
        self.mailbox.is_open()
    }

    /// Notifies the loop that there is work. Any thread; costs a system call only if the loop sleeps and
    /// no other thread has woken it yet.
    pub(crate) fn wake(&self) {
        self.count_wake(self.mailbox.wake());
    }

    /// Wakes the loop if it has announced that it sleeps. For work that the owner itself has queued: the
    /// loop finds it before it sleeps, unless it has just announced that and a signal handler or a
    /// finaliser queues the work.
    pub(crate) fn wake_if_parked(&self) {
        if self.mailbox.is_parked() {
            self.wake();
        }
    }

    fn count_wake(&self, notified: bool) {
        if notified {
            self.counters.wakeups.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Makes the descriptor unreadable again. The owner, when its loop has seen it.
    pub(crate) fn clear_notifier(&self) {
        self.mailbox.clear_notifier();
    }

    /// See [`Mailbox::take_notification`]. The owner.
    pub(crate) fn take_notification(&self) -> bool {
        self.mailbox.take_notification()
    }

    /// Notes that the loop is awake. Returns how long it slept, if it did. The owner.
    pub(crate) fn end_sleep(&self) -> Option<Duration> {
        self.counters.end_sleep()
    }

    /// See [`Mailbox::is_notified`]. The owner.
    pub(crate) fn is_notified(&self) -> bool {
        self.mailbox.is_notified()
    }

    /// See [`Mailbox::park`]. The owner.
    #[must_use]
    pub(crate) fn park(&self) -> bool {
        let parked = self.mailbox.park();
        if parked {
            self.counters.begin_sleep();
        }
        parked
    }

    /// Sends a message. Any thread, never blocks. Fails with the message if the domain has terminated.
    pub(crate) fn send<M: Message>(&self, message: M) -> Result<(), M> {
        match self.mailbox.send(Box::new(message)) {
            Ok(notified) => {
                self.count_wake(notified);
                Ok(())
            }
            Err(refused) => {
                let refused = refused.into_any().downcast::<M>();
                Err(*refused.expect("the message that was sent"))
            }
        }
    }

    /// Takes the next message. The owner.
    pub(crate) fn receive(&self) -> Option<Box<dyn Message>> {
        let message = self.mailbox.receive();
        self.counters.messages_in.add(u64::from(message.is_some()));
        message
    }

    /// Returns the number of messages in the mailbox. Any thread.
    pub(crate) fn waiting(&self) -> usize {
        self.mailbox.len()
    }

    /// Closes the mailbox: later messages go back to their senders. The owner.
    pub(crate) fn refuse_messages(&self) {
        self.mailbox.refuse();
    }

    /// Drops a message that was not received. Returns `false` if there is none. The owner.
    pub(crate) fn drop_message(&self) -> bool {
        let message = self.mailbox.receive();
        let any = message.is_some();
        catch_and_discard(|| drop(message));
        any
    }

    /// See [`Mailbox::is_drained`]. The owner.
    pub(crate) fn is_drained(&self) -> bool {
        self.mailbox.is_drained()
    }

    /// Ends the domain: closes the mailbox, drops the messages in it, and closes the descriptor. The
    /// owner.
    pub(crate) fn close(&self) {
        self.mailbox
            .close(|message| catch_and_discard(|| drop(message)));
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;
    use crate::domain::message::Run;
    use crate::ffi::token::RuntimeToken;

    type Nop = Run<fn(&RuntimeToken<'_>)>;

    fn nop() -> Nop {
        Run(|_| ())
    }

    #[test]
    fn a_closed_mailbox_hands_messages_back() {
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
        assert!(s.take_notification());
        s.clear_notifier();
        while s.receive().is_some() {}
        assert_eq!(s.counters.stats().messages_in, 3);
        assert!(s.park(), "all was received");
    }
}
