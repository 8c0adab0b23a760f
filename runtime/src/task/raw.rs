//! A task: a future that a domain's loop polls, and what wakes it from anywhere.
//!
//! One allocation has both. Its header is holds_home_ref, and any thread may hold a share, which is what a
//! waker is. The work in it is the owner's: it is polled and dropped by the domain's thread, at the
//! domain's end at the latest, whatever shares are left.
//!
//! ```text
//!             attach           run            Ready
//!   Unbound -----------> Idle <------> Polling -------> Done
//!     |                 |   Pending     |              ^  ^
//!     | finish          | stop          | stop         |  |
//!     |                 |            Cancelled ----------+  |
//!     +-----------------+---------------------------------+
//! ```
//!
//! A wake-up puts the task into a queue of its domain's, once (`SCHEDULED`), unless it is done. One
//! that comes while the task is fresh or being polled is remembered, and takes effect afterwards.
//!
//! Flags and number of shares are one word, so that to wake, and to take a task from a queue, is
//! one locked instruction each.

use crate::base::counters::count;
use crate::base::panic::catch_and_discard;
use crate::base::slot_map::Key;
use crate::base::sync::{self, AtomicPtr, AtomicU32, Ordering, dealloc};
use crate::task::free_list::FreeList;
use std::alloc::Layout;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::ptr::{NonNull, drop_in_place};
use std::sync::Arc;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

/// What a task does.
pub(crate) trait Work: 'static {
    /// Whether the executor forgets the task when it is done. Otherwise whoever has the
    /// [`Task`] does.
    const DETACHED: bool;

    /// A step of the work that is known under `key`. It contains the panics of the user's code.
    fn poll(self: Pin<&mut Self>, key: Key, cx: &mut Context<'_>) -> Poll<()>;
}

/// What a task belongs to, and where it goes when it is woken.
pub(crate) trait Schedule: Send + Sync + 'static {
    /// The task has become ready. Any thread.
    fn schedule(&self, task: TaskRef);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Its first poll is not over, or nobody has it yet.
    Unbound {
        woken: bool,
    },
    Idle,
    Polling {
        woken: bool,
    },
    /// Nobody wants it any more, but it is being polled.
    Cancelled,
    /// The work has been dropped.
    Complete,
}

/// It is in a queue, or about to be: who has set this has the link, and a share for the queue.
const SCHEDULED: u32 = 1;
/// There is nothing to wake any more.
const COMPLETE: u32 = 2;
/// One share.
const REFERENCE: u32 = 4;
/// With so many, wakers are being forgotten in a loop.
const MAX_REFERENCES: u32 = u32::MAX / 2;

struct Vtable {
    layout: Layout,
    detached: bool,
    poll: unsafe fn(NonNull<Header>, &mut Context<'_>) -> Poll<()>,
    drop_work: unsafe fn(NonNull<Header>),
    home: HomeVtable,
}

/// What is done with `home`, which is what an `Arc<S>` points to.
#[derive(Clone, Copy)]
struct HomeVtable {
    schedule: unsafe fn(*const (), TaskRef),
    retain: unsafe fn(*const ()),
    release: unsafe fn(*const ()),
}

impl HomeVtable {
    const fn of<S: Schedule>() -> Self {
        HomeVtable {
            // SAFETY: the caller's: the pointer is that of an `Arc<S>` that is alive.
            schedule: |home, task| unsafe { (*home.cast::<S>()).schedule(task) },
            // SAFETY: likewise.
            retain: |home| unsafe { Arc::increment_strong_count(home.cast::<S>()) },
            // SAFETY: likewise, and it was retained.
            release: |home| unsafe { Arc::decrement_strong_count(home.cast::<S>()) },
        }
    }
}

/// What other threads know of a task.
pub(crate) struct Header {
    vtable: &'static Vtable,
    state: AtomicU32,
    /// The owner's.
    phase: sync::Cell<Phase>,
    /// Whether `home` is a share: once the owner has given up its own of the task. Nobody changes it
    /// then.
    holds_home_ref: sync::Cell<bool>,
    home: *const (),
    next: AtomicPtr<Header>,
    /// The owner's.
    key: sync::Cell<Key>,
}

impl Header {
    /// Whether nobody has another share: then nobody else can make one.
    #[inline]
    fn is_unique(&self) -> bool {
        self.state.load(Ordering::Acquire) / REFERENCE == 1
    }
}

#[repr(C)]
struct RawTask<W> {
    header: Header,
    work: W,
}

impl<W: Work> RawTask<W> {
    const LAYOUT: Layout = FreeList::layout(Layout::new::<Self>());

