//! What the owner does with tasks: make, poll, attach, run, cancel and complete them.
//!
//! The rules for the work, which no lock protects: only the owner's thread uses it. In the phases
//! `Unbound` and `Idle` it is present, and nothing borrows it but `NewTask::poll`. In `Polling` and
//! `Cancelled` only the `run` that began the poll uses it, and drops it if the poll completes the task. In
//! `Complete` it has been dropped, or is being dropped by the function that set this phase.

use crate::base::counters::count;
use crate::base::panic::{catch_and_discard, catch_and_discard_cold};
use crate::base::slot_map::Key;
use crate::task::free_list::FreeList;
use crate::task::home::{self, Home};
use crate::task::raw::{Header, OwnerState, RawTask, Runnable, Schedule, TaskRef, Work};
use crate::task::state::Phase;
use crate::task::waker::waker_ref;
use std::alloc::Layout;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

/// The owner's reference to a task, or in `run` that of the queue, on the owner's thread.
struct OwnerRef {
    task: TaskRef,
    _not_send: PhantomData<*mut ()>,
}

impl OwnerRef {
    /// # Safety
    /// The calling thread is the task's owner.
    #[inline]
    unsafe fn new(task: TaskRef) -> Self {
        OwnerRef {
            task,
            _not_send: PhantomData,
        }
    }

    #[inline]
    fn state(&self) -> &OwnerState {
        // SAFETY: an `OwnerRef` is made on the owner's thread and does not leave it.
        unsafe { self.task.header().owner() }
    }

    /// Drops the work. Wake-ups have no effect from now on.
    ///
    /// # Safety
    /// The work is present, not borrowed, and not used afterwards.
    unsafe fn drop_work(&self) {
        let header = self.task.header();
        if !header.state.is_unique() {
            header.state.transition_to_complete();
        }
        count(|t| &t.tasks_dropped, 1);
        // SAFETY: the contract of this function says what `TaskRef::drop_work` asks for; this is the
        // owner's thread.
        catch_and_discard(|| unsafe { self.task.drop_work() });
    }

    /// Prepares for giving up this reference, which the caller does. Returns `true` if it is the only
    /// one.
    fn retire(&self) -> bool {
        let header = self.task.header();
        let unique = header.state.is_unique();
        if !unique {
            // SAFETY: this is the owner's thread and its reference, which is given up once, after this.
            unsafe { header.retain_home() };
        }
        home::remove_attached();
        unique
    }
}

impl Runnable {
    /// Polls the task, which the owner has taken from its queue, unless it must not be polled now.
    /// Returns `Pending` if the poll was pending. Otherwise returns the task's key if it is complete and
    /// [detached](Work::DETACHED): the caller then drops the [`Task`].
    ///
    /// # Panics
    /// If the task has another home.
    pub(crate) fn run<S: Schedule>(self, home: &Home<S>) -> Poll<Option<Key>> {
        let header = self.header();
        assert!(
            header.belongs_to(home.scheduler()),
            "a task of another domain"
        );
        // The queue's reference.
        // SAFETY: a thread that has the home of a task is its owner.
        let this = ManuallyDrop::new(unsafe { OwnerRef::new(self.into_task_ref()) });
        let (header, owner) = (this.task.header(), this.state());
        if owner.phase.get() != Phase::Idle {
            header.state.clear_scheduled();
            match owner.phase.get() {
                Phase::Unbound { .. } => owner.phase.set(Phase::Unbound { notified: true }),
                // A loop within the poll runs this: code that calls `exit` runs one.
                Phase::Polling { .. } => owner.phase.set(Phase::Polling { notified: true }),
                Phase::Cancelled | Phase::Complete | Phase::Idle => {}
            }
            drop(ManuallyDrop::into_inner(this));
            return Poll::Ready(None);
        }
        // An idle task has a `Task`, whose reference `this` is from here on. If the `Task` is dropped
        // during the poll, it leaves the reference to this function.
        header.state.transition_to_polling();
        owner.phase.set(Phase::Polling { notified: false });
        let waker = waker_ref(&this.task);
        // SAFETY: the phase was `Idle`, so the work is present, and was not borrowed.
        let polled = unsafe {
            let key = owner.key();
            this.task.poll_work(key, &mut Context::from_waker(&waker))
        };
        match (polled, owner.phase.get()) {
            (Poll::Pending, Phase::Polling { notified }) => {
                owner.phase.set(Phase::Idle);
                if notified {
                    this.task.wake_by_ref();
                }
                Poll::Pending
            }
            _ => {
                // The phase does not change before the work has been dropped: its destructor, too, may
                // drop the `Task`, which then leaves its reference to this function.
                // SAFETY: the poll has returned, so the work is not borrowed any more. Nothing uses it
                // in the phases `Polling` and `Cancelled`, nor in `Complete`, which follows.
                unsafe { this.drop_work() };
                let cancelled = owner.phase.replace(Phase::Complete) == Phase::Cancelled;
                let detached = header.vtable.detached;
                let key = detached.then(|| owner.key());
                if cancelled {
                    let unique = this.retire();
                    let task = ManuallyDrop::into_inner(this).task;
                    if unique {
                        // SAFETY: it is the owner's reference and the only one. Each task of this home
                        // has its memory from this list.
                        unsafe { task.free_into(home.free_list()) };
                    }
                }
                Poll::Ready(key)
            }
        }
    }
}

