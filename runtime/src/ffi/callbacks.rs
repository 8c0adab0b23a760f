//! The OCaml functions that Rust calls, registered by `ocaml/lwt_interop/executor.ml` and
//! `blocking.ml`.

use crate::base::tokio_context::without_budget;
use crate::ffi::converted::{Converted, Immediate};
use crate::ffi::root::{Closure, Exn, LwtPromise, Root};
use crate::ffi::runtime::{self as ffi, RawValue};
use crate::ffi::token::RuntimeToken;
use once_cell::sync::OnceCell;
use std::ptr::NonNull;

/// The location of a value that OCaml registered for as long as the program runs.
#[derive(Clone, Copy)]
struct Named(NonNull<RawValue>);

// SAFETY: the location is a root of the OCaml runtime's that lives as long as the program. `get`, which
// reads it, takes a token, so the thread that reads holds a domain's lock.
unsafe impl Send for Named {}
// SAFETY: sharing a `Named` gives no more than a copy of it, which may be sent.
unsafe impl Sync for Named {}

impl Named {
    fn get(self, _token: &RuntimeToken<'_>) -> RawValue {
        // SAFETY: the location is a root, which lives as long as the program; the token proves the lock.
        unsafe { self.0.read() }
    }
}

/// See the module's documentation.
pub(crate) struct Callbacks {
    attach: Named,
    return_: Named,
    /// A fulfilled promise has the layout that `ffi::alloc_nested` makes.
    returns_nested: bool,
    return_unit: Named,
    fail: Named,
    pending: Named,
    wait: Named,
    make_exception: Named,
    describe_exception: Named,
    blocking_next: Named,
    run_protected: Named,
}

static CALLBACKS: OnceCell<Callbacks> = OnceCell::new();

/// The exceptions that OCaml makes for Rust: see `ocaml/lwt_interop/errors.ml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(isize)]
pub(crate) enum ExceptionKind {
    /// `Rust_panic`: message, location, backtrace.
    Panic = 0,
    /// `Rust_error`: message, backtrace, sources.
    Error = 1,
    /// `Domain_terminated`: the domain's number.
    DomainTerminated = 2,
}

/// Returns `true` if the value is a block that holds a block that holds the number, and nothing else.
///
/// # Safety
/// A domain's lock is held and the value is valid.
unsafe fn is_nested(value: RawValue, number: isize) -> bool {
    // SAFETY: by this function's contract the value is valid; fields are read only of blocks that were
    // seen to have one, and nothing allocates.
    unsafe {
        let holds_one = |v| ffi::is_block(v) && ffi::tag(v) == 0 && ffi::size(v) == 1;
        holds_one(value)
            && holds_one(ffi::field(value, 0))
            && ffi::field(ffi::field(value, 0), 0) == ffi::int(number)
    }
}

