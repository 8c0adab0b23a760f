//! Functions of plain numbers, which OCaml passes as they are: `[@unboxed]` and `[@untagged]`.

use crate::base::panic::{Panic, catch_unwind};
use crate::entry::call::{Raise, finish};
use crate::ffi::callbacks::Callbacks;
use crate::ffi::token::{RuntimeToken, without_token};
use crate::value::conversion_error::ConversionError;
use crate::value::exception::Failure;
use crate::value::impls::Nativeint;
use crate::value::types::Function;

/// Numbers that OCaml passes as they are: `isize` is `(int [@untagged])`, and `f64`, `i32`, `i64` and
/// [`Nativeint`] are `(float [@unboxed])` and so on. `()` and `bool` are not among them.
#[diagnostic::on_unimplemented(
    message = "OCaml cannot pass `{Self}` as a plain number",
    note = "`unboxed` and `noalloc` take isize, f64, i32, i64 and Nativeint: remove the option"
)]
pub trait Unboxed: sealed::Sealed + Sized {
    /// The number as C has it.
    type Plain: Copy;

    /// Takes the number.
    fn from_plain(plain: Self::Plain) -> Self;

    /// Returns the number, if OCaml can have it.
    fn to_plain(self) -> Result<Self::Plain, ConversionError>;
}

mod sealed {
    /// Private, so that no other crate implements [`Unboxed`](super::Unboxed): `Plain` is what a C function takes.
    pub trait Sealed {}
}

macro_rules! unboxed {
    ($($t:ty),+) => {$(
        impl sealed::Sealed for $t {}

        impl Unboxed for $t {
            type Plain = Self;

            #[inline(always)]
            fn from_plain(plain: Self) -> Self {
                plain
            }

            #[inline(always)]
            fn to_plain(self) -> Result<Self, ConversionError> {
                Ok(self)
            }
        }
    )+};
}

unboxed!(f64, i32, i64);

impl sealed::Sealed for isize {}

impl Unboxed for isize {
    type Plain = Self;

    #[inline(always)]
    fn from_plain(plain: Self) -> Self {
        plain
    }

    #[inline(always)]
    fn to_plain(self) -> Result<Self, ConversionError> {
        match self << 1 >> 1 == self {
            true => Ok(self),
            false => Err(ConversionError::does_not_fit(
                self,
                "int, which has 63 bits",
            )),
        }
    }
}

impl sealed::Sealed for Nativeint {}

impl Unboxed for Nativeint {
    type Plain = isize;

    #[inline(always)]
    fn from_plain(plain: isize) -> Self {
        Nativeint(plain)
    }

    #[inline(always)]
    fn to_plain(self) -> Result<isize, ConversionError> {
        Ok(self.0)
    }
}

/// Runs a function of plain numbers. A panic, or a number that does not fit, is a failure. That is boxed, so that stubs
/// need no memory for it.
#[inline(always)]
fn run<R: Unboxed>(
    function: &'static Function,
    body: impl FnOnce() -> R,
) -> Result<R::Plain, Box<Failure>> {
    match catch_unwind(body) {
        Ok(result) => result.to_plain().map_err(|e| boxed(function, e)),
        Err(panic) => Err(Box::new(Failure::Panic(panic))),
    }
}

#[cold]
#[inline(never)]
fn boxed(function: &'static Function, error: ConversionError) -> Box<Failure> {
    Box::new(error.of(function, None).into())
}

/// `#[func(sync, unboxed)]`: a failure is raised. The call makes no executor, and gives the body no token of its own.
///
/// # Safety
/// OCaml called the stub that calls this, by an `external` that is not `[@@noalloc]`, and the stub's frame has nothing
/// to drop.
#[inline(always)]
pub unsafe fn call_unboxed<R: Unboxed>(
    function: &'static Function,
    body: impl FnOnce() -> R,
) -> R::Plain {
    match run(function, body) {
        Ok(result) => result,
        // SAFETY: this function's contract.
        Err(failure) => unsafe { raise(failure) },
    }
}

/// Takes the box, because an exception skips everything that the frames of the stub still have to drop: a box whose
/// contents have been moved out has to be freed.
///
/// # Safety
/// As for [`call_unboxed`].
#[cold]
#[inline(never)]
unsafe fn raise(failure: Box<Failure>) -> ! {
    let raise = {
        // Freed at the end of this block: a parameter is dropped at the end of its function, which is not reached.
        let failure = failure;
        // SAFETY: by this function's contract OCaml called, so this thread holds the lock.
        let token = unsafe { RuntimeToken::assume_locked() };
        match Callbacks::get(&token) {
            Some(callbacks) => {
                Raise::Exception(failure.into_exception(&token, callbacks).raw(&token))
            }
            None => Raise::Failure(crate::entry::call::NOT_INITIALISED),
        }
    };
    // SAFETY: this function's contract. The exception was read last, after the contents of the failure had been dropped;
    // the block above has freed the box, which does not touch OCaml's heap.
    unsafe { finish(Err(raise)) };
    unreachable!("an exception was raised")
}

/// `#[func(sync, noalloc)]`: OCaml's state is not saved, so nothing can be raised, and nothing may use OCaml: a failure
/// ends the process.
///
/// # Safety
/// OCaml called the stub that calls this.
#[inline(always)]
pub unsafe fn call_noalloc<R: Unboxed>(
    function: &'static Function,
    body: impl FnOnce() -> R,
) -> R::Plain {
    // A stub further down on the stack would give the body a token. The result is converted afterwards: of a body that
    // calls nothing, the compiler leaves the computation alone.
    match without_token(|| catch_unwind(body)) {
        Ok(result) => match result.to_plain() {
            Ok(result) => result,
            Err(e) => does_not_convert(function, e),
        },
        Err(panic) => panicked(function, panic),
    }
}

#[cold]
#[inline(never)]
fn does_not_convert(function: &'static Function, error: ConversionError) -> ! {
    abort(function, &error.of(function, None).to_string())
}

#[cold]
#[inline(never)]
fn panicked(function: &'static Function, panic: Panic) -> ! {
    abort(function, &format!("it panicked: {}", panic.message))
}

fn abort(function: &'static Function, why: &str) -> ! {
    eprintln!(
        "ocaml-lwt-interop: {} is a `noalloc` function, which cannot raise an exception, and has failed: {why}. \
         The process ends. Write #[func(sync, unboxed)] for a function that may fail",
        function.symbol
    );
    std::process::abort()
}
