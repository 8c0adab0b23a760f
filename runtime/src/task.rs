//! A task: a future that a domain's loop polls, and what wakes it from anywhere.
//!
//! One allocation has both. Its header is counted, and any thread may hold a share, which is what a
//! waker is. The work in it is the owner's: it is polled and dropped by the domain's thread, at the
//! domain's end at the latest, whatever shares are left.
//!
//! ```text
//!             attach           run            Ready
//!   Fresh -----------> Idle <------> Polling -------> Done
//!     |                 |   Pending     |              ^  ^
//!     | finish          | stop          | stop         |  |
//!     |                 |            Stopped ----------+  |
//!     +-----------------+---------------------------------+
//! ```
//!
//! A wake-up puts the task into a queue of its domain's, once (`QUEUED`), unless it is done. One
//! that comes while the task is fresh or being polled is remembered, and takes effect afterwards.

use crate::metrics::count;
use crate::panic::contain_quietly;
use crate::shared::Shared;
use crate::slots::Key;
use crate::sync::{AtomicPtr, AtomicU8, AtomicU32, Ordering};
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::Cell;
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Its first poll is not over, or nobody has it yet.
    Fresh { woken: bool },
    Idle,
    Polling { woken: bool },
    /// Nobody wants it any more, but it is being polled.
    Stopped,
    /// The work has been dropped.
    Done,
}

/// It is in a queue, or about to be: who has set this has the link.
const QUEUED: u8 = 1;
/// There is nothing to wake any more.
const DONE: u8 = 2;

struct Vtable {
    layout: Layout,
    detached: bool,
    poll: unsafe fn(NonNull<Header>, &mut Context<'_>) -> Poll<()>,
    drop_work: unsafe fn(NonNull<Header>),
}

/// What other threads know of a task.
pub(crate) struct Header {
    vtable: &'static Vtable,
    refs: AtomicU32,
    flags: AtomicU8,
    /// The owner's.
    phase: Cell<Phase>,
    /// Whether `home` is a share. The owner's, until it gives up its own share of the task; then
    /// nobody changes it any more.
    counted: Cell<bool>,
    home: *const Shared,
    next: AtomicPtr<Header>,
    /// The owner's.
    key: Cell<Key>,
}

#[repr(C)]
struct Whole<W> {
    header: Header,
    work: W,
}

impl<W: Work> Whole<W> {
    const LAYOUT: (Layout, Option<usize>) = Spares::layout(Layout::new::<Self>());

    const VTABLE: Vtable = Vtable {
        layout: Self::LAYOUT.0,
        detached: W::DETACHED,
        poll: Self::poll,
        drop_work: Self::drop_work,
    };

    /// # Safety
    /// The header is that of a `Whole<W>` whose work is there, and only its owner calls.
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

/// A share of a task. Any thread may have one.
pub(crate) struct TaskRef(NonNull<Header>);

// SAFETY: what other threads than the owner do with a share touches only the atomics of the header,
// and the last share frees memory in which no work is left; `counted` is settled by then.
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

    /// Whether the task has to be put into a queue, by the caller.
    fn claim_link(&self) -> bool {
        let before = self.header().flags.fetch_or(QUEUED, Ordering::AcqRel);
        before & (QUEUED | DONE) == 0
    }

    fn home(&self) -> &Shared {
        // SAFETY: `home` is a share of the task's; or the task is fresh, and its domain is inside
        // the stub that makes it.
        unsafe { &*self.header().home }
    }

    fn wake_by_ref(&self) {
        if self.claim_link() {
            // Not the caller's share: once the owner has that of the queue, the domain may end and
            // take `home` along.
            self.home().schedule(self.clone());
        }
    }

    /// The owner has taken the task from a queue: polls it. Returns the key if the task is done
    /// and the executor is to forget it.
    pub(crate) fn run(self) -> Option<Key> {
        let header = self.header();
        // What the wakers wrote is there from now on; what they write later queues it again.
        header.flags.fetch_and(!QUEUED, Ordering::AcqRel);
        match header.phase.get() {
            Phase::Idle => {}
            Phase::Fresh { .. } => {
                header.phase.set(Phase::Fresh { woken: true });
                return None;
            }
            // A loop inside the poll, which code that calls `exit` runs.
            Phase::Polling { .. } => {
                header.phase.set(Phase::Polling { woken: true });
                return None;
            }
            Phase::Stopped | Phase::Done => return None,
        }
        header.phase.set(Phase::Polling { woken: false });
        // SAFETY: the share lives longer than the waker, which is not dropped.
        let waker = unsafe { ManuallyDrop::new(waker(self.0)) };
        // SAFETY: only the owner runs tasks, and it was idle, so the work is there.
        let polled =
            unsafe { (header.vtable.poll)(self.0, &mut Context::from_waker(&waker)) };
        match (polled, header.phase.get()) {
            (Poll::Pending, Phase::Polling { woken }) => {
                header.phase.set(Phase::Idle);
                if woken {
                    self.wake_by_ref();
                }
                None
            }
            _ => {
                self.end();
                header.vtable.detached.then(|| header.key.get())
            }
        }
    }

