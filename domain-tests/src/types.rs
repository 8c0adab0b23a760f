//! Functions that take a value of many types in every way, and functions whose result does not convert.
//! `types/test_types.ml` has the values, and `doc/types.md` what becomes of them.

// The fields are converted, and Rust code does not read them.
#![allow(dead_code, missing_docs)]

use crate::{Error, Int};
use futures_lite::{StreamExt, future};
use ocaml_lwt_interop::convert::{
    ConversionError, FromOCaml as From, Source, ToOCaml as To, Writer, types,
};
use ocaml_lwt_interop::domain::with_token;
use ocaml_lwt_interop::{
    Any, Bigarray, Bytes, Channel, Char, FromOCaml, List, OCamlAsyncFunc, OCamlFunc, OCamlStream,
    Opaque, OpaqueType, Promise, Rooted, RuntimeToken, ToOCaml, func,
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, LinkedList};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

/// How many bodies of the functions below have run.
static BODIES: AtomicUsize = AtomicUsize::new(0);

fn ran() -> Int {
    BODIES.fetch_add(1, Ordering::Relaxed);
    0
}

/// Returns how many bodies have run.
#[func(sync)]
pub fn types_bodies() -> usize {
    BODIES.load(Ordering::Relaxed)
}

/// A variant without arguments.
#[derive(FromOCaml)]
pub enum Colour {
    /// The number 0.
    Red,
    /// The number 1.
    Green,
}

/// A polymorphic variant.
#[derive(FromOCaml)]
#[ocaml(polymorphic)]
pub enum Switch {
    /// Without an argument.
    On,
    /// With an argument.
    Dimmed(u8),
}

/// A record.
#[derive(FromOCaml)]
pub struct Person {
    /// A field that every string fits.
    pub name: Bytes,
    /// A field that few numbers fit.
    pub age: u8,
}

/// A record of floats, which OCaml represents as a flat float array.
#[derive(FromOCaml)]
pub struct Point {
    /// A float.
    pub x: f64,
    /// A float.
    pub y: f64,
}

/// A type that can be cyclic in two ways: the depth grows, or it does not.
#[derive(FromOCaml)]
pub enum Tree {
    /// The end.
    Leaf,
    /// A deeper tree.
    Node(Box<Tree>, Int),
}

/// A percentage, which is checked when it is converted.
pub struct Percentage(pub f64);

// SAFETY: a float is read, by its own conversion.
unsafe impl From for Percentage {
    const TYPE: &'static types::Type = <f64 as From>::TYPE;

    fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
        let percentage = f64::from_ocaml(value)?;
        match (0.0..=100.0).contains(&percentage) {
            true => Ok(Percentage(percentage)),
            false => Err(ConversionError::new(format!(
                "{percentage:?} is not a percentage, 0 to 100"
            ))),
        }
    }
}

/// A type whose conversion panics.
pub struct Panics;

// SAFETY: nothing is read.
unsafe impl From for Panics {
    const TYPE: &'static types::Type = &types::Type::Int;

    fn from_ocaml(_: Source<'_>) -> Result<Self, ConversionError> {
        panic!("a conversion to Rust")
    }
}

// SAFETY: nothing is written.
unsafe impl To for Panics {
    const TYPE: &'static types::Type = &types::Type::Int;

    fn to_ocaml<W: Writer>(&self, _: &mut W) -> Result<W::Value, ConversionError> {
        panic!("a conversion to OCaml")
    }
}

/// A value that OCaml keeps.
#[derive(OpaqueType)]
pub struct Counter;

/// Another one, which OCaml keeps until the process ends. It has a size, so that OCaml's pointer to it points into the
/// allocation of its `Arc`, not to the end: LeakSanitizer does not recognise a pointer to the end.
#[derive(OpaqueType)]
pub struct Words(pub u8);

/// Returns an opaque value.
#[func(sync)]
pub fn types_counter() -> Opaque<Counter> {
    Opaque::new(Counter)
}

/// Returns an opaque value of another type.
#[func(sync)]
pub fn types_words() -> Opaque<Words> {
    Opaque::new(Words(0))
}

/// A value of one of many types. Its declaration in OCaml says `Obj.t` for each.
#[derive(FromOCaml)]
pub enum Value {
    I8(i8),
    U8(u8),
    I16(i16),
    U16(u16),
    U32(u32),
    Usize(usize),
    Isize(Int),
    I32(i32),
    I64(i64),
    U64(u64),
    F32(f32),
    F64(f64),
    Bool(bool),
    Unit(()),
    Char(Char),
    Uchar(char),
    Text(String),
    ByteString(Bytes),
    Path(PathBuf),
    Buffer(Vec<u8>),
    Duration(Duration),
    Time(SystemTime),
    Option(Option<Option<Int>>),
    Result(Result<u8, Bytes>),
    Pair((Int, Bytes)),
    Ints(Vec<Int>),
    Three([u8; 3]),
    Floats(Vec<f64>),
    List(List<Int>),
    Names(LinkedList<String>),
    Map(BTreeMap<Int, Int>),
    Table(HashMap<Bytes, Int>),
    Set(BTreeSet<Int>),
    Members(HashSet<Int>),
    Colour(Colour),
    Switch(Switch),
    People(Vec<Person>),
    Point(Point),
    Tree(Tree),
    Counter(Opaque<Counter>),
    Samples(Bigarray<f64>),
    Percentage(Percentage),
    Panics(Panics),
    Function(Rooted<Any>),
}

