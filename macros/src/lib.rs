//! The attribute `#[func]`, and the derives `ToOCaml` and `FromOCaml`. Use them from the crate `ocaml-lwt-interop`,
//! which re-exports them.
//!
//! `expand` is the way from the attribute to the generated code: `options` parses the options,
//! `check` rejects what cannot be exported, `symbols` rejects names that other libraries need, and
//! `expand::stubs` generates the C functions, which call the runtime. The derives are in `derive`.

mod attributes;
mod check;
mod derive;
mod doc;
mod errors;
mod exception;
mod expand;
mod ffi;
mod labels;
mod names;
mod opaque;
mod options;
mod shown;
mod stream;
mod symbols;
mod ungroup;

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
/// The function is `pub`, and has no type, lifetime or const parameters.
/// Rust code can call it too, and it is an `async fn` there unless the option is `sync` or
/// `blocking`. It keeps its other attributes. The generated code compiles under
/// `#![forbid(unsafe_code)]`.
///
/// Arguments implement `FromOCaml` and own their data: a reference would point into the OCaml heap, where values
/// move. Results implement `ToOCaml`. A `Result` is an OCaml `result`, unless the option `raise` is given. A function
/// that returns a `Promise` returns that promise to OCaml.
/// `doc/types.md` has the types that convert, and what OCaml types they are. A `sync` function may take
/// `&RuntimeToken<'_>` as well, which OCaml does not pass.
///
/// The program `ocaml-lwt-build` writes the `external`s of all functions, and `ocaml-lwt-bindgen --check` compares
/// those that are written by hand with the functions: see `doc/declarations.md`. OCaml itself does not check an
/// `external`. A function without arguments takes `unit`. A function of more than five arguments has a second symbol,
/// for bytecode: `external f : ... = "f_bytecode" "f"`.
///
/// The function's name is a symbol of the whole program, so two exported functions cannot have the
/// same. Symbols of functions of the C library, of the OCaml and Rust runtimes, and those that begin
/// with `_`, are rejected: set another with the option `name`. If the crate's `build.rs` prints
/// `cargo::rustc-env=OCAML_LWT_PREFIX=shapes`, the symbols of its functions without that option are `shapes_` and the
/// function's name.
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
/// - `#[func(stream)]`: the function, or its future, returns a [`Stream`](https://docs.rs/futures-core), and OCaml gets a
///   `Lwt_interop.Stream.t`: see [below](#streams).
/// - `#[func(sync, unboxed)]`: arguments and result are numbers, which OCaml passes as C does, to a second symbol:
///   `external f : (float[@unboxed]) -> (int[@untagged]) = "f" "f_unboxed"`.
/// - `#[func(sync, noalloc)]`: like `unboxed`, for an `external` with `[@@noalloc]`. The body must not call OCaml. A panic,
///   or a result that does not fit an `int`, ends the process.
/// - `#[func(labels)]`: the arguments have labels in generated declarations. `#[ocaml(label = "...")]` on an argument
///   gives it one, `#[ocaml(optional)]` makes an `Option` an optional argument, and `#[ocaml(positional)]` takes the
///   label away.
/// - `#[func(name = "symbol")]`: the symbol is this one instead of the function's name.
/// - `#[func(crate = path)]`: the path of the crate `ocaml_lwt_interop`, if it is renamed or re-exported.
///
/// `sync`, `tokio` and `blocking` exclude each other; `stream` combines with `tokio`; `raise`, `labels`, `name` and `crate` combine with any:
/// `#[func(tokio, raise)]`.
///
/// # Streams
///
/// ```
/// use futures_lite::{Stream, StreamExt, io};
/// use futures_lite::io::AsyncBufReadExt;
///
/// /// Returns the lines of a text.
/// #[ocaml_lwt_interop::func(stream, raise)]
/// pub fn lines(text: String) -> impl Stream<Item = std::io::Result<String>> {
///     io::BufReader::new(io::Cursor::new(text)).lines()
/// }
/// ```
///
/// ```ocaml
/// external lines : string -> string Lwt_interop.Stream.t = "lines"
/// ```
///
/// The result is `impl Stream<Item = T>`, or a stream whose type has a name. An `async fn`, or a body that awaits, returns
/// the stream later; OCaml gets the `Stream.t` at once.
///
/// With `raise`, an `Err` becomes an exception. If the elements are results, as in the example, the first `Err` ends the
/// stream. If the function's own result is `Result<impl Stream<Item = T>, E>`, the call raises the error, or the first
/// element does if the function is asynchronous. Both may be results if the function returns `impl Stream`. Without `raise`,
/// elements that are results are `(t, e) result` in OCaml.
///
/// The stream need not be `Send`. It stays on the calling domain, which polls it while OCaml waits for an element: for up
/// to 64 elements that are ready, 256 KiB of them in OCaml's heap, or 200 µs. With `tokio`, tokio polls it, up to three
/// such batches ahead of OCaml. The stream is dropped when it has ended, when OCaml has closed or collected the `Stream.t`,
/// and when its domain terminates: on its domain, or with `tokio` on a thread of tokio's. In a method, `+ use<>` says that
/// the stream does not borrow `self`.
///
/// # Methods
///
/// On an `impl` of an [`OpaqueType`](derive@OpaqueType) the attribute exports all `pub` functions, as an OCaml module:
///
/// ```
/// use ocaml_lwt_interop::{OpaqueType, func};
/// use std::sync::Mutex;
///
/// #[derive(OpaqueType)]
/// pub struct Log(Mutex<Vec<String>>);
///
/// #[func]
/// impl Log {
///     /// Creates an empty log.
///     pub fn create() -> Self {
///         Log(Mutex::default())
///     }
///
///     /// Adds a line.
///     pub fn add(&self, line: String) {
///         self.0.lock().unwrap().push(line);
///     }
///
///     /// Writes the log to a file.
///     #[func(blocking, raise)]
///     pub fn save(&self, path: String) -> std::io::Result<()> {
///         std::fs::write(path, self.0.lock().unwrap().join("\n"))
///     }
///
///     /// Is for Rust code alone.
///     #[func(skip)]
///     pub fn into_lines(self) -> Vec<String> {
///         self.0.into_inner().unwrap()
///     }
/// }
/// ```
///
/// ```ocaml
/// module Log : sig
///   type t
///
///   external create : unit -> t = "log_create"
///   external add : t -> string -> unit = "log_add"
///   external save : t -> string -> unit Lwt.t = "log_save"
/// end
/// ```
///
/// In an `impl`, an `async fn` returns a promise, and a `fn` without `async` runs within the call, unless an option says
/// otherwise. A result may be `Self`, `Option<Self>` or `Result<Self, E>`, which OCaml gets as an `Opaque<Self>`; another
/// argument of the type is `Opaque<Self>`. A function `new` is `create` in OCaml, where `new` is a keyword. The receiver
/// is `&self` or `self: Arc<Self>`, because OCaml code shares the value. The `impl` has
/// the options `labels` and `crate`.
///
/// # Errors
///
/// A failure rejects the promise. A `sync` function raises it as an exception.
///
/// - An argument or a result that does not convert is `Invalid_argument`, with the function, the argument and the place
///   in it: `insert: argument 1 (rows), field age of element 17: 300 does not fit u8`. The body does not run if it is
///   an argument.
/// - A panic of the body, of a conversion or of a destructor is `Lwt_interop.Rust_panic`.
/// - With `raise` an `Err(e)` is the same OCaml exception as before if `e` is an `OCamlException`,
///   `Domain_terminated` or `Rust_panic` if `e` is a `JoinError` of that kind, `Unix.Unix_error` if `e` is an
///   [`io::Error`](std::io::Error) of the operating system, an exception of the type that derives `OCamlException`, and
///   otherwise `Lwt_interop.Rust_error`, with the error's message and sources.
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