    /// Drops the work, which is there and not being polled. Only the owner.
    fn end(&self) {
        let header = self.header();
        header.phase.set(Phase::Done);
        header.flags.fetch_or(DONE, Ordering::AcqRel);
        count(|t| &t.tasks_dropped, 1);
        // SAFETY: as the caller promises; with the phase set, nobody gets here again.
        contain_quietly(|| unsafe { (header.vtable.drop_work)(self.0) });
    }
}

impl Clone for TaskRef {
    fn clone(&self) -> Self {
        let before = self.header().refs.fetch_add(1, Ordering::Relaxed);
        if before > u32::MAX / 2 {
            // Wakers that are forgotten in a loop. Like `Arc`, better not to go on.
            std::process::abort();
        }
        TaskRef(self.0)
    }
}

impl Drop for TaskRef {
    #[inline]
    fn drop(&mut self) {
        let refs = &self.header().refs;
        // The only share can be given up without a locked instruction.
        if refs.load(Ordering::Acquire) == 1 || refs.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.free();
        }
    }
}

impl TaskRef {
    /// This was the last share.
    fn free(&self) {
        let header = self.header();
        let (layout, home, counted) = (header.vtable.layout, header.home, header.counted.get());
        // SAFETY: it was the last share, of memory that `NewTask::new` allocated with this layout.
        // The owner gave up its own only when the work had been dropped.
        unsafe {
            dealloc(self.0.as_ptr().cast(), layout);
            if counted {
                Arc::decrement_strong_count(home);
            }
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
    task: TaskRef,
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
            Phase::Polling { .. } => phase.set(Phase::Stopped),
            Phase::Fresh { .. } | Phase::Stopped | Phase::Done => {}
        }
    }
}

/// Memory of tasks that were done at once, for the next such ones: a block for each size.
pub(crate) struct Spares([Cell<*mut u8>; Spares::SIZES]);

impl Spares {
    /// Up to 512 bytes, in steps of as many as the allocator rounds up to.
    const SIZES: usize = 32;
    const STEP: usize = 16;

    pub(crate) fn new() -> Self {
        Spares([const { Cell::new(std::ptr::null_mut()) }; Spares::SIZES])
    }

    /// The size that a block has, if there may be spare ones of it.
    const fn layout(layout: Layout) -> (Layout, Option<usize>) {
        let steps = layout.size().div_ceil(Self::STEP);
        if layout.align() > Self::STEP || steps > Self::SIZES {
            return (layout, None);
        }
        match Layout::from_size_align(steps * Self::STEP, Self::STEP) {
            Ok(layout) => (layout, Some(steps - 1)),
            Err(_) => (layout, None),
        }
    }

    #[inline]
    fn take(&self, size: Option<usize>) -> *mut u8 {
        size.map_or(std::ptr::null_mut(), |size| self.0[size].replace(std::ptr::null_mut()))
    }

    /// Returns whether it was taken.
    #[inline]
    fn put(&self, size: Option<usize>, block: *mut u8) -> bool {
        match size {
            Some(size) if self.0[size].get().is_null() => {
                self.0[size].set(block);
                true
            }
            _ => false,
        }
    }
}

impl Drop for Spares {
    fn drop(&mut self) {
        for (i, block) in self.0.iter().enumerate() {
            let size = (i + 1) * Self::STEP;
            let layout = Layout::from_size_align(size, Self::STEP).expect("it was a block's");
            if !block.get().is_null() {
                // SAFETY: `NewTask` allocated it, with this layout.
                unsafe { dealloc(block.get(), layout) };
            }
        }
    }
}

/// What a new task is given by its domain, whose thread this is.
#[derive(Clone, Copy)]
pub(crate) struct Home<'a> {
    pub(crate) shared: &'a Arc<Shared>,
    pub(crate) spares: &'a Spares,
}