/// An attached task. Dropping it cancels it: the work is dropped at once, or at the end of the poll that
/// is in progress.
pub(crate) struct Task(ManuallyDrop<OwnerRef>);

impl Task {
    /// Schedules the task.
    pub(crate) fn wake(&self) {
        self.0.task.wake_by_ref();
    }

    /// Returns `true` if there is no other reference to the task.
    #[cfg(all(test, loom_model))]
    pub(super) fn is_unique(&self) -> bool {
        self.0.task.header().state.is_unique()
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        let phase = &self.0.state().phase;
        match phase.get() {
            Phase::Idle => {
                phase.set(Phase::Complete);
                // SAFETY: the phase was `Idle`, so the work is present and not borrowed. Nothing uses
                // it in the phase `Complete`.
                unsafe { self.0.drop_work() };
            }
            // `run` has the reference from now on.
            Phase::Polling { .. } => return phase.set(Phase::Cancelled),
            Phase::Unbound { .. } | Phase::Cancelled | Phase::Complete => {}
        }
        self.0.retire();
        // SAFETY: `self` is dropped once, and its field is not used afterwards.
        unsafe { ManuallyDrop::drop(&mut self.0) };
    }
}

/// An [`UnboundTask`] whose type of work is known. Only [`poll`](Self::poll) polls it.
pub(crate) struct NewTask<'a, S: Schedule, W: Work> {
    /// Its task is a `RawTask<W>`.
    task: UnboundTask<'a, S>,
    _work: PhantomData<W>,
}

impl<'a, S: Schedule, W: Work> NewTask<'a, S, W> {
    /// Makes a task of the calling thread, which has its `home`.
    #[inline]
    pub(crate) fn new(home: &'a Home<S>, work: W) -> Self {
        home.add_unbound();
        // SAFETY: the owner is the calling thread. `home` counts the owner's reference, and keeps the scheduler until that is
        // given up. The owner gives up its reference only after it has dropped the work: see `UnboundTask::end`,
        // `OwnerRef::drop_work` and the phases in which `Task` and `run` give it up.
        let owner =
            unsafe { OwnerRef::new(RawTask::allocate(home.scheduler(), home.free_list(), work)) };
        NewTask {
            task: UnboundTask {
                owner: ManuallyDrop::new(owner),
                home,
            },
            _work: PhantomData,
        }
    }

    #[cfg(all(test, not(loom_model)))]
    pub(super) fn as_ptr(&self) -> *const crate::task::raw::Header {
        self.task.owner.task.as_ptr().as_ptr()
    }

    /// Polls the work with `f`. The task notes wake-ups for [`attach`](UnboundTask::attach).
    #[inline]
    pub(crate) fn poll<R>(&mut self, f: impl FnOnce(Pin<&mut W>, &mut Context<'_>) -> R) -> R {
        let task = &self.task.owner.task;
        // SAFETY: `allocate` made a `RawTask<W>`. The work is present while there is a `NewTask`, which
        // is borrowed mutably as long as the work.
        let work = unsafe { RawTask::<W>::work(task.as_ptr()) };
        let waker = waker_ref(task);
        f(work, &mut Context::from_waker(&waker))
    }

    /// Forgets the type of the work.
    #[inline]
    pub(crate) fn erase(self) -> UnboundTask<'a, S> {
        self.task
    }