/// Implements `ToOCaml`: values of the type convert to OCaml.
///
/// A struct is an OCaml record, an enum is a variant:
///
/// ```
/// use ocaml_lwt_interop::{FromOCaml, ToOCaml};
///
/// /// A place in the plane.
/// #[derive(ToOCaml, FromOCaml)]
/// pub struct Point {
///     pub x: f64,
///     pub y: f64,
/// }
///
/// #[derive(ToOCaml, FromOCaml)]
/// pub enum Shape {
///     Nothing,
///     Dot(Point),
///     Circle(Point, f64),
///     Polygon { points: Vec<Point>, closed: bool },
///     Group(Vec<Shape>),
/// }
///
/// assert_eq!(<Vec<Shape> as ToOCaml>::TYPE.to_string(), "shape array");
/// ```
///
/// ```ocaml
/// (** A place in the plane. *)
/// type point = { x : float; y : float }
///
/// type shape =
///   | Nothing
///   | Dot of point
///   | Circle of point * float
///   | Polygon of { points : point array; closed : bool }
///   | Group of shape array
/// ```
///
/// The constructors are in the same order in both languages, and so are the fields. Documentation becomes part of the
/// type's descriptor, `ToOCaml::TYPE`.
///
/// | Rust | OCaml |
/// |---|---|
/// | `struct S { a: A, b: B }` | `type s = { a : a; b : b }` |
/// | `struct S(A);` | `type s = a` |
/// | `struct S(A, B);` | `type s = a * b` |
/// | `struct S;`, `struct S {}` | `type s = unit` |
/// | `enum E { A, B(B), C(B, D), D { x: A } }` | `type e = A \| B of b \| C of b * d \| D of { x : a }` |
/// | `#[ocaml(polymorphic)] enum E { A, B(B), C(B, D) }` | ``type e = [ `A \| `B of b \| `C of b * d ]`` |
///
/// A record whose fields are all `float` is flat, as OCaml keeps it. Discriminants, as in `A = 5`, have no meaning in
/// OCaml.
///
/// # Attributes
///
/// - `#[ocaml(name = "...")]` on the type, a field or a constructor sets its name in OCaml. Without, a type `HttpServer`
///   is `http_server`, fields and constructors keep their names, and a keyword of OCaml gets a `_`: `type_`.
/// - `#[ocaml(polymorphic)]` on an enum makes it a polymorphic variant. Its constructors have no named fields.
/// - `#[ocaml(crate = path)]` on the type is where the crate `ocaml-lwt-interop` is, if it is renamed or re-exported.
///
/// ```
/// use ocaml_lwt_interop::{FromOCaml, ToOCaml};
///
/// #[derive(ToOCaml, FromOCaml)]
/// #[ocaml(polymorphic, name = "level")]
/// pub enum LogLevel {
///     Quiet,
///     #[ocaml(name = "Verbosity")]
///     Verbose(u8),
/// }
/// ```
///
/// ```ocaml
/// type level = [ `Quiet | `Verbosity of int ]
/// ```
///
/// # Types that contain themselves
///
/// Records and variants may contain themselves and each other, in boxes, arrays, lists and so on.
///
/// ```
/// use ocaml_lwt_interop::{FromOCaml, ToOCaml};
///
/// #[derive(ToOCaml, FromOCaml)]
/// pub struct Block {
///     pub statements: Vec<Statement>,
/// }
///
/// #[derive(ToOCaml, FromOCaml)]
/// pub enum Statement {
///     Print(String),
///     Loop(Box<Block>),
/// }
/// ```
///
/// ```ocaml
/// type block = { statements : statement array }
/// and statement = Print of string | Loop of block
/// ```
///
/// # Requirements
///
/// The types of all fields implement `ToOCaml`. The type may have lifetime parameters (`struct Row<'a> { name: &'a str
/// }`), and neither type nor const parameters. It is not a union, and an enum has at least one variant, and at most 246
/// with fields. What has no equal in OCaml is a compile error, which says what to change.
///
/// # Errors
///
/// The conversion fails if that of a field does, and the error says where: `field age of element 17: ...`, `argument 1 of
/// Dot: ...`.
///
/// # Cost
///
/// That of the fields, and one block for each record, tuple and constructor with fields, which takes no root and no
/// call of OCaml's allocator of its own.
#[proc_macro_derive(ToOCaml, attributes(ocaml))]
pub fn derive_to_ocaml(item: TokenStream) -> TokenStream {
    derive::derive(item.into(), derive::Direction::ToOCaml).into()
}

