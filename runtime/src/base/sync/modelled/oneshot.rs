//! Replaces `tokio::sync::oneshot`, which loom cannot see into.

use error::TryRecvError;
use loom::sync::{Arc, Mutex};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

struct State<T> {
    value: Option<T>,
    waiter: Option<Waker>,
    /// The sender has sent its value or was dropped.
    sent: bool,
    /// The receiver was dropped.
    closed: bool,
}

type Shared<T> = Arc<Mutex<State<T>>>;

pub(crate) struct Sender<T>(Shared<T>);

/// The second field is `true` once it has returned an outcome: then tokio's must not be polled.
pub(crate) struct Receiver<T>(Shared<T>, bool);

pub(crate) mod error {
    pub(crate) use tokio::sync::oneshot::error::TryRecvError;
}

/// The error of a receiver whose sender was dropped.
#[derive(Debug)]
pub(crate) struct RecvError;

pub(crate) fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let state = Arc::new(Mutex::new(State {
        value: None,
        waiter: None,
        sent: false,
        closed: false,
    }));
    (Sender(state.clone()), Receiver(state, false))
}

impl<T> Sender<T> {
    /// Sends a value. Fails with the value if the receiver was dropped.
    pub(crate) fn send(self, value: T) -> Result<(), T> {
        let mut state = self.0.lock().unwrap();
        if state.closed {
            drop(state);
            return Err(value);
        }
        state.value = Some(value);
        Ok(())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let waiter = {
            let mut state = self.0.lock().unwrap();
            state.sent = true;
            state.waiter.take()
        };
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }
}

impl<T> Receiver<T> {
    pub(crate) fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let mut state = self.0.lock().unwrap();
        if self.1 || state.sent {
            self.1 = true;
            return state.value.take().ok_or(TryRecvError::Closed);
        }
        Err(TryRecvError::Empty)
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, RecvError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        assert!(!this.1, "polled after completion");
        let mut state = this.0.lock().unwrap();
        if state.sent {
            this.1 = true;
            return Poll::Ready(state.value.take().ok_or(RecvError));
        }
        let old = state.waiter.replace(cx.waker().clone());
        drop(state);
        drop(old);
        Poll::Pending
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let (value, waiter) = {
            let mut state = self.0.lock().unwrap();
            state.closed = true;
            (state.value.take(), state.waiter.take())
        };
        drop((value, waiter));
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sender")
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receiver")
    }
}