    /// # Safety
    /// The header is that of a `RawTask<W>` whose work is there, and only its owner calls.
    unsafe fn work<'a>(header: NonNull<Header>) -> Pin<&'a mut W> {
        // SAFETY: the caller's; the allocation does not move, so the work is pinned.
        unsafe { Pin::new_unchecked(&mut (*header.cast::<Self>().as_ptr()).work) }
    }

    /// # Safety
    /// As for `work`, and the work is not being polled.
    unsafe fn poll(header: NonNull<Header>, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: the caller's.
        unsafe {
            let key = header.as_ref().key.get();
            Self::work(header).poll(key, cx)
        }
    }

    /// # Safety
    /// As for `poll`, for the last time.
    unsafe fn drop_work(header: NonNull<Header>) {
        // SAFETY: the caller's.
        unsafe { drop_in_place(&raw mut (*header.cast::<Self>().as_ptr()).work) }
    }
}

/// The table of a task that does `W`, and belongs to an `S`.
struct TableOf<S, W>(PhantomData<(S, W)>);

impl<S: Schedule, W: Work> TableOf<S, W> {
    const VTABLE: Vtable = Vtable {
        layout: RawTask::<W>::LAYOUT,
        detached: W::DETACHED,
        poll: RawTask::<W>::poll,
        drop_work: RawTask::<W>::drop_work,
        home: HomeVtable::of::<S>(),
    };
}

/// A share of a task. Any thread may have one.
pub(crate) struct TaskRef(NonNull<Header>);

// SAFETY: what other threads than the owner do with a share touches only the atomics of the header,
// and the last share frees memory in which no work is left; `holds_home_ref` is settled by then.
unsafe impl Send for TaskRef {}
// SAFETY: as above.
unsafe impl Sync for TaskRef {}

impl TaskRef {
    fn header(&self) -> &Header {
        // SAFETY: a share keeps the allocation.
        unsafe { self.0.as_ref() }
    }

    /// For a queue, which has the task's link.
    pub(crate) fn link(&self) -> &AtomicPtr<Header> {
        &self.header().next
    }

    /// # Safety
    /// The task is in a queue of the caller's.
    pub(crate) unsafe fn link_of<'a>(raw: *mut Header) -> &'a AtomicPtr<Header> {
        // SAFETY: the queue has a share, which keeps the allocation.
        unsafe { &(*raw).next }
    }

    pub(crate) fn as_raw(&self) -> *mut Header {
        self.0.as_ptr()
    }

    pub(crate) fn into_raw(self) -> *mut Header {
        ManuallyDrop::new(self).as_raw()
    }

    /// # Safety
    /// `raw` came from [`into_raw`](Self::into_raw), and is used once.
    pub(crate) unsafe fn from_raw(raw: *mut Header) -> Self {
        // SAFETY: the caller's.
        TaskRef(unsafe { NonNull::new_unchecked(raw) })
    }