/// Implements `FromOCaml`: OCaml values convert to the type.
///
/// The OCaml types, the attributes and types that contain themselves are described at the derive `ToOCaml`, and both
/// derives make the same of the same type. This one has no lifetime parameters either: a reference would point into the
/// OCaml heap, where values move.
///
/// ```
/// use ocaml_lwt_interop::FromOCaml;
///
/// #[derive(FromOCaml)]
/// pub struct Row {
///     pub id: u32,
///     pub name: String,
///     #[ocaml(name = "kind")]
///     pub row_kind: Option<Kind>,
/// }
///
/// #[derive(FromOCaml)]
/// pub enum Kind {
///     Plain,
///     Scored(f64),
/// }
///
/// assert_eq!(<Row as FromOCaml>::TYPE.to_string(), "row");
/// ```
///
/// ```ocaml
/// type row = { id : int; name : string; kind : kind option }
/// and kind = Plain | Scored of float
/// ```
///
/// # Errors
///
/// The conversion fails if that of a field does, or if the value is not a constructor of the type: `expected a
/// constructor of kind`. Where values are checked (with debug assertions, or the feature `checks` of the runtime) it
/// also fails if a block does not have the form of the type: `expected record row`. The error says where in the value it
/// is.
#[proc_macro_derive(FromOCaml, attributes(ocaml))]
pub fn derive_from_ocaml(item: TokenStream) -> TokenStream {
    derive::derive(item.into(), derive::Direction::FromOCaml).into()
}

