//! The part of a domain that only the thread that owns it touches.

use crate::base::panic::catch_and_discard;
use crate::base::slot_map::Key;
use crate::base::tokio_context::{TokioContext, without_budget};
use crate::domain::calls::Calls;
use crate::domain::executor::Executor;
use crate::domain::garbage;
use crate::domain::reactor::Reactor;
use crate::domain::shared::Shared;
use crate::domain::sources::{Source, Sources};
use crate::domain::waits::{FollowUp, Waits};
use crate::ffi::batch::{Batch, Request, Returned};
use crate::ffi::callbacks::Callbacks;
use crate::ffi::hooks::Reclaimed;
use crate::ffi::promises::Promises;
use crate::ffi::root::{Exn, LwtPromise, Root};
use crate::ffi::runtime::RawValue;
use crate::ffi::token::RuntimeToken;
use crate::task::{Task, UnboundTask};
use crate::wake::budget::Budget;
use crate::wake::spin::{Advice, Idle};
use std::cell::{Cell, OnceCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

/// The work behind a call, and the way to stop it.
pub(crate) enum AbortHandle {
    /// A task of this domain's executor.
    Task(Task),
    /// A task on tokio.
    Tokio(tokio::task::AbortHandle),
}

impl AbortHandle {
    /// Stops the work. May run destructors of the user's.
    pub(crate) fn abort(self) {
        match self {
            AbortHandle::Task(task) => drop(task),
            AbortHandle::Tokio(handle) => handle.abort(),
        }
    }
}

/// See the module's documentation.
pub(crate) struct Core {
    pub(crate) shared: Arc<Shared>,
    pub(crate) executor: Executor,
    calls: Calls<AbortHandle>,
    waits: Waits,
    sources: Sources,
    batch: Batch,
    promises: Promises,
    /// There may be messages in the mailbox.
    unread: Cell<bool>,
    reclaimed: Reclaimed,
    pub(crate) budget: Budget,
    idle: Idle,
    /// How long the loop has slept, from when it woke until the next tick.
    slept: Cell<Option<Duration>>,
    pub(crate) tokio: TokioContext,
    /// The tokio runtime of the domain's own, if it has one.
    reactor: OnceCell<Reactor>,
    closing: Cell<Option<Closing>>,
}

/// How far the end of a domain has come.
#[derive(Debug, Clone, Copy, Default)]
struct Closing {
    /// The number of collected values to drop.
    garbage: usize,
    /// Cursors of [`SlotMap::remove_next`](crate::base::slot_map::SlotMap::remove_next).
    tasks: usize,
    calls: usize,
    waits: usize,
    sources: usize,
}

impl Core {
    /// Creates the executor of a domain whose thread this is.
    pub(crate) fn new(
        executor: Executor,
        batch: Batch,
        promises: Promises,
        tokio: TokioContext,
    ) -> Self {
        Core {
            shared: executor.shared().clone(),
            executor,
            calls: Calls::new(),
            waits: Waits::new(),
            sources: Sources::new(),
            batch,
            promises,
            unread: Cell::new(false),
            reclaimed: Reclaimed::new(),
            budget: Budget::new(),
            idle: Idle::new(),
            slept: Cell::new(None),
            tokio,
            reactor: OnceCell::new(),
            closing: Cell::new(None),
        }
    }

    /// Gives the domain a tokio runtime of its own. Does nothing if it has one.
    ///
    /// # Errors
    /// There is no descriptor left. Nothing has changed.
    pub(crate) fn open_reactor(&self) -> io::Result<()> {
        if self.reactor.get().is_none() {
            let own = Reactor::new(self.shared.id)?;
            self.tokio.switch_to(own.handle());
            let _ = self.reactor.set(own);
        }
        Ok(())
    }

    /// Returns the tokio runtime of the domain's own.
    pub(crate) fn reactor(&self) -> Option<&Reactor> {
        self.reactor.get()
    }

    /// Removes the tokio runtime of the domain's own.
    pub(crate) fn take_reactor(&mut self) -> Option<Reactor> {
        self.reactor.take()
    }

    /// Begins to close the domain: messages go back to their senders, and nothing is polled any more.
    /// Does nothing the second time.
    pub(crate) fn begin_close(&self) {
        if self.closing.get().is_none() {
            self.closing.set(Some(Closing {
                // No other loop may ever run.
                garbage: garbage::len(),
                ..Closing::default()
            }));
            self.shared.refuse_messages();
            catch_and_discard(|| self.executor.close());
        }
    }

    /// Drops messages, tasks, calls and waits until the budget is exhausted. Returns `true` if there may
    /// be more. Destructors of the user's run, which may use OCaml and may spawn.
    pub(crate) fn close_some(&self) -> bool {
        self.budget.refill();
        while self.close_next() {
            if !self.budget.consume() {
                return true;
            }
        }
        // A thread that is suspended while it sends a message keeps it open.
        let drained = self.shared.is_drained();
        if !drained {
            std::thread::yield_now();
        }
        !drained
    }

    fn close_next(&self) -> bool {
        let mut closing = self.closing.get().expect("it was begun");
        let any = if closing.garbage > 0 {
            closing.garbage -= 1;
            self.closing.set(Some(closing));
            garbage::drop_next();
            return true;
        } else if self.shared.drop_message() || self.executor.close_next(&mut closing.tasks) {
            true
        } else if let Some(work) = self.calls.close_next(&mut closing.calls) {
            catch_and_discard(|| work.map_or((), AbortHandle::abort));
            true
        } else if let Some(source) = self.sources.close_next(&mut closing.sources) {
            source.close();
            true
        } else {
            self.waits.close_next(&mut closing.waits)
        };
        self.closing.set(Some(closing));
        any
    }

    /// Does a batch of each kind of work: messages, tasks, values that OCaml has collected. Returns the
    /// number of requests for OCaml and the index of their array: see [`Batch::hand_over`]. OCaml has
    /// finished with the array that it had. `nested`: code that Rust has called runs the loop.
    pub(crate) fn tick(
        &self,
        token: &RuntimeToken<'_>,
        returned: Returned,
        nested: bool,
    ) -> (usize, usize) {
        self.batch.take_back(returned);
        self.end_sleep();
        let slept = self.slept.take();
        if self.shared.take_notification() {
            self.unread.set(true);
            if let Some(length) = slept {
                self.idle.spin.on_sleep(length);
            }
        }
        if self.unread.get() {
            // The flag stays set until it is known that there are no more: a message may call `exit`,
            // whose hooks run the loop, which needs the others.
            let left = self.budget.batch(|| {
                let message = self.shared.receive();
                let received = message.is_some();
                if let Some(message) = message {
                    catch_and_discard(|| message.deliver(token));
                }
                received
            });
            self.unread.set(left);
        }
        if self.executor.has_injected() {
            self.budget.batch(|| self.executor.drain_inject());
        }
        // Tasks catch the panics of users' code; a panic of our own ends here.
        catch_and_discard(|| {
            without_budget(|| {
                self.budget.batch(|| {
                    if self.batch.is_full() {
                        return false;
                    }
                    let Some(task) = self.executor.next() else {
                        return false;
                    };
                    let _ = self.tokio.poll_in_scope(nested, || self.executor.run(task));
                    self.shared.counters.polls.add(1);
                    true
                });
            });
        });
        if garbage::any_collected() {
            self.budget.batch(garbage::drop_next);
        }
        self.reclaimed.reclaim_if_due(token);
        self.batch.hand_over(token)
    }

    /// Notes that the loop is awake, before it runs anything.
    pub(crate) fn end_sleep(&self) {
        if let Some(length) = self.shared.end_sleep() {
            self.slept.set(Some(length));
        }
    }

    /// Announces that the loop will sleep. Returns `false` if it must not, or had better poll again
    /// without waiting.
    pub(crate) fn park(&self) -> bool {
        if self.has_work() {
            self.idle.end();
            return false;
        }
        match self.idle.advise(|| self.shared.is_notified()) {
            Advice::PollAgain => false,
            Advice::Sleep => {
                self.tokio.restore();
                self.shared.park()
            }
        }
    }

    /// Returns `true` if a tick would find something to do.
    pub(crate) fn has_work(&self) -> bool {
        !self.batch.is_empty()
            || self.executor.has_ready()
            || self.unread.get()
            || self.shared.is_notified()
            || garbage::any_collected()
    }

    // ---- calls: OCaml waits for Rust

    /// Adds a call that OCaml waits for, and makes its promise, unrooted.
    ///
    /// # Errors
    /// The domain is terminating, or a signal handler has raised an exception. There is no call then.
    pub(crate) fn add_call(&self, token: &RuntimeToken<'_>) -> Result<(Key, RawValue), Root<Exn>> {
        self.add_call_with(token, Promises::pending, |_| None)
    }

    /// [`add_call`](Self::add_call) for a task, which is attached to the call, or dropped if there is none. Returns the
    /// promise, unrooted.
    pub(crate) fn add_task(
        &self,
        token: &RuntimeToken<'_>,
        task: UnboundTask<'_, Shared>,
    ) -> Result<RawValue, Root<Exn>> {
        let attach = |key| Some(AbortHandle::Task(task.attach(key)));
        let (_, promise) = self.add_call_with(token, Promises::pending, attach)?;
        Ok(promise)
    }

    /// [`add_call`](Self::add_call), without work, whose promise is rooted.
    pub(crate) fn add_rooted_call(
        &self,
        token: &RuntimeToken<'_>,
    ) -> Result<(Key, Root<LwtPromise>), Root<Exn>> {
        self.add_call_with(token, Promises::pending_root, |_| None)
    }

    /// `work` returns the work for the key, if that is there already. It does not use OCaml.
    #[inline]
    fn add_call_with<P>(
        &self,
        token: &RuntimeToken<'_>,
        pending: impl FnOnce(&Promises, &RuntimeToken<'_>, Key) -> P,
        work: impl FnOnce(Key) -> Option<AbortHandle>,
    ) -> Result<(Key, P), Root<Exn>> {
        let key = self.reserve_call(token)?;
        let promise = pending(&self.promises, token, key);
        // Nothing allocates on the OCaml heap any more: the promise may be unrooted.
        let added = self.calls.add(work);
        debug_assert_eq!(added, key, "no other call was added meanwhile");
        Ok((key, promise))
    }

    /// Returns the key of the next call, for whose resolver there is room: until other code of OCaml's or of the user's runs.
    #[inline]
    fn reserve_call(&self, token: &RuntimeToken<'_>) -> Result<Key, Root<Exn>> {
        let mut key = self.calls.next_key();
        while self.closing.get().is_some() || !self.promises.has_room(token, key) {
            Callbacks::registered(token).reserve(token, key.to_int())?;
            // OCaml code that has run meanwhile may have called Rust.
            key = self.calls.next_key();
        }
        Ok(key)
    }

    /// Attaches the work of a call. If the call has been resolved meanwhile, the work is returned, to be
    /// aborted.
    pub(crate) fn attach_call(&self, key: Key, work: AbortHandle) -> Result<(), AbortHandle> {
        self.calls.attach(key, work)
    }

    /// Marks a call as resolved; the caller [requests](Self::request) that OCaml does so. Returns
    /// `false`, and counts, if the call was resolved before.
    pub(crate) fn complete_call(&self, key: Key) -> bool {
        // Work that completes its own call is being polled, and ends with the poll.
        self.calls.complete(key).is_ok()
    }

    /// Frees the key of a resolved call, whose outcome OCaml has taken.
    pub(crate) fn release_call(&self, key: Key) {
        self.calls.release(key);
    }

    /// Aborts the work of a call whose promise OCaml has cancelled. A future of this domain's is dropped
    /// before this returns, or at the end of the poll that is in progress.
    pub(crate) fn cancel_call(&self, key: Key) {
        if let Some(work) = self.calls.cancel(key) {
            work.abort();
        }
    }

    // ---- waits: Rust waits for OCaml

    /// Adds a wait for a promise of OCaml's.
    pub(crate) fn add_wait(&self, waker: Waker) -> Key {
        self.waits.add(waker)
    }

    /// Takes the outcome of a wait, or leaves the waker there.
    pub(crate) fn poll_wait(&self, key: Key, waker: &Waker) -> Option<Result<Root, Root<Exn>>> {
        self.waits.poll(key, waker)
    }

    /// Attaches the promise that OCaml has made for a wait.
    pub(crate) fn attach_wait(
        &self,
        token: &RuntimeToken<'_>,
        key: Key,
        promise: Root<LwtPromise>,
    ) {
        self.follow_up(token, key, self.waits.attach(key, promise));
    }

    /// Resolves a wait with the outcome of its promise. Rust may have dropped the wait.
    pub(crate) fn resolve_wait(&self, key: Key, outcome: Result<Root, Root<Exn>>) {
        self.waits.resolve(key, outcome);
    }

    /// Frees the key of a wait that OCaml does not know, or has forgotten.
    pub(crate) fn release_wait(&self, key: Key) {
        self.waits.release(key);
    }

    /// Drops a wait. OCaml takes its callback off the promise, if it can be asked to: without a token the
    /// lock is not held, and the domain is about to end.
    pub(crate) fn drop_wait(&self, token: Option<&RuntimeToken<'_>>, key: Key) {
        match token {
            Some(token) if self.waits.drop(key) => self.request(token, key, Request::Forget),
            Some(_) => {}
            None => self.waits.release(key),
        }
    }

    /// Drops a wait, and cancels the promise that OCaml made or will make for it.
    pub(crate) fn cancel_wait(&self, token: &RuntimeToken<'_>, key: Key) {
        if !self.waits.cancel_unmade(key) {
            self.cancel_awaited(token, key);
            self.drop_wait(Some(token), key);
        }
    }

    /// Cancels the promise that OCaml made or will make for a wait, which goes on until the promise is
    /// resolved.
    pub(crate) fn cancel_awaited(&self, token: &RuntimeToken<'_>, key: Key) {
        let next = FollowUp {
            cancel: self.waits.cancel(key),
            forget: false,
        };
        self.follow_up(token, key, next);
    }

    fn follow_up(&self, token: &RuntimeToken<'_>, key: Key, next: FollowUp) {
        if let Some(promise) = next.cancel {
            self.request(token, key, Request::Cancel(&promise));
        }
        if next.forget {
            self.request(token, key, Request::Forget);
        }
    }

    // ---- sources: OCaml pulls from Rust's streams

    /// Adds the source that `make` returns for its key.
    pub(crate) fn add_source<S: Source>(&self, make: impl FnOnce(Key) -> Rc<S>) -> Rc<S> {
        self.sources.add(make)
    }

    /// Returns a source that has neither ended nor been closed.
    pub(crate) fn source(&self, key: Key) -> Option<Rc<dyn Source>> {
        self.sources.get(key)
    }

    /// Removes a source that has ended.
    pub(crate) fn remove_source(&self, key: Key) {
        drop(self.sources.remove(key));
    }

    /// Closes a source: its stream is dropped before this returns, or at the end of the poll that is in progress. Does
    /// nothing if it has ended.
    pub(crate) fn close_source(&self, key: Key) {
        if let Some(source) = self.sources.remove(key) {
            source.close();
        }
    }

    /// Queues a request to the loop.
    #[inline(always)]
    pub(crate) fn request(&self, token: &RuntimeToken<'_>, key: Key, request: Request<'_>) {
        self.batch.push(token, key, request);
        self.shared.wake_if_parked();
    }
}
