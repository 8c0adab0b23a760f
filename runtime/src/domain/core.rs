//! The part of a domain that only the thread that owns it touches.

use crate::base::error::TokenError;
use crate::base::panic::catch_and_discard;
use crate::base::slot_map::Key;
use crate::domain::calls::Calls;
use crate::domain::executor::Executor;
use crate::domain::garbage;
use crate::domain::registry::registry;
use crate::domain::shared::{Message, Shared};
use crate::domain::waits::{FollowUp, Waits};
use crate::ffi::batch::{Batch, Kind};
use crate::ffi::hooks::Reclaimed;
use crate::ffi::runtime::{self as ffi, RawValue, Root};
use crate::ffi::token::RuntimeToken;
use crate::task::{Runnable, Schedule, Task};
use crate::wake::budget::Budget;
use crate::wake::spin::{Advice, Idle};
use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::task::Waker;

/// What is behind a call, and how to stop it.
pub(crate) enum AbortHandle {
    /// A task of this domain's executor.
    Task(Task),
    /// A task on tokio.
    Tokio(tokio::task::AbortHandle),
}

/// See the module's documentation.
pub(crate) struct Core {
    pub(crate) shared: Arc<Shared>,
    pub(crate) executor: Executor,
    calls: Calls<AbortHandle>,
    waits: Waits,
    batch: Batch,
    /// There may be messages in the mailbox.
    unread: Cell<bool>,
    reclaimed: Reclaimed,
    pub(crate) budget: Budget,
    idle: Idle,
    /// How many stubs are on the stack: OCaml has called into Rust when it is not 0.
    depth: Cell<u32>,
    /// Keeps tokio's context entered on this thread, so that neither a stub nor a poll
    /// has to.
    _tokio: tokio::runtime::EnterGuard<'static>,
}

/// What a thread that owns no executor is to us.
#[derive(Clone, Copy)]
enum NoExecutor {
    Stranger,
    /// It owned this domain, which has ended.
    Former(u64),
    /// It is the copy, in a forked process, of the thread that owns this domain. tokio's threads
    /// have no copies, and the descriptors are the parent's as well.
    Forked(u64),
}

thread_local! {
    /// The executor of the thread that is its owner, null for all others.
    static OWNED: Cell<*const Core> = const { Cell::new(std::ptr::null()) };
    /// Why there is none.
    static WITHOUT: Cell<NoExecutor> = const { Cell::new(NoExecutor::Stranger) };
}

#[inline]
fn owned<'a>() -> Option<&'a Core> {
    // SAFETY: `Core` lives until `close`, on this same thread, takes it from here; and `close`
    // does not free it while a stub is running, in which the reference is used.
    unsafe { OWNED.get().as_ref() }
}

/// The executor of the current thread's domain, whether or not OCaml has called into
/// Rust. For what touches no OCaml value.
#[inline]
pub(crate) fn with_current<R>(f: impl FnOnce(&Core) -> R) -> Option<R> {
    owned().map(f)
}

/// The executor of the current thread's domain, if OCaml has called into Rust.
pub(crate) fn with_entered<R>(
    f: impl FnOnce(&Core, &RuntimeToken<'_>) -> R,
) -> Result<R, TokenError> {
    match owned() {
        Some(local) if local.depth.get() == 0 => Err(TokenError::OutsideExecutor {
            domain: local.shared.id,
        }),
        Some(local) => {
            // SAFETY: a stub is on the stack of this thread, so OCaml has called, and holds the lock.
            let token = unsafe { RuntimeToken::assume_locked(local.shared.id) };
            Ok(f(local, &token))
        }
        None => Err(no_executor()),
    }
}

/// Runs the body of a stub: OCaml has called, so the domain's lock is held. `None` if
/// this thread owns no executor (yet, or any more).
///
/// # Safety
/// OCaml called the stub that calls this, and the lock has not been released since.
#[inline]
pub(crate) unsafe fn enter<R>(f: impl FnOnce(&Core, &RuntimeToken<'_>) -> R) -> Option<R> {
    struct Leave<'a>(&'a Cell<u32>);
    impl Drop for Leave<'_> {
        #[inline]
        fn drop(&mut self) {
            self.0.set(self.0.get() - 1);
        }
    }
    let local = owned()?;
    local.depth.set(local.depth.get() + 1);
    let _leave = Leave(&local.depth);
    // SAFETY: the caller's.
    let token = unsafe { RuntimeToken::assume_locked(local.shared.id) };
    Some(f(local, &token))
}

