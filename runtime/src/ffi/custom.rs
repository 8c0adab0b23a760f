//! Blocks of the OCaml heap that own something of Rust's.

use crate::ffi::runtime::{self as ffi, RawValue};
use ocaml_sys::custom_operations;
use std::ffi::CStr;
use std::ptr;

/// What OCaml does with such blocks: it frees them, and that is all. To compare or marshal one is an
/// exception, and all have the same hash.
pub(crate) struct Operations(custom_operations);

// SAFETY: the pointers in it are to static data, or null.
unsafe impl Sync for Operations {}

impl Operations {
    /// `finalize` runs during a collection, on whichever domain sweeps: it must not touch the OCaml
    /// runtime, nor run code of the user's.
    pub(crate) const fn new(
        identifier: &'static CStr,
        finalize: unsafe extern "C" fn(RawValue),
    ) -> Self {
        Operations(custom_operations {
            identifier: identifier.as_ptr().cast(),
            finalize: Some(finalize),
            compare: None,
            hash: None,
            serialize: None,
            deserialize: None,
            compare_ext: None,
            fixed_length: ptr::null(),
        })
    }

    /// A new block that owns `content`. Unrooted.
    ///
    /// # Safety
    /// The lock is held.
    pub(crate) unsafe fn alloc<T>(&'static self, content: T) -> RawValue {
        const { assert!(align_of::<T>() <= align_of::<RawValue>()) };
        // SAFETY: the operations are static, and the runtime does not write to them; the block is
        // filled before anything else allocates.
        unsafe {
            let block = ocaml_sys::caml_alloc_custom(&raw const self.0, size_of::<T>(), 0, 1);
            place::<T>(block).write(content);
            block
        }
    }

    /// Whether the value is a block of this kind.
    ///
    /// # Safety
    /// The lock is held and the value is valid.
    pub(crate) unsafe fn made(&self, value: RawValue) -> bool {
        // SAFETY: field 0 of a custom block is its operations.
        unsafe {
            ffi::is_block(value)
                && ocaml_sys::tag_val(value) == ocaml_sys::CUSTOM
                && ffi::field(value, 0) == &raw const self.0 as RawValue
        }
    }
}

/// Where the content is.
///
/// # Safety
/// `block` was made by [`Operations::alloc`], with a `T`.
pub(crate) unsafe fn place<T>(block: RawValue) -> *mut T {
    // SAFETY: field 0 of a custom block is its operations; the data follow.
    unsafe { ocaml_sys::field(block, 1).cast() }
}