impl Callbacks {
    /// Returns the callbacks, or `None` if the OCaml library `lwt_interop` has not been initialised.
    #[inline]
    pub(crate) fn get(token: &RuntimeToken<'_>) -> Option<&'static Callbacks> {
        CALLBACKS.get().or_else(|| Self::find(token))
    }

    /// Returns the callbacks where an executor exists.
    ///
    /// # Panics
    /// The OCaml library `lwt_interop` has not been initialised. It makes the executors.
    #[inline]
    pub(crate) fn registered(token: &RuntimeToken<'_>) -> &'static Callbacks {
        Self::get(token).expect("executors are made once OCaml has registered its callbacks")
    }

    #[cold]
    fn find(token: &RuntimeToken<'_>) -> Option<&'static Callbacks> {
        CALLBACKS
            .get_or_try_init(|| {
                // SAFETY: the token proves that OCaml is running.
                let named = |name| unsafe { ffi::named_value(name) }.map(Named).ok_or(());
                let sample = named(c"lwt_interop.returned_42")?.get(token);
                Ok::<_, ()>(Callbacks {
                    attach: named(c"lwt_interop.attach")?,
                    return_: named(c"lwt_interop.return")?,
                    // SAFETY: the token proves the lock, and nothing has allocated since the sample was
                    // read from its root.
                    returns_nested: unsafe { is_nested(sample, 42) },
                    return_unit: named(c"lwt_interop.return_unit")?,
                    fail: named(c"lwt_interop.fail")?,
                    pending: named(c"lwt_interop.pending")?,
                    wait: named(c"lwt_interop.wait")?,
                    make_exception: named(c"lwt_interop.make_exception")?,
                    describe_exception: named(c"lwt_interop.describe_exception")?,
                    blocking_next: named(c"lwt_interop.blocking_next")?,
                    run_protected: named(c"lwt_interop.run_protected")?,
                })
            })
            .ok()
    }

    /// Gives this thread's domain its executor. `Err` is the exception that says why not, unrooted.
    pub(crate) fn attach(&self, token: &RuntimeToken<'_>) -> Result<(), RawValue> {
        // SAFETY: the token proves the lock; OCaml registered a function of one argument.
        unsafe { ffi::callback(self.attach.get(token), &mut [ffi::UNIT]) }.map(|_| ())
    }

    /// Returns `Lwt.return value`, unrooted.
    #[inline(always)]
    pub(crate) fn return_(
        &self,
        token: &RuntimeToken<'_>,
        value: Converted,
    ) -> Result<RawValue, RawValue> {
        match value {
            // Also `Lwt.return 0` and the like: the representation is the same.
            Converted::Immediate(Immediate::UNIT) => Ok(self.return_unit.get(token)),
            // SAFETY: the token proves the lock; the value is read when nothing allocates any more.
            value if self.returns_nested => Ok(unsafe { ffi::alloc_nested(|| value.raw(token)) }),
            // SAFETY: the token proves the lock; OCaml registered a function of one argument.
            value => unsafe { ffi::callback(self.return_.get(token), &mut [value.raw(token)]) },
        }
    }

    /// Returns `Lwt.fail exn`, unrooted.
    pub(crate) fn fail(
        &self,
        token: &RuntimeToken<'_>,
        exn: &Root<Exn>,
    ) -> Result<RawValue, RawValue> {
        // SAFETY: the token proves the lock; OCaml registered a function of one exception.
        unsafe { ffi::callback(self.fail.get(token), &mut [exn.raw(token)]) }
    }

    /// Returns a new promise that is resolved through `key`, unrooted.
    #[inline]
    pub(crate) fn pending(
        &self,
        token: &RuntimeToken<'_>,
        key: isize,
    ) -> Result<RawValue, RawValue> {
        // SAFETY: the token proves the lock; OCaml registered a function of one int.
        unsafe { ffi::callback(self.pending.get(token), &mut [ffi::int(key)]) }
    }

    /// Returns a new promise that is resolved through `key`.
    pub(crate) fn pending_root(
        &self,
        token: &RuntimeToken<'_>,
        key: isize,
    ) -> Result<Root<LwtPromise>, Root<Exn>> {
        let made = self.pending(token, key);
        // SAFETY: the token proves the lock; nothing has allocated since the callback returned a
        // promise or raised an exception.
        unsafe { made.map(|p| Root::new(p)).map_err(|e| Root::new(e)) }
    }

    /// Returns the state of a promise: its value, its exception, or `None` if it is pending. Then OCaml
    /// reports to wait `key` when it is resolved.
    pub(crate) fn wait(
        &self,
        token: &RuntimeToken<'_>,
        promise: &Root<LwtPromise>,
        key: isize,
    ) -> Option<Result<Root, Root<Exn>>> {
        let mut args = [promise.raw(token), ffi::int(key)];
        // SAFETY: the token proves the lock; OCaml registered a function of a promise and an int. It
        // returns `()` or a block of one field, whose tag is 0 for a value and 1 for an exception.
        // Everything is rooted before anything allocates.
        unsafe {
            let state = match ffi::callback(self.wait.get(token), &mut args) {
                Ok(state) => state,
                Err(exn) => return Some(Err(Root::new(exn))),
            };
            ffi::is_block(state).then(|| {
                let content = ffi::field(state, 0);
                match ffi::tag(state) {
                    0 => Ok(Root::new(content)),
                    _ => Err(Root::new(content)),
                }
            })
        }
    }

    /// Returns an exception of this kind. If OCaml code raises meanwhile, returns that exception.
    pub(crate) fn make_exception(
        &self,
        token: &RuntimeToken<'_>,
        kind: ExceptionKind,
        strings: &Strings,
    ) -> Root<Exn> {
        // SAFETY: the token proves the lock. The block is read from its root when it is used. OCaml
        // registered a function of the kind, a block of strings, and how many of them count; it returns an
        // exception.
        unsafe {
            let mut args = [
                ffi::int(kind as isize),
                strings.block.raw(token),
                ffi::int(strings.len as isize),
            ];
            let (Ok(exn) | Err(exn)) = ffi::callback(self.make_exception.get(token), &mut args);
            Root::new(exn)
        }
    }

    /// Returns the exception's text, and its backtrace where OCaml records one.
    pub(crate) fn describe_exception(
        &self,
        token: &RuntimeToken<'_>,
        exn: &Root<Exn>,
    ) -> (String, Option<String>) {
        // SAFETY: the token proves the lock; OCaml registered a function of an exception that returns a
        // pair of strings. Copying them does not allocate on the OCaml heap.
        unsafe {
            match ffi::callback(self.describe_exception.get(token), &mut [exn.raw(token)]) {
                Ok(pair) => {
                    let backtrace = ffi::string_val(ffi::field(pair, 1));
                    let message = ffi::string_val(ffi::field(pair, 0));
                    (message, (!backtrace.is_empty()).then_some(backtrace))
                }
                Err(_) => ("an exception whose printer raised".to_owned(), None),
            }
        }
    }

    /// Has OCaml call `protected::run` with the address. Fails with the exception that was raised within.
    ///
    /// # Safety
    /// The contract of `protected::run` holds for the address until this returns.
    pub(crate) unsafe fn run_protected(
        &self,
        token: &RuntimeToken<'_>,
        address: RawValue,
    ) -> Result<(), Root<Exn>> {
        // SAFETY: the token proves the lock; OCaml registered a function of one int, which the address is to it,
        // and which does nothing but pass it to `protected::run`: this function's contract. An exception is
        // rooted before anything allocates.
        unsafe {
            match ffi::callback(self.run_protected.get(token), &mut [address]) {
                Ok(_) => Ok(()),
                Err(exn) => Err(Root::new(exn)),
            }
        }
    }

    /// Runs the next of OCaml's closures that wait for Domain 0's blocking pool. It does not raise.
    pub(crate) fn blocking_next(&self, token: &RuntimeToken<'_>) {
        // SAFETY: the token proves the lock; OCaml registered a function of one argument.
        let _ = unsafe { ffi::callback(self.blocking_next.get(token), &mut [ffi::UNIT]) };
    }
}

/// Strings for an exception, in an OCaml block of at least one field.
pub(crate) struct Strings {
    block: Root,
    len: usize,
}

impl Strings {
    /// Makes them. OCaml may raise if one has more than a kilobyte, or if they are more than 255.
    pub(crate) fn new(token: &RuntimeToken<'_>, strings: &[&str]) -> Self {
        // SAFETY: the token proves the lock. The block is rooted while the strings are made, and is read from
        // its root when one is stored.
        unsafe {
            let block: Root = Root::new(ffi::alloc_tuple(strings.len().max(1)));
            for (i, s) in strings.iter().enumerate() {
                let s = ffi::alloc_string(s);
                ffi::store_field(block.raw(token), i, s);
            }
            let len = strings.len();
            Strings { block, len }
        }
    }
}

/// Calls an OCaml closure with these arguments, from a Rust frame. Within it there is none of tokio's budget, as in
/// all code outside of polls.
pub(crate) fn call(
    token: &RuntimeToken<'_>,
    closure: &Root<Closure>,
    args: &[ocaml::Value],
) -> Result<Root, Root<Exn>> {
    let mut raw: Vec<_> = args.iter().map(|v| v.raw().0).collect();
    // SAFETY: the token proves the lock; nothing has allocated since the raw values were read; the type
    // of the function that Rust was given says how many arguments the closure takes. The result is
    // rooted before anything allocates.
    without_budget(|| unsafe {
        match ffi::callback(closure.raw(token), &mut raw) {
            Ok(value) => Ok(Root::new(value)),
            Err(exn) => Err(Root::new(exn)),
        }
    })
}
