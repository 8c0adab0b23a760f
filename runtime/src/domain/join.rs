//! Waiting for a task that runs elsewhere.

use crate::base::error::JoinError;
use crate::base::panic::{CatchUnwind, catch_and_discard, catch_unwind};
use crate::base::sync::oneshot::{self, error::TryRecvError};
use crate::wake::spin::AdaptiveSpin;
use futures_lite::future;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

/// The outcome of a task, to be awaited anywhere: on a domain, on tokio, or on any
/// other executor.
///
/// Dropping it lets the task go on (it is *detached*), unless
/// [`cancel_on_drop`](JoinHandle::cancel_on_drop) was asked for; [`cancel`](JoinHandle::cancel)
/// drops the task's future on its own domain.
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
    /// `None` if it is known that nobody will ask: a receiver that has said so panics when it is
    /// polled.
    cancelled: Option<oneshot::Receiver<()>>,
}

/// A handle, and what its task needs to fulfil it. A task that is dropped, or a domain that
/// ends, yields [`JoinError::DomainTerminated`].
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
        // Outside of the block, which may be dropped before it starts.
        let work = CatchUnwind::new(Box::pin(future));
        async move {
            let work = async { work.await.map_err(JoinError::Panicked) };
            let cancelled = async {
                let asked = match cancelled {
                    Some(cancelled) => cancelled.await.is_ok(),
                    None => false,
                };
                if asked {
                    return Err(JoinError::Cancelled);
                }
                // The handle was dropped: the task is detached.
                future::pending().await
            };
            // A finished task wins over a cancellation that comes at the same time. The work is
            // dropped before its outcome is told.
            let result = future::or(work, cancelled).await;
            report(outcome, result);
        }
    }

    /// Whether the handle has asked for it.
    pub(crate) fn is_cancelled(&mut self) -> bool {
        let asked = self.cancelled.as_mut().map(|c| c.try_recv());
        if let Some(Err(TryRecvError::Closed)) = asked {
            self.cancelled = None;
        }
        matches!(asked, Some(Ok(())))
    }

    /// Runs `f` at once, unless the handle was cancelled, and reports.
    pub(crate) fn compute(mut self, f: impl FnOnce() -> T) {
        let result = match self.is_cancelled() {
            true => Err(JoinError::Cancelled),
            false => catch_unwind(f).map_err(JoinError::Panicked),
        };
        self.report(result);
    }

    /// Reports what was computed at once.
    pub(crate) fn report(self, result: Result<T, JoinError>) {
        report(self.outcome, result);
    }
}

/// If nobody waits, the value is dropped here, and its destructor is the user's.
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

    /// Waits for the outcome, and looks for it before it sleeps if that has on_hit on this thread.
    pub(crate) fn wait(self) -> Result<T, JoinError> {
        thread_local!(static SPIN: AdaptiveSpin = const { AdaptiveSpin::new() });
        SPIN.with(|spin| self.wait_with(spin))
    }

    fn wait_with(mut self, spin: &AdaptiveSpin) -> Result<T, JoinError> {
        if spin.is_enabled() {
            let mut outcome = None;
            let look = || {
                outcome = match self.outcome.try_recv() {
                    Ok(outcome) => Some(outcome),
                    Err(TryRecvError::Empty) => None,
                    // It says so only once.
                    Err(TryRecvError::Closed) => Some(Err(self.terminated())),
                };
                outcome.is_some()
            };
            spin.wait_for(look);
            if let Some(outcome) = outcome {
                return outcome;
            }
        }
        let start = Instant::now();
        let outcome = future::block_on(self);
        spin.on_sleep(start.elapsed());
        outcome
    }

    fn terminated(&self) -> JoinError {
        JoinError::DomainTerminated {
            domain: self.domain,
        }
    }

    /// Lets the task go on, whatever was asked for before.
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
mod tests {
    use super::*;

    #[test]
    fn cancelling_drops_the_work_and_detaching_does_not() {
        struct Flag<'a>(&'a std::cell::Cell<bool>);
        impl Drop for Flag<'_> {
            fn drop(&mut self) {
                self.0.set(true);
            }
        }
        let dropped = std::cell::Cell::new(false);
        let (mut handle, joined) = pair::<()>(1);
        let flag = Flag(&dropped);
        let mut task = Box::pin(joined.run(async {
            let _flag = flag;
            future::pending().await
        }));
        assert!(future::block_on(future::poll_once(&mut task)).is_none());
        handle.cancel();
        assert!(future::block_on(future::poll_once(&mut task)).is_some());
        assert!(dropped.get());
        assert_eq!(future::block_on(handle), Err(JoinError::Cancelled));

        let (handle, joined) = pair::<u8>(1);
        let mut task = Box::pin(joined.run(async {
            future::yield_now().await;
            7
        }));
        handle.detach();
        assert!(future::block_on(future::poll_once(&mut task)).is_none());
        assert!(future::block_on(future::poll_once(&mut task)).is_some());
    }

    #[test]
    fn a_task_that_is_dropped_has_terminated() {
        let (handle, joined) = pair::<u8>(42);
        drop(joined.run(async { 1 }));
        assert_eq!(
            future::block_on(handle),
            Err(JoinError::DomainTerminated { domain: 42 })
        );
    }

    #[test]
    fn who_looks_for_a_task_that_is_dropped_learns_that_it_has_terminated() {
        let (handle, joined) = pair::<u8>(42);
        drop(joined);
        let spin = AdaptiveSpin::new();
        spin.on_hit();
        assert_eq!(
            handle.wait_with(&spin),
            Err(JoinError::DomainTerminated { domain: 42 })
        );
    }

    #[test]
    fn a_task_whose_handle_is_gone_before_it_starts_goes_on() {
        let (handle, mut joined) = pair::<()>(1);
        handle.detach();
        assert!(!joined.is_cancelled());
        let ended = std::cell::Cell::new(false);
        let mut task = Box::pin(joined.run(async {
            future::yield_now().await;
            ended.set(true);
        }));
        assert!(future::block_on(future::poll_once(&mut task)).is_none());
        assert!(future::block_on(future::poll_once(&mut task)).is_some());
        assert!(ended.get());
    }

    #[test]
    fn a_panic_is_an_error_of_the_handle() {
        let (handle, joined) = pair::<u8>(1);
        future::block_on(joined.run(async { panic!("ouch") }));
        match future::block_on(handle) {
            Err(JoinError::Panicked(p)) => assert_eq!(p.message, "ouch"),
            other => panic!("{other:?}"),
        }
    }
}

