//! How much memory an OCaml value takes, as far as that is known without a search.

use crate::ffi::bigarray;
use crate::ffi::heap::{self, WORD};
use crate::ffi::runtime::{self as ffi, RawValue};

/// Returns the number of bytes of a value: of its own block, and of those that its fields refer to, but not of what these
/// refer to in turn. The elements of a Bigarray count. Stops at the field with which it reaches `enough`.
///
/// # Safety
/// A domain's lock is held, and `value` is valid.
pub(crate) unsafe fn footprint(value: RawValue, enough: usize) -> usize {
    // SAFETY: this function's contract. Only the fields of a record, tuple, array or constructor are values for sure.
    // Nothing here allocates, so they stay valid, also if another domain writes to the block meanwhile.
    unsafe {
        let mut bytes = block(value);
        if bytes == 0 || ffi::tag(value) > heap::LAST_CONSTRUCTOR {
            return bytes;
        }
        for i in 0..ffi::size(value) {
            if bytes >= enough {
                break;
            }
            bytes += block(ffi::field(value, i));
        }
        bytes
    }
}

/// Returns the number of bytes of a block, with its header, and 0 if the value is none.
///
/// # Safety
/// A domain's lock is held, and `value` is valid.
unsafe fn block(value: RawValue) -> usize {
    // SAFETY: this function's contract; only a block is looked into.
    unsafe {
        if !ffi::is_block(value) {
            return 0;
        }
        (ffi::size(value) + 1) * WORD + bigarray::bytes(value)
    }
}
