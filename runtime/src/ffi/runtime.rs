//! The floor: the OCaml runtime's C interface, and nothing else.
//!
//! Whoever calls these functions holds the lock of the domain that the thread
//! belongs to, unless the function says otherwise. Raw values are good until the
//! next allocation or callback: they are rooted ([`Root`]) or used at once.

use std::ffi::CStr;

pub(crate) use ocaml::root::Root;
pub(crate) use ocaml_sys::{Value as RawValue, is_block};

unsafe extern "C" {
    /// Releases the domain's lock without running signal handlers or finalisers
    /// first, so that it cannot raise.
    fn caml_enter_blocking_section_no_pending();
    fn caml_c_thread_register() -> libc::c_int;
    fn caml_c_thread_unregister() -> libc::c_int;
}

/// OCaml's `()`.
pub(crate) const UNIT: RawValue = ocaml_sys::UNIT;

/// An OCaml `int`.
pub(crate) const fn int(i: isize) -> RawValue {
    (i << 1) | 1
}

/// The number in an OCaml `int`.
pub(crate) const fn int_val(v: RawValue) -> isize {
    v >> 1
}

/// An OCaml `bool`.
pub(crate) const fn bool(b: bool) -> RawValue {
    int(b as isize)
}

/// Calls an OCaml closure. `Err` is the exception. Both are unrooted.
///
/// # Safety
/// The domain's lock is held; `closure` is a closure that takes `args.len()`
/// arguments, 1 to 7; every value is valid now.
pub(crate) unsafe fn callback(
    closure: RawValue,
    args: &mut [RawValue],
) -> Result<RawValue, RawValue> {
    // SAFETY: the caller's. The runtime roots the arguments itself, and the `_exn`
    // form returns an exception instead of unwinding over Rust frames.
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

/// The place of a value that OCaml registered under a name, if it did. The place
/// is a root that lives as long as the program.
///
/// # Safety
/// The OCaml runtime is started.
pub(crate) unsafe fn named_value(name: &CStr) -> Option<std::ptr::NonNull<RawValue>> {
    // SAFETY: the caller's; the name is a C string.
    let place = unsafe { ocaml_sys::caml_named_value(name.as_ptr()) };
    std::ptr::NonNull::new(place.cast_mut())
}

/// Stores into a field of a block that the GC knows.
///
/// # Safety
/// The domain's lock is held, `block` has a field `index`, `value` is valid.
pub(crate) unsafe fn store_field(block: RawValue, index: usize, value: RawValue) {
    // SAFETY: the caller's.
    unsafe { ocaml_sys::caml_modify(ocaml_sys::field(block, index), value) }
}

/// Reads a field of a block.
///
/// # Safety
/// The domain's lock is held and `block` has a field `index`.
pub(crate) unsafe fn field(block: RawValue, index: usize) -> RawValue {
    // SAFETY: the caller's.
    unsafe { *ocaml_sys::field(block, index) }
}

/// The number of fields of a block.
///
/// # Safety
/// `block` is a block.
pub(crate) unsafe fn size(block: RawValue) -> usize {
    // SAFETY: the caller's.
    unsafe { ocaml_sys::wosize_val(block) }
}

/// Allocates a block whose fields are all `()`. Unrooted.
///
/// # Safety
/// The domain's lock is held, and `tag` is that of an ordinary block.
pub(crate) unsafe fn alloc(size: usize, tag: u8) -> RawValue {
    // SAFETY: the caller's; `caml_alloc` initialises the fields.
    unsafe { ocaml_sys::caml_alloc(size, tag) }
}

/// Stores an OCaml `int` into a field that never has anything else, which the GC need not hear of.
///
/// # Safety
/// The domain's lock is held, `block` has a field `index`, and that is such a field.
pub(crate) unsafe fn store_int(block: RawValue, index: usize, int: RawValue) {
    debug_assert!(!is_block(int));
    // SAFETY: the caller's.
    unsafe { ocaml_sys::field(block, index).write(int) }
}

/// Allocates a block of one field that holds a block of one field that holds a value; both have tag
/// 0. It is one allocation that is divided, as OCaml's compiler does it. Unrooted.
///
/// # Safety
/// The domain's lock is held; `value` gives one that is valid when it is called, and allocates
/// nothing.
#[inline]
pub(crate) unsafe fn alloc_nested(value: impl FnOnce() -> RawValue) -> RawValue {
    const WORD: usize = size_of::<RawValue>();
    // SAFETY: the caller's. The block is young: it is initialised without a barrier, before anything
    // else allocates. Its header, of three fields, becomes two headers of one field each, which
    // differ from it in the size alone.
    unsafe {
        let outer = ocaml_sys::caml_alloc_small(3, 0);
        let header = ocaml_sys::field(outer, 0).sub(1);
        let of_one_field = header.read() - (2 << 10);
        let inner = outer + 2 * WORD as RawValue;
        header.write(of_one_field);
        ocaml_sys::field(outer, 0).write(inner);
        ocaml_sys::field(outer, 1).write(of_one_field);
        ocaml_sys::field(inner, 0).write(value());
        outer
    }
}

/// Allocates a tuple whose fields are all `()`. Unrooted.
///
/// # Safety
/// The domain's lock is held.
pub(crate) unsafe fn alloc_tuple(size: usize) -> RawValue {
    // SAFETY: the caller's.
    unsafe { alloc(size, 0) }
}

/// Allocates an OCaml string. Unrooted.
///
/// # Safety
/// The domain's lock is held.
pub(crate) unsafe fn alloc_string(s: &str) -> RawValue {
    // SAFETY: the caller's; the runtime copies `len` bytes.
    unsafe { ocaml_sys::caml_alloc_initialized_string(s.len(), s.as_ptr().cast()) }
}

/// Copies an OCaml string; what is not UTF-8 in it is replaced.
///
/// # Safety
/// The domain's lock is held and `v` is an OCaml string.
pub(crate) unsafe fn string_val(v: RawValue) -> String {
    // SAFETY: the caller's; nothing allocates on the OCaml heap while the slice lives.
    let bytes = unsafe {
        std::slice::from_raw_parts(ocaml_sys::string_val(v), ocaml_sys::caml_string_length(v))
    };
    String::from_utf8_lossy(bytes).into_owned()
}

/// Raises an OCaml exception.
///
/// # Safety
/// The domain's lock is held, `exn` is an exception, and no Rust frame between here
/// and the OCaml caller has anything to drop: this is the last thing a stub does.
pub(crate) unsafe fn raise(exn: RawValue) -> ! {
    // SAFETY: the caller's.
    unsafe { ocaml_sys::caml_raise(exn) };
    unreachable!("caml_raise does not return")
}

/// Raises `Failure`.
///
/// # Safety
/// As for [`raise`].
pub(crate) unsafe fn failwith(message: &CStr) -> ! {
    // SAFETY: the caller's.
    unsafe { ocaml_sys::caml_failwith(message.as_ptr()) };
    unreachable!("caml_failwith does not return")
}

/// Makes the calling thread one of Domain 0's threads. Waits for its lock, and gives it back.
/// Returns `false` if OCaml has no memory for it.
pub(crate) fn register_thread() -> bool {
    // SAFETY: any thread that OCaml does not know may call it.
    unsafe { caml_c_thread_register() != 0 }
}

/// Undoes [`register_thread`]. The lock is not held.
pub(crate) fn unregister_thread() {
    // SAFETY: the thread was registered, and it does not hold the lock.
    unsafe {
        caml_c_thread_unregister();
    }
}

/// Runs `f` with Domain 0's lock, on a thread that [`register_thread`] registered.
///
/// # Safety
/// The thread is registered and does not hold the lock.
pub(crate) unsafe fn with_lock<R>(f: impl FnOnce() -> R) -> R {
    struct Unlock;
    impl Drop for Unlock {
        fn drop(&mut self) {
            // SAFETY: this thread holds the lock, taken below.
            unsafe { caml_enter_blocking_section_no_pending() }
        }
    }
    // SAFETY: the caller's.
    unsafe { ocaml_sys::caml_leave_blocking_section() };
    let _unlock = Unlock;
    f()
}
