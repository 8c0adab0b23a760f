//! The OCaml runtime's C interface, as unsafe functions on raw values.
//!
//! The caller holds the lock of the domain that the thread belongs to, unless a function says
//! otherwise. A raw value is valid until the next allocation or callback: it is rooted
//! ([`Root`](crate::ffi::root::Root)) or used at once.

use crate::ffi::token::assert_no_conversion;
use std::ffi::CStr;
use std::sync::atomic::{AtomicIsize, Ordering};

pub(crate) use ocaml_sys::{Value as RawValue, is_block};

/// OCaml's `()`.
pub(crate) const UNIT: RawValue = ocaml_sys::UNIT;

/// Returns an OCaml `int`.
pub(crate) const fn int(i: isize) -> RawValue {
    (i << 1) | 1
}

/// Returns the number in an OCaml `int`.
pub(crate) const fn int_val(v: RawValue) -> isize {
    v >> 1
}

/// Returns an OCaml `bool`.
pub(crate) const fn bool(b: bool) -> RawValue {
    int(b as isize)
}

/// Calls an OCaml closure. `Err` is the exception that it raised. Both results are unrooted.
///
/// # Safety
/// The domain's lock is held; `closure` is a closure that takes `args.len()` arguments, 1 or more;
/// every value is valid now.
pub(crate) unsafe fn callback(
    closure: RawValue,
    args: &mut [RawValue],
) -> Result<RawValue, RawValue> {
    assert_no_conversion();
    // SAFETY: this function's contract gives valid values and the right number of arguments. The
    // runtime roots the arguments itself, and the `_exn` forms return the closure's exception instead of
    // unwinding over Rust frames. (Where OCaml's stack cannot grow they raise `Stack_overflow` all the
    // same: doc/limits.md.)
    let result = unsafe {
        match args {
            [a] => ocaml_sys::caml_callback_exn(closure, *a),
            [a, b] => ocaml_sys::caml_callback2_exn(closure, *a, *b),
            _ => ocaml_sys::caml_callbackN_exn(closure, args.len(), args.as_mut_ptr()),
        }
    };
    if ocaml_sys::is_exception_result(result) {
        Err(ocaml_sys::extract_exception(result))
    } else {
        Ok(result)
    }
}

/// Returns the location of a value that OCaml registered under a name, if it did. The location is a
/// root for as long as the program runs.
///
/// # Safety
/// The OCaml runtime is started.
pub(crate) unsafe fn named_value(name: &CStr) -> Option<std::ptr::NonNull<RawValue>> {
    // SAFETY: the runtime is started, by this function's contract; the name is a C string.
    let location = unsafe { ocaml_sys::caml_named_value(name.as_ptr()) };
    std::ptr::NonNull::new(location.cast_mut())
}

/// Stores into a field of a block.
///
/// # Safety
/// The domain's lock is held, `block` is a valid block with a field `index`, and `value` is valid.
pub(crate) unsafe fn store_field(block: RawValue, index: usize, value: RawValue) {
    // SAFETY: by this function's contract the field exists and the value is valid.
    unsafe { ocaml_sys::caml_modify(ocaml_sys::field(block, index), value) }
}

/// Returns a field of a block.
///
/// # Safety
/// The domain's lock is held and `block` is a valid block with a field `index`.
pub(crate) unsafe fn field(block: RawValue, index: usize) -> RawValue {
    // SAFETY: by this function's contract the field exists. Another domain may write to it, or mark what it holds:
    // hence an atomic load, as OCaml's own.
    unsafe { AtomicIsize::from_ptr(ocaml_sys::field(block, index)) }.load(Ordering::Relaxed)
}

/// Returns the header of a block.
///
/// # Safety
/// `block` is a valid block.
#[inline(always)]
unsafe fn header(block: RawValue) -> usize {
    // SAFETY: by this function's contract it is a block, whose header is the word before its fields. The collector of
    // another domain may mark it meanwhile: hence an atomic load, as OCaml's own.
    let header = unsafe { AtomicIsize::from_ptr(ocaml_sys::field(block, 0).sub(1)) };
    header.load(Ordering::Relaxed) as usize
}

