//! OCaml exceptions in Rust, and Rust's failures in OCaml.

use crate::base::error::JoinError;
use crate::base::panic::{Panic, catch_and_discard, catch_unwind};
use crate::ffi::callbacks::{Callbacks, ExceptionKind};
use crate::ffi::root::{Exn, Root};
use crate::ffi::token::RuntimeToken;
use crate::value::conversion_error::ConversionError;
use crate::value::declare::to_ocaml;
use crate::value::raises::{Exception, NoException, StandardException, UnixError};
use crate::value::rooted::Rooted;
use crate::value::types::Type;
use crate::value::write::write_root;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::error::Error as StdError;
use std::fmt;
use std::io;
use thiserror::Error;

/// An exception that OCaml raised, or that rejected a promise.
///
/// It carries the exception itself: given back to OCaml, by `?` in a
/// `#[func(raise)]`, it is the same exception. It may be sent and dropped anywhere.
#[derive(Debug)]
pub struct OCamlException {
    exception: Rooted,
    message: String,
    backtrace: Option<String>,
}

impl OCamlException {
    pub(crate) fn from_root(token: &RuntimeToken<'_>, exn: Root<Exn>) -> Self {
        let (message, backtrace) = Callbacks::get(token).map_or_else(
            || ("an OCaml exception".to_owned(), None),
            |callbacks| callbacks.describe_exception(token, &exn),
        );
        OCamlException {
            exception: Rooted::from_root(exn.into_any()),
            message,
            backtrace,
        }
    }

    /// Returns the text that `Printexc.to_string` gives.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the OCaml backtrace, where OCaml records them.
    pub fn backtrace(&self) -> Option<&str> {
        self.backtrace.as_deref()
    }

    /// Returns the OCaml exception.
    pub fn exception(&self) -> &Rooted {
        &self.exception
    }

    fn root(&self) -> &Root<Exn> {
        // SAFETY: `from_root`, which alone makes an `OCamlException`, was given an exception.
        unsafe { self.exception.root().assume_ref() }
    }
}

impl fmt::Display for OCamlException {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OCaml exception {}", self.message)
    }
}

impl std::error::Error for OCamlException {}

to_ocaml!([] OCamlException, &Type::Exn, |e, writer| Ok(writer.kept(e.exception.root())));

impl OCamlException {
    /// Makes the exception of a conversion that has failed: `Invalid_argument`, or `Out_of_memory`.
    pub(crate) fn from_conversion(token: &RuntimeToken<'_>, error: ConversionError) -> Self {
        let exn = Failure::Conversion(error).into_exception(token, Callbacks::registered(token));
        OCamlException::from_root(token, exn)
    }
}