/// A task that nobody waits for yet. It is polled by [`poll`](Self::poll) only. Dropping it drops
/// the work.
pub(crate) struct NewTask<'a, W: Work> {
    whole: NonNull<Whole<W>>,
    home: Home<'a>,
}

impl<'a, W: Work> NewTask<'a, W> {
    /// The task of a domain, whose thread this is.
    #[inline]
    pub(crate) fn new(home: Home<'a>, work: W) -> Self {
        let header = Header {
            vtable: &Whole::<W>::VTABLE,
            refs: AtomicU32::new(1),
            flags: AtomicU8::new(0),
            phase: Cell::new(Phase::Fresh { woken: false }),
            counted: Cell::new(false),
            home: Arc::as_ptr(home.shared),
            next: AtomicPtr::new(std::ptr::null_mut()),
            key: Cell::new(Key::from_int(0)),
        };
        let (layout, size) = Whole::<W>::LAYOUT;
        let mut memory = home.spares.take(size);
        if memory.is_null() {
            // SAFETY: the layout is not of size 0.
            memory = unsafe { alloc(layout) };
        }
        let Some(whole) = NonNull::new(memory.cast::<Whole<W>>()) else {
            handle_alloc_error(layout)
        };
        // SAFETY: the memory has this layout, and is nobody else's.
        unsafe { whole.write(Whole { header, work }) };
        NewTask { whole, home }
    }

    #[inline]
    fn header(&self) -> &Header {
        // SAFETY: this is a share of the task.
        unsafe { &(*self.whole.as_ptr()).header }
    }

    /// Polls the work with `f`. Wake-ups are remembered.
    #[inline]
    pub(crate) fn poll<R>(&mut self, f: impl FnOnce(Pin<&mut W>, &mut Context<'_>) -> R) -> R {
        // SAFETY: the waker is not dropped, and the task lives longer.
        let waker = unsafe { ManuallyDrop::new(waker(self.whole.cast())) };
        // SAFETY: it is fresh, so nobody else polls or drops the work.
        let work = unsafe { Whole::<W>::work(self.whole.cast()) };
        f(work, &mut Context::from_waker(&waker))
    }

    /// From now on wakers may outlive the domain's own share of `home`.
    fn count_home(&self) {
        self.header().counted.set(true);
        // SAFETY: it is a pointer to what an `Arc` holds that is alive: the owner is here.
        unsafe { Arc::increment_strong_count(self.header().home) };
    }

    /// The task is to be polled when it is woken, and known to its work under `key`.
    pub(crate) fn attach(self, key: Key) -> Task {
        self.count_home();
        let task = Task {
            task: TaskRef(ManuallyDrop::new(self).whole.cast()),
            _not_send: PhantomData,
        };
        let header = task.task.header();
        header.key.set(key);
        count(|t| &t.tasks_made, 1);
        let woken = header.phase.replace(Phase::Idle) == Phase::Fresh { woken: true };
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
        header.phase.set(Phase::Done);
        if header.refs.load(Ordering::Acquire) != 1 {
            return self.end_among_wakers();
        }
        /// What happens to the memory, whether or not the destructor panics.
        struct Free<'a>(Home<'a>, *mut u8, Layout, Option<usize>);
        impl Drop for Free<'_> {
            #[inline]
            fn drop(&mut self) {
                if !self.0.spares.put(self.3, self.1) {
                    // SAFETY: `new` allocated it with this layout, and nobody has a share.
                    unsafe { dealloc(self.1, self.2) };
                }
            }
        }
        let (layout, size) = Whole::<W>::LAYOUT;
        let _free = Free(self.home, self.whole.as_ptr().cast(), layout, size);
        // SAFETY: it was fresh, so the work is there and is not being polled.
        unsafe { Whole::<W>::drop_work(self.whole.cast()) };
    }

    #[cold]
    fn end_among_wakers(&self) {
        self.header().flags.fetch_or(DONE, Ordering::AcqRel);
        self.count_home();
        let _share = TaskRef(self.whole.cast());
        // SAFETY: it was fresh, so the work is there and is not being polled.
        unsafe { Whole::<W>::drop_work(self.whole.cast()) };
    }
}

impl<W: Work> Drop for NewTask<'_, W> {
    fn drop(&mut self) {
        contain_quietly(|| self.end());
    }
}