/// Returns the number of fields of a block.
///
/// # Safety
/// The domain's lock is held and `block` is a valid block.
pub(crate) unsafe fn size(block: RawValue) -> usize {
    // SAFETY: this function's contract.
    unsafe { header(block) >> 10 }
}

/// Returns the tag of a block.
///
/// # Safety
/// The domain's lock is held and `block` is a valid block.
pub(crate) unsafe fn tag(block: RawValue) -> u8 {
    // SAFETY: this function's contract.
    unsafe { header(block) as u8 }
}

/// Allocates a block whose fields are all `()`. Unrooted.
///
/// # Safety
/// The domain's lock is held, and `tag` is that of an ordinary block.
pub(crate) unsafe fn alloc(size: usize, tag: u8) -> RawValue {
    // SAFETY: by this function's contract the lock is held and the tag is one for which `caml_alloc`
    // initialises the fields.
    unsafe { ocaml_sys::caml_alloc(size, tag) }
}

/// Stores an OCaml `int` into a field that never holds anything else, so that no write barrier is
/// needed.
///
/// # Safety
/// The domain's lock is held, `block` is a valid block with a field `index`, and the field never holds
/// a block.
pub(crate) unsafe fn store_int(block: RawValue, index: usize, int: RawValue) {
    debug_assert!(!is_block(int));
    // SAFETY: by this function's contract the field exists; neither its old nor its new content is a
    // block, so the collector need not be notified. It may read the field meanwhile, in another domain.
    unsafe { AtomicIsize::from_ptr(ocaml_sys::field(block, index)) }.store(int, Ordering::Relaxed);
}

/// Allocates a tuple whose fields are all `()`. Unrooted.
///
/// # Safety
/// The domain's lock is held.
pub(crate) unsafe fn alloc_tuple(size: usize) -> RawValue {
    // SAFETY: the lock is held, by this function's contract, and 0 is the tag of an ordinary block.
    unsafe { alloc(size, 0) }
}

/// Allocates an OCaml string. Unrooted.
///
/// # Safety
/// The domain's lock is held.
pub(crate) unsafe fn alloc_string(s: &str) -> RawValue {
    // SAFETY: the lock is held, by this function's contract; the runtime copies `len` bytes.
    unsafe { ocaml_sys::caml_alloc_initialized_string(s.len(), s.as_ptr().cast()) }
}

/// Copies an OCaml string; bytes that are not UTF-8 are replaced.
///
/// # Safety
/// The domain's lock is held and `v` is a valid OCaml string.
pub(crate) unsafe fn string_val(v: RawValue) -> String {
    // SAFETY: by this function's contract `v` is a string, which has so many bytes; nothing allocates
    // on the OCaml heap while the slice exists.
    let bytes = unsafe {
        std::slice::from_raw_parts(ocaml_sys::string_val(v), ocaml_sys::caml_string_length(v))
    };
    String::from_utf8_lossy(bytes).into_owned()
}

/// Raises an OCaml exception.
///
/// # Safety
/// The domain's lock is held, `exn` is a valid exception, and no Rust frame between here and the OCaml
/// caller has anything to drop: raising is the last thing that a stub does.
pub(crate) unsafe fn raise(exn: RawValue) -> ! {
    // SAFETY: by this function's contract the exception is valid and unwinding skips no destructor.
    unsafe { ocaml_sys::caml_raise(exn) };
    unreachable!("caml_raise does not return")
}

/// Raises `Failure`.
///
/// # Safety
/// As for [`raise`]: the lock is held, and no Rust frame up to the OCaml caller has anything to drop.
pub(crate) unsafe fn failwith(message: &CStr) -> ! {
    // SAFETY: by this function's contract unwinding skips no destructor; the message is a C string.
    unsafe { ocaml_sys::caml_failwith(message.as_ptr()) };
    unreachable!("caml_failwith does not return")
}