    fn wake_by_ref(&self) {
        let state = &self.header().state;
        // A locked instruction in any case: who finds the task queued relies on its poll to see
        // what was written before.
        let before = state.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |state| {
            match state & (SCHEDULED | COMPLETE) {
                0 => Some((state | SCHEDULED) + REFERENCE),
                SCHEDULED => Some(state),
                _ => None,
            }
        });
        let Ok(before) = before else { return };
        if before & SCHEDULED == 0 {
            if before > MAX_REFERENCES {
                std::process::abort();
            }
            // Not the caller's share: once the owner has that of the queue, the domain may end and
            // take `home` along.
            let header = self.header();
            // SAFETY: the domain has a share of the task, and drops it before it ends; or `home` is a
            // share of the task's.
            unsafe { (header.vtable.home.schedule)(header.home, TaskRef(self.0)) };
        }
    }

    /// The owner has taken the task from a queue: polls it. Returns the key if the task is done
    /// and the executor is to forget it.
    pub(crate) fn run(self, free_list: &FreeList) -> Option<Key> {
        // The queue's share.
        let this = ManuallyDrop::new(self);
        let header = this.header();
        if header.phase.get() != Phase::Idle {
            // What the wakers wrote is there from now on; what they write later queues it again.
            header.state.fetch_and(!SCHEDULED, Ordering::AcqRel);
            match header.phase.get() {
                Phase::Unbound { .. } => header.phase.set(Phase::Unbound { woken: true }),
                // A loop inside the poll, which code that calls `exit` runs.
                Phase::Polling { .. } => header.phase.set(Phase::Polling { woken: true }),
                Phase::Cancelled | Phase::Complete | Phase::Idle => {}
            }
            drop(ManuallyDrop::into_inner(this));
            return None;
        }
        // Likewise, and the share is given up: that of the `Task` is there while the task is idle,
        // and is left to us if the `Task` is dropped meanwhile.
        header
            .state
            .fetch_sub(SCHEDULED + REFERENCE, Ordering::AcqRel);
        header.phase.set(Phase::Polling { woken: false });
        // SAFETY: the share lives longer than the waker, which is not dropped.
        let waker = unsafe { ManuallyDrop::new(waker(this.0)) };
        // SAFETY: only the owner runs tasks, and it was idle, so the work is there.
        let polled = unsafe { (header.vtable.poll)(this.0, &mut Context::from_waker(&waker)) };
        match (polled, header.phase.get()) {
            (Poll::Pending, Phase::Polling { woken }) => {
                header.phase.set(Phase::Idle);
                if woken {
                    this.wake_by_ref();
                }
                None
            }
            (_, phase) => {
                this.end();
                let key = header.vtable.detached.then(|| header.key.get());
                if phase == Phase::Cancelled {
                    ManuallyDrop::into_inner(this).free_into(free_list);
                }
                key
            }
        }
    }

    /// The owner gives up its share.
    fn free_into(self, free_list: &FreeList) {
        if self.header().is_unique() {
            let this = ManuallyDrop::new(self);
            let layout = this.header().vtable.layout;
            // SAFETY: it came from there, the work has been dropped, and nobody else has a share.
            unsafe { free_list.free(this.0.as_ptr().cast(), layout) };
        } else {
            self.outlive_domain();
        }
    }

    /// Until now the domain was there for as long as its own share was. The wakers that are left
    /// have one of `home` from now on.
    fn outlive_domain(&self) {
        let header = self.header();
        header.holds_home_ref.set(true);
        // SAFETY: it is a pointer to what an `Arc` holds that is alive: the owner is here.
        unsafe { (header.vtable.home.retain)(header.home) };
    }

    /// This was the last share.
    fn free(&self) {
        let header = self.header();
        let layout = header.vtable.layout;
        // SAFETY: `home` was holds_home_ref, once. `NewTask::new` allocated the block with this layout, and
        // the owner gave up its own share only when the work had been dropped.
        unsafe {
            if header.holds_home_ref.get() {
                (header.vtable.home.release)(header.home);
            }
            dealloc(self.0.as_ptr().cast(), layout);
        }
    }

