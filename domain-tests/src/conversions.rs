//! Functions that return their argument, for every type that converts and every way to pass a value.

use crate::{Error, Int};
use futures_lite::future;
use ocaml_lwt_interop::domain::with_token;
use ocaml_lwt_interop::{
    Bytes, Char, FromOCaml, OCamlAsyncFunc, OCamlFunc, Promise, Rooted, ToOCaml, func,
};
use std::collections::{BTreeMap, LinkedList};

/// Defines functions that return their argument: synchronously, and after a yield.
macro_rules! echo {
    ($t:ty: $sync:ident $pending:ident) => {
        /// Returns its argument synchronously.
        #[func(sync)]
        pub fn $sync(value: $t) -> $t {
            value
        }

        /// Returns its argument after a yield.
        #[func]
        pub fn $pending(value: $t) -> $t {
            future::yield_now().await;
            value
        }
    };
}

echo!(Int: int_sync int_pending);
echo!(Char: char_sync char_pending);
echo!(bool: bool_sync bool_pending);
echo!((): unit_sync unit_pending);
echo!(f64: float_sync float_pending);
echo!(i32: int32_sync int32_pending);
echo!(i64: int64_sync int64_pending);
echo!(String: text_sync text_pending);
echo!(Bytes: bytes_sync bytes_pending);
echo!(Option<Option<Int>>: option_sync option_pending);
echo!(Result<Int, String>: result_sync result_pending);
echo!(LinkedList<Bytes>: list_sync list_pending);
echo!(Vec<Int>: ints_sync ints_pending);
echo!(Vec<f64>: floats_sync floats_pending);
echo!(Vec<Bytes>: array_sync array_pending);
echo!((Int, f64, Bytes): tuple_sync tuple_pending);
echo!(BTreeMap<Bytes, f64>: map_sync map_pending);
echo!(Point: point_sync point_pending);
echo!(Tree: tree_sync tree_pending);

/// Defines functions that return their argument in all other ways: ready at once, on tokio, in
/// tokio's blocking pool, through a root, a callback, an asynchronous callback, and a promise that
/// another thread fulfills.
macro_rules! echo_further {
    ($t:ty: $ready:ident $tokio:ident $blocking:ident $root:ident $callback:ident
        $async_callback:ident $promise:ident) => {
        /// Returns its argument, ready at once.
        #[func]
        pub fn $ready(value: $t) -> $t {
            value
        }

        /// Returns its argument, from a tokio worker.
        #[func(tokio)]
        pub fn $tokio(value: $t) -> $t {
            tokio::task::yield_now().await;
            value
        }

        /// Returns its argument, from tokio's blocking pool.
        #[func(blocking)]
        pub fn $blocking(value: $t) -> $t {
            value
        }

        /// Returns its argument, which is converted only after a yield.
        #[func(raise)]
        pub fn $root(value: Rooted<$t>) -> Result<$t, Error> {
            future::yield_now().await;
            Ok(with_token(|token| value.get(token))??)
        }

        /// Returns what an OCaml function returns for the argument.
        #[func(raise)]
        pub fn $callback(value: $t, f: OCamlFunc<($t,), $t>) -> Result<$t, Error> {
            future::yield_now().await;
            Ok(with_token(|token| f.call(token, (value,)))??)
        }

        /// Returns what the promise of an OCaml function is fulfilled with.
        #[func(raise)]
        pub fn $async_callback(value: $t, f: OCamlAsyncFunc<($t,), $t>) -> Result<$t, Error> {
            Ok(f.call((value,))?.await?)
        }

        /// Awaits its argument, and returns a promise that another thread fulfills.
        #[func(raise)]
        pub fn $promise(value: Promise<$t>) -> Result<Promise<$t>, Error> {
            let value = value.await?;
            let (promise, resolver) = Promise::new()?;
            std::thread::spawn(move || resolver.resolve(value).is_ok());
            Ok(promise)
        }
    };
}

echo_further!(Int: int_ready int_tokio int_blocking int_root int_callback
    int_async_callback int_promise);
echo_further!(f64: float_ready float_tokio float_blocking float_root float_callback
    float_async_callback float_promise);
echo_further!(String: text_ready text_tokio text_blocking text_root text_callback
    text_async_callback text_promise);
echo_further!(Bytes: bytes_ready bytes_tokio bytes_blocking bytes_root bytes_callback
    bytes_async_callback bytes_promise);
echo_further!(Vec<f64>: floats_ready floats_tokio floats_blocking floats_root floats_callback
    floats_async_callback floats_promise);
echo_further!(Tree: tree_ready tree_tokio tree_blocking tree_root tree_callback
    tree_async_callback tree_promise);

/// A record of floats, which OCaml represents as a flat float array.
#[derive(Debug, Clone, FromOCaml, ToOCaml)]
#[ocaml(name = "echoed_point")]
pub struct Point {
    x: f64,
    y: f64,
}

/// A record with a field of each kind of type.
#[derive(Debug, Clone, FromOCaml, ToOCaml)]
pub struct Leaf {
    key: Bytes,
    name: String,
    weight: f64,
    count: Option<i64>,
    place: Option<Point>,
    tags: LinkedList<Int>,
    scores: Vec<f64>,
    origin: (bool, Char, i32),
    links: BTreeMap<Int, ()>,
}

/// A recursive variant with constructors of several arities.
#[derive(Debug, Clone, FromOCaml, ToOCaml)]
#[ocaml(name = "echoed_tree")]
pub enum Tree {
    /// No argument.
    Empty,
    /// One argument, a record.
    Single(Leaf),
    /// No argument.
    Full,
    /// Three arguments.
    Node(Box<Tree>, Result<bool, Int>, Box<Tree>),
    /// One argument, an array.
    Many(Vec<Tree>),
}
