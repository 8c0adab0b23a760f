//! Asynchronous Rust for OCaml 5 and Lwt, on every domain.
//!
//! A function that is marked [`func`] is an OCaml function that returns a Lwt promise:
//!
//! ```
//! use futures_lite::future;
//!
//! #[ocaml_lwt_interop::func]
//! pub fn my_async_func() -> () {
//!     future::yield_now().await;
//! }
//! ```
//!
//! ```ocaml
//! external my_async_func : unit -> unit Lwt.t = "my_async_func"
//! ```
//!
//! Each domain runs its own Lwt loop (the OCaml library `dlwt`), and this loop polls the tasks of the
//! domain's own executor, on the domain's thread. So futures need not be `Send`. All domains share one
//! tokio runtime, whose context is entered wherever tasks are polled. Work moves between domains only as
//! messages.
//!
//! | to | use |
//! |---|---|
//! | export a function | [`func`]; its options are `sync`, `tokio`, `blocking`, `stream`, `raise` and `name` |
//! | await a Lwt promise | [`Promise`] |
//! | make a Lwt promise | [`Promise::new`], [`Resolver`] |
//! | call OCaml functions on their domain | [`OCamlFunc`], [`OCamlAsyncFunc`] |
//! | call an OCaml function on any thread | [`RemoteFunc`] |
//! | call an OCaml function again and again, without waiting for it | [`CallQueue`] |
//! | send values between tasks, threads and domains, of either language | [`Channel`] |
//! | write a stream to OCaml code, and wait while it is behind | [`Channel::sink`] |
//! | call the least loaded of several domains | [`Workers`] |
//! | return many values, one after the other | [`func`] with the option `stream` |
//! | read an OCaml stream | [`OCamlStream`], or [`RemoteStream`] on any thread |
//! | run a task on the calling domain | [`domain::spawn_local`] |
//! | run a task on another domain | [`Domain::spawn`] |
//! | find a domain | [`domain::current`], [`domain::get`], or an argument of type [`Domain`] |
//! | use OCaml values | [`domain::with_token`] in a task, [`Domain::call`] on any thread |
//! | convert records, variants and newtypes of yours | [`macro@FromOCaml`], [`macro@ToOCaml`] |
//! | see which types convert, and how | `doc/types.md` |
//! | keep an OCaml value alive | [`Rooted`], [`Any`] |
//! | give OCaml a Rust value to keep | [`Opaque`] |
//! | take or return bytes | [`Bytes`] for `string`, `Vec<u8>` for `bytes` |
//! | share the memory of numbers or bytes with OCaml | [`Bigarray`] |
//! | run OCaml code that blocks | [`ocaml_blocking::run`] |
//! | run Rust code that blocks | [`func`] with the option `blocking` |
//! | use tokio outside of tasks | [`tokio_handle`] |
//! | count calls, tasks and messages | [`metrics::totals`], [`Domain::stats`] |
//!
//! # Errors
//!
//! | error | returned if |
//! |---|---|
//! | [`struct@OCamlException`] | OCaml code raised an exception, or a promise was rejected; `?` in a `#[func(raise)]` raises the same exception again |
//! | [`StandardException`], [`UnixError`] | errors of yours that are `Not_found`, `Unix.Unix_error` and the like in OCaml |
//! | [`macro@OCamlException`] | makes an error of yours exceptions that OCaml code defines |
//! | [`ConversionError`] | a value does not convert; it is `Invalid_argument` in OCaml |
//! | [`TokenError`] | the OCaml runtime cannot be used on this thread |
//! | [`DomainTerminated`] | the domain has terminated; carries the work that was to be sent |
//! | [`JoinError`] | a task has no value: it panicked, was cancelled, could not be started, or its domain terminated |
//! | [`CallError`] | [`Domain::call_blocking`] has no value: one of the above, or it would block a domain's loop |
//! | [`RemoteError`] | a call of a [`RemoteFunc`] or of [`Workers`] failed: an exception or a [`JoinError`] |
//! | [`NoWorkers`] | no domain has joined the [`Workers`]; carries the arguments |
//!
//! A `#[func]` that returns a `Result` returns an OCaml `result`. With the option `raise`, an `Err` becomes an
//! exception.
//!
//! # Panics
//!
//! A panic never unwinds into OCaml and never aborts the process. A panic of an exported function becomes
//! the OCaml exception `Lwt_interop.Rust_panic`; a panic of other work is the [`JoinError`] of its
//! [`JoinHandle`]. To record where a panic started, the first executor installs a panic hook, which calls
//! the hook that was there before.