    /// Drops the work, which is there and not being polled. Only the owner.
    fn end(&self) {
        let header = self.header();
        header.phase.set(Phase::Complete);
        if !header.is_unique() {
            header.state.fetch_or(COMPLETE, Ordering::AcqRel);
        }
        count(|t| &t.tasks_dropped, 1);
        // SAFETY: as the caller promises; with the phase set, nobody gets here again.
        catch_and_discard(|| unsafe { (header.vtable.drop_work)(self.0) });
    }
}

impl Clone for TaskRef {
    fn clone(&self) -> Self {
        if self.header().state.fetch_add(REFERENCE, Ordering::Relaxed) > MAX_REFERENCES {
            // Like `Arc`: better not to go on.
            std::process::abort();
        }
        TaskRef(self.0)
    }
}

impl Drop for TaskRef {
    #[inline]
    fn drop(&mut self) {
        let header = self.header();
        // The only share can be given up without a locked instruction.
        if header.is_unique()
            || header.state.fetch_sub(REFERENCE, Ordering::AcqRel) / REFERENCE == 1
        {
            self.free();
        }
    }
}

// ---- wakers: a share each

static WAKER: RawWakerVTable = RawWakerVTable::new(clone_waker, wake, wake_by_ref, drop_waker);

unsafe fn clone_waker(data: *const ()) -> RawWaker {
    // SAFETY: the data of a waker that is there.
    let task = unsafe { borrowed(data) };
    raw_waker(ManuallyDrop::new(TaskRef::clone(&task)).0)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: the data of a waker that is used up.
    unsafe { TaskRef::from_raw(data.cast_mut().cast()) }.wake_by_ref();
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the data of a waker that is there.
    unsafe { borrowed(data) }.wake_by_ref();
}

unsafe fn drop_waker(data: *const ()) {
    // SAFETY: the data of a waker that is used up.
    drop(unsafe { TaskRef::from_raw(data.cast_mut().cast()) });
}

/// # Safety
/// `data` is a waker's, which is not dropped meanwhile.
unsafe fn borrowed(data: *const ()) -> ManuallyDrop<TaskRef> {
    // SAFETY: the caller's.
    ManuallyDrop::new(unsafe { TaskRef::from_raw(data.cast_mut().cast()) })
}

fn raw_waker(header: NonNull<Header>) -> RawWaker {
    RawWaker::new(header.as_ptr().cast_const().cast(), &WAKER)
}

/// # Safety
/// The waker takes over a share, or is not dropped.
unsafe fn waker(header: NonNull<Header>) -> Waker {
    // SAFETY: the functions in the table do what a waker's have to, and any thread may call them.
    unsafe { Waker::from_raw(raw_waker(header)) }
}

// ---- the owner's handles

/// A task in the hands of its owner. Dropping it stops it: the work is dropped at once, or at the
/// end of the poll that is under way.
pub(crate) struct Task {
    task: ManuallyDrop<TaskRef>,
    /// The work is the owner's.
    _not_send: PhantomData<*mut ()>,
}

impl Task {
    /// Sees to it that the task is polled.
    pub(crate) fn wake(&self) {
        self.task.wake_by_ref();
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        let phase = &self.task.header().phase;
        match phase.get() {
            Phase::Idle => self.task.end(),
            // Its share goes to who polls.
            Phase::Polling { .. } => return phase.set(Phase::Cancelled),
            Phase::Unbound { .. } | Phase::Cancelled | Phase::Complete => {}
        }
        if !self.task.header().is_unique() {
            self.task.outlive_domain();
        }
        // SAFETY: dropped once, here.
        unsafe { ManuallyDrop::drop(&mut self.task) };
    }
}

/// What a new task is given by its domain, whose thread this is.
pub(crate) struct Home<'a, S> {
    pub(crate) shared: &'a Arc<S>,
    pub(crate) free_list: &'a FreeList,
}

/// A task that nobody waits for yet. It is polled by [`poll`](Self::poll) only. Dropping it drops
/// the work.
pub(crate) struct NewTask<'a, S: Schedule, W: Work> {
    raw: NonNull<RawTask<W>>,
    home: Home<'a, S>,
}

