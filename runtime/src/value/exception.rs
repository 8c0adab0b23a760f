//! OCaml exceptions in Rust, and Rust's failures in OCaml.

use crate::base::error::JoinError;
use crate::base::panic::Panic;
use crate::ffi::callbacks::Callbacks;
use crate::ffi::runtime::{self as ffi, RawValue, Root};
use crate::ffi::token::RuntimeToken;
use crate::value::rooted::Rooted;
use ocaml::ToValue;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::error::Error;
use std::fmt;

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
    /// # Safety
    /// The domain's lock is held and `exn` is an exception.
    pub(crate) unsafe fn from_raw(token: &RuntimeToken<'_>, exn: RawValue) -> Self {
        // SAFETY: the caller's; rooted before anything allocates.
        let exception: Rooted = unsafe { Rooted::from_raw(exn) };
        let (message, backtrace) = Callbacks::get().map_or_else(
            || ("an OCaml exception".to_owned(), None),
            // SAFETY: the token proves the lock.
            |c| unsafe { c.describe_exception(exception.raw(token)) },
        );
        OCamlException {
            exception,
            message,
            backtrace,
        }
    }

    /// What `Printexc.to_string` says of it.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Its OCaml backtrace, where OCaml records them.
    pub fn backtrace(&self) -> Option<&str> {
        self.backtrace.as_deref()
    }

    /// The exception.
    pub fn exception(&self) -> &Rooted {
        &self.exception
    }
}

impl fmt::Display for OCamlException {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OCaml exception {}", self.message)
    }
}

impl std::error::Error for OCamlException {}

// SAFETY: the value is the exception, of OCaml type `exn`.
unsafe impl ToValue for OCamlException {
    fn to_value(&self, rt: &ocaml::Runtime) -> ocaml::Value {
        self.exception.to_value(rt)
    }
}

/// Why a worker gave no value.
#[derive(Debug)]
pub enum WorkError {
    /// The function raised it, or it rejected the function's promise.
    Exception(OCamlException),
    /// Its domain ended, or a conversion panicked.
    Failed(JoinError),
}

impl fmt::Display for WorkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WorkError::Exception(e) => e.fmt(f),
            WorkError::Failed(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for WorkError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            WorkError::Exception(_) => None,
            WorkError::Failed(e) => e.source(),
        }
    }
}

/// A failure of ours that OCaml has to hear of, before it is an OCaml value.
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
}

impl Failure {
    /// From an error that a `#[func(raise)]` returned. Ours are the exceptions that they stand for.
    pub(crate) fn from_error(error: Box<dyn Error>) -> Self {
        let other = match error.downcast::<OCamlException>() {
            Ok(exception) => return Failure::Exception(*exception),
            Err(error) => error,
        };
        let other = match other.downcast::<WorkError>() {
            Ok(error) => match *error {
                WorkError::Exception(exception) => return Failure::Exception(exception),
                WorkError::Failed(error) => error.into(),
            },
            Err(error) => error,
        };
        match other.downcast::<JoinError>().map(|error| *error) {
            Ok(JoinError::Panicked(panic)) => Failure::Panic(panic),
            Ok(JoinError::DomainTerminated { domain }) => Failure::DomainTerminated(domain),
            Ok(error) => Failure::describe(&error),
            Err(error) => Failure::describe(&*error),
        }
    }

    fn describe(error: &(dyn Error + 'static)) -> Self {
        // Stable Rust cannot ask the error for its own.
        let backtrace = Backtrace::capture();
        Failure::Error {
            message: error.to_string(),
            sources: std::iter::successors(error.source(), |e| (*e).source())
                .map(ToString::to_string)
                .collect(),
            backtrace: (backtrace.status() == BacktraceStatus::Captured)
                .then(|| backtrace.to_string()),
        }
    }

    /// An error of ours, which needs no backtrace.
    pub(crate) fn message(message: impl Into<String>) -> Self {
        Failure::Error {
            message: message.into(),
            sources: Vec::new(),
            backtrace: None,
        }
    }

    /// The exception, rooted.
    ///
    /// # Safety
    /// The domain's lock is held.
    pub(crate) unsafe fn to_exception(
        &self,
        token: &RuntimeToken<'_>,
        callbacks: &Callbacks,
    ) -> Root {
        let id;
        let (kind, strings): (isize, Vec<&str>) = match self {
            // SAFETY: the caller's.
            Failure::Exception(e) => return unsafe { Root::new(e.exception.raw(token)) },
            Failure::Panic(p) => (
                0,
                vec![
                    &p.message,
                    p.location.as_deref().unwrap_or(""),
                    p.backtrace.as_deref().unwrap_or(""),
                ],
            ),
            Failure::DomainTerminated(domain) => {
                id = domain.to_string();
                (2, vec![&id])
            }
            Failure::Error {
                message,
                sources,
                backtrace,
            } => {
                let mut all = vec![message.as_str(), backtrace.as_deref().unwrap_or("")];
                all.extend(sources.iter().map(String::as_str));
                (1, all)
            }
        };
        // SAFETY: the caller's; the tuple is rooted while the strings are made, and read
        // back from its root when it is passed.
        unsafe {
            let tuple = Root::new(ffi::alloc_tuple(strings.len().max(1)));
            for (i, s) in strings.iter().enumerate() {
                let s = ffi::alloc_string(s);
                ffi::store_field(tuple.get(), i, s);
            }
            callbacks.make_exception(kind, tuple.get(), strings.len())
        }
    }
}
