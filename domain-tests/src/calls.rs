//! Functions that tests call in every mode, and tokio within a domain's task.

use crate::{Error, Int};
use futures_lite::future;
use ocaml_lwt_interop::domain::{self, with_token};
use ocaml_lwt_interop::{FromOCaml, Rooted, ToOCaml, func};
use std::collections::{BTreeMap, LinkedList};
use std::time::Duration;

/// The README's first example.
#[func]
pub fn my_async_func() -> () {
    future::yield_now().await;
}

/// Returns the sum, ready at once.
#[func]
pub async fn ready_add(a: Int, b: Int) -> Int {
    a + b
}

/// Returns the text, after `n` polls that were pending.
#[func]
pub async fn yield_n(n: Int, text: String) -> String {
    for _ in 0..n {
        future::yield_now().await;
    }
    text
}

/// Returns six arguments of different types as text. Bytecode calls its second stub.
#[func]
pub fn six(a: Int, b: f64, c: String, d: bool, e: Option<Int>, f: Vec<Int>) -> String {
    future::yield_now().await;
    format!("{a} {b} {c} {d} {e:?} {f:?}")
}

/// Returns nested tuples, arrays and options.
#[func]
pub fn structured(n: Int) -> (String, Vec<f64>, Option<String>) {
    future::yield_now().await;
    (
        "x".repeat(n as usize),
        (0..n).map(|i| i as f64 / 2.0).collect(),
        (n > 0).then(|| n.to_string()),
    )
}

/// Returns a value that Rust holds for `n` polls, while OCaml allocates others.
#[func]
pub fn hold(value: Rooted, n: Int) -> Rooted {
    for _ in 0..n {
        future::yield_now().await;
    }
    value
}

/// Returns the quotient as a `result`.
#[func]
pub fn checked_div(a: Int, b: Int) -> Result<Int, String> {
    future::yield_now().await;
    a.checked_div(b).ok_or_else(|| format!("{a} / {b}"))
}

/// Returns the quotient. Fails with an exception if there is none.
#[func(raise)]
pub fn checked_div_exn(a: Int, b: Int) -> Result<Int, Error> {
    future::yield_now().await;
    Ok(a.checked_div(b).ok_or_else(|| format!("{a} / {b}"))?)
}

/// Returns the length of a string, synchronously.
#[func(sync)]
pub fn length(s: String) -> Int {
    s.len() as Int
}

/// Returns the number that a string denotes, synchronously. Fails with an exception if it denotes
/// none.
#[func(sync, raise)]
pub fn parse(s: String) -> Result<Int, std::num::ParseIntError> {
    s.parse()
}

/// Returns the string and the name of the tokio worker that ran the body.
#[func(tokio)]
pub async fn on_tokio(s: String) -> (String, String) {
    tokio::task::yield_now().await;
    let name = std::thread::current().name().unwrap_or("").to_owned();
    (s, name)
}

/// Returns the sum of the numbers, computed in tokio's blocking pool.
#[func(blocking)]
pub fn sum_blocking(v: Vec<Int>) -> Int {
    std::thread::sleep(Duration::from_millis(1));
    v.iter().sum()
}

/// Returns the domain that runs the body, and whether a token of that domain is available there.
#[func]
pub fn where_am_i() -> (Int, bool) {
    future::yield_now().await;
    let id = domain::current().map_or(-1, |d| d.id() as Int);
    let token = with_token(|t| t.domain_id() as Int == id).unwrap_or(false);
    (id, token)
}

/// A record with a list and a variant.
#[derive(Debug, Clone, FromOCaml, ToOCaml)]
pub struct Entry {
    name: String,
    size: Int,
    tags: LinkedList<String>,
    shape: Shape,
}

/// A variant with constant and other constructors.
#[derive(Debug, Clone, FromOCaml, ToOCaml)]
pub enum Shape {
    /// No argument.
    Nothing,
    /// One argument.
    Circle(f64),
    /// Two arguments.
    Rectangle(f64, f64),
}

/// Returns the entry with a further tag.
#[func]
pub fn tagged(mut entry: Entry, tag: String) -> Entry {
    future::yield_now().await;
    entry.tags.push_back(tag);
    entry
}

/// Returns numbers of all types, negated.
#[func]
pub fn negated(int: Int, float: f64, int32: i32, int64: i64) -> (Int, f64, i32, i64) {
    future::yield_now().await;
    (-int, -float, -int32, -int64)
}

/// Returns the map, with each value replaced by its length.
#[func]
pub fn lengths(map: BTreeMap<String, String>) -> BTreeMap<String, Int> {
    future::yield_now().await;
    map.into_iter().map(|(k, v)| (k, v.len() as Int)).collect()
}

/// Returns twelve arguments as text.
#[func]
#[allow(clippy::too_many_arguments)]
pub fn twelve(
    a: Int,
    b: Int,
    c: Int,
    d: Int,
    e: Int,
    f: Int,
    g: Int,
    h: Int,
    i: Int,
    j: Int,
    k: Int,
    l: String,
) -> String {
    future::yield_now().await;
    format!("{a}{b}{c}{d}{e}{f}{g}{h}{i}{j}{k}{l}")
}

/// Returns six arguments of different types as text, synchronously.
#[func(sync)]
pub fn six_sync(a: Int, b: f64, c: String, d: bool, e: (), f: i64) -> String {
    format!("{a} {b} {c} {d} {e:?} {f}")
}

// ---- tokio within a domain's task

/// Awaits a timer, a task and sockets of tokio on the domain, and returns what a socket answers.
#[func(raise)]
pub fn use_tokio(ms: Int) -> Result<String, Error> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    tokio::time::sleep(Duration::from_millis(ms as u64)).await;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = tokio::spawn(async move {
        let (mut peer, _) = listener.accept().await?;
        let mut buffer = [0; 5];
        peer.read_exact(&mut buffer).await?;
        peer.write_all(&buffer.map(|b| b.to_ascii_uppercase()))
            .await
    });
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"hello").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    server.await??;
    Ok(answer)
}

/// Returns `true` if a stub has tokio's context.
#[func(sync)]
pub fn tokio_in_stub() -> bool {
    tokio::runtime::Handle::try_current().is_ok()
}

/// Returns the sum of the results of `n` tokio tasks, which wake this task concurrently.
#[func]
pub fn wake_ups(n: Int) -> Int {
    let tasks: Vec<_> = (0..n)
        .map(|i| {
            tokio::spawn(async move {
                tokio::task::yield_now().await;
                i
            })
        })
        .collect();
    let mut sum = 0;
    for task in tasks {
        sum += task.await.unwrap_or(0);
    }
    sum
}

/// Fails on tokio, with an error that has a source.
#[func(tokio, raise)]
pub async fn connect_nowhere() -> Result<(), Failed> {
    match tokio::net::TcpStream::connect("127.0.0.1:1").await {
        Ok(_) => Ok(()),
        Err(e) => Err(Failed(e)),
    }
}

/// An error with a source.
#[derive(Debug)]
pub struct Failed(std::io::Error);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "nobody is there")
    }
}

impl std::error::Error for Failed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// Returns the file's contents, read in tokio's blocking pool. Fails with an exception if there is no
/// such file.
#[func(blocking, raise)]
pub fn read_nothing(path: String) -> Result<String, std::io::Error> {
    std::fs::read_to_string(path)
}

/// Blocks a thread of tokio's blocking pool.
#[func(blocking)]
pub fn sleep_blocking(ms: Int) {
    std::thread::sleep(Duration::from_millis(ms as u64));
}