/// Takes a value, within the call.
#[func(sync)]
pub fn types_sync(value: Value) -> Int {
    drop(value);
    ran()
}

/// Takes a value after the token, which OCaml does not pass.
#[func(sync)]
pub fn types_with_token(token: &RuntimeToken<'_>, value: Value) -> Int {
    let _ = (token, value);
    ran()
}

/// Takes a value as the last argument, and returns a `result`.
#[func(sync)]
pub fn types_third(_first: Int, _second: String, value: Value) -> Result<Int, String> {
    drop(value);
    Ok(ran())
}

/// Takes a value, ready at once.
#[func]
pub fn types_ready(value: Value) -> Int {
    drop(value);
    ran()
}

/// Takes a value, and is ready after a yield.
#[func]
pub fn types_pending(value: Value) -> Int {
    let n = ran();
    future::yield_now().await;
    drop(value);
    n
}

/// Takes a value on tokio.
#[func(tokio)]
pub fn types_tokio(value: Value) -> Int {
    drop(value);
    ran()
}

/// Takes a value in tokio's blocking pool.
#[func(blocking)]
pub fn types_blocking(value: Value) -> Int {
    drop(value);
    ran()
}

/// Takes a value, and has errors of its own.
#[func(raise)]
pub fn types_raise(value: Value) -> Result<Int, Error> {
    drop(value);
    Ok(ran())
}

/// Keeps a value, and converts it only after a yield.
#[func(raise)]
pub fn types_root(value: Rooted<Value>) -> Result<Int, Error> {
    future::yield_now().await;
    drop(with_token(|token| value.get(token))??);
    Ok(ran())
}

/// Keeps a value, and converts it within the call.
#[func(sync, raise)]
pub fn types_root_sync(token: &RuntimeToken<'_>, value: Rooted<Value>) -> Result<Int, Error> {
    drop(value.get(token)?);
    Ok(ran())
}

/// Takes the result of an OCaml function.
#[func(sync, raise)]
pub fn types_callback(token: &RuntimeToken<'_>, f: OCamlFunc<(), Value>) -> Result<Int, Error> {
    drop(f.call(token, ())?);
    Ok(ran())
}

/// Takes the result of an OCaml function, in a task.
#[func(raise)]
pub fn types_callback_in_task(f: OCamlFunc<(), Value>) -> Result<Int, Error> {
    future::yield_now().await;
    drop(with_token(|token| f.call(token, ()))??);
    Ok(ran())
}

/// Takes the outcome of a promise that an OCaml function returns.
#[func(raise)]
pub fn types_async_callback(f: OCamlAsyncFunc<(), Value>) -> Result<Int, Error> {
    drop(f.call(())?.await?);
    Ok(ran())
}

/// Takes the result of an OCaml function on tokio.
#[func(raise)]
pub fn types_remote(f: OCamlFunc<(), Value>) -> Result<Int, Error> {
    call_on_tokio(f).await
}

async fn call_on_tokio<T>(f: OCamlFunc<(), T>) -> Result<Int, Error>
where
    T: FromOCaml + Send + 'static,
{
    let remote = f.remote()?;
    let call = tokio::spawn(async move {
        let call = remote.call(()).expect("the domain waits");
        call.await.map(drop)
    });
    call.await??;
    Ok(ran())
}

/// Takes the outcome of a promise.
#[func(raise)]
pub fn types_promise(value: Promise<Value>) -> Result<Int, Error> {
    drop(value.await?);
    Ok(ran())
}

/// A value that OCaml may have to prepare.
#[derive(FromOCaml)]
pub enum Prepared {
    Mailbox(Channel<u8>),
    Beside(Bytes, Option<Channel<u8>>, u8),
}

/// Takes a value, within the call.
#[func(sync)]
pub fn types_prepared_sync(value: Prepared) -> Int {
    drop(value);
    ran()
}

/// Takes a value on tokio.
#[func(tokio)]
pub fn types_prepared_tokio(value: Prepared) -> Int {
    drop(value);
    ran()
}

/// Keeps a value, and converts it only after a yield.
#[func(raise)]
pub fn types_prepared_root(value: Rooted<Prepared>) -> Result<Int, Error> {
    future::yield_now().await;
    drop(with_token(|token| value.get(token))??);
    Ok(ran())
}

