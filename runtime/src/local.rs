//! The part of a domain that only the thread that owns it touches.

use crate::batch::{Batch, Kind};
use crate::calls::Calls;
use crate::error::TokenError;
use crate::executor::Executor;
use crate::ffi::{RawValue, Root};
use crate::hooks::Reclaimed;
use crate::opaque;
use crate::panic::contain_quietly;
use crate::patience::{Advice, Idle};
use crate::shared::{Shared, registry};
use crate::slots::{Key, Slots};
use crate::task::Task;
use crate::token::RuntimeToken;
use crate::turn::Turn;
use std::cell::{Cell, RefCell};
use std::io;
use std::sync::Arc;
use std::task::Waker;

/// What is behind a call, and how to stop it.
pub(crate) enum Attendant {
    /// A task of this domain's executor.
    Task(Task),
    /// A task on tokio.
    Tokio(tokio::task::AbortHandle),
}

/// A Lwt promise that a Rust future waits for.
pub(crate) enum Wait {
    Pending {
        waker: Waker,
        /// The promise, once OCaml has made it, if it is OCaml's to make.
        promise: Option<Root>,
        /// It is to be cancelled as soon as there is one.
        cancelled: bool,
    },
    /// Fulfilled with the value, or rejected with the exception.
    Settled(Result<Root, Root>),
    /// Nobody waits any more, and the promise is to be cancelled as soon as there is one.
    Cancelled,
    /// Nobody waits any more. The key stays taken until OCaml has forgotten it, lest the next
    /// wait under the same key was forgotten.
    Dropped,
}

/// See the module's documentation.
pub(crate) struct Local {
    pub(crate) shared: Arc<Shared>,
    pub(crate) executor: Executor,
    calls: Calls<Attendant>,
    waits: RefCell<Slots<Wait>>,
    batch: Batch,
    /// There may be messages in the inbox.
    unread: Cell<bool>,
    reclaimed: Reclaimed,
    pub(crate) turn: Turn,
    idle: Idle,
    /// How many stubs are on the stack: OCaml has called into Rust when it is not 0.
    depth: Cell<u32>,
    /// Keeps tokio's context entered on this thread, so that neither a stub nor a poll
    /// has to.
    _tokio: tokio::runtime::EnterGuard<'static>,
}

/// What a thread that owns no executor is to us.
#[derive(Clone, Copy)]
enum Without {
    Stranger,
    /// It owned this domain, which has ended.
    Former(u64),
    /// It is the copy, in a forked process, of the thread that owns this domain. tokio's threads
    /// have no copies, and the descriptors are the parent's as well.
    Forked(u64),
}

thread_local! {
    /// The executor of the thread that is its owner, null for all others.
    static OWNED: Cell<*const Local> = const { Cell::new(std::ptr::null()) };
    /// Why there is none.
    static WITHOUT: Cell<Without> = const { Cell::new(Without::Stranger) };
}

#[inline]
fn owned<'a>() -> Option<&'a Local> {
    // SAFETY: `Local` lives until `close`, on this same thread, takes it from here; and `close`
    // does not free it while a stub is running, in which the reference is used.
    unsafe { OWNED.get().as_ref() }
}

/// The executor of the current thread's domain, whether or not OCaml has called into
/// Rust. For what touches no OCaml value.
#[inline]
pub(crate) fn with_owner<R>(f: impl FnOnce(&Local) -> R) -> Option<R> {
    owned().map(f)
}

/// The executor of the current thread's domain, if OCaml has called into Rust.
pub(crate) fn with_entered<R>(f: impl FnOnce(&Local) -> R) -> Result<R, TokenError> {
    match owned() {
        Some(local) if local.depth.get() == 0 => Err(TokenError::OutsideExecutor {
            domain: local.shared.id,
        }),
        Some(local) => Ok(f(local)),
        None => Err(no_executor()),
    }
}