#![warn(missing_docs)]
// Unsafe code is in the rooms `ffi`, `task`, `wake`, `value` and `entry`, and nowhere else.
#![deny(unsafe_code)]

#[cfg(all(panic = "abort", not(doc)))]
compile_error!(
    "ocaml-lwt-interop needs unwinding: a panic becomes an OCaml exception instead of ending the \
     process. Remove `panic = \"abort\"` from the profile in Cargo.toml, and from RUSTFLAGS"
);

mod base;
mod bridge;
pub mod domain;
#[allow(unsafe_code)]
mod entry;
#[allow(unsafe_code)]
mod ffi;
// For what the derives expand to.
#[allow(unsafe_code)]
#[cfg(all(any(test, all(fuzzing, feature = "standalone")), not(loom_model)))]
mod fuzz;
pub mod metrics;
pub mod ocaml_blocking;
#[allow(unsafe_code)]
mod task;
#[allow(unsafe_code)]
mod value;
#[allow(unsafe_code)]
mod wake;

pub use base::channel::{Closed, SendError, TrySendError};
pub use base::error::{CallError, DomainTerminated, JoinError, TokenError};
pub use base::panic::Panic;
pub use base::tokio_rt::tokio_handle;
pub use bridge::call_queue::{CallQueue, QueueEnded, WhenFull};
pub use bridge::channel::sink::ChannelSink;
pub use bridge::channel::{Channel, ChannelStream, TryRecvError};
pub use bridge::function::{OCamlAsyncFunc, OCamlFunc};
#[cfg(feature = "tracing")]
pub use bridge::logs::logs_layer;
pub use bridge::ocaml_stream::OCamlStream;
pub use bridge::opaque::Opaque;
pub use bridge::promise::{Promise, PromiseFuture, Resolver};
pub use bridge::remote::{RemoteCall, RemoteFunc};
pub use bridge::remote_stream::RemoteStream;
pub use bridge::workers::{NoWorkers, Workers};
pub use domain::Domain;
pub use domain::join::JoinHandle;
pub use ffi::token::RuntimeToken;
pub use ocaml_lwt_interop_macros::{FromOCaml, OCamlException, OpaqueType, ToOCaml, func};
pub use value::application::Args;
pub use value::bigarray::{Bigarray, BigarrayElement};
pub use value::bytes::Bytes;
pub use value::conversion_error::ConversionError;
pub use value::exception::{OCamlException, RemoteError};
pub use value::impls::{Char, List, Nativeint};
pub use value::opaque_type::OpaqueType;
pub use value::raises::{Exception, RaisesException, StandardException, UnixError};
pub use value::read::FromOCaml;
pub use value::rooted::{Any, Rooted};
pub use value::unchecked::Unchecked;
pub use value::write::ToOCaml;

pub mod convert {
    //! What conversions are made of, for who writes one by hand, and for the derives.

    pub use crate::value::conversion_error::{ConversionError, Place};
    pub use crate::value::nesting::MAX_NESTING;
    pub use crate::value::read::{Fields, FromOCaml, List, Source};
    pub use crate::value::types;
    pub use crate::value::write::{FLOATS, ToOCaml, Writer};
}

/// The targets of `runtime/fuzz`.
#[cfg(all(fuzzing, feature = "standalone", not(loom_model)))]
#[doc(hidden)]
pub mod __fuzz {
    pub use crate::fuzz::{any_to_rust, run, to_ocaml_and_back};
}

/// What `#[func]` and the derives expand to. Not for use by hand.
#[doc(hidden)]
pub mod __private {
    pub use crate::entry::call::{
        Arguments, HowRaised, Raises, call_async, call_blocking, call_promise, call_sync,
        call_tokio, flatten, raise_as, same, value,
    };
    pub use crate::entry::export::is_type_name;
    pub use crate::entry::stream::on_tokio::{elements_on_tokio, started_on_tokio};
    pub use crate::entry::stream::{call_stream, elements, started};
    pub use crate::entry::unboxed::{Unboxed, call_noalloc, call_unboxed};
    pub use crate::value::conversion_error::ConversionError;
    pub use crate::value::opaque_type::opaque;
    pub use crate::value::read::FromOCaml;
    pub use crate::value::types::encode;
    pub use crate::value::types::{Argument, Function, Label, Mode, Type, TypeName};
    pub use crate::value::write::ToOCaml;
    pub use futures_core::Stream;
    /// An OCaml value as C functions take and return it.
    pub type RawValue = ocaml_sys::Value;
}

/// The Rust blocks of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// So are those of the page on types.
#[cfg(doctest)]
#[doc = include_str!("../../doc/types.md")]
struct Types;
