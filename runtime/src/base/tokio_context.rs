//! tokio's state on the thread of a domain: the runtime that is entered, and the cooperative budget of
//! tasks.
//!
//! **Runtime.** A domain's runtime, the shared one or its own, is entered when the executor is made or gets the runtime. A
//! future may hold an `EnterGuard` of another runtime across an await, which nothing forbids: after each poll that is
//! pending, and before the loop sleeps, the domain's runtime is entered again if it is not current. The
//! only way to ask is to clone the current handle, which costs two atomic operations on a counter that
//! all domains share: that is why polls that are ready do not ask.
//!
//! **Budget.** A task that always finds a tokio resource ready would never return to the loop. In tasks
//! of tokio's own, resources return `Pending` after 128 operations in one poll. Here the same budget is
//! set before each poll, with the two public functions that change it: dropping the `RestoreOnPending`
//! of a `poll_proceed` sets the budget that there was before, which was a whole one, and `unconstrained`
//! sets the old budget back after the poll: code outside of polls has none, nor has OCaml code that a
//! poll calls. A first poll takes some 50 instructions more for it, a later one some 30.
//!
//! **Nested polls**, of calls by OCaml code that Rust has called, have no budget and enter nothing: Rust
//! code further down may hold a guard, which it drops in order, or may run in another runtime's
//! `block_on`, which would not remember a waker that a budget leaves with it.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use tokio::runtime::{Handle, Id};
use tokio::task::coop::{RestoreOnPending, poll_proceed, unconstrained};

/// See the module's documentation. It belongs to the thread that makes it.
pub(crate) struct TokioContext {
    runtime: RefCell<Handle>,
    id: Cell<Id>,
    /// Sets a whole budget when it is dropped. `None` if there was no way to get one.
    whole_budget: Cell<Option<RestoreOnPending>>,
}

impl TokioContext {
    /// Enters the runtime on the calling thread.
    pub(crate) fn enter(runtime: &Handle) -> Self {
        // The future of a `block_on` has a whole budget. Where the calling thread runs such a future
        // already, `block_on` panics: then tasks have no budget.
        let budget = super::panic::catch_unwind(|| runtime.block_on(poll_fn(poll_proceed)));
        let context = TokioContext {
            runtime: RefCell::new(runtime.clone()),
            id: Cell::new(runtime.id()),
            whole_budget: Cell::new(budget.ok()),
        };
        context.push();
        context
    }

    /// Enters another runtime, which is the domain's from now on.
    pub(crate) fn switch_to(&self, runtime: &Handle) {
        *self.runtime.borrow_mut() = runtime.clone();
        self.id.set(runtime.id());
        self.push();
    }

    /// Enters the runtime for good. A guard has to be dropped before those that were there when it was made, but one of
    /// the user's may be among them. The thread ends soon after its domain.
    fn push(&self) {
        mem::forget(self.runtime.borrow().enter());
    }

    /// Enters the runtime again if it is not the current one.
    pub(crate) fn restore(&self) {
        let current = Handle::try_current().map(|handle| handle.id());
        if current.ok() != Some(self.id.get()) {
            self.push();
        }
    }

    /// Polls something of the user's with a whole budget, unless it is `nested`.
    #[inline]
    pub(crate) fn poll<T>(&self, nested: bool, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
        without_budget(|| self.poll_in_scope(nested, poll))
    }

    /// [`poll`](Self::poll), within [`without_budget`]: the budget that is left stays until that ends.
    #[inline]
    pub(crate) fn poll_in_scope<T>(&self, nested: bool, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
        if nested {
            return poll();
        }
        // Dropped first: it sets a whole budget, of which the next one takes a unit.
        drop(self.whole_budget.take());
        if let Poll::Ready(next) = poll_proceed(&mut Context::from_waker(Waker::noop())) {
            // There is none now, whose destructor would have to run.
            mem::forget(self.whole_budget.replace(Some(next)));
        }
        let polled = poll();
        if polled.is_pending() {
            self.restore();
        }
        polled
    }
}

impl Drop for TokioContext {
    fn drop(&mut self) {
        if let Some(budget) = self.whole_budget.take() {
            // Without this its destructor would set the budget of code outside of polls.
            budget.made_progress();
        }
    }
}

