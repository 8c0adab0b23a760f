//! Handles: an `Arc<Shared>` in a custom block.

use crate::domain::shared::Shared;
use crate::ffi::custom::{self, Operations};
use crate::ffi::runtime::{self as ffi, RawValue};
use std::sync::Arc;

/// `Shared` owns nothing of users' any more when OCaml has collected the last handle, so it may be
/// dropped within a collection: what there was, was dropped when its domain ended.
static HANDLE: Operations = Operations::new(c"ocaml-lwt-interop.handle", drop_handle);

unsafe extern "C" fn drop_handle(block: RawValue) {
    // SAFETY: the runtime calls it once, for a block that `new_handle` made.
    unsafe { custom::place::<Arc<Shared>>(block).drop_in_place() };
}

/// A new handle, unrooted.
///
/// # Safety
/// The lock is held.
pub(crate) unsafe fn new_handle(shared: Arc<Shared>) -> RawValue {
    // SAFETY: the caller's.
    unsafe { HANDLE.alloc(shared) }
}

/// # Safety
/// `block` is a handle, and stays reachable while the reference is used.
pub(crate) unsafe fn handle<'a>(block: RawValue) -> &'a Arc<Shared> {
    // SAFETY: the caller's; a handle owns a share for as long as it lives.
    unsafe { &*custom::place(block) }
}

/// That of a `Lwt_interop.Handle.t`, if `value` is one.
///
/// # Safety
/// The lock is held, `value` is valid and stays reachable while the reference is used.
pub(crate) unsafe fn handle_in<'a>(value: RawValue) -> Option<&'a Arc<Shared>> {
    // SAFETY: the caller's; fields are looked at in blocks that have them.
    unsafe {
        let is_record =
            ffi::is_block(value) && ocaml_sys::tag_val(value) == 0 && ffi::size(value) > 1;
        let raw = is_record.then(|| ffi::field(value, 1))?;
        HANDLE.made(raw).then(|| handle(raw))
    }
}
