//! Custom blocks, and what the collector knows of the memory outside of OCaml's heap that they keep alive.

use crate::ffi::runtime::RawValue;
use ocaml_sys::custom_operations;

/// Allocates a custom block with so many bytes of content, which the caller writes before anything else allocates.
/// Unrooted. May collect. It runs no OCaml code and raises no exception.
///
/// `weight` is the number of bytes outside of OCaml's heap that the content keeps alive. The collector works the
/// harder the larger it is in relation to the heap (`Gc.control`, `custom_major_ratio` and its neighbours).
///
/// # Safety
/// The domain's lock is held. The operations are static, and those of a block with such a content, of at most
/// `MAX_YOUNG` words with the operations.
pub(super) unsafe fn alloc_custom(
    operations: *const custom_operations,
    size: usize,
    weight: usize,
) -> RawValue {
    // SAFETY: the lock is held, by this function's contract, and the runtime does not write to the operations. A block
    // that is not heavy is allocated in the minor heap, which raises nothing.
    unsafe {
        if heavy::is_heavy(weight) {
            return heavy::alloc(operations, size, weight);
        }
        ocaml_sys::caml_alloc_custom_mem(operations.cast_mut(), size, weight)
    }
}

/// Blocks that OCaml allocates in the major heap, because they keep much memory alive. `caml_alloc_custom_mem` raises
/// `Out_of_memory` if that has no memory for the block itself, over Rust's frames.
///
/// All of this is the same in OCaml 5.3 to 5.5. (5.5 also has `caml_alloc_dependent_memory`, which the runtime itself does
/// not use for custom blocks.)
mod heavy {
    use super::{RawValue, custom_operations};
    use crate::ffi::heap::{self, OutOfMemory, WORD};
    use std::sync::atomic::{AtomicUsize, Ordering};

    unsafe extern "C" {
        /// The weight of the heaviest blocks that are allocated in the minor heap: `custom_minor_max_size` of
        /// `Gc.control`, 70 kB unless the program sets another.
        static caml_custom_minor_max_bsz: AtomicUsize;
        /// Says that the major heap keeps `weight` bytes more alive. If they are many in relation to `max`, or, if that is
        /// 0, to the heap, it asks for collections. It does not collect.
        fn caml_adjust_gc_speed(weight: usize, max: usize);
        /// Lets `Memprof` draw samples of memory that a block keeps alive. Its callbacks run later, in OCaml code.
        fn caml_memprof_sample_block(
            block: RawValue,
            words: usize,
            drawn: usize,
            source: libc::c_int,
        );
        /// Does the collections that were asked for, and returns the block, which may have moved. It runs no OCaml code:
        /// signal handlers, finalisers and the like wait for OCaml code.
        fn caml_check_urgent_gc(block: RawValue) -> RawValue;
    }

    /// `CAML_MEMPROF_SRC_CUSTOM`.
    const MEMPROF_CUSTOM: libc::c_int = 2;

    /// Whether a block with this weight is allocated in the major heap. (If another domain changes the limit between
    /// this and the allocation, OCaml may find the block heavy.)
    pub(super) fn is_heavy(weight: usize) -> bool {
        // SAFETY: it is a variable of OCaml's, which may change at any time: hence an atomic load.
        weight > unsafe { caml_custom_minor_max_bsz.load(Ordering::Relaxed) }
    }

    /// Does what `caml_alloc_custom_mem` does with a heavy block. If there is no memory for it, it is allocated in the minor
    /// heap instead.
    ///
    /// # Safety
    /// That of [`alloc_custom`](super::alloc_custom).
    pub(super) unsafe fn alloc(
        operations: *const custom_operations,
        size: usize,
        weight: usize,
    ) -> RawValue {
        // SAFETY: the lock is held, by this function's contract. The block has a field for the operations and `size` bytes
        // more. The collector looks into no other field than that of the operations, which is written before it runs. A
        // block of no weight is allocated in the minor heap, which raises nothing.
        unsafe {
            let words = 1 + size.div_ceil(WORD);
            match heap::alloc_major(words, heap::CUSTOM) {
                Ok(block) => {
                    ocaml_sys::field(block, 0).write(operations.expose_provenance() as RawValue);
                    caml_adjust_gc_speed(weight, 0);
                    let words = weight.div_ceil(WORD);
                    caml_memprof_sample_block(block, words, words, MEMPROF_CUSTOM);
                    caml_check_urgent_gc(block)
                }
                Err(OutOfMemory) => {
                    let block = ocaml_sys::caml_alloc_custom_mem(operations.cast_mut(), size, 0);
                    // Asks for a whole cycle, which may free some.
                    caml_adjust_gc_speed(weight, weight);
                    block
                }
            }
        }
    }
}