/// Runs the body of a stub: OCaml has called, so the domain's lock is held. `None` if
/// this thread owns no executor (yet, or any more).
///
/// # Safety
/// OCaml called the stub that calls this, and the lock has not been released since.
#[inline]
pub(crate) unsafe fn enter<R>(f: impl FnOnce(&Local, &RuntimeToken<'_>) -> R) -> Option<R> {
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
    Some(f(local, &RuntimeToken::new(local)))
}

/// Why this thread, which owns no executor, has none.
pub(crate) fn no_executor() -> TokenError {
    match WITHOUT.get() {
        Without::Former(domain) => TokenError::DomainTerminated { domain },
        Without::Forked(domain) => TokenError::Forked { domain },
        Without::Stranger => TokenError::NotADomainThread,
    }
}

fn disown(local: &Local, why: fn(u64) -> Without) {
    WITHOUT.set(why(local.shared.id));
    OWNED.set(std::ptr::null());
}

/// In a process that has just been forked: the executor stays with the parent, and the child has a
/// copy of the memory.
pub(crate) fn leave_to_parent() {
    with_owner(|local| disown(local, Without::Forked));
}

impl Local {
    /// Makes the executor of domain `id`, owned by the current thread from now on.
    ///
    /// # Errors
    /// tokio could not be started, or there is no descriptor left. Nothing has changed.
    ///
    /// # Safety
    /// OCaml called, on the thread that runs the domain's loop, which owns no executor;
    /// the arrays are as [`Batch::new`] wants them.
    pub(crate) unsafe fn open(id: u64, arrays: [RawValue; 2]) -> io::Result<Arc<Shared>> {
        if with_owner(|_| ()).is_some() {
            // OCaml has not taken note of it yet: a signal handler or a finaliser ran in between.
            return Err(io::Error::other("it is just being made"));
        }
        crate::panic::remember_origins();
        let tokio = crate::tokio_rt::runtime()?;
        let shared = Arc::new(Shared::new(id)?);
        let local = Box::new(Local {
            executor: Executor::new(shared.clone()),
            shared: shared.clone(),
            calls: Calls::new(),
            waits: RefCell::new(Slots::new()),
            // SAFETY: the caller's.
            batch: unsafe { Batch::new(arrays) },
            unread: Cell::new(false),
            reclaimed: Reclaimed::new(),
            turn: Turn::new(),
            idle: Idle::new(),
            depth: Cell::new(0),
            _tokio: tokio.enter(),
        });
        registry().insert(id, shared.clone());
        OWNED.set(Box::into_raw(local));
        Ok(shared)
    }

    /// Ends the executor: messages go back, tasks are dropped here, and every pending
    /// call is forgotten by Rust, for OCaml to settle.
    ///
    /// # Safety
    /// OCaml called, on the owner's thread, at the domain's end.
    pub(crate) unsafe fn close() {
        // SAFETY: the caller's.
        let closed = unsafe {
            enter(|local, _token| {
                // No other loop may ever look.
                opaque::drop_all();
                local.shared.close();
                // Destructors may use OCaml and may spawn, so all is still in place.
                contain_quietly(|| local.executor.close());
                for attendant in local.calls.close() {
                    contain_quietly(|| attendant.stop());
                }
                let waits = local.waits.borrow_mut().drain();
                for wait in waits {
                    contain_quietly(|| drop(wait));
                }
                local.depth.get() == 1
            })
        };
        let Some(last) = closed else { return };
        let local = OWNED.get().cast_mut();
        with_owner(|local| disown(local, Without::Former));
        if last {
            // SAFETY: it is the pointer that `open` leaked. No stub is on the stack, so nobody has a
            // reference, and nobody gets another.
            let local = unsafe { Box::from_raw(local) };
            contain_quietly(|| drop(local));
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
        if self.shared.take_news() {
            self.unread.set(true);
            if let Some(length) = slept {
                self.idle.patience.slept(length);
            }
        }
        if self.unread.get() {
            // Until it is known that there are none: a message may call `exit`, whose hooks run the
            // loop, which needs the others.
            let left = self.turn.chunk(|| {
                let message = self.shared.receive();
                let received = message.is_some();
                if let Some(message) = message {
                    contain_quietly(|| message.deliver(self, token));
                }
                received
            });
            self.unread.set(left);
        }
        self.executor.gather();
        // Tasks contain their own panics; should one of ours get through, it ends here.
        contain_quietly(|| {
            self.turn.chunk(|| {
                let polled = !self.batch.is_full() && self.executor.tick();
                self.shared.counters.polls.add(u64::from(polled));
                polled
            });
        });
        if opaque::any_collected() {
            self.turn.chunk(opaque::drop_next);
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
        match self.idle.advise(|| self.shared.has_news()) {
            Advice::GoOn => false,
            Advice::Sleep => self.shared.park(),
        }
    }

    /// Whether there is something to do.
    pub(crate) fn has_work(&self) -> bool {
        !self.batch.is_empty()
            || self.executor.has_ready()
            || self.unread.get()
            || self.shared.has_news()
            || opaque::any_collected()
    }

    // ---- calls: OCaml waits for Rust

    pub(crate) fn add_call(&self) -> Key {
        self.calls.add()
    }

    /// Says what is behind the call. If that was settled meanwhile it comes back, to be stopped.
    pub(crate) fn attend_call(&self, key: Key, attendant: Attendant) -> Result<(), Attendant> {
        self.calls.attend(key, attendant)
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
        if let Some(attendant) = self.calls.cancel(key) {
            attendant.stop();
        }
    }

    // ---- waits: Rust waits for OCaml

    pub(crate) fn add_wait(&self, waker: Waker) -> Key {
        self.waits.borrow_mut().insert(Wait::Pending {
            waker,
            promise: None,
            cancelled: false,
        })
    }

    /// Takes the outcome of a wait, or leaves the waker of who asked.
    pub(crate) fn poll_wait(&self, key: Key, waker: &Waker) -> Option<Result<Root, Root>> {
        // Outside of the borrow, like the drop below: wakers are the user's code.
        let waker = waker.clone();
        let mut waits = self.waits.borrow_mut();
        if let Wait::Pending { waker: old, .. } = waits.get_mut(key).expect("a wait ends once") {
            let old = std::mem::replace(old, waker);
            drop(waits);
            drop(old);
            return None;
        }
        match waits.remove(key) {
            Some(Wait::Settled(outcome)) => Some(outcome),
            _ => unreachable!("it is not pending, and somebody waits"),
        }
    }

    /// OCaml has made the promise of a wait.
    ///
    /// # Safety
    /// The domain's lock is held.
    pub(crate) unsafe fn attach_wait(&self, key: Key, made: Root) {
        match self.waits.borrow_mut().get_mut(key) {
            Some(Wait::Pending {
                cancelled: true, ..
            }) => {
                // SAFETY: the caller's; `Cancel` takes a promise.
                unsafe { self.request(key, Kind::Cancel, made.get()) }
            }
            Some(Wait::Pending { promise, .. }) => *promise = Some(made),
            Some(wait @ Wait::Cancelled) => {
                *wait = Wait::Dropped;
                // SAFETY: the caller's; `Cancel` takes a promise, and `Forget` nothing.
                unsafe {
                    self.request(key, Kind::Cancel, made.get());
                    self.request(key, Kind::Forget, crate::ffi::UNIT);
                }
            }
            Some(Wait::Settled(_) | Wait::Dropped) | None => {}
        }
    }

    /// OCaml reports what a promise became. Nobody may wait any more.
    pub(crate) fn settle_wait(&self, key: Key, outcome: Result<Root, Root>) {
        let old = {
            let mut waits = self.waits.borrow_mut();
            match waits.get_mut(key) {
                // The key of a dropped one is free when OCaml has forgotten it.
                None | Some(Wait::Dropped) => return,
                Some(Wait::Cancelled) => waits.remove(key),
                Some(wait) => Some(std::mem::replace(wait, Wait::Settled(outcome))),
            }
        };
        if let Some(Wait::Pending { waker, .. }) = old {
            contain_quietly(|| waker.wake());
        }
    }

    /// OCaml does not know of this wait, or has forgotten it.
    pub(crate) fn release_wait(&self, key: Key) {
        let wait = self.waits.borrow_mut().remove(key);
        drop(wait);
    }

    /// Nobody waits any more. OCaml takes its callback off the promise.
    pub(crate) fn drop_wait(&self, key: Key) {
        let old = {
            let mut waits = self.waits.borrow_mut();
            match waits.get_mut(key) {
                // Outside of OCaml's calls there is no lock, and the domain is about to end.
                Some(wait @ Wait::Pending { .. }) if self.depth.get() > 0 => {
                    Some(std::mem::replace(wait, Wait::Dropped))
                }
                _ => waits.remove(key),
            }
        };
        if matches!(old, Some(Wait::Pending { .. })) && self.depth.get() > 0 {
            // SAFETY: OCaml has called, so the lock is held; `Forget` takes no value.
            unsafe { self.request(key, Kind::Forget, crate::ffi::UNIT) };
        }
    }

    /// Nobody waits any more: cancels the promise that OCaml made or will make for this wait.
    ///
    /// # Safety
    /// The domain's lock is held.
    pub(crate) unsafe fn cancel_wait(&self, key: Key) {
        let not_made = match self.waits.borrow_mut().get_mut(key) {
            Some(wait @ Wait::Pending { promise: None, .. }) => {
                Some(std::mem::replace(wait, Wait::Cancelled))
            }
            _ => None,
        };
        if not_made.is_none() {
            // SAFETY: the caller's.
            unsafe { self.cancel_awaited(key) };
            self.drop_wait(key);
        }
    }

    /// Cancels the promise that OCaml made or will make for this wait, which goes on until that is
    /// settled.
    ///
    /// # Safety
    /// The domain's lock is held.
    pub(crate) unsafe fn cancel_awaited(&self, key: Key) {
        let made = match self.waits.borrow_mut().get_mut(key) {
            Some(Wait::Pending {
                promise, cancelled, ..
            }) => {
                *cancelled = true;
                promise.take()
            }
            _ => None,
        };
        if let Some(promise) = made {
            // SAFETY: the caller's; `Cancel` takes a promise.
            unsafe { self.request(key, Kind::Cancel, promise.get()) };
        }
    }

    /// Queues something for the loop.
    ///
    /// # Safety
    /// The domain's lock is held and `value` is valid, of the type that `kind` asks for.
    pub(crate) unsafe fn request(&self, key: Key, kind: Kind, value: RawValue) {
        // SAFETY: the caller's.
        unsafe { self.batch.push(key, kind, value) };
        self.shared.nudge();
    }
}

impl Attendant {
    /// May run destructors of the user's.
    pub(crate) fn stop(self) {
        match self {
            Attendant::Task(task) => drop(task),
            Attendant::Tokio(handle) => handle.abort(),
        }
    }
}
