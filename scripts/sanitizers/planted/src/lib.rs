//! Bugs that a sanitizer has to find. See planted.ml.

use std::hint::black_box;
use std::sync::atomic::{AtomicIsize, Ordering};

static mut COUNT: isize = 0;
static SHARED: AtomicIsize = AtomicIsize::new(0);

/// Counts, on any thread, without synchronisation.
#[unsafe(no_mangle)]
pub extern "C" fn planted_rust_count(unit: isize) -> isize {
    // SAFETY: none: this is the bug.
    unsafe {
        let count = &raw mut COUNT;
        *count = black_box(*count) + 1;
    }
    unit
}

/// The same, without the bug.
#[unsafe(no_mangle)]
pub extern "C" fn planted_rust_count_well(unit: isize) -> isize {
    SHARED.fetch_add(1, Ordering::Relaxed);
    unit
}

/// Writes to the only field of an OCaml reference.
///
/// # Safety
/// It is a reference to an integer, and no other thread uses it: the caller breaks the latter.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn planted_rust_write(reference: *mut isize) -> isize {
    // SAFETY: the caller's.
    unsafe { *reference = 3 };
    1
}

/// Uses what it has freed.
#[unsafe(no_mangle)]
pub extern "C" fn planted_rust_use_after_free(unit: isize) -> isize {
    // Opaque, or the compiler would do without the memory.
    let boxed = black_box(Box::new(7isize));
    let freed: *const isize = &*boxed;
    drop(boxed);
    // SAFETY: none: this is the bug.
    black_box(unsafe { *black_box(freed) });
    unit
}

/// Forgets what it has allocated.
#[unsafe(no_mangle)]
pub extern "C" fn planted_rust_leak(unit: isize) -> isize {
    // Several, since the address of the last one may still lie around somewhere.
    for _ in 0..10 {
        black_box(Box::leak(Box::new([1u8; 1000])));
    }
    unit
}
