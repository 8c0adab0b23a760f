//! The attribute `#[func]`. Use it from the crate `ocaml-lwt-interop`, which re-exports it.
//!
//! [`expand`] is the way from the attribute to the generated code: `options` parses the options,
//! `check` rejects what cannot be exported, `symbols` rejects names that other libraries need, and
//! `expand::stubs` generates the C functions, which call the runtime.

mod check;
mod derive;
mod doc;
mod exception;
mod expand;
mod ffi;
mod options;
mod symbols;

use proc_macro::TokenStream;

/// Exports a Rust function to OCaml, as a function that returns a Lwt promise.
///
/// ```
/// # use futures_lite::future;
/// #[ocaml_lwt_interop::func]
/// pub fn greet(name: String, times: isize) -> String {
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
/// The body may `.await`, and the attribute makes the function `async` if it is not. The body runs
/// as a task of the calling domain's executor: it need not be `Send`, and it has tokio's context.
/// Cancelling the promise drops the future before `Lwt.cancel` returns.
///
/// # The function
///
/// The function is `pub`, is not in an `impl` block, and has no type, lifetime or const parameters.
/// Rust code can call it too, and it is an `async fn` there unless the option is `sync` or
/// `blocking`. It keeps its other attributes. The generated code compiles under
/// `#![forbid(unsafe_code)]`.
///
/// Arguments implement `FromOCaml` and own their data: a reference would point into the OCaml heap, where values
/// move. Results implement `ToOCaml`. A `Result` is an OCaml `result`, unless the option `raise` is given.
/// `doc/types.md` has the types that convert, and what OCaml types they are. A `sync` function may take
/// `&RuntimeToken<'_>` as well, which OCaml does not pass.
///
/// OCaml does not check an `external`: its types have to match the function's. A function without
/// arguments takes `unit`. A function of more than five arguments has a second symbol, for
/// bytecode: `external f : ... = "f_bytecode" "f"`.
///
/// The function's name is a symbol of the whole program, so two exported functions cannot have the
/// same. Names of functions of the C library, of the OCaml and Rust runtimes, and those that begin
/// with `_`, are rejected: set another with the option `name`.
///
/// # Options
///
/// - `#[func(sync)]`: the body runs within the call, cannot `.await`, and its result is returned
///   without a promise.
/// - `#[func(tokio)]`: the body runs on tokio's worker threads. Arguments, result and future are
///   `Send`. Cancelling the promise aborts the task.
/// - `#[func(blocking)]`: the body may block and runs in tokio's blocking pool. It cannot `.await`,
///   and arguments and result are `Send`. Cancelling the promise has no effect on a body that has
///   started.
/// - `#[func(raise)]`: the function returns a `Result`, and an `Err` becomes an OCaml exception.
/// - `#[func(name = "symbol")]`: the symbol is this one instead of the function's name.
///
/// `sync`, `tokio` and `blocking` exclude each other; the others combine with any:
/// `#[func(tokio, raise)]`.
///
/// # Errors
///
/// A failure rejects the promise, and with `sync` it is raised as an exception.
///
/// - An argument or a result that does not convert is `Invalid_argument`, with the function, the argument and the place
///   in it: `insert: argument 1 (rows), field age of element 17: 300 does not fit u8`. The body does not run if it is
///   an argument.
/// - A panic of the body, of a conversion or of a destructor is `Lwt_interop.Rust_panic`.
/// - With `raise` an `Err(e)` is the same OCaml exception as before if `e` is an `OCamlException`,
///   `Domain_terminated` or `Rust_panic` if `e` is a `JoinError` of that kind, and otherwise
///   `Lwt_interop.Rust_error`, with the error's message and sources.
/// - If the calling domain terminates first, it is `Lwt_interop.Domain_terminated`.
///
/// A call on a thread that does not run its domain's loop raises `Lwt_interop.Wrong_thread`. A call
/// before the OCaml library is initialised, or in a forked child of a process that had called Rust,
/// raises `Failure`.
///
/// A function that cannot be exported is a compile error, which says what to change.
///
/// # Cost
///
/// A `sync` call takes some 5 ns and allocates nothing. Without an option the body is polled once
/// within the call: if it is ready, so is the promise, which takes some 13 ns; a call that waits
/// takes some 150 ns. With `tokio` a call takes two messages between threads, some 1 to 10 µs.
/// `doc/performance.md` has the measurements.
#[proc_macro_attribute]
pub fn func(attr: TokenStream, item: TokenStream) -> TokenStream {
    expand::func(attr.into(), item.into()).into()
}

/// Converts a type of yours to OCaml.
#[proc_macro_derive(ToOCaml, attributes(ocaml))]
pub fn derive_to_ocaml(item: TokenStream) -> TokenStream {
    derive::derive(item.into(), derive::Direction::ToOCaml).into()
}

/// Converts OCaml values to a type of yours.
#[proc_macro_derive(FromOCaml, attributes(ocaml))]
pub fn derive_from_ocaml(item: TokenStream) -> TokenStream {
    derive::derive(item.into(), derive::Direction::FromOCaml).into()
}

/// Gives an error its exceptions in OCaml: one for each variant of an enum, or one for a struct.
///
/// ```
/// use ocaml_lwt_interop::{OCamlException, func};
///
/// #[derive(OCamlException)]
/// pub enum Refused {
///     /// There are so many only.
///     #[ocaml(name = "Not_enough")]
///     NotEnough(isize),
///     Closed,
/// }
///
/// #[func(sync, raise)]
/// pub fn withdraw(amount: isize) -> Result<(), Refused> {
///     if amount > 100 { Err(Refused::NotEnough(100)) } else { Ok(()) }
/// }
/// ```
///
/// OCaml code defines the exceptions, and registers each under the name of the Rust crate and its own, with any
/// arguments:
///
/// ```ocaml
/// exception Not_enough of int
/// exception Closed
///
/// let () = Callback.register_exception "my_crate.Not_enough" (Not_enough 0)
/// let () = Callback.register_exception "my_crate.Closed" Closed
///
/// external withdraw : int -> unit = "withdraw"
/// ```
///
/// `#[func(raise)]` raises them if they are the error of its `Result`, whether or not the type is also a
/// [`std::error::Error`]. In a function that returns a `Box<dyn Error>`, convert the error to an
/// [`Exception`](../ocaml_lwt_interop/struct.Exception.html) first. One that OCaml has not registered is a `Rust_error`
/// that says how to register it.
///
/// # Arguments
/// The fields convert to OCaml. Fields with names are an inline record: `exception Limit of { name : string }`.
///
/// # Options
/// - `#[ocaml(name = "...")]` on a variant, or on a struct: the name in OCaml, if it is not that in Rust.
/// - `#[ocaml(crate = path)]` on the type: where the crate `ocaml_lwt_interop` is.
#[proc_macro_derive(OCamlException, attributes(ocaml))]
pub fn derive_ocaml_exception(input: TokenStream) -> TokenStream {
    exception::derive(&syn::parse_macro_input!(input as syn::DeriveInput)).into()
}