/// The error of a call of a [`RemoteFunc`](crate::RemoteFunc) or of [`Workers`](crate::Workers).
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// The OCaml function raised this exception, or its promise was rejected with it.
    #[error(transparent)]
    Exception(#[from] OCamlException),
    /// The function's domain terminated, the call was cancelled, or a conversion panicked.
    #[error(transparent)]
    Failed(#[from] JoinError),
}

/// A failure in Rust, before it is an OCaml exception.
#[derive(Debug)]
pub(crate) enum Failure {
    /// `Rust_panic`.
    Panic(Panic),
    /// `Domain_terminated`.
    DomainTerminated(u64),
    /// `Rust_error`.
    Error {
        message: String,
        sources: Vec<String>,
        backtrace: Option<String>,
    },
    /// This very exception.
    Exception(OCamlException),
    /// `Invalid_argument`, `Out_of_memory`, or what interrupted the conversion.
    Conversion(ConversionError),
    /// An exception of OCaml's standard library.
    Standard(StandardException),
    /// `Unix.Unix_error`.
    Unix {
        errno: i32,
        function: String,
        argument: String,
    },
    /// An exception that the program defines.
    Defined(Exception),
}

impl From<ConversionError> for Failure {
    fn from(error: ConversionError) -> Self {
        Failure::Conversion(error)
    }
}

impl Failure {
    /// Wraps an error that a `#[func(raise)]` returned. Errors of this crate become the exceptions that they
    /// stand for.
    pub(crate) fn from_error(error: Box<dyn StdError>) -> Self {
        let other = match error.downcast::<OCamlException>() {
            Ok(exception) => return Failure::Exception(*exception),
            Err(error) => error,
        };
        let other = match other.downcast::<RemoteError>() {
            Ok(error) => match *error {
                RemoteError::Exception(exception) => return Failure::Exception(exception),
                RemoteError::Failed(error) => error.into(),
            },
            Err(error) => error,
        };
        let other = match other.downcast::<ConversionError>() {
            Ok(error) => return Failure::Conversion(*error),
            Err(error) => error,
        };
        let other = match Failure::from_exception(other) {
            Ok(failure) => return failure,
            Err(error) => error,
        };
        match other.downcast::<JoinError>().map(|error| *error) {
            Ok(JoinError::Panicked(panic)) => Failure::Panic(panic),
            Ok(JoinError::DomainTerminated { domain }) => Failure::DomainTerminated(domain),
            Ok(error) => Failure::describe(&error),
            Err(error) => Failure::describe(&*error),
        }
    }

    /// Wraps an error that is an exception by its type.
    fn from_exception(error: Box<dyn StdError>) -> Result<Self, Box<dyn StdError>> {
        let error = match error.downcast::<StandardException>() {
            Ok(exception) => return Ok(Failure::Standard(*exception)),
            Err(error) => error,
        };
        let error = match error.downcast::<Exception>() {
            Ok(exception) => return Ok(Failure::Defined(*exception)),
            Err(error) => error,
        };
        let unix = match error.downcast_ref::<UnixError>() {
            Some(error) => (&error.error, &*error.function, &*error.argument),
            None => match error.downcast_ref::<io::Error>() {
                Some(error) => (error, "", ""),
                None => return Err(error),
            },
        };
        match unix.0.raw_os_error() {
            Some(errno) => Ok(Failure::Unix {
                errno,
                function: unix.1.to_owned(),
                argument: unix.2.to_owned(),
            }),
            None => Err(error),
        }
    }

    fn describe(error: &(dyn StdError + 'static)) -> Self {
        // Stable Rust has no way to get the error's own. This one is resolved before code of the user's runs, which may
        // take all memory: if an allocation fails while a backtrace is resolved, and `RUST_BACKTRACE` is set, the standard
        // library waits for a lock that its own thread holds, for ever.
        let backtrace = Backtrace::capture();
        let backtrace =
            (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
        Failure::Error {
            message: error.to_string(),
            sources: std::iter::successors(error.source(), |e| (*e).source())
                .map(ToString::to_string)
                .collect(),
            backtrace,
        }
    }

    /// Makes an error of this crate's, which needs no backtrace.
    pub(crate) fn message(message: impl Into<String>) -> Self {
        Failure::Error {
            message: message.into(),
            sources: Vec::new(),
            backtrace: None,
        }
    }

    /// Returns the OCaml exception, and drops the failure. If code of the user's panics meanwhile, such as a conversion
    /// of an argument of the exception, returns `Rust_panic`.
    pub(crate) fn into_exception(
        self,
        token: &RuntimeToken<'_>,
        callbacks: &Callbacks,
    ) -> Root<Exn> {
        let exn = match catch_unwind(|| self.to_exception(token, callbacks)) {
            Ok(exn) => exn,
            Err(panic) => Failure::Panic(panic).to_exception(token, callbacks),
        };
        // It may own an error of the user's, whose destructor may use OCaml and panic.
        catch_and_discard(|| drop(self));
        exn
    }

    /// Returns the OCaml exception.
    fn to_exception(&self, token: &RuntimeToken<'_>, callbacks: &Callbacks) -> Root<Exn> {
        let make = |kind, strings: &[&str]| make(token, callbacks, kind, strings);
        match self {
            Failure::Exception(e) => e.root().duplicate(token),
            Failure::Panic(p) => {
                let location = p.location.as_deref().unwrap_or("");
                let backtrace = p.backtrace.as_deref().unwrap_or("");
                make(ExceptionKind::Panic, &[&*p.message, location, backtrace])
            }
            Failure::DomainTerminated(domain) => {
                make(ExceptionKind::DomainTerminated, &[&domain.to_string()])
            }
            Failure::Conversion(error) if error.is_out_of_memory() => {
                make(ExceptionKind::OutOfMemory, &[])
            }
            Failure::Conversion(error) => match error.exception() {
                Some(exn) => exn.duplicate(token),
                None => make(ExceptionKind::InvalidArgument, &[&error.to_string()]),
            },
            Failure::Error {
                message,
                sources,
                backtrace,
            } => {
                let mut all = vec![message.as_str(), backtrace.as_deref().unwrap_or("")];
                all.extend(sources.iter().map(String::as_str));
                make(ExceptionKind::Error, &all)
            }
            Failure::Standard(exception) => match exception {
                StandardException::Failure(s) => make(ExceptionKind::Failure, &[s]),
                StandardException::InvalidArgument(s) => make(ExceptionKind::InvalidArgument, &[s]),
                StandardException::NotFound => make(ExceptionKind::NotFound, &[]),
                StandardException::EndOfFile => make(ExceptionKind::EndOfFile, &[]),
                StandardException::DivisionByZero => make(ExceptionKind::DivisionByZero, &[]),
                StandardException::SysError(s) => make(ExceptionKind::SysError, &[s]),
                StandardException::Exit => make(ExceptionKind::Exit, &[]),
            },
            Failure::Unix {
                errno,
                function,
                argument,
            } => {
                let errno = errno.to_string();
                make(ExceptionKind::UnixError, &[&errno, function, argument])
            }
            Failure::Defined(exception) => match exception.0.to_exception(token) {
                Ok(exn) => exn,
                Err(NoException::NotRegistered(message)) => make(ExceptionKind::Error, &[&message]),
                Err(NoException::Conversion(error)) => {
                    Failure::Conversion(error).to_exception(token, callbacks)
                }
            },
        }
    }
}

/// Returns an exception of this kind. If OCaml has no memory for the strings, returns `Out_of_memory`.
fn make(
    token: &RuntimeToken<'_>,
    callbacks: &Callbacks,
    kind: ExceptionKind,
    strings: &[&str],
) -> Root<Exn> {
    match write_root(token, strings) {
        Ok(strings) => callbacks.make_exception(token, kind, &strings),
        Err(_) => {
            let none = write_root::<[&str]>(token, &[]).expect("an empty array is static");
            callbacks.make_exception(token, ExceptionKind::OutOfMemory, &none)
        }
    }
}
