//! The `#[func]` attribute. Its documentation is in the crate `ocaml-lwt-interop`, which
//! re-exports it.

mod check;
mod expand;
mod ffi;
mod options;
mod symbols;

use proc_macro::TokenStream;

/// Exports a Rust function to OCaml as one that returns a Lwt promise.
///
/// The body may `.await`, whether or not the function says `async`:
///
/// ```
/// # use futures_lite::future;
/// #[ocaml_lwt_interop::func]
/// pub fn greet(name: String, times: ocaml::Int) -> String {
///     future::yield_now().await;
///     format!("hello {name}! ").repeat(times as usize)
/// }
/// ```
///
/// In OCaml:
///
/// ```ocaml
/// external greet : string -> int -> string Lwt.t = "greet"
/// ```
///
/// A function of more than five arguments has a second stub for bytecode:
/// `external f : ... = "f_bytecode" "f"`.
///
/// The body runs on the calling domain, as a task of its executor: it need not be `Send`, and
/// tokio's context is entered. It is polled once at the call; if it is ready then, so is the
/// promise. A panic rejects the promise with `Lwt_interop.Rust_panic`; cancelling the promise
/// drops the future.
///
/// Arguments convert by `ocaml::FromValue`, results by `ocaml::ToValue`. A `Result` is an OCaml
/// `result`. Arguments are owned: what borrows would point into the OCaml heap, where values move.
/// (`Vec<u8>` is an `int array`; OCaml's `string` is `String`.)
///
/// The function stays what it is for Rust, with its attributes. It is `pub`, stands on its own
/// rather than in an `impl`, and has neither type nor lifetime parameters. The stub is generated
/// code that a `#![forbid(unsafe_code)]` allows.
///
/// The symbol is the function's name, for the whole program. Names of the C library, of the OCaml
/// and Rust runtimes, and those that begin with `_`, are refused: give another by `name`.
///
/// # Options
///
/// - `#[func(sync)]`: a plain function, without a promise. Panics and, with `raise`, errors are
///   raised.
/// - `#[func(tokio)]`: the body runs on tokio's threads, so arguments and results are `Send`.
/// - `#[func(blocking)]`: a body that blocks, run on tokio's blocking pool; it cannot `.await`.
/// - `#[func(raise)]`: `Err(e)` becomes an exception: the same one that it was if `e` is an
///   `OCamlException`; `Domain_terminated` or `Rust_panic` if it is a `JoinError` that says so;
///   otherwise `Lwt_interop.Rust_error`. The function gives a `Result`.
/// - `#[func(name = "symbol")]`: the name for `external`, if it is not the function's.
///
/// They combine: `#[func(tokio, raise)]`.
#[proc_macro_attribute]
pub fn func(attr: TokenStream, item: TokenStream) -> TokenStream {
    expand::func(attr.into(), item.into()).into()
}
