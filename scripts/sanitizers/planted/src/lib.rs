//! Bugs that a sanitizer must report: see planted.ml.

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
    // SAFETY: `reference` points to a field of a block; that another thread writes to it is the bug.
    unsafe { *reference = 3 };
    1
}

/// Reads memory that it has freed.
#[unsafe(no_mangle)]
pub extern "C" fn planted_rust_use_after_free(unit: isize) -> isize {
    // Opaque, so that the compiler does not optimise the allocation away.
    let boxed = black_box(Box::new(7isize));
    let freed: *const isize = &*boxed;
    drop(boxed);
    // SAFETY: none: this is the bug.
    black_box(unsafe { *black_box(freed) });
    unit
}

/// Loses memory that it has allocated.
#[unsafe(no_mangle)]
pub extern "C" fn planted_rust_leak(unit: isize) -> isize {
    // Several, since a register or the stack may still have the address of the last one.
    for _ in 0..10 {
        black_box(Box::leak(Box::new([1u8; 1000])));
    }
    unit
}
