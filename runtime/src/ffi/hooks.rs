//! Hooks of the OCaml runtime and the C library: the start and the end of a domain, a collection, a
//! fork.
//!
//! **The first thread of a domain** is the one that its loop is expected on. Only the runtime's
//! initialisation hook identifies it.
//!
//! **Roots that outlive their domain.** When a domain ends, boxroot sets its roots aside, and the
//! next domain that collects adopts them. But an ending domain takes part in one more collection
//! after that: it would take its own roots back, and once it is gone no domain would scan them. So an
//! ending domain no longer scans for boxroot, and Domain 0, which can always adopt roots, has boxroot's
//! state from the start.

use crate::ffi::root::Root;
#[cfg(ocaml_5_5)]
use crate::ffi::runtime::RawValue;
use crate::ffi::runtime::UNIT;
use crate::ffi::token::RuntimeToken;
use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::mem::transmute;
use std::sync::Once;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

type ScanHook = unsafe extern "C" fn(*mut c_void, c_int, *mut c_void, *mut c_void);
type TimingHook = unsafe extern "C" fn();
/// Since OCaml 5.5 this hook returns `()`, or an exception result, with which `Domain.spawn` fails.
#[cfg(ocaml_5_5)]
type InitializeHook = unsafe extern "C" fn() -> RawValue;
#[cfg(not(ocaml_5_5))]
type InitializeHook = TimingHook;

unsafe extern "C" {
    static caml_scan_roots_hook: AtomicPtr<c_void>;
    static caml_domain_terminated_hook: AtomicPtr<c_void>;
    #[cfg_attr(ocaml_5_5, link_name = "caml_domain_initialize_hook_exn")]
    static mut caml_domain_initialize_hook: Option<InitializeHook>;
    fn caml_minor_collection();
}

/// The hooks that were there before ours, null if none.
static SCAN: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
static TERMINATED: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
static INITIALIZE: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());

thread_local! {
    /// This thread was the first of its domain.
    static FIRST: Cell<bool> = const { Cell::new(false) };
    /// This thread's domain has given away its roots, and runs no OCaml code any more.
    static ENDED: Cell<bool> = const { Cell::new(false) };
}

/// Returns `true` if the calling thread is the first of its domain.
pub(crate) fn is_first_thread() -> bool {
    FIRST.get()
}

/// Returns `true` if the calling thread's domain has ended.
pub(crate) fn has_ended() -> bool {
    ENDED.get()
}

/// Gives back the memory of an ending domain's roots, 16 kB, if all of them are gone.
///
/// boxroot frees a pool of roots when its last root is deleted, but not the pool that a domain takes
/// new roots from: that pool would be passed on empty, for ever. A collection makes it an ordinary one.
///
/// Called at the domain's end. It collects, so unrooted values are not valid afterwards.
pub(crate) fn free_roots(_token: &RuntimeToken<'_>) {
    // SAFETY: the token proves the lock, and `()` is always valid.
    unsafe {
        let last: Root = Root::new(UNIT);
        caml_minor_collection();
        drop(last);
    }
}

/// The number of domains that have ended.
static ENDED_DOMAINS: AtomicUsize = AtomicUsize::new(0);

/// The number of ended domains after which a domain reclaims the memory of their roots.
const DOMAINS_PER_RECLAIM: usize = 32;
/// The number of roots in one of boxroot's pools, or a little more.
const ROOTS_PER_POOL: usize = 2048;

/// The number of ended domains whose roots' memory this domain has reclaimed.
#[derive(Debug)]
pub(crate) struct Reclaimed(Cell<usize>);

impl Reclaimed {
    /// Starts with the domains that have ended by now, whose roots this domain cannot have adopted.
    pub(crate) fn new() -> Self {
        Reclaimed(Cell::new(ENDED_DOMAINS.load(Ordering::Relaxed)))
    }

    /// Reclaims the memory of roots that this domain has adopted, if enough domains have ended since the
    /// last time. Costs one load otherwise.
    ///
    /// A root that outlives its domain is deleted by a thread that does not own its pool, and then
    /// boxroot does not notice that the pool has become empty: 16 kB for each such domain would be lost.
    /// So this domain takes roots from all pools with much room, until they are full, and deletes the
    /// roots: boxroot frees the pools that are empty then.
    ///
    /// It collects then, so unrooted values are not valid afterwards.
    #[inline]
    pub(crate) fn reclaim_if_due(&self, token: &RuntimeToken<'_>) {
        if ENDED_DOMAINS.load(Ordering::Relaxed) - self.0.get() >= DOMAINS_PER_RECLAIM {
            self.reclaim(token);
        }
    }

