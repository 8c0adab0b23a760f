//! Handles that wait for a task which runs elsewhere.

use crate::base::error::JoinError;
use crate::base::panic::{CatchUnwind, catch_and_discard, catch_and_discard_cold, catch_unwind};
use crate::base::sync::oneshot::{self, error::TryRecvError};
use crate::ffi::thread;
use crate::wake::spin::AdaptiveSpin;
use futures_lite::future;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::task::unconstrained;

/// A future of the outcome of a task. May be awaited anywhere: on a domain, on tokio, or on any other
/// executor.
///
/// Dropping it detaches the task, unless [`cancel_on_drop`](JoinHandle::cancel_on_drop) was called;
/// [`cancel`](JoinHandle::cancel) drops the task's future on its own domain.
#[derive(Debug)]
pub struct JoinHandle<T> {
    domain: u64,
    outcome: oneshot::Receiver<Result<T, JoinError>>,
    cancel: Option<oneshot::Sender<()>>,
    cancel_on_drop: bool,
}

/// The task's end of a [`JoinHandle`].
pub(crate) struct Joined<T> {
    outcome: oneshot::Sender<Result<T, JoinError>>,
    /// `None` if the handle is known to be gone: a receiver that has returned `Closed` panics when it is
    /// polled.
    cancelled: Option<oneshot::Receiver<()>>,
}

/// Returns a handle and the task's end of it. If the task is dropped, or its domain terminates, the
/// handle yields [`JoinError::DomainTerminated`].
pub(crate) fn pair<T>(domain: u64) -> (JoinHandle<T>, Joined<T>) {
    let (outcome_tx, outcome) = oneshot::channel();
    let (cancel, cancelled) = oneshot::channel();
    let handle = JoinHandle {
        domain,
        outcome,
        cancel: Some(cancel),
        cancel_on_drop: false,
    };
    let joined = Joined {
        outcome: outcome_tx,
        cancelled: Some(cancelled),
    };
    (handle, joined)
}

impl<T> Joined<T> {
    /// Runs `future` to its end, or until it is cancelled, and reports.
    pub(crate) fn run<F: Future<Output = T>>(self, future: F) -> impl Future<Output = ()> {
        let Joined { outcome, cancelled } = self;
        // Made outside of the block, which may be dropped before it starts.
        let work = CatchUnwind::new(Box::pin(future));
        async move {
            let work = async { work.await.map_err(JoinError::Panicked) };
            let cancelled = async {
                let asked = match cancelled {
                    // Also heard if the work has used up tokio's budget.
                    Some(cancelled) => unconstrained(cancelled).await.is_ok(),
                    None => false,
                };
                if asked {
                    return Err(JoinError::Cancelled);
                }
                // The handle was dropped: the task is detached.
                future::pending().await
            };
            // A finished task wins over a cancellation at the same time. The work is dropped before its
            // outcome is reported.
            let result = future::or(work, cancelled).await;
            report(outcome, result);
        }
    }

    /// Returns `true` if the handle has asked to cancel the task.
    pub(crate) fn is_cancelled(&mut self) -> bool {
        let asked = self.cancelled.as_mut().map(|c| c.try_recv());
        if let Some(Err(TryRecvError::Closed)) = asked {
            self.cancelled = None;
        }
        matches!(asked, Some(Ok(())))
    }

    /// Runs `f` at once, unless the handle was cancelled, and reports.
    pub(crate) fn compute(mut self, f: impl FnOnce() -> T) {
        if self.is_cancelled() {
            return self.report_cancelled(f);
        }
        let result = catch_unwind(f).map_err(JoinError::Panicked);
        self.report(result);
    }

    /// Drops the work, and then reports that it was cancelled: what the work owns is free when the handle says so.
    pub(crate) fn report_cancelled(self, work: impl Sized) {
        catch_and_discard_cold(|| drop(work));
        self.report(Err(JoinError::Cancelled));
    }

    /// Reports a result.
    pub(crate) fn report(self, result: Result<T, JoinError>) {
        report(self.outcome, result);
    }
}

/// Sends the result. Without a handle the value is dropped here, and its destructor is the user's.
fn report<T>(to: oneshot::Sender<Result<T, JoinError>>, result: Result<T, JoinError>) {
    catch_and_discard(|| drop(to.send(result)));
}

impl<T> JoinHandle<T> {
    /// Asks the task to stop: its future is dropped on its own domain, and this handle
    /// yields [`JoinError::Cancelled`], unless the task finishes first. May be called on
    /// any thread and more than once.
    pub fn cancel(&mut self) {
        if let Some(cancel) = self.cancel.take() {
            let _ = cancel.send(());
        }
    }

    /// From now on dropping this handle [cancels](JoinHandle::cancel) the task.
    #[must_use = "dropping it cancels the task"]
    pub fn cancel_on_drop(mut self) -> Self {
        self.cancel_on_drop = true;
        self
    }

    /// Waits for the outcome. Spins before it sleeps if recent waits of this thread were short.
    /// A thread of Domain 0's blocking pool gives the lock back meanwhile.
    pub(crate) fn wait(self) -> Result<T, JoinError>
    where
        T: Send,
    {
        thread_local!(static SPIN: AdaptiveSpin = const { AdaptiveSpin::new() });
        thread::without_lock(|| SPIN.with(|spin| self.wait_with(spin)))
    }

    fn wait_with(mut self, spin: &AdaptiveSpin) -> Result<T, JoinError> {
        if spin.is_enabled() {
            let mut outcome = None;
            let try_recv = || {
                outcome = match self.outcome.try_recv() {
                    Ok(outcome) => Some(outcome),
                    Err(TryRecvError::Empty) => None,
                    // The receiver says so only once.
                    Err(TryRecvError::Closed) => Some(Err(self.terminated())),
                };
                outcome.is_some()
            };
            spin.wait_for(try_recv);
            if let Some(outcome) = outcome {
                return outcome;
            }
        }
        let start = Instant::now();
        // A task of tokio's may have used up its budget, which nothing here would renew.
        let outcome = future::block_on(unconstrained(self));
        spin.on_sleep(start.elapsed());
        outcome
    }

    fn terminated(&self) -> JoinError {
        JoinError::DomainTerminated {
            domain: self.domain,
        }
    }

    /// Lets the task go on, also after [`cancel_on_drop`](JoinHandle::cancel_on_drop).
    pub fn detach(mut self) {
        self.cancel_on_drop = false;
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        if self.cancel_on_drop {
            self.cancel();
        }
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.outcome)
            .poll(cx)
            .map(|r| r.unwrap_or_else(|_| Err(self.terminated())))
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests;

#[cfg(all(test, loom_model))]
mod loom_tests;