/// Takes the result of an OCaml function.
#[func(sync, raise)]
pub fn types_prepared_callback(
    token: &RuntimeToken<'_>,
    f: OCamlFunc<(), Prepared>,
) -> Result<Int, Error> {
    drop(f.call(token, ())?);
    Ok(ran())
}

/// Takes the outcome of a promise that an OCaml function returns.
#[func(raise)]
pub fn types_prepared_async_callback(f: OCamlAsyncFunc<(), Prepared>) -> Result<Int, Error> {
    drop(f.call(())?.await?);
    Ok(ran())
}

/// Takes the result of an OCaml function on tokio.
#[func(raise)]
pub fn types_prepared_remote(f: OCamlFunc<(), Prepared>) -> Result<Int, Error> {
    call_on_tokio(f).await
}

/// Takes the outcome of a promise.
#[func(raise)]
pub fn types_prepared_promise(value: Promise<Prepared>) -> Result<Int, Error> {
    drop(value.await?);
    Ok(ran())
}

/// Takes the element of a stream.
#[func(raise)]
pub fn types_prepared_stream(mut value: OCamlStream<Prepared>) -> Result<Int, Error> {
    drop(value.next().await.expect("there is one")?);
    Ok(ran())
}

/// A value that does not convert to OCaml.
#[derive(ToOCaml)]
pub enum Unfit {
    Int(Int),
    Size(usize),
    Long(u64),
    Many(List<Int>),
    Deep(Deep),
    Panics(Panics),
    /// This one converts.
    Nothing,
}

/// A type that is as deep as one likes.
#[derive(ToOCaml)]
pub struct Deep {
    /// One level deeper.
    pub deeper: Option<Box<Deep>>,
}

fn deep(levels: u32) -> Deep {
    let around = |rest, _| Deep {
        deeper: Some(Box::new(rest)),
    };
    (0..levels).fold(Deep { deeper: None }, around)
}

fn unfit(which: u8) -> Unfit {
    match which {
        0 => Unfit::Int(1 << 62),
        1 => Unfit::Int(Int::MIN),
        2 => Unfit::Size(usize::MAX),
        3 => Unfit::Long(u64::MAX),
        // Larger than what is allocated at once.
        4 => Unfit::Many((0..1_000).chain([1 << 62]).collect()),
        5 => Unfit::Deep(deep(ocaml_lwt_interop::convert::MAX_NESTING + 1)),
        6 => Unfit::Panics(Panics),
        _ => Unfit::Nothing,
    }
}

/// Returns a value within the call.
#[func(sync)]
pub fn types_to_sync(which: u8) -> Unfit {
    unfit(which)
}

/// Returns a value, ready at once.
#[func]
pub fn types_to_ready(which: u8) -> Unfit {
    unfit(which)
}

/// Returns a value after a yield.
#[func]
pub fn types_to_pending(which: u8) -> Unfit {
    future::yield_now().await;
    unfit(which)
}

/// Returns a value on tokio.
#[func(tokio)]
pub fn types_to_tokio(which: u8) -> Unfit {
    unfit(which)
}

/// Returns a value in tokio's blocking pool.
#[func(blocking)]
pub fn types_to_blocking(which: u8) -> Unfit {
    unfit(which)
}

/// Returns a value, and has errors of its own.
#[func(raise)]
pub fn types_to_raise(which: u8) -> Result<Unfit, Error> {
    Ok(unfit(which))
}

/// Passes a value to an OCaml function.
#[func(sync, raise)]
pub fn types_to_callback(
    token: &RuntimeToken<'_>,
    f: OCamlFunc<(Int, Unfit), ()>,
    which: u8,
) -> Result<(), Error> {
    Ok(f.call(token, (1, unfit(which)))?)
}

/// Passes a value to an OCaml function that returns a promise.
#[func(raise)]
pub fn types_to_async_callback(
    f: OCamlAsyncFunc<(Int, Unfit), ()>,
    which: u8,
) -> Result<(), Error> {
    Ok(f.call((1, unfit(which)))?.await?)
}

/// Passes a value to an OCaml function, from tokio.
#[func(raise)]
pub fn types_to_remote(f: OCamlFunc<(Int, Unfit), ()>, which: u8) -> Result<(), Error> {
    let remote = f.remote()?;
    let call = tokio::spawn(async move {
        let call = remote.call((1, unfit(which))).expect("the domain waits");
        call.await
    });
    Ok(call.await??)
}

/// Fulfills a promise with a value, on another thread.
#[func]
pub fn types_to_promise(which: u8) -> Promise<Unfit> {
    let (promise, resolver) = Promise::new().expect("this is a loop's thread");
    std::thread::spawn(move || resolver.resolve(unfit(which)).is_ok());
    promise
}

/// Keeps a value as an OCaml value.
#[func(sync, raise)]
pub fn types_to_root(token: &RuntimeToken<'_>, which: u8) -> Result<(), Error> {
    Rooted::<Unfit>::new(token, &unfit(which))?;
    Ok(())
}