#[cfg(all(test, loom_model))]
mod models {
    use super::*;
    use crate::wake::mailbox::{Mailbox, Notifier};
    use loom::cell::UnsafeCell;
    use loom::future::block_on;
    use loom::sync::Arc;
    use loom::thread;

    /// Notes that it is dropped, where loom sees who may know.
    struct Guard(Arc<UnsafeCell<bool>>);

    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.with_mut(|dropped| {
                // SAFETY: loom refuses what is not ordered with each look.
                assert!(!unsafe { dropped.replace(true) }, "dropped twice")
            });
        }
    }

    fn guard() -> (Guard, Arc<UnsafeCell<bool>>) {
        let dropped = Arc::new(UnsafeCell::new(false));
        (Guard(dropped.clone()), dropped)
    }

    fn is_dropped(guard: &UnsafeCell<bool>) -> bool {
        // SAFETY: loom refuses a look that is not ordered with the change.
        guard.with(|dropped| unsafe { *dropped })
    }

    /// A cancellation and a task's end: one wins, and whoever waits finds the work dropped.
    #[test]
    fn loom_cancelling_races_completion() {
        loom::model(|| {
            let (guard, dropped) = guard();
            let (mut handle, joined) = pair::<Arc<u8>>(1);
            let task = thread::spawn(move || {
                block_on(joined.run(async move {
                    let _guard = guard;
                    future::yield_now().await;
                    Arc::new(7)
                }));
            });
            handle.cancel();
            handle.cancel();
            match block_on(handle) {
                Ok(value) => assert_eq!(*value, 7),
                Err(e) => assert_eq!(e, JoinError::Cancelled),
            }
            assert!(is_dropped(&dropped), "told before the work was dropped");
            task.join().unwrap();
        });
    }

    /// A handle that is dropped, whenever that is, leaves the task alone; what nobody takes is
    /// dropped, which loom tells by the `Arc`.
    #[test]
    fn loom_a_detached_task_goes_on() {
        loom::model(|| {
            let (guard, dropped) = guard();
            let (handle, joined) = pair::<Arc<u8>>(1);
            let task = thread::spawn(move || {
                let mut value = None;
                block_on(joined.run(async {
                    let _guard = guard;
                    future::yield_now().await;
                    value.insert(Arc::new(7)).clone()
                }));
                assert!(value.is_some(), "stopped half-way");
            });
            drop(handle);
            task.join().unwrap();
            assert!(is_dropped(&dropped));
        });
    }

    /// A task that is dropped before or after its first poll, as at a domain's end, tells so.
    #[test]
    fn loom_a_dropped_task_tells_who_waits() {
        for polls in 0..2 {
            loom::model(move || {
                let (guard, dropped) = guard();
                let (handle, joined) = pair::<()>(3);
                let task = thread::spawn(move || {
                    let mut task = Box::pin(joined.run(async move {
                        let _guard = guard;
                        future::pending::<()>().await;
                    }));
                    for _ in 0..polls {
                        assert!(block_on(future::poll_once(&mut task)).is_none());
                    }
                });
                assert_eq!(
                    block_on(handle),
                    Err(JoinError::DomainTerminated { domain: 3 })
                );
                task.join().unwrap();
                assert!(is_dropped(&dropped));
            });
        }
    }

    struct NullNotifier;

    impl Notifier for NullNotifier {
        fn notify(&self) {}
        fn clear(&self) {}
    }

    /// Work that is sent to a domain that ends: it comes back, or the handle tells what became
    /// of it. Never both, never neither.
    #[test]
    fn loom_work_comes_back_or_its_handle_tells() {
        loom::model(|| {
            let mailbox = Arc::new(Mailbox::<Joined<u8>, _>::new(NullNotifier));
            let sender = {
                let mailbox = mailbox.clone();
                thread::spawn(move || {
                    let (handle, joined) = pair(5);
                    match mailbox.send(joined) {
                        Err(back) => {
                            back.report(Ok(1));
                            assert_eq!(block_on(handle), Ok(1), "it is whole");
                            None
                        }
                        Ok(_) => Some(block_on(handle)),
                    }
                })
            };
            let ran = mailbox
                .receive()
                .map(|joined| joined.report(Ok(7)))
                .is_some();
            mailbox.close(drop);
            match sender.join().unwrap() {
                Some(Ok(7)) => assert!(ran),
                Some(outcome) => {
                    assert_eq!(outcome, Err(JoinError::DomainTerminated { domain: 5 }));
                    assert!(!ran);
                }
                None => assert!(!ran),
            }
        });
    }
}
