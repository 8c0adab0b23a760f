//! Asynchronous Rust and asynchronous OCaml 5, on every domain.
//!
//! A function that is marked [`func`] is, in OCaml, an external that returns a Lwt promise:
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
//! Every domain runs a Lwt loop of its own (OCaml's library `dlwt`) and an executor of its own,
//! driven by that loop, on the domain's thread. All share one tokio runtime, whose context is
//! entered wherever tasks are polled. Work moves between domains as messages only.
//!
//! | you want to | use |
//! |---|---|
//! | export an async function | [`func`] |
//! | run a task on this domain | [`domain::spawn_local`] |
//! | run a task on another domain | [`Domain::spawn`] |
//! | touch OCaml values | [`domain::with_token`], [`Domain::call`] |
//! | await a Lwt promise | [`Promise`] |
//! | make a Lwt promise | [`Promise::new`], [`Resolver`] |
//! | call OCaml functions | [`OCamlFunc`], [`OCamlAsyncFunc`] |
//! | call them from any thread | [`RemoteFunc`] |
//! | deal calls out to several domains | [`Workers`] |
//! | keep an OCaml value | [`Rooted`] |
//! | give OCaml a Rust value to keep | [`Opaque`] |
//! | run OCaml code that blocks | [`ocaml_blocking::run`] |
//! | take or return bytes | [`Bytes`] |
//! | use tokio from elsewhere | [`tokio_handle`] |
//!
//! # Panics
//!
//! A panic never leaves Rust: it rejects the promise of the call with `Lwt_interop.Rust_panic`, or
//! is the error of the [`JoinHandle`]. To know where a panic started, a panic hook is chained before
//! the program's own when the first executor is made.

#![warn(missing_docs)]
// Unsafe code is in the rooms `ffi`, `task`, `value` and `entry`, and nowhere else.
#![deny(unsafe_code)]

#[allow(unsafe_code)]
mod base;
mod bridge;
pub mod domain;
#[allow(unsafe_code)]
mod entry;
#[allow(unsafe_code)]
mod ffi;
pub mod metrics;
pub mod ocaml_blocking;
#[allow(unsafe_code)]
mod task;
#[allow(unsafe_code)]
mod value;
#[allow(unsafe_code)]
mod wake;

pub use base::error::{CallError, DomainTerminated, JoinError, TokenError};
pub use base::panic::Panic;
pub use base::tokio_rt::tokio_handle;
pub use bridge::apply::Args;
pub use bridge::function::{OCamlAsyncFunc, OCamlFunc};
pub use bridge::opaque::Opaque;
pub use bridge::promise::{Promise, PromiseFuture, Resolver};
pub use bridge::remote::{RemoteCall, RemoteFunc};
pub use bridge::workers::{NoWorkers, Workers};
pub use domain::Domain;
pub use domain::join::JoinHandle;
pub use ffi::token::RuntimeToken;
pub use ocaml_lwt_interop_macros::func;
pub use value::bytes::Bytes;
pub use value::exception::{OCamlException, RemoteError};
pub use value::rooted::Rooted;

/// OCaml values and conversions, for the types of arguments and results.
pub use ocaml;

/// What `#[func]` expands to. Not for use by hand.
#[doc(hidden)]
pub mod __private {
    pub use crate::entry::call::{call_async, call_blocking, call_sync, call_tokio, raise, value};
    pub use crate::value::probes::{Checked, MayBorrow, Probe};
    pub use ocaml::{FromValue, ToValue, Value};
    /// An OCaml value as C functions take and return it.
    pub type RawValue = ocaml_sys::Value;
}

/// The Rust blocks of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
