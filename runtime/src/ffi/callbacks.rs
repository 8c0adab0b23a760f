//! The OCaml functions that Rust calls, registered by `ocaml/lwt_interop/executor.ml` and `blocking.ml`.

use crate::ffi::converted::Converted;
use crate::ffi::runtime::{self as ffi, RawValue, Root};
use once_cell::sync::OnceCell;
use std::ptr::NonNull;

/// The place of a value that OCaml registered for good.
#[derive(Clone, Copy)]
struct Named(NonNull<RawValue>);

// SAFETY: the place is a root of the OCaml runtime's that lives as long as the program. It is
// read only with a domain's lock held.
unsafe impl Send for Named {}
// SAFETY: as above.
unsafe impl Sync for Named {}

impl Named {
    /// # Safety
    /// A domain's lock is held.
    unsafe fn get(self) -> RawValue {
        // SAFETY: the caller's.
        unsafe { self.0.read() }
    }
}

/// See the module's documentation.
pub(crate) struct Callbacks {
    attach: Named,
    return_: Named,
    /// Whether a promise that is fulfilled looks as `ffi::alloc_nested` makes it.
    returns_nested: bool,
    return_unit: Named,
    fail: Named,
    pending: Named,
    wait: Named,
    make_exception: Named,
    describe_exception: Named,
    blocking_next: Named,
}

static CALLBACKS: OnceCell<Callbacks> = OnceCell::new();

/// Whether the value is a block that holds a block that holds the number, and nothing else.
///
/// # Safety
/// A domain's lock is held and the value is valid.
unsafe fn is_nested(value: RawValue, number: isize) -> bool {
    // SAFETY: the caller's; fields are looked at in blocks that have one.
    unsafe {
        let holds_one = |v| ffi::is_block(v) && ocaml_sys::tag_val(v) == 0 && ffi::size(v) == 1;
        holds_one(value)
            && holds_one(ffi::field(value, 0))
            && ffi::field(ffi::field(value, 0), 0) == ffi::int(number)
    }
}

