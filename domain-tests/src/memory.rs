//! Functions whose conversions need more memory than the process may have.

use crate::{Error, Int};
use futures_lite::future;
use ocaml_lwt_interop::convert::types::Type;
use ocaml_lwt_interop::convert::{ConversionError, Writer};
use ocaml_lwt_interop::domain::with_token;
use ocaml_lwt_interop::{
    Bigarray, Bytes, OCamlAsyncFunc, OCamlFunc, Opaque, OpaqueType, Promise, ToOCaml, func,
};
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fmt, fs};

/// The memory that the process may use beyond what it uses already, in bytes.
const LEFT: u64 = 16 << 20;
const BIG: usize = 256 << 20;

/// Sets the limit of the process's address space, with `None` as far as it can be.
fn set_limit(bytes: Option<u64>) {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: both get a pointer to a limit.
    let result = unsafe {
        libc::getrlimit(libc::RLIMIT_AS, &mut limit);
        limit.rlim_cur = bytes.unwrap_or(limit.rlim_max);
        libc::setrlimit(libc::RLIMIT_AS, &limit)
    };
    assert_eq!(result, 0);
}

/// Returns the bytes of address space that the process uses.
fn in_use() -> u64 {
    let text = fs::read_to_string("/proc/self/statm").expect("Linux has it");
    let pages = text.split(' ').next().and_then(|n| n.parse::<u64>().ok());
    pages.expect("it begins with a number") * 4096
}

/// Whether all threads but the calling one sleep.
fn others_sleep() -> bool {
    // SAFETY: it has no preconditions.
    let this = unsafe { libc::gettid() }.to_string();
    let tasks = fs::read_dir("/proc/self/task").expect("Linux has it");
    let mut others = tasks.flatten().filter(|task| *task.file_name() != *this);
    others.all(|task| {
        let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        // The name, in parentheses, may have spaces.
        stat.rsplit(") ")
            .next()
            .is_some_and(|rest| rest.starts_with('S'))
    })
}

/// Calls `f`, and from then on leaves too little memory for another value like its own.
fn with_little_left<T>(f: impl FnOnce() -> T) -> T {
    let value = f();
    set_limit(Some(in_use() + LEFT));
    value
}

/// Returns bytes that Rust has room for, and OCaml has not.
fn big() -> Bytes {
    // The kernel gives the memory of zeros when it is used, which it is not.
    with_little_left(|| Bytes(vec![0; BIG]))
}

/// Leaves little memory from now on.
#[func(sync)]
pub fn memory_limited() {
    with_little_left(|| ());
}

/// Ends the limit that the functions of this module have set.
#[func(sync)]
pub fn memory_unlimited() {
    set_limit(None);
}

/// Returns the megabytes of address space that the process uses.
#[func(sync)]
pub fn memory_in_use() -> Int {
    (in_use() >> 20) as Int
}

/// Returns too much at once.
#[func(sync)]
pub fn memory_sync() -> Bytes {
    big()
}

/// Returns too much, in its first poll.
#[func]
pub fn memory_ready() -> Bytes {
    big()
}

/// Returns too much, in a later poll.
#[func]
pub fn memory_later() -> Bytes {
    future::yield_now().await;
    big()
}

/// Returns too much, on tokio.
#[func(tokio)]
pub async fn memory_tokio() -> Bytes {
    big()
}

/// Returns too much, on tokio's blocking pool.
#[func(blocking)]
pub fn memory_blocking() -> Bytes {
    big()
}

/// An error whose text OCaml has no room for once Rust has made it.
#[derive(Debug)]
struct Long;

impl fmt::Display for Long {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for _ in 0..64 {
            f.write_str(&"x".repeat(1 << 20))?;
        }
        set_limit(Some(in_use() + LEFT));
        Ok(())
    }
}

impl std::error::Error for Long {}

/// Fails with an error whose text is too large.
#[func(raise)]
pub fn memory_error() -> Result<(), Error> {
    future::yield_now().await;
    Err(Long.into())
}

unsafe extern "C" {
    fn caml_alloc_shr_noexc(size: usize, tag: usize) -> isize;
}

/// The tag of blocks that the collector does not look into.
const ABSTRACT: usize = 251;

static HEAVY: AtomicUsize = AtomicUsize::new(0);