    #[cold]
    fn reclaim(&self, _token: &RuntimeToken<'_>) {
        // Not more domains at a time: the loop waits meanwhile, for about a millisecond.
        self.0.set(self.0.get() + DOMAINS_PER_RECLAIM);
        // SAFETY: the token proves the lock, and `()` is always valid.
        unsafe {
            let roots: Vec<Root> = (0..DOMAINS_PER_RECLAIM * ROOTS_PER_POOL)
                .map(|_| Root::new(UNIT))
                .collect();
            // Otherwise the last pool would not be an ordinary one: see `free_roots`.
            caml_minor_collection();
            drop(roots);
        }
    }
}

/// Called by the runtime within a collection: it allocates nothing and cannot panic.
unsafe extern "C" fn scan(
    action: *mut c_void,
    flags: c_int,
    data: *mut c_void,
    domain: *mut c_void,
) {
    if ENDED.get() {
        // The hooks before ours are boxroot's, and that of systhreads, of which none is left.
        return;
    }
    let before = SCAN.load(Ordering::Acquire);
    if !before.is_null() {
        // SAFETY: `install` stored the hook of this type that was there before; it gets the arguments that
        // the runtime passed.
        unsafe { transmute::<*mut c_void, ScanHook>(before)(action, flags, data, domain) }
    }
}

/// Called by the runtime at a domain's start, on its first thread.
#[cfg(ocaml_5_5)]
unsafe extern "C" fn initialized() -> RawValue {
    FIRST.set(true);
    let before = INITIALIZE.load(Ordering::Acquire);
    if before.is_null() {
        return UNIT;
    }
    // SAFETY: `install` stored the hook of this type that was there before, and the runtime wants it
    // called now. Its result is returned at once.
    unsafe { transmute::<*mut c_void, InitializeHook>(before)() }
}

/// Called by the runtime at a domain's start, on its first thread.
#[cfg(not(ocaml_5_5))]
unsafe extern "C" fn initialized() {
    FIRST.set(true);
    let before = INITIALIZE.load(Ordering::Acquire);
    if !before.is_null() {
        // SAFETY: `install` stored the hook of this type that was there before, and the runtime wants it
        // called now.
        unsafe { transmute::<*mut c_void, InitializeHook>(before)() }
    }
}

/// Called by the runtime at a domain's end, on its first thread.
unsafe extern "C" fn terminated() {
    let before = TERMINATED.load(Ordering::Acquire);
    if !before.is_null() {
        // SAFETY: `install` stored the hook of this type that was there before, and the runtime wants it
        // called now.
        unsafe { transmute::<*mut c_void, TimingHook>(before)() }
    }
    ENDED.set(true);
    ENDED_DOMAINS.fetch_add(1, Ordering::Relaxed);
}

/// Installs the hooks; does nothing the second time. `forked` is called by the C library in the
/// child of a fork, on the only thread that there is.
///
/// # Safety
/// OCaml called, on the main thread, before there is another domain and after its thread library
/// was initialised, which installs hooks without regard for those that it finds.
pub(crate) unsafe fn install(forked: unsafe extern "C" fn()) {
    static ONCE: Once = Once::new();
    FIRST.set(true);
    ONCE.call_once(|| {
        // SAFETY: by this function's contract this is the main thread of a process with one domain, and
        // OCaml called. Making a root installs boxroot's hooks, so that ours are in front
        // of them. The runtime reads its hooks while it collects or starts a domain, neither of
        // which happens while this thread holds the lock of the only domain.
        unsafe {
            drop::<Root>(Root::new(UNIT));
            let replace = |hook: &AtomicPtr<c_void>, saved: &AtomicPtr<c_void>, ours| {
                saved.store(hook.load(Ordering::Acquire), Ordering::Release);
                hook.store(ours, Ordering::Release);
            };
            replace(&caml_scan_roots_hook, &SCAN, scan as *mut c_void);
            replace(
                &caml_domain_terminated_hook,
                &TERMINATED,
                terminated as *mut c_void,
            );
            let before = caml_domain_initialize_hook
                .map_or(std::ptr::null_mut(), |hook| hook as *mut c_void);
            INITIALIZE.store(before, Ordering::Release);
            caml_domain_initialize_hook = Some(initialized);
            // It fails only for lack of memory; then a forked child hangs where it would be refused.
            libc::pthread_atfork(None, None, Some(forked));
        }
    });
}