/// Implements `OpaqueType`: OCaml sees the type as an abstract type, in an `Opaque`.
///
/// ```
/// use ocaml_lwt_interop::{Opaque, OpaqueType, func};
///
/// /// A connection to the database.
/// #[derive(OpaqueType)]
/// pub struct Connection {
///     name: String,
/// }
///
/// #[func(sync)]
/// pub fn connection_name(connection: Opaque<Connection>) -> String {
///     connection.name.clone()
/// }
/// ```
///
/// ```ocaml
/// (** A connection to the database. *)
/// type connection
///
/// external connection_name : connection -> string = "connection_name"
/// ```
///
/// # Attributes
/// - `#[ocaml(name = "...")]` sets the name in OCaml. Without, a type `HttpServer` is `http_server`.
/// - `#[ocaml(crate = path)]` is where the crate `ocaml-lwt-interop` is, if it is renamed or re-exported.
///
/// # Requirements
/// The type has no parameters. To be in an `Opaque` it is `Send` and `Sync`, since every domain may use it.
#[proc_macro_derive(OpaqueType, attributes(ocaml))]
pub fn derive_opaque_type(input: TokenStream) -> TokenStream {
    opaque::derive(&syn::parse_macro_input!(input as syn::DeriveInput)).into()
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
/// - `#[ocaml(name = "...")]` on a variant, on a struct, or on a field with a name: the name in OCaml, if it is not that in
///   Rust. A field whose name is a keyword of OCaml gets a `_` at its end.
/// - `#[ocaml(crate = path)]` on the type: where the crate `ocaml_lwt_interop` is.
#[proc_macro_derive(OCamlException, attributes(ocaml))]
pub fn derive_ocaml_exception(input: TokenStream) -> TokenStream {
    exception::derive(&syn::parse_macro_input!(input as syn::DeriveInput)).into()
}
