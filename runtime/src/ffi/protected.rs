//! Rust code in which OCaml may raise.
//!
//! OCaml raises `Out_of_memory` where it has no memory for a large block. That leaves all Rust frames between the
//! allocation and the OCaml code that handles exceptions, and runs no destructor. [`protect`] puts such a handler
//! below a conversion, so that these frames are the conversion's own: what they own is leaked, and nothing else.

use crate::ffi::callbacks::Callbacks;
use crate::ffi::root::{Exn, Root};
use crate::ffi::runtime::RawValue;
use crate::ffi::token::RuntimeToken;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;

/// Strings of so many bytes are in the minor heap, for whose blocks OCaml never raises: it has at least room for 256
/// words there.
pub(crate) const SMALL_STRING: usize = 1024;

/// Calls the closure of [`protect`]. It does not panic.
type Body<'a> = &'a mut dyn FnMut();

/// Calls `f`, which allocates on the OCaml heap. Fails with the exception that OCaml raised meanwhile:
/// `Out_of_memory`, or that of a signal handler or a finaliser, which OCaml runs before it raises the former. Then
/// what `f` owns is leaked: it borrows what matters. A value that `f` returns is rooted.
pub(crate) fn protect<R>(token: &RuntimeToken<'_>, f: impl FnOnce() -> R) -> Result<R, Root<Exn>> {
    let mut f = Some(f);
    let mut result = None;
    let mut run = || {
        let f = f.take().expect("OCaml calls it once");
        // A panic must not leave the OCaml frames, which it could not unwind.
        result = Some(catch_unwind(AssertUnwindSafe(f)));
    };
    let mut body: Body<'_> = &mut run;
    // With the lowest bit set, the address is an `int` for OCaml.
    let address = (&raw mut body).expose_provenance() | 1;
    // SAFETY: the address is that of `body`, on this thread's stack, which nothing else uses until this returns.
    unsafe { Callbacks::registered(token).run_protected(token, address as RawValue)? };
    match result.expect("OCaml has called it") {
        Ok(value) => Ok(value),
        Err(panic) => resume_unwind(panic),
    }
}

/// Runs the body of [`protect`], for OCaml.
///
/// # Safety
/// `address` is the number that [`protect`] gave to OCaml, which calls this before it returns to `protect`.
pub(crate) unsafe fn run(address: RawValue) {
    let body: *mut Body<'_> = ptr::with_exposed_provenance_mut(address as usize & !1);
    // SAFETY: by this function's contract it is the address of `body` in a frame of `protect` that is on this
    // thread's stack, and that uses it in no other way until OCaml returns.
    unsafe { (*body)() }
}
