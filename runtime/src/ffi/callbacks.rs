//! The OCaml functions that Rust calls, registered by `ocaml/lwt_interop/executor.ml` and
//! `blocking.ml`.

use crate::base::tokio_context::without_budget;
use crate::ffi::root::{Application, Closure, Exn, LwtPromise, Root};
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

/// The arguments of an OCaml function that Rust calls are at most so many.
pub(crate) const MAX_ARGUMENTS: usize = 8;

/// See the module's documentation.
pub(crate) struct Callbacks {
    attach: Named,
    return_: Named,
    /// `true` if this version of Lwt represents a fulfilled promise as a block whose only field, the state, is a block
    /// whose only field is the value. Then Rust allocates it without a call of OCaml: see `value::write::Form`.
    pub(crate) returns_nested: bool,
    return_unit: Named,
    fail: Named,
    reserve: Named,
    wait: Named,
    make_exception: Named,
    describe_exception: Named,
    blocking_next: Named,
    stream_of_rust: Named,
    stream_pull: Named,
    stream_close: Named,
    share_channel: Named,
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
    /// `Invalid_argument`: message.
    InvalidArgument = 3,
    /// `Out_of_memory`.
    OutOfMemory = 4,
    /// `Failure`: message.
    Failure = 5,
    /// `Not_found`.
    NotFound = 6,
    /// `End_of_file`.
    EndOfFile = 7,
    /// `Division_by_zero`.
    DivisionByZero = 8,
    /// `Sys_error`: message.
    SysError = 9,
    /// `Exit`.
    Exit = 10,
    /// `Unix.Unix_error`: the number of the error, the function, the argument.
    UnixError = 11,
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
                    reserve: named(c"lwt_interop.reserve")?,
                    wait: named(c"lwt_interop.wait")?,
                    make_exception: named(c"lwt_interop.make_exception")?,
                    describe_exception: named(c"lwt_interop.describe_exception")?,
                    blocking_next: named(c"lwt_interop.blocking_next")?,
                    stream_of_rust: named(c"lwt_interop.stream_of_rust")?,
                    stream_pull: named(c"lwt_interop.stream_pull")?,
                    stream_close: named(c"lwt_interop.stream_close")?,
                    share_channel: named(c"lwt_interop.share_channel")?,
                })
            })
            .ok()
    }

    /// Gives this thread's domain its executor. `Err` is the exception that says why not, unrooted.
    pub(crate) fn attach(&self, token: &RuntimeToken<'_>) -> Result<(), RawValue> {
        // SAFETY: the token proves the lock; OCaml registered a function of one argument.
        unsafe { ffi::callback(self.attach.get(token), &mut [ffi::UNIT]) }.map(|_| ())
    }

    /// Returns `Lwt.return_unit`, unrooted.
    #[inline(always)]
    pub(crate) fn return_unit(&self, token: &RuntimeToken<'_>) -> RawValue {
        self.return_unit.get(token)
    }

    /// Returns `Lwt.return value`, unrooted.
    ///
    /// # Safety
    /// The value is valid now.
    pub(crate) unsafe fn return_(
        &self,
        token: &RuntimeToken<'_>,
        value: RawValue,
    ) -> Result<RawValue, RawValue> {
        // SAFETY: the token proves the lock; OCaml registered a function of one argument, which is valid by this
        // function's contract.
        unsafe { ffi::callback(self.return_.get(token), &mut [value]) }
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

    /// Makes room in the table of resolvers for a call.
    #[cold]
    pub(crate) fn reserve(&self, token: &RuntimeToken<'_>, key: isize) -> Result<(), Root<Exn>> {
        // SAFETY: the token proves the lock; OCaml registered a function of one int. Nothing has allocated since it raised
        // the exception.
        unsafe {
            let reserved = ffi::callback(self.reserve.get(token), &mut [ffi::int(key)]);
            reserved.map(|_| ()).map_err(|exn| Root::new(exn))
        }
    }

    /// Returns the value of a promise, unrooted, if it is known to be fulfilled without a call of OCaml.
    #[inline]
    pub(crate) fn fulfilled(
        &self,
        token: &RuntimeToken<'_>,
        promise: &Root<LwtPromise>,
    ) -> Option<RawValue> {
        if !self.returns_nested {
            return None;
        }
        // SAFETY: the token proves the lock, and the promise was just read from its root. `is_nested` has seen that promises
        // have one field, their state, and that the state `Fulfilled`, the value's, has tag 0 and one field. Each
        // constructor has another tag.
        unsafe {
            let state = ffi::field(promise.raw(token), 0);
            let is_fulfilled = ffi::is_block(state) && ffi::tag(state) == 0;
            is_fulfilled.then(|| ffi::field(state, 0))
        }
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

    /// Returns an exception of this kind, made of an OCaml array of strings. If OCaml code raises meanwhile, returns
    /// that exception.
    pub(crate) fn make_exception(
        &self,
        token: &RuntimeToken<'_>,
        kind: ExceptionKind,
        strings: &Root,
    ) -> Root<Exn> {
        // SAFETY: the token proves the lock. The array is read from its root when it is used. OCaml registered a function
        // of the kind and an array of strings that returns an exception.
        unsafe {
            let mut args = [ffi::int(kind as isize), strings.raw(token)];
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

    /// Returns a new `Stream.t`, unrooted, that pulls from the source `key`, and keeps `guard` reachable.
    pub(crate) fn stream_of_rust(
        &self,
        token: &RuntimeToken<'_>,
        key: isize,
        guard: &Root,
    ) -> Result<RawValue, RawValue> {
        let mut args = [ffi::int(key), guard.raw(token)];
        // SAFETY: the token proves the lock; OCaml registered a function of an int and a value that it keeps.
        unsafe { ffi::callback(self.stream_of_rust.get(token), &mut args) }
    }

    /// Returns the function from a `Stream.t` and a number of elements to a promise of a batch.
    pub(crate) fn stream_pull(&self, token: &RuntimeToken<'_>) -> Root<Closure> {
        // SAFETY: the token proves the lock; OCaml registered a function, whose location was read just now.
        unsafe { Root::new(self.stream_pull.get(token)) }
    }

    /// Returns the function that closes a `Stream.t`, and returns a promise of `()`.
    pub(crate) fn stream_close(&self, token: &RuntimeToken<'_>) -> Root<Closure> {
        // SAFETY: the token proves the lock; OCaml registered a function, whose location was read just now.
        unsafe { Root::new(self.stream_close.get(token)) }
    }

    /// Gives a channel that OCaml made the ring that Rust made for it, with its elements, unless it has one. Returns why
    /// not, if an element does not convert.
    pub(crate) fn share_channel(
        &self,
        token: &RuntimeToken<'_>,
        channel: &Root,
        ring: &Root,
    ) -> Result<Option<String>, Root<Exn>> {
        // SAFETY: the token proves the lock; OCaml registered a function of a channel and a ring, which are read from
        // their roots at once, that returns a string. Copying it does not allocate on the OCaml heap.
        unsafe {
            let mut args = [channel.raw(token), ring.raw(token)];
            match ffi::callback(self.share_channel.get(token), &mut args) {
                Ok(text) => Ok(Some(ffi::string_val(text)).filter(|text| !text.is_empty())),
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

/// Applies an OCaml closure to its arguments, from a Rust frame. Within it there is none of tokio's budget, as in all
/// code outside of polls.
pub(crate) fn apply(
    token: &RuntimeToken<'_>,
    application: &Root<Application>,
) -> Result<Root, Root<Exn>> {
    // SAFETY: the token proves the lock. It is a block of a closure and its arguments, at least one and at most
    // `MAX_ARGUMENTS`, which is read when nothing allocates any more. The type of the function that Rust was given says
    // how many the closure takes. The result is rooted before anything allocates.
    without_budget(|| unsafe {
        let block = application.raw(token);
        let mut args = [ffi::UNIT; MAX_ARGUMENTS];
        let count = ffi::size(block) - 1;
        for (i, arg) in args[..count].iter_mut().enumerate() {
            *arg = ffi::field(block, 1 + i);
        }
        match ffi::callback(ffi::field(block, 0), &mut args[..count]) {
            Ok(value) => Ok(Root::new(value)),
            Err(exn) => Err(Root::new(exn)),
        }
    })
}