/// Makes values while OCaml's major heap has no room for their blocks. It is dropped after their conversion.
pub struct Heavy<T>(T);

// SAFETY: a `T` is written.
unsafe impl<T: ToOCaml> ToOCaml for Heavy<T> {
    const TYPE: &'static Type = T::TYPE;

    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
        self.0.to_ocaml(writer)
    }
}

impl<T> Heavy<T> {
    fn new(value: T) -> Self {
        HEAVY.fetch_add(1, Ordering::Relaxed);
        // One that is just being started needs memory.
        while !others_sleep() {
            std::thread::yield_now();
        }
        // What this leaves is enough for small Rust values.
        drop(black_box(vec![1u8; 100_000]));
        set_limit(Some(in_use()));
        // Blocks of all sizes that such a value may have.
        for size in 1..=16 {
            // SAFETY: a stub that OCaml has called calls this. The collector frees the blocks, and does not look into
            // them.
            while unsafe { caml_alloc_shr_noexc(size, ABSTRACT) } != 0 {}
        }
        Heavy(value)
    }
}

impl<T> Drop for Heavy<T> {
    fn drop(&mut self) {
        set_limit(None);
        HEAVY.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An opaque value.
#[derive(OpaqueType)]
pub struct HeavyText(String);

/// Returns an opaque value that says that it keeps much memory alive.
#[func(sync)]
pub fn memory_heavy_opaque() -> Heavy<Opaque<HeavyText>> {
    Heavy::new(Opaque::with_weight(HeavyText("heavy".to_owned()), 1 << 20))
}

/// Returns the text of [`memory_heavy_opaque`].
#[func(sync)]
pub fn memory_heavy_text(opaque: Opaque<HeavyText>) -> String {
    opaque.0.clone()
}

/// Returns an array that keeps much memory alive.
#[func(sync)]
pub fn memory_heavy_bytes() -> Heavy<Bigarray<u8>> {
    Heavy::new(vec![7; 1 << 20].into())
}

/// Returns the number of values that have not been dropped after their conversion.
#[func(sync)]
pub fn memory_heavy_left() -> usize {
    HEAVY.load(Ordering::Relaxed)
}

/// Returns a string that is too large.
#[func]
pub fn memory_string() -> String {
    future::yield_now().await;
    with_little_left(|| String::from_utf8(vec![0; BIG]).expect("zeros are UTF-8"))
}

/// Returns an array that is too large.
#[func]
pub fn memory_array() -> Vec<Int> {
    future::yield_now().await;
    with_little_left(|| vec![0; BIG / size_of::<Int>()])
}

/// Returns too much within other values.
#[func]
pub fn memory_nested() -> (Int, Option<Vec<Bytes>>) {
    future::yield_now().await;
    (1, Some(vec![Bytes::default(), big()]))
}

/// Returns a promise that another thread fulfills with too much.
#[func(sync)]
pub fn memory_promise() -> Promise<Bytes> {
    let (promise, resolver) = Promise::new().expect("a stub has a token");
    std::thread::spawn(move || {
        let _ = resolver.resolve(big());
    });
    promise
}

/// Calls a function with too much.
#[func(raise)]
pub fn memory_callback(f: OCamlFunc<(Bytes, Bytes), ()>) -> Result<(), Error> {
    future::yield_now().await;
    let args = (Bytes(vec![1; 5000]), big());
    Ok(with_token(|token| f.call(token, args))??)
}

/// Calls a function that returns a promise with too much.
#[func(raise)]
pub fn memory_async_callback(f: OCamlAsyncFunc<(Bytes, Bytes), ()>) -> Result<(), Error> {
    future::yield_now().await;
    Ok(f.call((Bytes(vec![1; 5000]), big()))?.await?)
}

/// Calls a function of a domain with too much, from tokio.
#[func(raise)]
pub fn memory_remote_callback(f: OCamlAsyncFunc<(Bytes, Bytes), ()>) -> Result<(), Error> {
    let f = f.remote()?;
    let call = tokio::spawn(async move {
        let call = f.call((Bytes(vec![1; 5000]), big()));
        call.map_err(|e| e.domain)
            .expect("the domain has not terminated")
            .await
    });
    Ok(call.await??)
}