impl Callbacks {
    /// The callbacks, if the OCaml library `lwt_interop` has been initialised.
    ///
    /// Called with a domain's lock held, the first time at least.
    #[inline]
    pub(crate) fn get() -> Option<&'static Callbacks> {
        CALLBACKS.get().or_else(Self::find)
    }

    #[cold]
    fn find() -> Option<&'static Callbacks> {
        CALLBACKS
            .get_or_try_init(|| {
                // SAFETY: OCaml is running: it called us.
                let named = |name| unsafe { ffi::named_value(name) }.map(Named).ok_or(());
                Ok::<_, ()>(Callbacks {
                    attach: named(c"lwt_interop.attach")?,
                    return_: named(c"lwt_interop.return")?,
                    // SAFETY: as above; nothing allocates while the sample is looked at.
                    returns_nested: unsafe {
                        is_nested(named(c"lwt_interop.returned_42")?.get(), 42)
                    },
                    return_unit: named(c"lwt_interop.return_unit")?,
                    fail: named(c"lwt_interop.fail")?,
                    pending: named(c"lwt_interop.pending")?,
                    wait: named(c"lwt_interop.wait")?,
                    make_exception: named(c"lwt_interop.make_exception")?,
                    describe_exception: named(c"lwt_interop.describe_exception")?,
                    blocking_next: named(c"lwt_interop.blocking_next")?,
                })
            })
            .ok()
    }

    /// Gives this thread's domain its executor. `Err` is the exception that says why not.
    ///
    /// # Safety
    /// OCaml called, and the lock is held. The exception is unrooted.
    pub(crate) unsafe fn attach(&self) -> Result<(), RawValue> {
        // SAFETY: the caller's.
        unsafe { ffi::callback(self.attach.get(), &mut [ffi::UNIT]) }.map(|_| ())
    }

    /// `Lwt.return value`, unrooted.
    ///
    /// # Safety
    /// The lock is held.
    #[inline(always)]
    pub(crate) unsafe fn return_(&self, value: Converted) -> Result<RawValue, RawValue> {
        // SAFETY: the caller's. The value is rooted, or cannot move, and is read when nothing
        // allocates any more.
        unsafe {
            match value {
                // Also `Lwt.return 0` and the like: the same representation.
                Converted::Word(ffi::UNIT) => Ok(self.return_unit.get()),
                value if self.returns_nested => Ok(ffi::alloc_nested(|| value.raw())),
                value => ffi::callback(self.return_.get(), &mut [value.raw()]),
            }
        }
    }

    /// `Lwt.fail exn`, unrooted.
    ///
    /// # Safety
    /// The lock is held and `exn` is an exception.
    pub(crate) unsafe fn fail(&self, exn: RawValue) -> Result<RawValue, RawValue> {
        // SAFETY: the caller's.
        unsafe { ffi::callback(self.fail.get(), &mut [exn]) }
    }

    /// A new promise, settled through `key`; unrooted.
    ///
    /// # Safety
    /// The lock is held.
    pub(crate) unsafe fn pending(&self, key: isize) -> Result<RawValue, RawValue> {
        // SAFETY: the caller's.
        unsafe { ffi::callback(self.pending.get(), &mut [ffi::int(key)]) }
    }

    /// What the promise is now: `Ok(Some(Ok(value)))`, `Ok(Some(Err(exception)))`, or
    /// `Ok(None)`, when wait `key` will be settled. Everything unrooted.
    ///
    /// # Safety
    /// The lock is held and `promise` is a Lwt promise.
    pub(crate) unsafe fn wait(
        &self,
        promise: RawValue,
        key: isize,
    ) -> Result<Option<Result<RawValue, RawValue>>, RawValue> {
        // SAFETY: the caller's; the answer is `()` or a block of one field, tag 0 for a value
        // and 1 for an exception.
        unsafe {
            let answer = ffi::callback(self.wait.get(), &mut [promise, ffi::int(key)])?;
            if !ffi::is_block(answer) {
                return Ok(None);
            }
            let content = ffi::field(answer, 0);
            Ok(Some(match ocaml_sys::tag_val(answer) {
                0 => Ok(content),
                _ => Err(content),
            }))
        }
    }

    /// # Safety
    /// The lock is held; `strings` is a block of strings of which the first `count` count.
    pub(crate) unsafe fn make_exception(
        &self,
        kind: isize,
        strings: RawValue,
        count: usize,
    ) -> Root {
        let mut args = [ffi::int(kind), strings, ffi::int(count as isize)];
        // SAFETY: the caller's. Should the function itself raise (there is no memory left),
        // then that is the exception to tell.
        unsafe {
            let (Ok(exn) | Err(exn)) = ffi::callback(self.make_exception.get(), &mut args);
            Root::new(exn)
        }
    }

    /// The exception's text and backtrace.
    ///
    /// # Safety
    /// The lock is held and `exn` is an exception.
    pub(crate) unsafe fn describe_exception(&self, exn: RawValue) -> (String, Option<String>) {
        // SAFETY: the caller's; the answer is a pair of strings, and copying them does not
        // allocate on the OCaml heap.
        unsafe {
            match ffi::callback(self.describe_exception.get(), &mut [exn]) {
                Ok(pair) => {
                    let backtrace = ffi::string_val(ffi::field(pair, 1));
                    let message = ffi::string_val(ffi::field(pair, 0));
                    (message, (!backtrace.is_empty()).then_some(backtrace))
                }
                Err(_) => ("an exception whose printer raised".to_owned(), None),
            }
        }
    }

    /// Runs the next of OCaml's closures that wait for the blocking lane. It does not raise.
    ///
    /// # Safety
    /// The lock is held.
    pub(crate) unsafe fn blocking_next(&self) {
        // SAFETY: the caller's.
        let _ = unsafe { ffi::callback(self.blocking_next.get(), &mut [ffi::UNIT]) };
    }
}
