//! The memory of a task and the counted references to it, without the types of work and scheduler.
//!
//! A task is one allocation: a [`Header`], then the work. [`TaskRef`] and [`Runnable`] are references
//! to it that any thread may hold; a table of functions in the header knows the types.

use crate::base::slot_map::Key;
use crate::base::sync;
use crate::task::free_list::FreeList;
use crate::task::state::{Phase, State};
use std::alloc::Layout;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, forget};
use std::pin::Pin;
use std::ptr::{NonNull, drop_in_place, null_mut};
use std::sync::Arc;
use std::task::{Context, Poll};

/// The operations of a task.
pub(crate) trait Work: 'static {
    /// If `true`, [`Runnable::run`] returns the key of the task when it completes, and its caller drops
    /// the [`Task`](crate::task::Task). Otherwise the work itself arranges for that.
    const DETACHED: bool;

    /// Polls the work of the task that is known under `key`. Does not unwind: an implementation catches
    /// the panics of the user's code.
    fn poll(self: Pin<&mut Self>, key: Key, cx: &mut Context<'_>) -> Poll<()>;
}

/// What tasks are handed to when they are woken.
pub(crate) trait Schedule: Send + Sync + 'static {
    /// Queues a task that is ready to be polled. Called on any thread.
    fn schedule(&self, task: Runnable);
}

/// The functions of a task whose work is a `W` and whose scheduler is an `S`.
pub(super) struct Vtable {
    pub(super) layout: Layout,
    pub(super) detached: bool,
    /// # Safety
    /// The header is that of a `RawTask<W>` whose work is present and not borrowed. The owner's thread.
    poll: unsafe fn(NonNull<Header>, Key, &mut Context<'_>) -> Poll<()>,
    /// # Safety
    /// The header is that of a `RawTask<W>` whose work is present, not borrowed, and not used
    /// afterwards. The owner's thread.
    pub(super) drop_work: unsafe fn(NonNull<Header>),
    /// # Safety
    /// The pointer is that of an `Arc<S>` that stays alive during the call.
    schedule: unsafe fn(*const (), Runnable),
    /// Adds a strong reference to the scheduler.
    ///
    /// # Safety
    /// The pointer is that of an `Arc<S>` that is alive.
    retain_home: unsafe fn(*const ()),
    /// Gives up a strong reference to the scheduler.
    ///
    /// # Safety
    /// The pointer is that of an `Arc<S>`, and the strong reference is one that `retain_home` added.
    release_home: unsafe fn(*const ()),
}

struct VtableOf<S, W>(PhantomData<(S, W)>);

impl<S: Schedule, W: Work> VtableOf<S, W> {
    const VTABLE: Vtable = Vtable {
        layout: RawTask::<W>::LAYOUT,
        detached: W::DETACHED,
        poll: RawTask::<W>::poll,
        drop_work: RawTask::<W>::drop_work,
        schedule: schedule::<S>,
        retain_home: retain_home::<S>,
        release_home: release_home::<S>,
    };
}

/// # Safety
/// See [`Vtable::schedule`].
unsafe fn schedule<S: Schedule>(home: *const (), task: Runnable) {
    // SAFETY: by the contract `home` points to an `S` that is alive.
    unsafe { &*home.cast::<S>() }.schedule(task);
}

/// # Safety
/// See [`Vtable::retain_home`].
unsafe fn retain_home<S>(home: *const ()) {
    // SAFETY: by the contract `home` is the pointer of an `Arc<S>` that is alive.
    unsafe { Arc::increment_strong_count(home.cast::<S>()) };
}

/// # Safety
/// See [`Vtable::release_home`].
unsafe fn release_home<S>(home: *const ()) {
    // SAFETY: by the contract `home` is the pointer of an `Arc<S>`, and the strong reference that is given up was added by
    // `retain_home`.
    unsafe { Arc::decrement_strong_count(home.cast::<S>()) };
}

/// The part of a task that does not depend on the type of its work.
pub(super) struct Header {
    pub(super) vtable: &'static Vtable,
    pub(super) state: State,
    /// The pointer of an `Arc<S>`, which is alive as long as the task has a reference: the task's
    /// [`Home`](crate::task::Home) sees to it while the owner has one, and afterwards the task itself
    /// has a strong reference (`OwnerState::holds_home_ref`).
    home: *const (),
    /// The link of the queue that has the task's [`Runnable`]: null, or a pointer that
    /// [`Runnable::into_raw`] gave. Only `run_queue.rs` uses it.
    pub(super) next: sync::Cell<*mut Header>,
    owner: OwnerState,
}

/// The part of the header that only the owner's thread uses.
pub(super) struct OwnerState {
    pub(super) phase: sync::Cell<Phase>,
    /// The key, in halves: aligned as a `u64` it would pad the header by a word.
    key: sync::Cell<[u32; 2]>,
    /// `true` if the task has a strong reference to its scheduler. Set when the owner gives up its
    /// reference while there are others, and not changed any more.
    holds_home_ref: sync::Cell<bool>,
}

impl OwnerState {
    /// Returns the key that the task is known under.
    #[inline]
    pub(super) fn key(&self) -> Key {
        let [low, high] = self.key.get();
        Key::from_int((u64::from(high) << 32 | u64::from(low)) as isize)
    }