/// Why this thread, which owns no executor, has none.
pub(crate) fn no_executor() -> TokenError {
    match WITHOUT.get() {
        NoExecutor::Former(domain) => TokenError::DomainTerminated { domain },
        NoExecutor::Forked(domain) => TokenError::Forked { domain },
        NoExecutor::Stranger => TokenError::NotADomainThread,
    }
}

fn disown(local: &Core, why: fn(u64) -> NoExecutor) {
    WITHOUT.set(why(local.shared.id));
    OWNED.set(std::ptr::null());
}

/// In a process that has just been forked: the executor stays with the parent, and the child has a
/// copy of the memory.
pub(crate) fn leave_to_parent() {
    with_current(|local| disown(local, NoExecutor::Forked));
}

/// The executor of the token's domain. There is none on the blocking lane.
pub(crate) fn of<'a>(_token: &'a RuntimeToken<'_>) -> Result<&'a Core, TokenError> {
    owned().ok_or_else(no_executor)
}

/// Runs `f` with the right to use the OCaml runtime. Costs a thread-local read.
///
/// Call it inside a task of a domain's executor, inside a `#[func]`, or inside a closure
/// given to [`Domain::call`](crate::Domain::call). Do not block in `f`, nor hold a lock that another domain
/// may wait for: both stop every domain's garbage collector.
///
/// # Errors
/// Anywhere else, such as on a tokio worker, there is no OCaml runtime to use, and the
/// error says so.
pub fn with_token<R>(f: impl for<'a> FnOnce(&RuntimeToken<'a>) -> R) -> Result<R, TokenError> {
    with_entered(|_, token| f(token))
}

impl Schedule for Shared {
    /// A task of this domain's has become ready. Any thread.
    fn schedule(&self, task: Runnable) {
        let mut task = Some(task);
        with_current(|local| {
            if std::ptr::eq(&*local.shared, self) {
                local.executor.push(task.take().expect("it is given once"));
                self.wake_if_parked();
            }
        });
        if task.is_some_and(|task| self.inject.push(task)) {
            self.wake();
        }
    }
}

/// Sends a message. Any thread, never blocks. If the domain is gone the message
/// comes back.
pub(crate) fn send<M: Message>(shared: &Shared, message: M) -> Result<(), M> {
    shared.send(message)?;
    note_message();
    Ok(())
}

/// Counts a message from the calling thread. It is counted elsewhere when it is received.
pub(crate) fn note_message() {
    with_current(|local| local.shared.counters.messages_out.add(1));
}

/// Ends a domain, as [`Shared::close`] does, and takes it out of the registry.
pub(crate) fn end(shared: &Shared) {
    shared.close();
    registry().remove(&shared.id);
}

/// There is work for whichever loop looks first, which each does before it sleeps: that of the calling
/// thread if it has one, or else all of them. Any thread, also within a collection: nobody who holds
/// one of the locks uses OCaml meanwhile.
pub(crate) fn wake_one_or_all() {
    if with_current(|local| local.shared.wake_if_parked()).is_none() {
        registry().values().for_each(|shared| shared.wake());
    }
}
impl Core {
    /// Makes the executor of domain `id`, owned by the current thread from now on.
    ///
    /// # Errors
    /// tokio could not be started, or there is no descriptor left. Nothing has changed.
    ///
    /// # Safety
    /// OCaml called, on the thread that runs the domain's loop, which owns no executor;
    /// the arrays are as [`Batch::new`] wants them.
    pub(crate) unsafe fn open(id: u64, arrays: [RawValue; 2]) -> io::Result<Arc<Shared>> {
        if with_current(|_| ()).is_some() {
            // OCaml has not taken note of it yet: a signal handler or a finaliser ran in between.
            return Err(io::Error::other("it is just being made"));
        }
        crate::base::panic::record_origins();
        let tokio = crate::base::tokio_rt::runtime()?;
        let executor = Executor::new(Shared::new(id)?);
        let shared = executor.shared().clone();
        let local = Box::new(Core {
            executor,
            shared: shared.clone(),
            calls: Calls::new(),
            waits: Waits::new(),
            // SAFETY: the caller's.
            batch: unsafe { Batch::new(arrays) },
            unread: Cell::new(false),
            reclaimed: Reclaimed::new(),
            budget: Budget::new(),
            idle: Idle::new(),
            depth: Cell::new(0),
            _tokio: tokio.enter(),
        });
        registry().insert(id, shared.clone());
        OWNED.set(Box::into_raw(local));
        Ok(shared)
    }