impl<'a, S: Schedule, W: Work> NewTask<'a, S, W> {
    /// The task of a domain, whose thread this is.
    #[inline]
    pub(crate) fn new(home: Home<'a, S>, work: W) -> Self {
        let header = Header {
            vtable: &TableOf::<S, W>::VTABLE,
            state: AtomicU32::new(REFERENCE),
            phase: sync::Cell::new(Phase::Unbound { woken: false }),
            holds_home_ref: sync::Cell::new(false),
            home: Arc::as_ptr(home.shared).cast(),
            next: AtomicPtr::new(std::ptr::null_mut()),
            key: sync::Cell::new(Key::from_int(0)),
        };
        let raw = home
            .free_list
            .alloc(RawTask::<W>::LAYOUT)
            .cast::<RawTask<W>>();
        // SAFETY: the memory has this layout, and is nobody else's.
        unsafe { raw.write(RawTask { header, work }) };
        NewTask { raw, home }
    }

    #[inline]
    fn header(&self) -> &Header {
        // SAFETY: this is a share of the task.
        unsafe { &(*self.raw.as_ptr()).header }
    }

    /// Polls the work with `f`. Wake-ups are remembered.
    #[inline]
    pub(crate) fn poll<R>(&mut self, f: impl FnOnce(Pin<&mut W>, &mut Context<'_>) -> R) -> R {
        // SAFETY: the waker is not dropped, and the task lives longer.
        let waker = unsafe { ManuallyDrop::new(waker(self.raw.cast())) };
        // SAFETY: it is fresh, so nobody else polls or drops the work.
        let work = unsafe { RawTask::<W>::work(self.raw.cast()) };
        f(work, &mut Context::from_waker(&waker))
    }

    /// The task is to be polled when it is woken, and known to its work under `key`.
    pub(crate) fn attach(self, key: Key) -> Task {
        let task = Task {
            task: ManuallyDrop::new(TaskRef(ManuallyDrop::new(self).raw.cast())),
            _not_send: PhantomData,
        };
        let header = task.task.header();
        header.key.set(key);
        count(|t| &t.tasks_made, 1);
        let woken = header.phase.replace(Phase::Idle) == Phase::Unbound { woken: true };
        if woken {
            task.wake();
        }
        task
    }

    /// The work is over, and is dropped. A panic of its destructor comes out.
    #[inline]
    pub(crate) fn finish(self) {
        ManuallyDrop::new(self).end();
    }

    /// Gives up the work and this share of the task, once.
    #[inline]
    fn end(&self) {
        let header = self.header();
        header.phase.set(Phase::Complete);
        if !header.is_unique() {
            return self.end_among_wakers();
        }
        /// What happens to the memory, whether or not the destructor panics.
        struct Free<'a>(&'a FreeList, *mut u8, Layout);
        impl Drop for Free<'_> {
            #[inline]
            fn drop(&mut self) {
                // SAFETY: it came from there, the work is gone, and nobody else has a share.
                unsafe { self.0.free(self.1, self.2) };
            }
        }
        let memory = self.raw.as_ptr().cast();
        let _free = Free(self.home.free_list, memory, RawTask::<W>::LAYOUT);
        // SAFETY: it was fresh, so the work is there and is not being polled.
        unsafe { RawTask::<W>::drop_work(self.raw.cast()) };
    }

    #[cold]
    fn end_among_wakers(&self) {
        let share = TaskRef(self.raw.cast());
        self.header().state.fetch_or(COMPLETE, Ordering::AcqRel);
        share.outlive_domain();
        // SAFETY: it was fresh, so the work is there and is not being polled.
        unsafe { RawTask::<W>::drop_work(self.raw.cast()) };
    }
}

impl<S: Schedule, W: Work> Drop for NewTask<'_, S, W> {
    fn drop(&mut self) {
        catch_and_discard(|| self.end());
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests;

#[cfg(all(test, loom_model))]
mod loom_tests;