/// Calls `f` without a budget, and sets the old one back afterwards. Any thread.
#[inline]
pub(crate) fn without_budget<T>(f: impl FnOnce() -> T) -> T {
    let mut f = Some(f);
    let unbudgeted = unconstrained(poll_fn(|_| match f.take() {
        Some(f) => Poll::Ready(f()),
        None => Poll::Pending,
    }));
    match pin!(unbudgeted).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => unreachable!("`f` is called in the first poll"),
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;
    use crate::base::tokio_rt;
    use tokio::sync::Mutex;
    use tokio::task::coop::has_budget_remaining;

    /// Runs the test on a thread of its own, whose state of tokio's it may change.
    fn on_a_thread(test: impl FnOnce(&TokioContext) + Send + 'static) {
        let runtime = tokio_rt::runtime().expect("tokio starts");
        std::thread::spawn(move || test(&TokioContext::enter(runtime.handle())))
            .join()
            .expect("the test passes");
    }

    /// Locks a mutex until a lock is pending. Returns the number of locks.
    fn locks_until_pending(context: &TokioContext, mutex: &Mutex<()>) -> usize {
        let mut locks = 0;
        let mut cx = Context::from_waker(Waker::noop());
        let _: Poll<()> = context.poll(false, || {
            while locks < 10_000 && pin!(mutex.lock()).poll(&mut cx).is_ready() {
                locks += 1;
            }
            Poll::Pending
        });
        locks
    }

    /// Locks a mutex more often than a budget allows.
    fn assert_no_budget() {
        let mutex = Mutex::new(());
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..1000 {
            assert!(pin!(mutex.lock()).poll(&mut cx).is_ready());
        }
    }

    #[test]
    fn each_poll_has_the_budget_of_a_task_of_tokios() {
        on_a_thread(|context| {
            let mutex = Mutex::new(());
            let polls = [(); 3].map(|()| locks_until_pending(context, &mutex));
            assert_eq!(
                polls, [127; 3],
                "one less than tokio's, which `poll_proceed` takes"
            );
        });
    }

    #[test]
    fn outside_of_polls_there_is_no_budget() {
        on_a_thread(|context| {
            locks_until_pending(context, &Mutex::new(()));
            assert!(has_budget_remaining());
            assert_no_budget();
        });
    }

    #[test]
    fn a_panic_leaves_no_budget_behind() {
        on_a_thread(|context| {
            let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                context.poll::<()>(false, || panic!("in a poll"))
            }));
            assert!(panicked.is_err());
            assert_no_budget();
            assert_eq!(locks_until_pending(context, &Mutex::new(())), 127);
        });
    }

    #[test]
    fn a_guard_of_another_runtime_that_a_poll_leaves_behind_is_covered() {
        on_a_thread(|context| {
            let shared = Handle::current().id();
            let other = tokio::runtime::Builder::new_current_thread()
                .build()
                .expect("tokio starts");
            let mut kept = None;
            let _: Poll<()> = context.poll(false, || {
                kept = Some(other.enter());
                assert_ne!(Handle::current().id(), shared);
                Poll::Pending
            });
            assert_eq!(Handle::current().id(), shared);
            let next = context.poll(false, || Poll::Ready(Handle::current().id()));
            assert_eq!(next, Poll::Ready(shared));
            mem::forget(kept);
        });
    }

    #[test]
    fn nested_polls_have_no_budget_and_enter_no_runtime() {
        on_a_thread(|context| {
            let other = tokio::runtime::Builder::new_current_thread()
                .build()
                .expect("tokio starts");
            let _: Poll<()> = context.poll(false, || {
                let guard = other.enter();
                let nested = without_budget(|| {
                    context.poll(true, || {
                        assert_no_budget();
                        Poll::<()>::Pending
                    })
                });
                assert!(nested.is_pending());
                // It would panic if something had been entered since.
                drop(guard);
                Poll::Pending
            });
        });
    }

    #[test]
    fn a_context_leaves_no_budget_behind() {
        on_a_thread(|context| {
            for _ in 0..2 {
                drop(TokioContext::enter(&context.runtime.borrow()));
                assert_no_budget();
            }
        });
    }
}