    /// Ends the executor: messages go back, tasks are dropped here, and every pending
    /// call is forgotten by Rust, for OCaml to resolve.
    ///
    /// # Safety
    /// OCaml called, on the owner's thread, at the domain's end.
    pub(crate) unsafe fn close() {
        // SAFETY: the caller's.
        let closed = unsafe {
            enter(|local, _token| {
                // No other loop may ever look.
                garbage::drop_all();
                end(&local.shared);
                // Destructors may use OCaml and may spawn, so all is still in place.
                catch_and_discard(|| local.executor.close());
                for work in local.calls.close() {
                    catch_and_discard(|| work.abort());
                }
                local.waits.close();
                local.depth.get() == 1
            })
        };
        let Some(last) = closed else { return };
        let local = OWNED.get().cast_mut();
        with_current(|local| disown(local, NoExecutor::Former));
        if last {
            // SAFETY: it is the pointer that `open` leaked. No stub is on the stack, so nobody has a
            // reference, and nobody gets another.
            let local = unsafe { Box::from_raw(local) };
            catch_and_discard(|| drop(local));
        }
        // Otherwise a Rust frame below us still refers to it, under an `exit` that OCaml code
        // called from Rust has started: the process ends, and takes the memory along.
    }

    /// Does a chunk of what there is to do. Returns how many completions there are for OCaml, and in
    /// which array: see [`Batch::hand_over`].
    ///
    /// # Safety
    /// OCaml called, and is done with what it was given before.
    pub(crate) unsafe fn tick(&self, token: &RuntimeToken<'_>) -> (usize, usize) {
        self.batch.take_back();
        let slept = self.shared.awake();
        if self.shared.take_notification() {
            self.unread.set(true);
            if let Some(length) = slept {
                self.idle.spin.on_sleep(length);
            }
        }
        if self.unread.get() {
            // Until it is known that there are none: a message may call `exit`, whose hooks run the
            // loop, which needs the others.
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
        self.executor.drain_inject();
        // Tasks contain their own panics; should one of ours get through, it ends here.
        catch_and_discard(|| {
            self.budget.batch(|| {
                let polled = !self.batch.is_full() && self.executor.tick();
                self.shared.counters.polls.add(u64::from(polled));
                polled
            });
        });
        if garbage::any_collected() {
            self.budget.batch(garbage::drop_next);
        }
        // SAFETY: the caller's; what this domain keeps is rooted.
        unsafe {
            self.reclaimed.look();
            self.batch.hand_over()
        }
    }

    /// The loop has nothing to do that it knows of. Announces that it will sleep, or returns `false`
    /// if it must not, or had better look again without waiting.
    pub(crate) fn park(&self) -> bool {
        if self.has_work() {
            self.idle.end();
            return false;
        }
        match self.idle.advise(|| self.shared.is_notified()) {
            Advice::PollAgain => false,
            Advice::Sleep => self.shared.park(),
        }
    }

    /// Whether there is something to do.
    pub(crate) fn has_work(&self) -> bool {
        !self.batch.is_empty()
            || self.executor.has_ready()
            || self.unread.get()
            || self.shared.is_notified()
            || garbage::any_collected()
    }

    // ---- calls: OCaml waits for Rust

    pub(crate) fn add_call(&self) -> Key {
        self.calls.add()
    }

    /// Says what is behind the call. If that was settled meanwhile it comes back, to be stopped.
    pub(crate) fn attach_call(&self, key: Key, work: AbortHandle) -> Result<(), AbortHandle> {
        self.calls.attach(key, work)
    }

    /// A call has an outcome, which the caller [requests](Self::request) to be told. Returns `false`,
    /// and counts, if the call was settled before.
    pub(crate) fn complete_call(&self, key: Key) -> bool {
        // Work that completes its own call is being polled, and ends with that.
        self.calls.complete(key).is_ok()
    }

    /// OCaml has taken the outcome of a settled call.
    pub(crate) fn release_call(&self, key: Key) {
        self.calls.release(key);
    }

    /// OCaml has cancelled the promise: stops the work. A future of this domain's is dropped
    /// before this returns, or at the end of the poll that is under way.
    pub(crate) fn cancel_call(&self, key: Key) {
        if let Some(work) = self.calls.cancel(key) {
            work.abort();
        }
    }

    // ---- waits: Rust waits for OCaml

    pub(crate) fn add_wait(&self, waker: Waker) -> Key {
        self.waits.add(waker)
    }

    /// Takes the outcome of a wait, or leaves the waker of who asked.
    pub(crate) fn poll_wait(&self, key: Key, waker: &Waker) -> Option<Result<Root, Root>> {
        self.waits.poll(key, waker)
    }

    /// OCaml has made the promise of a wait.
    pub(crate) fn attach_wait(&self, token: &RuntimeToken<'_>, key: Key, made: Root) {
        self.follow_up(token, key, self.waits.attach(key, made));
    }

    /// OCaml reports what a promise became. Nobody may wait any more.
    pub(crate) fn resolve_wait(&self, key: Key, outcome: Result<Root, Root>) {
        self.waits.resolve(key, outcome);
    }

    /// OCaml does not know of this wait, or has forgotten it.
    pub(crate) fn release_wait(&self, key: Key) {
        self.waits.release(key);
    }

    /// Nobody waits any more. OCaml takes its callback off the promise.
    pub(crate) fn drop_wait(&self, key: Key) {
        let entered = self.depth.get() > 0;
        if self.waits.drop(key, entered) {
            // SAFETY: OCaml has called, so the lock is held; `Forget` takes no value.
            unsafe { self.request(key, Kind::Forget, ffi::UNIT) };
        }
    }

    /// Nobody waits any more: cancels the promise that OCaml made or will make for this wait.
    pub(crate) fn cancel_wait(&self, token: &RuntimeToken<'_>, key: Key) {
        if !self.waits.cancel_unmade(key) {
            self.cancel_awaited(token, key);
            self.drop_wait(key);
        }
    }

    /// Cancels the promise that OCaml made or will make for this wait, which goes on until that is
    /// settled.
    pub(crate) fn cancel_awaited(&self, token: &RuntimeToken<'_>, key: Key) {
        let cancel = self.waits.cancel(key);
        self.follow_up(
            token,
            key,
            FollowUp {
                cancel,
                forget: false,
            },
        );
    }

    fn follow_up(&self, _token: &RuntimeToken<'_>, key: Key, next: FollowUp) {
        // SAFETY: the token proves the lock; `Cancel` takes a promise, and `Forget` nothing.
        unsafe {
            if let Some(promise) = next.cancel {
                self.request(key, Kind::Cancel, promise.get());
            }
            if next.forget {
                self.request(key, Kind::Forget, ffi::UNIT);
            }
        }
    }

    /// Queues something for the loop.
    ///
    /// # Safety
    /// The domain's lock is held and `value` is valid, of the type that `kind` asks for.
    pub(crate) unsafe fn request(&self, key: Key, kind: Kind, value: RawValue) {
        // SAFETY: the caller's.
        unsafe { self.batch.push(key, kind, value) };
        self.shared.wake_if_parked();
    }
}

impl AbortHandle {
    /// May run destructors of the user's.
    pub(crate) fn abort(self) {
        match self {
            AbortHandle::Task(task) => drop(task),
            AbortHandle::Tokio(handle) => handle.abort(),
        }
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;

    #[test]
    fn work_for_any_loop_wakes_those_that_sleep() {
        let s = Arc::new(Shared::new(u64::MAX - 1).unwrap());
        registry().insert(s.id, s.clone());
        assert!(s.park());
        for _ in 0..3 {
            wake_one_or_all();
        }
        assert_eq!(s.counters.stats().wakeups, 1);
        assert!(s.take_notification());
        end(&s);
    }
}