    /// Sets the key that the task is known under.
    #[inline]
    pub(super) fn set_key(&self, key: Key) {
        let key = key.to_int() as u64;
        self.key.set([key as u32, (key >> 32) as u32]);
    }
}

impl Header {
    /// The owner's part.
    ///
    /// # Safety
    /// The calling thread is the task's owner: the one that made it.
    #[inline]
    pub(super) unsafe fn owner(&self) -> &OwnerState {
        &self.owner
    }

    /// Returns `true` if `scheduler` is the task's.
    #[inline]
    pub(super) fn belongs_to<S>(&self, scheduler: &Arc<S>) -> bool {
        std::ptr::eq(self.home, Arc::as_ptr(scheduler).cast())
    }

    /// Gives the task a strong reference to its scheduler, because the owner is about to give up its
    /// reference to the task, and there are others.
    ///
    /// # Safety
    /// The calling thread is the task's owner, still has its reference, and calls this once.
    pub(super) unsafe fn retain_home(&self) {
        self.owner.holds_home_ref.set(true);
        // SAFETY: the owner has its reference, so the `Arc` of `home` is alive.
        unsafe { (self.vtable.retain_home)(self.home) };
    }
}

#[repr(C)]
pub(super) struct RawTask<W> {
    header: Header,
    work: W,
}

impl<W: Work> RawTask<W> {
    pub(super) const LAYOUT: Layout = FreeList::layout(Layout::new::<Self>());

    /// Makes a task, whose only reference is the owner's. The owner is the calling thread.
    ///
    /// # Safety
    /// The `Arc` of `scheduler` stays alive as long as the owner has its reference, and the work has
    /// been dropped when the last reference is.
    #[inline]
    pub(super) unsafe fn allocate<S: Schedule>(
        scheduler: &Arc<S>,
        free_list: &FreeList,
        work: W,
    ) -> TaskRef {
        let header = Header {
            vtable: &VtableOf::<S, W>::VTABLE,
            state: State::new(),
            home: Arc::as_ptr(scheduler).cast(),
            next: sync::Cell::new(null_mut()),
            owner: OwnerState {
                phase: sync::Cell::new(Phase::Unbound { notified: false }),
                key: sync::Cell::new([0, 0]),
                holds_home_ref: sync::Cell::new(false),
            },
        };
        let block = free_list.alloc(Self::LAYOUT).cast::<Self>();
        // SAFETY: the block is new and has the layout of `Self`.
        unsafe { block.write(RawTask { header, work }) };
        TaskRef(block.cast())
    }

    /// The work. It does not move: it is where the allocation is.
    ///
    /// # Safety
    /// The header is that of a `RawTask<W>` whose work is present and not borrowed for as long as `'a`.
    /// The owner's thread.
    #[inline]
    pub(super) unsafe fn work<'a>(header: NonNull<Header>) -> Pin<&'a mut W> {
        let task = header.cast::<Self>().as_ptr();
        // SAFETY: by the contract of this function the work is present and nothing else refers to it.
        // It is dropped where it is, so it is pinned.
        unsafe { Pin::new_unchecked(&mut (*task).work) }
    }

    /// Polls the work.
    ///
    /// # Safety
    /// The header is that of a `RawTask<W>` whose work is present and not borrowed. The owner's thread.
    unsafe fn poll(header: NonNull<Header>, key: Key, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: the contract of this function says what `work` asks for.
        unsafe { Self::work(header) }.poll(key, cx)
    }

    /// Drops the work.
    ///
    /// # Safety
    /// The header is that of a `RawTask<W>` whose work is present, not borrowed, and not used
    /// afterwards. The owner's thread.
    #[inline]
    pub(super) unsafe fn drop_work(header: NonNull<Header>) {
        let task = header.cast::<Self>().as_ptr();
        // SAFETY: by the contract of this function the work is present and nothing else refers to it,
        // now or later.
        unsafe { drop_in_place(&raw mut (*task).work) };
    }
}

/// A reference to a task. Any thread may have one; a waker is one.
pub(super) struct TaskRef(NonNull<Header>);

// SAFETY: of a task's header, other threads than the owner use `vtable` and `home`, which do not change,
// `state`, which is atomic, and `next` if they have the task's only `Runnable`. `Header::owner` may be
// called by the owner only. The last reference, on whatever thread, frees the memory: the work has been
// dropped by then (the contract of `RawTask::allocate`), and the scheduler is `Send` and `Sync`.
unsafe impl Send for TaskRef {}
// SAFETY: `&TaskRef` allows what a clone of it does, which is sent to the other thread instead.
unsafe impl Sync for TaskRef {}

impl TaskRef {
    #[inline]
    pub(super) fn header(&self) -> &Header {
        // SAFETY: the allocation is there as long as this reference is.
        unsafe { self.0.as_ref() }
    }