    /// Drops the work of a task that is complete after its first poll.
    ///
    /// # Panics
    /// If the destructor of the work does.
    #[inline]
    pub(crate) fn finish(self) {
        // SAFETY: `self` is not dropped. `allocate` made a `RawTask<W>`.
        unsafe {
            ManuallyDrop::new(self.task).end(RawTask::<W>::LAYOUT, RawTask::<W>::drop_work);
        }
    }
}

/// A task that is not yet attached, with work of any type. Dropping it drops the work.
pub(crate) struct UnboundTask<'a, S: Schedule> {
    /// The owner's reference. An `Option` here would make `end` safe, and cost a call that is ready at once 20
    /// instructions of 185.
    owner: ManuallyDrop<OwnerRef>,
    home: &'a Home<S>,
}

impl<S: Schedule> UnboundTask<'_, S> {
    /// Attaches the task: from now on it is run when it is woken, and known to its work under `key`.
    #[inline]
    pub(crate) fn attach(self, key: Key) -> Task {
        let mut this = ManuallyDrop::new(self);
        this.home.attach();
        // SAFETY: `self` is not dropped, so the reference is taken once.
        let task = Task(ManuallyDrop::new(unsafe {
            ManuallyDrop::take(&mut this.owner)
        }));
        let owner = task.0.state();
        owner.set_key(key);
        count(|t| &t.tasks_made, 1);
        let notified = owner.phase.replace(Phase::Idle) == Phase::Unbound { notified: true };
        if notified {
            task.wake();
        }
        task
    }

    /// Drops the work and gives up the owner's reference.
    ///
    /// # Safety
    /// `self` is not used afterwards. The layout and the function are those of the `RawTask<W>` that `allocate` made.
    #[inline]
    unsafe fn end(&self, layout: Layout, drop_work: unsafe fn(NonNull<Header>)) {
        if !self.owner.task.header().state.is_unique() {
            // SAFETY: by the contract of this function `self` is not used afterwards.
            return unsafe { self.end_among_wakers() };
        }
        /// Frees the memory, even if the destructor of the work panics.
        struct Free<'a>(&'a FreeList, NonNull<u8>, Layout);
        impl Drop for Free<'_> {
            #[inline]
            fn drop(&mut self) {
                // SAFETY: `allocate` allocated the block with this layout. The owner's reference was
                // the only one, and is not used any more.
                unsafe { self.0.free(self.1, self.2) };
            }
        }
        self.home.remove_unbound();
        let task = self.owner.task.as_ptr();
        let _free = Free(self.home.free_list(), task.cast(), layout);
        // SAFETY: the function is that of the task, whose work is present while it is unbound. By the contract of this
        // function `self` is not used afterwards. This is the owner's thread, which an `OwnerRef` does not leave.
        unsafe { drop_work(task) };
    }

    /// [`end`](Self::end) if the owner's reference is not the only one.
    ///
    /// # Safety
    /// `self` is not used afterwards.
    #[cold]
    unsafe fn end_among_wakers(&self) {
        // SAFETY: this is the owner's reference, which is given up here. By the contract of this
        // function `self` does not use it afterwards.
        let task = unsafe {
            self.owner.task.header().retain_home();
            TaskRef::from_raw(self.owner.task.as_ptr())
        };
        self.home.remove_unbound();
        self.owner.state().phase.set(Phase::Complete);
        task.header().state.transition_to_complete();
        // SAFETY: the work is present while the task is unbound. By the contract of this function `self` is not used
        // afterwards. This is the owner's thread.
        unsafe { task.drop_work() };
    }
}

impl<S: Schedule> Drop for UnboundTask<'_, S> {
    fn drop(&mut self) {
        let vtable = self.owner.task.header().vtable;
        // SAFETY: `self` is being dropped. The table is that of the types that the task was made with.
        catch_and_discard_cold(|| unsafe { self.end(vtable.layout, vtable.drop_work) });
    }
}