    #[inline]
    pub(super) fn as_ptr(&self) -> NonNull<Header> {
        self.0
    }

    pub(super) fn into_raw(self) -> NonNull<Header> {
        ManuallyDrop::new(self).0
    }

    /// # Safety
    /// `raw` came from [`into_raw`](Self::into_raw), and is the reference that was given up there: it is
    /// passed here once, or the result is not dropped while the reference is used elsewhere.
    #[inline]
    pub(super) unsafe fn from_raw(raw: NonNull<Header>) -> Self {
        TaskRef(raw)
    }

    /// Schedules the task, unless it is scheduled already or complete.
    pub(super) fn wake_by_ref(&self) {
        let header = self.header();
        if header.state.transition_to_scheduled() {
            // The reference that the transition has added.
            let runnable = Runnable(TaskRef(self.0));
            // SAFETY: `home` is alive as long as the task has a reference, and `self` is one that
            // outlives the call.
            unsafe { (header.vtable.schedule)(header.home, runnable) };
        }
    }

    /// Polls the work.
    ///
    /// # Safety
    /// The work is present and not borrowed. The owner's thread.
    pub(super) unsafe fn poll_work(&self, key: Key, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: the table is that of the types that the task was made with, and the contract of this
        // function is that of `Vtable::poll`.
        unsafe { (self.header().vtable.poll)(self.0, key, cx) }
    }

    /// Drops the work.
    ///
    /// # Safety
    /// The work is present, not borrowed, and not used afterwards. The owner's thread.
    pub(super) unsafe fn drop_work(&self) {
        // SAFETY: the table is that of the types that the task was made with, and the contract of this
        // function is that of `Vtable::drop_work`.
        unsafe { (self.header().vtable.drop_work)(self.0) };
    }

    /// Frees the memory of the task for its next tasks.
    ///
    /// # Safety
    /// This is the only reference, and it is the owner's. The memory came from `free_list`.
    pub(super) unsafe fn free_into(self, free_list: &FreeList) {
        let layout = self.header().vtable.layout;
        // SAFETY: `RawTask::allocate` allocated the block with this layout. By the contract of this
        // function there is no other reference, and by that of `RawTask::allocate` no work is left.
        unsafe { free_list.free(self.into_raw().cast(), layout) };
    }

    /// # Safety
    /// This was the last reference, and is not used afterwards.
    unsafe fn free(&self) {
        let header = self.header();
        let layout = header.vtable.layout;
        // No other thread refers to the task any more.
        if header.owner.holds_home_ref.get() {
            // SAFETY: `holds_home_ref` says that `retain_home` was called, and its strong reference is
            // given up only here, once.
            unsafe { (header.vtable.release_home)(header.home) };
        }
        // SAFETY: `RawTask::allocate` allocated the block with this layout. By the contract of this
        // function it is not used any more, and by that of `RawTask::allocate` no work is left in it.
        unsafe { FreeList::dealloc(self.0.cast(), layout) };
    }
}

impl Clone for TaskRef {
    fn clone(&self) -> Self {
        self.header().state.ref_inc();
        TaskRef(self.0)
    }
}

impl Drop for TaskRef {
    #[inline]
    fn drop(&mut self) {
        if self.header().state.ref_dec() {
            // SAFETY: `ref_dec` has removed the last reference, and `self` is being dropped.
            unsafe { self.free() };
        }
    }
}

/// A task that is scheduled: `async_task`'s `Runnable`, tokio's `Notified`. It is a reference to the
/// task, and a task has one at most, which alone may use the link in the header.
pub(crate) struct Runnable(TaskRef);

impl Runnable {
    #[inline]
    pub(super) fn header(&self) -> &Header {
        self.0.header()
    }

    #[inline]
    pub(super) fn as_ptr(&self) -> *mut Header {
        self.0.as_ptr().as_ptr()
    }

    #[inline]
    pub(super) fn into_raw(self) -> *mut Header {
        let raw = self.as_ptr();
        forget(self);
        raw
    }

    /// Returns `None` for null.
    ///
    /// # Safety
    /// `raw` is null, or came from [`into_raw`](Self::into_raw) and is passed here once.
    #[inline]
    pub(super) unsafe fn from_raw(raw: *mut Header) -> Option<Self> {
        NonNull::new(raw).map(|raw| Runnable(TaskRef(raw)))
    }

    pub(super) fn into_task_ref(self) -> TaskRef {
        self.0
    }
}
